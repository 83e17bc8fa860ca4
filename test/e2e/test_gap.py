"""A relay never goes on over a gap: it stops, says so, and has a way on."""
import re

import pytest
from confluent_kafka import Producer


def ready_scene(scene):
    """A relay that has published something and was stopped."""
    relay, ledger = scene.start_published()
    scene.stop_relay(relay)
    return relay, ledger


def recreate(scene):
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
    scene.emit("t", "missed")
    scene.sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (scene.slot,))


def advance(scene):
    scene.emit("t", "missed")
    scene.sql("SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())", (scene.slot,))


def drop(scene):
    scene.emit("t", "missed")
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))


def other_plugin(scene):
    drop(scene)
    scene.sql("SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", (scene.slot,))


@pytest.mark.parametrize("harm", [recreate, advance, drop, other_plugin])
def test_the_relay_stops_at_a_gap(scene, exits, harm):
    relay, ledger = ready_scene(scene)
    harm(scene)
    relay.start(ready=False)
    assert relay.wait_exit() == exits["EXIT_GAP"], relay.log()
    problems = relay.problems()
    assert len(problems) == 1, problems
    assert scene.slot in relay.log()
    # It says how to go on.
    assert re.search("init --accept-gap", relay.log())
    # It published nothing, and does so however often it is started.
    relay.start(ready=False)
    assert relay.wait_exit() == exits["EXIT_GAP"]
    assert len(scene.broker.read(scene.topic("t"))) == 1
    # A plain init does not go over it either.
    assert scene.init().status == exits["EXIT_GAP"]

    scene.initialize("--accept-gap")
    after = scene.emit("t", "after")
    relay.start()
    with scene.broker.reader(scene.topic("t")) as reader:
        records = reader.some(2)
    assert records[-1].id == after
    assert records[-1].position.epoch[0] == records[0].position.epoch[0] + 1
    assert len(ledger.committed()) == 3, "the test has lost nothing, so it shows nothing"


def test_a_slot_that_is_behind_is_no_gap(scene):
    """As after a crash of the server: what was marked is not sent again."""
    relay, ledger = ready_scene(scene)
    # The confirmed position can't be set back; the mark can be set ahead of it.
    scene.emit("t", "unseen")
    ledger.committed()
    scene.sql("UPDATE outbox.relay SET mark_lsn = pg_current_wal_lsn()")
    last = scene.emit("t", "seen")
    relay.start()
    with scene.broker.reader(scene.topic("t")) as reader:
        records = reader.some(2)
    assert records[-1].id == last and records[-1].key == b"seen"


def test_another_server_is_a_gap(make_scene, own, broker, exits):
    first, second = own.cluster("first"), own.cluster("second")
    scene = make_scene(first, None, broker)
    relay, _ = ready_scene(scene)
    registration, = scene.sql("SELECT system_identifier::text FROM outbox.relay")[0]
    # The same names and the same registration on another server.
    other = make_scene(second, None, broker)
    other.initialize()
    assert other.sql("SELECT system_identifier::text FROM outbox.relay")[0][0] != registration
    other.sql("UPDATE outbox.relay SET system_identifier = %s", (registration,))
    relay = other.relay().start(ready=False)
    assert relay.wait_exit() == exits["EXIT_GAP"], relay.log()
    assert len(relay.problems()) == 1
    assert registration in relay.log()


def test_a_registration_that_is_taken_away_stops_the_relay(scene, exits):
    relay = scene.start_relay()
    scene.sql("DELETE FROM outbox.relay")
    scene.emit("t", "k")
    assert relay.wait_exit() in (exits["EXIT_GAP"], exits["EXIT_NOT_INITIALIZED"]), relay.log()
    assert len(relay.problems()) == 1


def test_a_topic_that_lost_partitions_stops_the_relay(scene, exits):
    topic = scene.topic("t")
    scene.broker.create_topic(topic, 4)
    relay, _ = ready_scene(scene)
    scene.broker.delete_topics([topic])
    scene.broker.create_topic(topic, 2)
    relay.start(ready=False)
    assert relay.wait_exit() == exits["EXIT_ROUTING"], relay.log()
    assert len(relay.problems()) == 1 and topic in relay.log()


@pytest.mark.parametrize("behind", [0, 20, 400], ids=["at the end", "behind a few", "behind many"])
def test_kafka_is_ahead_of_the_server(make_scene, own, broker, exits, behind):
    """As when the server was restored from an earlier copy of its disk; others may have written since."""
    scene = make_scene(own.cluster("source"), None, broker)
    relay, ledger = ready_scene(scene)
    position = ledger.wait_in_topics()[0].position
    # A record that this source would write in the far future, and then those of another source and of replay.
    producer = Producer({"bootstrap.servers": broker.servers})
    producer.produce(scene.topic("t"), b"{}", b"k", 0, headers=[
        ("id", b"01890000-0000-7000-8000-000000000001"),
        ("outbox-position", f"{position.source}/1.1/7F/10/0".encode())])
    for number in range(behind):
        last = ("outbox-position", f"another/1.1/7F/{number + 1:X}/0".encode()) if number % 2 else ("outbox-replayed", b"gap")
        producer.produce(scene.topic("t"), b"{}", b"k", 0, headers=[
            ("id", b"01890000-0000-7000-8000-000000000002"), last])
    assert producer.flush(30) == 0
    relay.start(ready=False)
    assert relay.wait_exit() == exits["EXIT_GAP"], relay.log()
    assert len(relay.problems()) == 1 and "7F/10" in relay.log()
