"""Events that Kafka can never take: poison.policy = stop and dead-letter."""
import random
import signal
import uuid

import psycopg
import pytest

from harness.wait import until

QUICK = {"reconnect.min": "10ms", "reconnect.max": "200ms"}
SECRET = "payload-secret"


class Cause:
    """One reason: how it is brought about, what is said of it, and what mends it."""

    status = "EXIT_POISON"
    code = None         # Kafka's name of the error
    options = {}        # of the relay
    init = ()
    mendable = True

    def prepare(self, scene):
        """Before the relay is started for the first time."""

    def plant(self, connection):
        """Writes the event with the connection of an open transaction; its id, or None."""
        raise NotImplementedError

    def mend(self, scene):
        """Gives options with which the event can go."""
        return {}


def emit(connection, aggregate_type, key, payload):
    return str(connection.execute("SELECT outbox.emit(%s, %s, 'Changed', %s::json)",
                                  (aggregate_type, key, payload)).fetchone()[0])


def insert(connection, **columns):
    """A row, whatever the checks would say of it: they are gone."""
    connection.execute(f"INSERT INTO outbox.event ({', '.join(columns)})"
                       f" VALUES ({', '.join(['%s'] * len(columns))})", tuple(columns.values()))


def without_checks(scene):
    scene.sql("ALTER TABLE outbox.event DROP CONSTRAINT event_is_valid")


class TooLargeForTheProducer(Cause):
    name, code = "too_large", "MSG_SIZE_TOO_LARGE"
    options = {"kafka.message.max.bytes": "5000"}

    def plant(self, connection):
        return emit(connection, "t", "k", f'"{SECRET}{"x" * 20000}"')

    def mend(self, scene):
        return {"kafka.message.max.bytes": "1000000"}


class TooLargeForTheTopic(TooLargeForTheProducer):
    options = {}

    def prepare(self, scene):
        scene.broker.configure_topic(scene.topic("t"), max_message_bytes="10000")

    def mend(self, scene):
        scene.broker.configure_topic(scene.topic("t"), max_message_bytes="1000000")
        return {}


class UnknownTopic(Cause):
    name, code = "unknown_topic", "UNKNOWN_TOPIC_OR_PART"
    options = {"topics.create": "off"}

    def plant(self, connection):
        return emit(connection, "missing", "k", f'"{SECRET}"')

    def mend(self, scene):
        return {"topics.create": "on"}


class InvalidTopic(Cause):
    name = "invalid_topic"
    mendable = False

    def prepare(self, scene):
        without_checks(scene)

    def plant(self, connection):
        event = str(uuid.uuid4())
        insert(connection, id=event, aggregatetype="no topic", aggregateid="k", type="Changed",
               payload=f'"{SECRET}"')
        return event


class InvalidHeaders(Cause):
    name = "invalid_headers"
    mendable = False

    def prepare(self, scene):
        without_checks(scene)

    def plant(self, connection):
        event = str(uuid.uuid4())
        insert(connection, id=event, aggregatetype="t", aggregateid="k", type="Changed",
               payload=f'"{SECRET}"', headers='{"a": {"b": 1}}')
        return event


class OfAField(Cause):
    """A setting needs a member of the headers."""
    mendable = False
    headers = "{}"

    def plant(self, connection):
        return str(connection.execute("SELECT outbox.emit('t', 'k', 'Changed', %s::json, %s::jsonb)",
                                      (f'"{SECRET}"', self.headers)).fetchone()[0])


class MissingField(OfAField):
    name = "missing_field"
    options = {"table.field.event.timestamp": "at", "table.field.additional.missing": "error"}
    mendable = True

    def mend(self, scene):
        return {"table.field.additional.missing": "ignore"}


class InvalidPartition(OfAField):
    name = "invalid_partition"
    options = {"table.fields.additional.placement": "to:partition", "table.field.additional.missing": "ignore"}
    headers = '{"to": 1}'           # of one partition


class InvalidTimestamp(OfAField):
    name = "invalid_timestamp"
    options = {"table.field.event.timestamp": "at", "table.field.additional.missing": "ignore"}
    headers = '{"at": "yesterday"}'


class NoEvent(Cause):
    """Two payloads, no id."""
    name = "no_event"
    mendable = False

    def prepare(self, scene):
        without_checks(scene)

    def plant(self, connection):
        insert(connection, id=None, aggregatetype="t", aggregateid="k", type="Changed",
               payload=f'"{SECRET}"', payload_bytes=b"\x00\xff")


class NoMessage(Cause):
    """A logical message that can't be decoded in its body."""
    name, status = "no_event", "EXIT_MESSAGE"
    init = ("--wal-messages=on",)
    mendable = False

    def plant(self, connection):
        connection.execute("SELECT pg_logical_emit_message(true, 'pg_outbox', %s::bytea)",
                           (b"\x1f" + SECRET.encode(),))


class ForbiddenTopic(Cause):
    name, code = "forbidden_topic", "TOPIC_AUTHORIZATION_FAILED"
    operation = "write"

    def prepare(self, scene):
        scene.broker.create_topic(scene.topic("forbidden"), 1)
        scene.broker.forbid(scene.topic("forbidden"), self.operation)

    def plant(self, connection):
        return emit(connection, "forbidden", "k", f'"{SECRET}"')

    def mend(self, scene):
        scene.broker.allow(scene.topic("forbidden"))
        return {}


class HiddenTopic(ForbiddenTopic):
    operation = "all"


CAUSES = [TooLargeForTheProducer, TooLargeForTheTopic, UnknownTopic, InvalidTopic, InvalidHeaders,
          InvalidPartition, InvalidTimestamp, NoEvent, NoMessage]


def transaction(scene, plant, before=1, after=1):
    """One with good events around: (ids before, what was planted, ids after)."""
    with scene.source.connect(scene.database, autocommit=False) as connection:
        first = [emit(connection, "t", "k", '"before"') for _ in range(before)]
        planted = plant(connection)
        second = [emit(connection, "t", "k", '"after"') for _ in range(after)]
        connection.commit()
    return first, planted, second


def letters(scene):
    """The rows, as dictionaries, in the order in which they were met."""
    with scene.source.connect(scene.database, row_factory=psycopg.rows.dict_row) as connection:
        return connection.execute("SELECT *, payload::text AS payload_text"
                                  " FROM outbox.dead_letter ORDER BY number").fetchall()


def wait_letters(scene, count):
    until(lambda: len(letters(scene)) >= count,
          lambda: f"{count} dead letters; there are {len(letters(scene))}", 60)
    return letters(scene)


def wait_ids(scene, wanted, aggregate_type="t", timeout=60):
    """The topic has these, in this order, each once, and nothing else."""
    topic = scene.topic(aggregate_type)
    until(lambda: len(scene.broker.read(topic)) >= len(wanted),
          lambda: f"{len(wanted)} records; there are {scene.broker.read(topic)}", timeout)
    assert [r.id for r in scene.broker.read(topic)] == wanted


def wait_confirmed(scene):
    """All that was written by now is done with, as the server knows it."""
    end = scene.current_lsn()
    scene.sql("SELECT pg_logical_emit_message(true, 'nobody', repeat('x', 2000000))")
    until(lambda: scene.slot_lsn() >= end, "everything is confirmed", 60)


def dead_lettered(relay, reason):
    return relay.metrics()[f'outbox_relay_events_dead_lettered_total{{reason="{reason}"}}']


def play_both_policies(scene, exits, cause):
    """First it stops, and nothing passes; then it is given up, and the rest goes on in order."""
    topic = scene.topic("t")
    scene.broker.create_topic(topic, 1)
    cause.prepare(scene)
    scene.initialize(*cause.init)
    options = dict(QUICK, **cause.options)
    relay = scene.relay(**options).start()
    before, bad, after = transaction(scene, cause.plant)
    assert relay.wait_exit(60) == exits[cause.status], relay.log()
    assert len(relay.problems()) == 1
    assert bad is None or bad in relay.log()
    assert SECRET not in relay.log()
    assert [r.id for r in scene.broker.read(topic)] == before
    assert not letters(scene)
    if cause.name == "too_large":
        assert "kafka.message.max.bytes" in relay.log() and "max.message.bytes" in relay.log()

    relay.options["poison.policy"] = "dead-letter"
    relay.options["mark.interval"] = "50ms"
    relay.start(ready=False)
    # The event that a crash-like end left behind comes again; nothing overtakes it.
    letter, = wait_letters(scene, 1)
    relay.wait_ready()
    last = scene.emit("t", "k")
    until(lambda: scene.broker.read(topic)[-1].id == last, "the stream goes on", 60)
    ids = [r.id for r in scene.broker.read(topic)]
    assert list(dict.fromkeys(ids)) == before + after + [last]
    wait_confirmed(scene)

    assert (str(letter["id"]) if letter["id"] else None) == bad
    assert letter["slot_name"] == scene.slot and letter["errcode"] == cause.code
    assert letter["redriven_at"] is None
    assert SECRET.encode() in ((letter["payload_text"] or "").encode()
                               + (letter["payload_bytes"] or b""))
    assert dead_lettered(relay, cause.name) == 1
    assert relay.metric("outbox_relay_dead_letter_waiting") == 0
    warning, = [e for e in relay.entries() if e["msg"] == "dead-lettered an event"]
    assert warning["level"] == "warning" and warning["reason"] == cause.name
    assert warning.get("event_id") == bad and warning["position"] == letter["position"]
    assert SECRET not in relay.log()
    assert scene.sql("SELECT dead_letters FROM outbox.status")[0][0] == 1
    assert len(letters(scene)) == 1
    return relay, letter


def redrive_and_look(scene, relay, cause, letter):
    assert relay.stop() == 0
    relay.options.update(cause.mend(scene))
    relay.start()
    assert scene.sql("SELECT outbox.redrive(slot => %s)", (scene.slot,))[0][0] == 1
    topic = letter["topic"]

    def arrived():
        if not scene.broker.partitions(topic):
            return None
        return [r for r in scene.broker.read(topic) if r.id == str(letter["id"])]
    record, = until(arrived, "the redriven event arrives", 60)
    assert record.header("outbox-replayed") == letter["position"]
    assert record.value.decode() == letter["payload_text"]
    assert record.key.decode() == letter["aggregateid"]
    wait_confirmed(scene)
    assert len(letters(scene)) == 1
    assert scene.sql("SELECT dead_letters FROM outbox.status")[0][0] == 0


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_under_both_policies(scene, exits, cause):
    cause = cause()
    relay, letter = play_both_policies(scene, exits, cause)
    if cause.mendable:
        redrive_and_look(scene, relay, cause, letter)


def test_a_missing_field(scene, exits):
    """The one that lacks it is given up, and goes when a missing one is ignored."""
    cause = MissingField()
    scene.initialize()
    relay = scene.relay(**QUICK, **cause.options).start()
    with scene.source.connect(scene.database) as connection:
        bad = cause.plant(connection)
        cause.headers = '{"at": 1000}'
        good = cause.plant(connection)
    assert relay.wait_exit(60) == exits["EXIT_POISON"], relay.log()
    assert "table.field.additional.missing = ignore" in relay.log()
    relay.options["poison.policy"] = "dead-letter"
    relay.start()
    letter, = wait_letters(scene, 1)
    assert str(letter["id"]) == bad and letter["topic"] == scene.topic("t")
    wait_ids(scene, [good])
    assert dead_lettered(relay, cause.name) == 1
    redrive_and_look(scene, relay, cause, letter)


@pytest.mark.parametrize("cause", [ForbiddenTopic, HiddenTopic])
def test_a_forbidden_topic_under_both_policies(make_scene, source, strict_broker, exits, cause):
    scene = make_scene(source, None, strict_broker)
    cause = cause()
    relay, letter = play_both_policies(scene, exits, cause)
    redrive_and_look(scene, relay, cause, letter)


def test_a_topic_that_becomes_forbidden_stops_no_other(make_scene, source, strict_broker):
    """It is recorded, and looked at when the relay starts."""
    scene = make_scene(source, None, strict_broker)
    relay = scene.start_relay(**QUICK, **{"poison.policy": "dead-letter"})
    for name in ("forbidden", "t"):
        scene.broker.create_topic(scene.topic(name), 1)
    first, other = scene.emit("forbidden", "k"), scene.emit("t", "k")
    wait_ids(scene, [first], "forbidden")
    wait_ids(scene, [other])
    scene.broker.forbid(scene.topic("forbidden"), "all")
    assert relay.stop() == 0
    relay.start()
    given_up = [scene.emit("forbidden", "k") for _ in range(3)]
    last = scene.emit("t", "k")
    wait_ids(scene, [other, last])
    assert [str(row["id"]) for row in letters(scene)] == given_up
    scene.broker.allow(scene.topic("forbidden"))
    assert scene.sql("SELECT outbox.redrive(slot => %s)", (scene.slot,))[0][0] == 3
    wait_ids(scene, [first] + given_up, "forbidden")


# ---------------------------------------------------------------------------
# crashes and outages
# ---------------------------------------------------------------------------

LARGE = TooLargeForTheProducer()
LIMITED = dict(QUICK, **LARGE.options, **{"poison.policy": "dead-letter"})


@pytest.mark.parametrize("change", [{"kafka.message.max.bytes": "1000000"}, {"poison.policy": "stop"}])
def test_kill_between_the_dead_letter_and_the_mark(scene, change):
    """What was decided stays decided, also under another configuration: not published beside its row."""
    scene.broker.create_topic(scene.topic("t"), 1)
    relay = scene.start_relay(**LIMITED, **{"mark.interval": "1h"})
    first = scene.emit("t", "k")
    # The first mark comes at once, the second one in an hour.
    until(lambda: relay.metric("outbox_relay_marks_total") == 1, "the first mark")
    before, bad, after = transaction(scene, LARGE.plant, before=3, after=3)
    before.insert(0, first)
    wait_ids(scene, before + after)
    letter, = wait_letters(scene, 1)
    commit_lsn = "/".join(letter["position"].split("/")[2:4])
    marked, = scene.sql("SELECT mark_lsn > %s::pg_lsn FROM outbox.relay", (commit_lsn,))[0]
    assert not marked and relay.metric("outbox_relay_marks_total") == 1
    relay.kill()
    scene.wait_slot_free()
    relay.options.update(change)
    relay.options["mark.interval"] = "50ms"
    relay.start()
    assert letter["position"] in relay.wait_log("behind the last dead letter.*").group()
    last = scene.emit("t", "k")
    until(lambda: scene.broker.read(scene.topic("t"))[-1].id == last, "the stream goes on")
    wait_confirmed(scene)
    # Only what came behind the dead letter comes again, as after any crash.
    ids = [r.id for r in scene.broker.read(scene.topic("t"))]
    assert ids == before + after + after + [last]
    assert [str(row["id"]) for row in letters(scene)] == [bad]


def stopped_at_the_row(scene, relay):
    """The relay's INSERT waits for a lock; gives the connection that holds it."""
    connection = scene.source.connect(scene.database, autocommit=False)
    connection.execute("LOCK TABLE outbox.dead_letter IN EXCLUSIVE MODE")
    waiting = ("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'outbox.dead_letter'::regclass")
    return connection, lambda: until(lambda: scene.sql(waiting), "the dead letter waits")


def test_kill_before_the_answer_comes(scene):
    """The row is committed, and the relay is dead before it hears of it."""
    scene.broker.create_topic(scene.topic("t"), 1)
    relay = scene.start_relay(**LIMITED, **{"mark.interval": "50ms"})
    connection, wait = stopped_at_the_row(scene, relay)
    before, bad, after = transaction(scene, LARGE.plant)
    wait()
    relay.signal(signal.SIGSTOP)
    end = scene.current_lsn()
    connection.rollback()
    connection.close()
    wait_letters(scene, 1)
    assert scene.slot_lsn() < end
    relay.kill()
    scene.wait_slot_free()
    relay.start()
    wait_ids(scene, before + after)
    wait_confirmed(scene)
    assert [str(row["id"]) for row in letters(scene)] == [bad]


def test_kill_before_the_row_is_written(scene):
    scene.broker.create_topic(scene.topic("t"), 1)
    relay = scene.start_relay(**LIMITED, **{"mark.interval": "50ms"})
    connection, wait = stopped_at_the_row(scene, relay)
    before, bad, after = transaction(scene, LARGE.plant)
    wait()
    pid, = scene.sql("SELECT pid FROM pg_locks WHERE NOT granted"
                     " AND relation = 'outbox.dead_letter'::regclass")[0]
    relay.kill()
    scene.sql("SELECT pg_terminate_backend(%s, 10000)", (pid,))
    connection.rollback()
    connection.close()
    assert not letters(scene)
    scene.wait_slot_free()
    relay.start()
    wait_letters(scene, 1)
    last = scene.emit("t", "k")
    until(lambda: scene.broker.read(scene.topic("t"))[-1].id == last, "the stream goes on")
    ids = [r.id for r in scene.broker.read(scene.topic("t"))]
    assert list(dict.fromkeys(ids)) == before + after + [last]
    assert [str(row["id"]) for row in letters(scene)] == [bad]


def test_nothing_passes_while_the_row_cannot_be_written(scene):
    scene.broker.create_topic(scene.topic("t"), 1)
    relay = scene.start_relay(**LIMITED, **{"mark.interval": "50ms"})
    scene.sql("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
              " $$ BEGIN RAISE 'the disk is full of letters'; END $$")
    scene.sql("CREATE TRIGGER refuse BEFORE INSERT ON outbox.dead_letter"
              " FOR EACH ROW EXECUTE FUNCTION refuse()")
    before, bad, after = transaction(scene, LARGE.plant)
    end = scene.current_lsn()
    until(lambda: relay.metric("outbox_relay_dead_letter_waiting") == 1, "it can't be written")
    relay.wait_log("full of letters")
    wait_ids(scene, before)
    marks = relay.metric("outbox_relay_marks_total")
    assert scene.slot_lsn() < end and not letters(scene) and relay.is_ready()
    # It goes on asking, and to answer the server.
    reply, = scene.sql("SELECT reply_time FROM pg_stat_replication")[0]
    until(lambda: scene.sql("SELECT reply_time > %s FROM pg_stat_replication", (reply,))[0][0],
          "the server hears of it", 40)
    assert scene.slot_lsn() < end and relay.metric("outbox_relay_marks_total") == marks
    scene.sql("DROP TRIGGER refuse ON outbox.dead_letter")
    wait_ids(scene, before + after)
    wait_confirmed(scene)
    assert [str(row["id"]) for row in letters(scene)] == [bad]
    assert relay.metric("outbox_relay_dead_letter_waiting") == 0


def test_the_source_goes_away_in_the_middle(make_scene, own_source, broker):
    scene = make_scene(own_source, None, broker)
    scene.broker.create_topic(scene.topic("t"), 1)
    relay = scene.start_relay(**LIMITED, **{"mark.interval": "50ms"})
    connection, wait = stopped_at_the_row(scene, relay)
    before, bad, after = transaction(scene, LARGE.plant)
    wait()
    own_source.stop("immediate")
    connection.close()
    own_source.start()
    wait_ids(scene, before + after)
    wait_confirmed(scene)
    assert [str(row["id"]) for row in letters(scene)] == [bad]
    assert relay.running() and not relay.problems()


@pytest.mark.parametrize("cause", [TooLargeForTheProducer, TooLargeForTheTopic])
def test_kafka_goes_away_in_the_middle(make_scene, source, own_broker, cause):
    scene = make_scene(source, None, own_broker)
    cause = cause()
    scene.broker.create_topic(scene.topic("t"), 1)
    cause.prepare(scene)
    relay = scene.start_relay(**QUICK, **cause.options, **{"poison.policy": "dead-letter"})
    first = scene.emit("t", "k")
    wait_ids(scene, [first])
    own_broker.kill()
    before, bad, after = transaction(scene, cause.plant, before=2, after=2)
    until(lambda: relay.metric("outbox_relay_in_flight_events") > 0, "it is on its way")
    # What is before it isn't settled: it can't be given up yet.
    assert not letters(scene)
    own_broker.restart()
    wait_ids(scene, [first] + before + after)
    assert [str(row["id"]) for row in letters(scene)] == [bad]


# ---------------------------------------------------------------------------
# the rest
# ---------------------------------------------------------------------------

def test_many_under_load_with_crashes(scene, seed):
    """The books close: what was committed is in Kafka and in the target, or in the table; then all is in Kafka."""
    dice = random.Random(seed)
    scene.broker.create_topic(scene.topic("load"), 3)
    scene.apply_all("load")
    relay = scene.start_relay(**LIMITED, **{"mark.interval": "50ms"})
    ledger = scene.ledger()
    consumer = scene.consumer(**{"breaker.reset": "500ms"}).start()
    bad = []
    with scene.load(seed) as load:
        for _ in range(4):
            load.wait_committed(dice.randint(20, 100))
            for _ in range(5):
                key = dice.choice(load.keys)
                bad.append(scene.emit("load", key, f'"{SECRET}{"x" * 20000}"'))
            if dice.random() < 0.5:
                until(lambda: len(letters(scene)) > len(bad) - 5, "some are given up")
            relay.kill()
            relay.start()
        load.wait_committed(50)
    wait_letters(scene, len(bad))
    wanted = {e.id for e in ledger.committed()}
    assert set(bad) < wanted

    def in_topic():
        return {r.id for r in scene.broker.read(scene.topic("load"))}
    until(lambda: in_topic() == wanted - set(bad), "all others are in the topic")
    assert [str(row["id"]) for row in letters(scene)] == bad
    # In commit order, of each partition, in first occurrences.
    place = {e.id: n for n, e in enumerate(ledger.committed())}
    records = ledger.first_occurrences(scene.broker.read(scene.topic("load")))
    for partition in range(3):
        order = [place[r.id] for r in records if r.partition == partition]
        assert order == sorted(order)

    ledger.check_target(records)
    # This version's consumer stops at a replayed event: docs/decisions/0041.
    assert consumer.stop() == 0

    assert relay.stop() == 0
    relay.options["kafka.message.max.bytes"] = "1000000"
    relay.start()
    assert scene.sql("SELECT outbox.redrive(slot => %s)", (scene.slot,))[0][0] == len(bad)
    until(lambda: in_topic() == wanted, "all is in the topic")
    wait_confirmed(scene)
    again = [r for r in scene.broker.read(scene.topic("load")) if r.id in set(bad)]
    assert sorted(r.id for r in again) == sorted(bad)
    # Of one key they come in the order in which they were met.
    key = {str(row["id"]): row["aggregateid"] for row in letters(scene)}
    for one in set(key.values()):
        assert [r.id for r in again if key[r.id] == one] == [e for e in bad if key[e] == one]


def test_rows_from_before_the_slot(scene):
    scene.broker.create_topic(scene.topic("t"), 1)
    without_checks(scene)
    first = transaction(scene, LARGE.plant, before=2, after=1)
    scene.sql("INSERT INTO outbox.event (id, aggregatetype, payload) VALUES (NULL, 't', '1')")
    second = transaction(scene, UnknownTopic().plant, before=1, after=2)
    options = dict(LIMITED, **{"topics.create": "off"})
    relay = scene.start_relay("--existing=publish", **options)
    last = scene.emit("t", "k")
    wait_ids(scene, first[0] + first[2] + second[0] + second[2] + [last])
    assert [str(row["id"]) if row["id"] else None for row in letters(scene)] \
        == [first[1], None, second[1]]
    assert relay.running() and not relay.problems()


def wal_event(event, aggregate_type, headers, payload):
    """As outbox.emit() writes it, for what it would not write: docs/protocol.md has the layout."""
    text = aggregate_type.encode()
    return (b"\x15" + uuid.UUID(event).bytes + bytes([len(text), 0, 0, len(headers)]) + text
            + headers + payload)


def test_a_message_whose_values_are_no_json(scene):
    """They are kept as they are."""
    scene.broker.create_topic(scene.topic("t"), 1)
    relay = scene.start_relay("--wal-messages=on", **LIMITED)
    ids = [str(uuid.uuid4()) for _ in range(2)]
    contents = [wal_event(ids[0], "t", b"{no json", b"[1]"),
                wal_event(ids[1], "t", b"{}", b"no json" + b"x" * 20000)]
    for content in contents:
        scene.sql("SELECT pg_logical_emit_message(true, 'pg_outbox', %s::bytea)", (content,))
    last = scene.emit("t", "k")
    wait_ids(scene, [last])
    first, second = letters(scene)
    assert [str(first["id"]), str(second["id"])] == ids
    assert first["payload_bytes"] == b"[1]" and first["headers"] == "{no json"
    assert second["payload_bytes"].startswith(b"no jsonx") and second["headers"] == {}
    assert dead_lettered(relay, "invalid_headers") == dead_lettered(relay, "too_large") == 1


def test_a_message_of_a_newer_version_stops_all_the_same(scene, exits):
    """The relay is too old for it: it would be wrong to give up what the next one can read."""
    relay = scene.start_relay("--wal-messages=on", **LIMITED)
    scene.sql("SELECT pg_logical_emit_message(true, 'pg_outbox', '\\x20'::bytea)")
    assert relay.wait_exit(60) == exits["EXIT_MESSAGE"], relay.log()
    assert "version 2" in relay.log() and not letters(scene)


def test_a_wrong_configuration_is_no_event_s_fault(scene, exits):
    relay = scene.start_relay(**LIMITED, **{"topics.replication_factor": "3"})
    scene.emit("t", "k")
    assert relay.wait_exit(60) == exits["EXIT_CONFIG"], relay.log()
    assert "topics.replication_factor" in relay.log() and not letters(scene)


@pytest.mark.parametrize("grant", [None, "SELECT"])
def test_a_relay_that_may_not_write_them_says_so_at_once(scene, exits, grant):
    role = scene.id + "_role"
    scene.initialize()
    scene.sql(f"CREATE ROLE {role} LOGIN REPLICATION")
    try:
        for what in ("USAGE ON SCHEMA outbox", "SELECT, INSERT, UPDATE ON outbox.relay, outbox.topic",
                     "EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox"):
            scene.sql(f"GRANT {what} TO {role}")
        if grant:
            scene.sql(f"GRANT {grant} ON outbox.dead_letter TO {role}")
        conninfo = scene.source.conninfo(scene.database, role)
        relay = scene.relay(**LIMITED, **{"postgres.conninfo": conninfo}).start(ready=False)
        assert relay.wait_exit(40) == exits["EXIT_PERMISSION"], relay.log()
        assert "GRANT SELECT, INSERT ON outbox.dead_letter" in relay.log()
    finally:
        scene.sql(f"DROP OWNED BY {role}")
        scene.sql(f"DROP ROLE {role}")
