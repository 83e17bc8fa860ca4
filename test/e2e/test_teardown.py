"""outbox-relay teardown removes what init made; DROP EXTENSION and ALTER EXTENSION under a running relay."""
import re

import psycopg
import pytest

from harness.daemon import run_once
from harness.wait import until


def take_away(scene, *arguments, **options):
    return run_once(scene.relay(f"teardown-{len(scene.daemons)}", command=("teardown",) + arguments, **options))


def remains(scene):
    """(slots, publications, registrations) of the database; a temporary slot ends a moment after the program that had it."""
    one = "SELECT coalesce(array_agg({}::text ORDER BY 1), '{{}}') FROM {}"
    registered = scene.sql("SELECT to_regclass('outbox.relay') IS NOT NULL")[0][0]
    return (scene.sql(one.format("slot_name", "pg_replication_slots WHERE database = current_database() AND NOT temporary"))[0][0],
            scene.sql(one.format("pubname", "pg_publication"))[0][0],
            scene.sql(one.format("slot_name", "outbox.relay"))[0][0] if registered else [])


def test_it_removes_everything_once_told_so(scene, exits):
    relay = scene.start_relay()
    scene.ledger()
    scene.emit("t", "k")
    until(lambda: scene.broker.partitions(scene.topic("t")), "the topic is there")
    slots, publications, registrations = remains(scene)
    assert scene.slot in slots and publications == [scene.publication] and registrations == [scene.slot]

    # Not by mistake, and not under a relay.
    command = take_away(scene)
    assert command.status == exits["EXIT_CONFIG"] and "--yes" in command.output, command
    assert scene.slot in command.output and scene.publication in command.output
    command = take_away(scene, "--yes")
    assert command.status == exits["EXIT_SERVER"] and "--force" in command.output, command
    assert remains(scene) == (slots, publications, registrations)
    assert scene.sql("SELECT state FROM outbox.relay") == [("ready",)]
    assert relay.running() and relay.is_ready()
    scene.stop_relay(relay)

    assert take_away(scene, "--yes").status == 0
    # The slot of somebody else stays.
    assert remains(scene) == ([name for name in slots if name != scene.slot], [], [])
    assert scene.sql("SELECT count(*) FROM outbox.topic") == [(0,)]
    command = take_away(scene, "--yes")
    assert command.status == 0 and "nothing to remove" in command.output
    # A relay says what is missing, and init begins anew, with the rows that are there.
    relay.start(ready=False)
    assert relay.wait_exit() == exits["EXIT_NOT_INITIALIZED"], relay.log()
    scene.initialize("--existing=skip")
    relay.start()


def refuses(scene, exits, what):
    """Without --force, and nothing is changed."""
    before = remains(scene), scene.slot_lsn(), scene.sql("SELECT state FROM outbox.relay")
    command = take_away(scene, "--yes")
    assert command.status == exits["EXIT_SERVER"] and what in command.output and "--force" in command.output, command
    assert (remains(scene), scene.slot_lsn(), scene.sql("SELECT state FROM outbox.relay")) == before


def test_what_is_not_published_is_not_lost_in_silence(scene, exits):
    """Events of the stream: as many as peek shows, wherever their rows lie."""
    relay, ledger = scene.start_published()
    scene.stop_relay(relay)
    with scene.source.connect(scene.database, autocommit=False) as session:
        session.execute("SELECT outbox.emit('t', 'undone', 'x', '{}'::json)")
        session.rollback()
    for n in range(10):
        scene.emit("t", str(n))
    refuses(scene, exits, ": 10 events")
    # The relay goes on where it was, and then nothing is in the way.
    relay.start()
    ledger.wait_in_topics()
    scene.stop_relay(relay)
    command = take_away(scene, "--yes")
    assert command.status == 0 and "nothing is left to be published" in command.output, command
    # The ledger has a slot of its own.
    assert scene.slot not in remains(scene)[0] and remains(scene)[1:] == ([], [])


def test_by_force_it_says_what_is_given_up(scene, exits):
    """Messages that are events, and those that are none; asked for without --force they stand in the way."""
    scene.initialize("--wal-messages=on")
    message = "SELECT pg_logical_emit_message(true, %s, 'x')"
    scene.sql(message, ("pg_outbox_of_others",))
    with scene.source.connect(scene.database) as session:
        session.execute("SET pg_outbox.storage = wal")
        session.execute("SELECT outbox.emit('t', 'k', 'x', '{}'::json)")
    assert scene.sql("SELECT count(*) FROM outbox.event") == [(0,)]
    refuses(scene, exits, ": 1 event\"")
    command = take_away(scene, "--yes", "--force")
    assert command.status == 0 and "1 event not published: given up" in command.output, command
    assert remains(scene) == ([], [], [])
    scene.initialize()
    scene.sql(message, ("pg_outbox",))
    command = take_away(scene, "--yes")
    assert command.status == 0, command


def test_an_event_behind_much_that_is_none_is_found(scene, exits):
    """The first look ends before it; inserts into a table of somebody else aren't events."""
    scene.initialize()
    scene.sql(f"CREATE TABLE mine (n int); ALTER PUBLICATION {scene.publication} ADD TABLE mine;")
    scene.sql("INSERT INTO mine SELECT generate_series(1, 12000)")
    scene.emit("t", "k")
    refuses(scene, exits, ": 1 event\"")
    # What the relay has marked, and the slot doesn't know yet, is published.
    scene.sql("UPDATE outbox.relay SET mark_lsn = pg_current_wal_insert_lsn()")
    command = take_away(scene, "--yes")
    assert command.status == 0 and "nothing is left" in command.output, command


def test_rows_from_before_the_slot_are_not_lost_in_silence(scene, exits):
    for n in range(3):
        scene.emit("t", str(n))
    scene.initialize()
    refuses(scene, exits, "3 rows from before the slot\"")
    scene.emit("t", "k")
    refuses(scene, exits, "3 rows from before the slot and 1 event\"")
    relay = scene.start_relay()
    until(lambda: relay.metric("outbox_relay_events_delivered_total") == 4, "all are published")
    scene.stop_relay(relay)
    assert take_away(scene, "--yes").status == 0


def test_what_a_lost_slot_had_is_not_known(make_scene, own, broker, exits):
    server = own.cluster("source", {"max_slot_wal_keep_size": "1MB", "max_wal_size": "32MB", "min_wal_size": "32MB"})
    scene = make_scene(server, None, broker)
    scene.initialize()
    scene.emit("t", "k")

    def lost():
        scene.sql("SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000)) FROM generate_series(1, 20)")
        scene.sql("SELECT pg_switch_wal()")
        scene.sql("CHECKPOINT")
        return scene.slot_row("wal_status") == ("lost",)
    until(lost, "the slot is lost", 60)
    command = take_away(scene, "--yes")
    assert command.status == exits["EXIT_SERVER"] and "isn't known" in command.output and "--force" in command.output, command
    assert remains(scene) == ([scene.slot], [scene.publication], [scene.slot])
    command = take_away(scene, "--yes", "--force")
    assert command.status == 0 and "isn't known" in command.output, command
    assert remains(scene) == ([], [], [])


def test_by_force_under_two_relays(scene, exits):
    """Neither the one that streams nor the one that stands by takes the slot back."""
    relay = scene.start_relay()
    standby = scene.relay("standby").start()
    command = take_away(scene, "--yes", "--force")
    assert command.status == 0, command
    assert remains(scene) == ([], [], [])
    for daemon in (relay, standby):
        assert daemon.wait_exit() in (exits["EXIT_NOT_INITIALIZED"], exits["EXIT_PUBLICATION"], exits["EXIT_GAP"]), daemon.log()
        assert len(daemon.problems()) == 1, daemon.problems()


BROKEN_OFF = [
    "UPDATE outbox.relay SET state = 'creating'",
    "UPDATE outbox.relay SET state = 'creating'; SELECT pg_drop_replication_slot(slot_name) FROM outbox.relay",
    "UPDATE outbox.relay SET state = 'creating'; SELECT pg_drop_replication_slot(slot_name) FROM outbox.relay;"
    " DROP PUBLICATION {publication}",
]


@pytest.mark.parametrize("step", range(len(BROKEN_OFF)))
def test_one_that_broke_off_is_finished(scene, exits, step):
    """After each of its steps: no relay starts, teardown goes on, and so does init."""
    for finish in ("teardown", "init"):
        scene.initialize()
        scene.sql(BROKEN_OFF[step].format(publication=scene.publication))
        relay = scene.relay(f"relay-{finish}").start(ready=False)
        assert relay.wait_exit() in (exits["EXIT_NOT_INITIALIZED"], exits["EXIT_PUBLICATION"]), relay.log()
        if finish == "teardown":
            assert take_away(scene, "--yes").status == 0
            assert remains(scene) == ([], [], [])
        else:
            scene.initialize()
            relay.start()


def test_what_others_need_stays(scene):
    """A publication of two relays, and one with a table of somebody else."""
    scene.initialize()
    other = {"postgres.slot": scene.slot + "_b"}
    scene.initialize(**other)
    command = take_away(scene, "--yes")
    assert command.status == 0 and "stays" in command.output, command
    assert remains(scene) == ([scene.slot + "_b"], [scene.publication], [scene.slot + "_b"])
    relay = scene.relay("other", **other).start()
    assert relay.stop() == 0
    until(lambda: scene.slot_row("active", slot=scene.slot + "_b")[0] is False, "the slot is free")
    scene.sql(f"CREATE TABLE mine (n int); ALTER PUBLICATION {scene.publication} ADD TABLE mine")
    assert take_away(scene, "--yes", **other).status == 0
    assert remains(scene) == ([], [scene.publication], [])


def test_it_starts_nothing_that_it_may_not_finish(scene, exits):
    scene.initialize()
    role = scene.id + "_relay"
    scene.sql(f"CREATE ROLE {role} LOGIN REPLICATION; GRANT USAGE ON SCHEMA outbox TO {role};"
              f" GRANT SELECT, UPDATE ON outbox.relay TO {role}")
    try:
        conninfo = scene.source.conninfo(scene.database, user=role)
        before = remains(scene)
        command = take_away(scene, "--yes", **{"postgres.conninfo": conninfo})
        assert command.status == exits["EXIT_PERMISSION"] and "DELETE" in command.output, command
        scene.sql(f"GRANT DELETE ON outbox.relay TO {role}")
        command = take_away(scene, "--yes", **{"postgres.conninfo": conninfo})
        assert command.status == exits["EXIT_PERMISSION"] and scene.publication in command.output, command
        assert remains(scene) == before
        assert scene.sql("SELECT state FROM outbox.relay") == [("ready",)]
        scene.sql(f"ALTER ROLE {role} SUPERUSER")
        assert take_away(scene, "--yes", **{"postgres.conninfo": conninfo}).status == 0
    finally:
        scene.sql(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_slots_of_others_are_left_alone(scene, exits):
    scene.sql("SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", (scene.slot,))
    command = take_away(scene, "--yes")
    assert command.status == exits["EXIT_CONFIG"] and "pgoutput" in command.output, command
    assert remains(scene)[0] == [scene.slot]
    # One of another database of the server.
    other = scene.id + "_other"
    scene.source.create_database(other)
    try:
        command = take_away(scene, "--yes", **{"postgres.conninfo": scene.source.conninfo(other)})
        assert command.status == 0 and "another database" in command.output, command
        assert remains(scene)[0] == [scene.slot]
    finally:
        scene.source.drop_database(other)


def test_drop_extension_under_a_running_relay(scene, exits):
    """It warns, the relay stops and says why, and teardown takes what is left."""
    relay = scene.start_relay()
    scene.emit("t", "k")
    until(lambda: scene.broker.partitions(scene.topic("t")), "the topic is there")
    notices = []
    with scene.source.connect(scene.database) as connection:
        connection.add_notice_handler(lambda n: notices.append((n.severity, n.message_detail, n.message_hint)))
        connection.execute("DROP EXTENSION pg_outbox")
    (severity, detail, hint), = notices
    assert severity == "WARNING"
    assert scene.slot in detail and scene.publication in detail
    assert f"pg_drop_replication_slot('{scene.slot}')" in hint and f"DROP PUBLICATION {scene.publication}" in hint
    # It finds out with its next mark.
    scene.sql("CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 50000)")
    assert relay.wait_exit(90) in (exits["EXIT_NOT_INITIALIZED"], exits["EXIT_PUBLICATION"],
                                   exits["EXIT_GAP"]), relay.log()
    assert len(relay.problems()) == 1, relay.problems()
    assert remains(scene)[:2] == ([scene.slot], [scene.publication])
    assert take_away(scene, "--yes").status == 0
    assert remains(scene)[:2] == ([], [])


def test_the_hint_of_drop_extension_removes_what_it_names(scene):
    scene.initialize()
    notices = []
    with scene.source.connect(scene.database) as connection:
        connection.add_notice_handler(lambda n: notices.append(n.message_hint))
        connection.execute("DROP EXTENSION pg_outbox")
        for statement in re.findall(r"(?:SELECT|DROP) [^;]*;", notices[0]):
            connection.execute(statement)
    assert remains(scene)[:2] == ([], [])


def test_drop_database_takes_an_idle_slot_along(scene):
    """And is refused while a relay reads it."""
    relay = scene.start_relay()
    with scene.source.connect() as connection:
        with pytest.raises(psycopg.errors.ObjectInUse):
            connection.execute(f"DROP DATABASE {scene.database} WITH (FORCE)")
        scene.stop_relay(relay)
        connection.execute(f"DROP DATABASE {scene.database} WITH (FORCE)")
        assert connection.execute("SELECT count(*) FROM pg_replication_slots WHERE slot_name = %s",
                                  (scene.slot,)).fetchone() == (0,)


def test_the_extension_is_updated_under_a_running_relay(scene, seed):
    """From the first version: no event is lost or doubled, and the relay goes on."""
    scene.sql("DROP EXTENSION pg_outbox; CREATE EXTENSION pg_outbox VERSION '0.1.0'")
    relay = scene.start_relay()
    ledger = scene.ledger()
    with scene.load(seed) as load:
        load.wait_committed(100)
        scene.sql("ALTER EXTENSION pg_outbox UPDATE")
        load.wait_committed(100)
        until(lambda: scene.sql("SELECT state, slot_state FROM outbox.status") == [("ready", "streaming")], "it streams")
    records = ledger.wait_in_topics()
    ledger.check_source(load)
    ledger.check_topics(records, rolled_back=load.rolled_back)
    assert relay.running() and not relay.problems(), relay.problems()
