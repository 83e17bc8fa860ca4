"""Events that Kafka can never take: poison.policy = stop and dead-letter."""
import pytest

from harness.poison import (LARGE, LIMITED, QUICK, SECRET, ForbiddenTopic, HiddenTopic, InvalidHeaders, InvalidPartition,
                            InvalidTimestamp, InvalidTopic, MissingField, NoEvent, NoMessage, TooLargeForTheProducer,
                            TooLargeForTheTopic, UnknownTopic, dead_lettered, letters, transaction, wait_confirmed,
                            wait_ids, wait_letters, without_checks)
from harness.wait import until

CAUSES = [TooLargeForTheProducer, TooLargeForTheTopic, UnknownTopic, InvalidTopic, InvalidHeaders,
          InvalidPartition, InvalidTimestamp, NoEvent, NoMessage]


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
    # Another topic doesn't wait for them.
    assert [str(row["id"]) for row in wait_letters(scene, 3)] == given_up
    scene.broker.allow(scene.topic("forbidden"))
    assert scene.sql("SELECT outbox.redrive(slot => %s)", (scene.slot,))[0][0] == 3
    wait_ids(scene, [first] + given_up, "forbidden")


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
