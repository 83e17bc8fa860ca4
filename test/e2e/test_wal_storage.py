"""pg_outbox.storage = wal: events that are logical messages, and who may write them."""
import datetime
import re

import psycopg
import pytest

from harness.daemon import run_once
from harness.wait import until

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

# aggregatetype, aggregateid, type, and as SQL payload and headers.
EVENTS = [
    ("t", "k1", "Made", """'{"z": 1.50,  "a":2, "a":3}'::json""", "NULL"),
    ("t", "k1", "Made", """'{"z": 1.50,  "a":2, "a":3}'::jsonb""", "NULL"),
    ("t", "k1", "Made", """'{"z": 1.50,  "a":2}'""", "NULL"),
    ("t", "k1", "Gone", "NULL", "NULL"),
    ("t", "k1", "Raw", r"'\x00ff5c27'::bytea", "NULL"),
    ("t", "k1", "Empty", "''::bytea", "NULL"),
    ("t", "", "", "'1'", "NULL"),
    ("t", None, None, "'1'", "NULL"),
    ("other", "Zürich €", "Größe", """'"日本語"'""", """'{"city": "Zürich", "n": 12345678901234567890.10, "t": true, "x": null, "": ""}'"""),
    ("t", "k2", "Own trace", "'{}'", f"""'{{"traceparent": "{TRACE}"}}'"""),
    ("t", "k2", "Many headers", "'{}'", "(SELECT jsonb_object_agg('h' || i, repeat('v', i)) FROM generate_series(1, 58) AS i)"),
    ("t", "k3", "Large", "to_json((SELECT string_agg(md5(i::text), '') FROM generate_series(1, 20000) AS i))", "NULL"),
]


def literal(text):
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"


def topic_records(scene, count):
    """Of both topics, by id."""
    def read():
        found = {}
        for name in ("t", "other"):
            topic = scene.topic(name)
            if scene.broker.partitions(topic):
                found.update((record.id, record) for record in scene.broker.read(topic))
        return found if len(found) >= count else None
    return until(read, f"{count} events are in the topics")


def switch(scene, value, *more):
    command = scene.init(f"--wal-messages={value}", *more)
    assert command.status == 0, command
    return command.output


def wal_emit(scene, key="k", connection=None, event_type="Changed"):
    def emit(on):
        on.execute("SET LOCAL pg_outbox.storage = 'wal'")
        return str(on.execute("SELECT outbox.emit('t', %s, %s, '{}')",
                              (key, event_type)).fetchone()[0])
    if connection is not None:
        return emit(connection)
    with scene.source.connect(scene.database, autocommit=False) as connection:
        event = emit(connection)
        connection.commit()
        return event


@pytest.mark.parametrize("encoding", ["UTF8", "LATIN9"])
def test_a_topic_gets_the_same_bytes(make_scene, source, broker, encoding):
    """Of each record everything but what says which event it is."""
    scene = make_scene(source, None, broker)
    if encoding != "UTF8":
        source.drop_database(scene.database)
        source.query("postgres", f"CREATE DATABASE {scene.database} TEMPLATE template0"
                     f" ENCODING {encoding} LOCALE 'C'")
        scene.sql("CREATE EXTENSION pg_outbox")
    events = [e for e in EVENTS if encoding == "UTF8" or "日" not in e[3]]
    scene.initialize("--wal-messages=on")
    scene.relay().start()
    ids = {}
    for storage in ("table", "wal"):
        with scene.source.connect(scene.database, autocommit=False) as connection:
            connection.execute("SET client_encoding = 'UTF8'")
            connection.execute(f"SET LOCAL pg_outbox.storage = '{storage}'")
            connection.execute("SELECT set_config('pg_outbox.traceparent', %s, true)", (TRACE,))
            connection.execute("SELECT set_config('pg_outbox.tracestate', 'c=t6', true)")
            ids[storage] = [str(connection.execute(
                f"SELECT outbox.emit({literal(e[0])}, {literal(e[1])}, {literal(e[2])},"
                f" {e[3]}, {e[4]})").fetchone()[0]) for e in events]
            connection.commit()
    assert scene.sql("SELECT count(*) FROM outbox.event")[0][0] == len(events)
    records = topic_records(scene, 2 * len(events))
    for event, row_id, message_id in zip(events, ids["table"], ids["wal"]):
        row, message = records[row_id], records[message_id]
        assert (row.topic, row.key, row.value) == (message.topic, message.key, message.value), event
        # Without a key the id says where it goes.
        assert event[1] is None or row.partition == message.partition
        same = [[(name, value) for name, value in record.headers
                 if name not in ("id", "outbox-position")] for record in (row, message)]
        assert same[0] == same[1], event
        assert [name for name, _ in row.headers] == [name for name, _ in message.headers]
        assert row.timestamp_type == message.timestamp_type
        assert row.position.ordinal == message.position.ordinal == events.index(event)
        assert row.position.source == message.position.source
        assert row.position.commit_lsn < message.position.commit_lsn
    assert dict(records[ids["wal"][0]].headers)["traceparent"] == TRACE.encode()


def test_rows_and_messages_of_a_transaction_keep_their_order(scene):
    scene.start_relay("--wal-messages=on")
    with scene.source.connect(scene.database, autocommit=False) as connection:
        ids = []
        for n in range(40):
            connection.execute(f"SET LOCAL pg_outbox.storage = '{'wal' if n % 3 else 'table'}'")
            if n % 10 == 5:
                connection.execute("SAVEPOINT s")
                connection.execute("SELECT outbox.emit('t', 'k', 'Gone', '{}')")
                connection.execute("ROLLBACK TO s")
            ids.append(str(connection.execute("SELECT outbox.emit('t', 'k', %s, '{}')",
                                              (str(n),)).fetchone()[0]))
        connection.commit()
    until(lambda: scene.broker.partitions(scene.topic("t")), "the topic is there")
    with scene.broker.reader(scene.topic("t")) as reader:
        records = reader.some(40)
    assert [record.id for record in records] == ids
    assert [record.position.ordinal for record in records] == list(range(40))
    assert len({record.position.commit_lsn for record in records}) == 1
    timestamps = {record.timestamp for record in records}
    now = datetime.datetime.now().timestamp() * 1000
    assert len(timestamps) == 1 and abs(timestamps.pop() - now) < 600e3


def test_messages_survive_a_crash_of_the_relay(scene):
    """Each is published, and a repetition has the same position."""
    relay = scene.start_relay("--wal-messages=on", **{"mark.interval": "10s"})
    ids = []
    for n in range(3):
        ids += [wal_emit(scene, str(n)) for n in range(50)]
        until(lambda: scene.broker.partitions(scene.topic("t")), "the topic is there")
        until(lambda count=n * 50: scene.broker.count(scene.topic("t")) > count, "some are there")
        relay.kill()
        ids.append(wal_emit(scene))
        relay.start()
    last = wal_emit(scene)
    with scene.broker.reader(scene.topic("t")) as reader:
        until(lambda: last in {r.id for r in reader.to_end()}, "the last one is there")
    records = scene.broker.read(scene.topic("t"))
    assert {record.id for record in records} == set(ids) | {last}
    positions = {}
    for record in records:
        assert positions.setdefault(record.id, record.position.text) == record.position.text


def test_a_lost_slot_loses_them(scene):
    """verify doesn't miss them, replay doesn't bring them, and all who could be asked say so."""
    def once(*command):
        found = run_once(scene.relay(f"{command[0]}-{len(scene.daemons)}", command=command), 120)
        return found.status, found.output

    def ids():
        return sorted(record.id for record in scene.broker.read(scene.topic("t")))
    relay = scene.start_relay("--wal-messages=on", **{"heartbeat.interval": "100ms"})
    published = [wal_emit(scene), scene.emit("t", "k")]
    scene.wait_known()
    scene.stop_relay(relay)
    lost, row = wal_emit(scene), scene.emit("t", "k")
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
    told = scene.init("--accept-gap")
    assert told.status == 0 and re.search(r"pg_outbox\.storage = wal\).* gone for good", told.output), told
    relay.start()
    published += [wal_emit(scene), scene.emit("t", "k")]
    scene.wait_known()
    status, output = once("verify")
    assert status == 1 and re.findall(r"^missing (\S+)$", output, re.M) == [row], output
    assert re.search(r"^note: .*pg_outbox\.storage = wal\).* can't be told$", output, re.M), output
    status, output = once("replay", "--gap")
    assert status == 0 and re.search("^acknowledged: 1$", output, re.M), output
    assert re.search(r"^note: .*pg_outbox\.storage = wal\).* gone for good$", output, re.M), output
    assert once("replay", "--since=-infinity", "--incomplete")[0] == 0
    # Rows came again; messages were published while they had a slot, or never.
    assert set(ids()) == {*published, row} and lost not in ids()
    assert [ids().count(event) for event in published] == [1, 2, 1, 2]
    status, output = once("verify")
    assert status == 0 and re.search("^missing: 0$", output, re.M) and "storage = wal" in output, output


def test_nobody_writes_what_nobody_reads(scene):
    """emit() fails before there is a registration for messages, and again after it is gone."""
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="registered for"):
        wal_emit(scene)
    scene.initialize()
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="registered for"):
        wal_emit(scene)
    switch(scene, "on")
    wal_emit(scene)
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="slot"):
        wal_emit(scene)


def test_wal_level_must_carry_it(make_scene, target):
    """A server with wal_level = replica."""
    scene = make_scene(target, None, None)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="wal_level"):
        wal_emit(scene)


def test_messages_are_switched_off_without_a_loss(scene):
    """What was written before is published by a relay that comes later; what is written
    afterwards, by whomever, is not."""
    scene.initialize("--wal-messages=on")
    before = [wal_emit(scene) for _ in range(3)]
    switch(scene, "off")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        wal_emit(scene)
    # A forged one, as good as ours.
    scene.sql("SELECT pg_logical_emit_message(true, 'pg_outbox',"
              r" '\x1001890a5dac96774bbcceb302099a805701000074'::bytea)")
    last = scene.emit("t", "k")
    relay = scene.relay().start()
    until(lambda: scene.broker.partitions(scene.topic("t")), "the topic is there")
    with scene.broker.reader(scene.topic("t")) as reader:
        assert [record.id for record in reader.some(4)] == before + [last]
    scene.stop_relay(relay)
    switch(scene, "on")
    relay.start()
    again = wal_emit(scene)
    with scene.broker.reader(scene.topic("t")) as reader:
        assert [record.id for record in reader.some(5)] == before + [last, again]


def test_a_running_relay_is_not_changed_under_its_feet(scene, exits):
    relay = scene.start_relay()
    command = scene.init("--wal-messages=on")
    assert command.status == exits["EXIT_SERVER"] and "running" in command.output, command
    assert re.search(r"process \d+, outbox-relay", command.output), command
    assert relay.running()
    scene.stop_relay(relay)
    switch(scene, "on")
    assert "already" in switch(scene, "on")
    relay.start()
    event = wal_emit(scene)
    until(lambda: scene.broker.partitions(scene.topic("t")), "the topic is there")
    with scene.broker.reader(scene.topic("t")) as reader:
        assert reader.some(1)[0].id == event


def test_an_open_writer_holds_the_switch_up(scene, exits):
    scene.initialize("--wal-messages=on")
    with scene.source.connect(scene.database, autocommit=False) as connection:
        event = wal_emit(scene, connection=connection)
        command = scene.init("--wal-messages=off")
        assert command.status == exits["EXIT_SERVER"] and "open" in command.output, command
        assert scene.sql("SELECT wal_messages FROM outbox.relay") == [(True,)]
        connection.commit()
    switch(scene, "off")
    scene.relay().start()
    until(lambda: scene.broker.partitions(scene.topic("t")), "the topic is there")
    with scene.broker.reader(scene.topic("t")) as reader:
        assert reader.some(1)[0].id == event


@pytest.mark.parametrize("content,says", [
    ("forged", "version 6"), ("", "empty"), (r"\x20" + "00" * 20, "version 2"),
    (r"\x11" + "00" * 16 + "ff", "cut short")])
def test_a_message_that_is_no_event_stops_the_relay(scene, exits, content, says):
    """It is neither dropped nor guessed at; nothing behind it is confirmed."""
    relay = scene.start_relay("--wal-messages=on")
    first = wal_emit(scene)
    scene.sql("SELECT pg_logical_emit_message(true, 'pg_outbox', %s::bytea)", (content,))
    wal_emit(scene)
    assert relay.wait_exit() == exits["EXIT_MESSAGE"], relay.log()
    problem, = relay.problems()
    assert says in str(problem), problem
    with scene.broker.reader(scene.topic("t")) as reader:
        assert [record.id for record in reader.to_end()] == [first]
    # The same again: it wasn't passed.
    relay.start(ready=False)
    assert relay.wait_exit() == exits["EXIT_MESSAGE"], relay.log()


def test_a_relay_without_messages_lets_them_pass(scene):
    """Garbage, and events of somebody else's making."""
    scene.start_relay()
    scene.sql("SELECT pg_logical_emit_message(true, 'pg_outbox', 'forged')")
    scene.sql("SELECT pg_logical_emit_message(false, 'pg_outbox', 'forged')")
    scene.sql("SELECT pg_logical_emit_message(true, 'pg_outbox',"
              r" '\x1001890a5dac96774bbcceb302099a805701000074'::bytea)")
    event = scene.emit("t", "k")
    until(lambda: scene.broker.partitions(scene.topic("t")), "the topic is there")
    with scene.broker.reader(scene.topic("t")) as reader:
        record, = reader.some(1) + reader.to_end()
    assert record.id == event


@pytest.fixture
def writer(scene):
    """A role that may do nothing but connect, and what is in the documentation."""
    name = scene.id + "_writer"
    scene.sql(f"CREATE ROLE {name} LOGIN")
    scene.sql(f"GRANT USAGE ON SCHEMA outbox TO {name}")
    scene.sql(f"GRANT EXECUTE ON FUNCTION outbox.emit(text, text, text, text, jsonb, uuid) TO {name}")
    yield name
    for daemon in scene.daemons:
        daemon.finish()
    scene.sql(f"DROP OWNED BY {name}")
    scene.sql(f"DROP ROLE {name}")


def test_who_may_forge_events(scene, writer):
    """Everybody, until the right is revoked; init says so, and does it when told to."""
    def forge():
        with scene.source.connect(scene.database, writer) as connection:
            connection.execute("SELECT pg_logical_emit_message(true, 'pg_outbox',"
                               r" '\x1001890a5dac96774bbcceb302099a805701000074'::bytea)")
    output = switch(scene, "on")
    assert "forge" in output and "--revoke-messages" in output
    relay = scene.relay().start()
    forge()
    until(lambda: scene.broker.partitions(scene.topic("t")), "the topic is there")
    with scene.broker.reader(scene.topic("t")) as reader:
        assert reader.some(1)[0].id == "01890a5d-ac96-774b-bcce-b302099a8057"
    assert relay.stop() == 0
    command = scene.init("--revoke-messages")
    assert command.status == 0 and "forge" not in command.output, command
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        forge()
    relay.start()
    scene.sql(f"ALTER ROLE {writer} IN DATABASE {scene.database} SET pg_outbox.storage = 'wal'")
    with scene.source.connect(scene.database, writer) as connection:
        event = str(connection.execute("SELECT outbox.emit('t', 'k', 'x', '{}')").fetchone()[0])
    with scene.broker.reader(scene.topic("t")) as reader:
        assert reader.some(2)[1].id == event
    assert scene.sql("SELECT count(*) FROM outbox.event") == [(0,)]
