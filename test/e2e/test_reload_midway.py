"""SIGHUP while something else is under way."""
import pytest

from harness.wait import until
from test_reload import File, LOADED, settings

BOTH = ("at-least-once", "exactly-once")


def lock_topics(source, scene):
    connection = source.connect(scene.database)
    connection.autocommit = False
    connection.execute("LOCK TABLE outbox.topic IN EXCLUSIVE MODE")
    return connection


@pytest.mark.parametrize("delivery", BOTH)
def test_a_topic_is_being_recorded(scene, source, delivery):
    """The answer that comes after another topic was asked for is not taken for that one's."""
    scene.initialize()
    config = File(scene, **settings(delivery=delivery))
    relay = config.relay.start()
    scene.emit("first", "k")
    until(lambda: scene.sql("SELECT count(*) FROM outbox.topic")[0][0] == 1, "one topic is recorded")
    scene.broker.create_topic(scene.topic("narrow"), 1)
    scene.broker.create_topic(scene.topic("wide"), 6)
    ledger = scene.ledger()
    with source.connect(scene.database) as application:
        lock = lock_topics(source, scene)
        application.execute("SELECT outbox.emit('narrow', 'k', 'Changed', '1'::json)")
    for number in range(12):
        scene.emit("wide", f"k{number}")
    waits = ("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
             " AND query LIKE 'WITH mine AS%%outbox.topic%%'")
    until(lambda: source.query("postgres", waits, (scene.database,))[0][0] == 1, "the relay waits for the table")
    producers = relay.metric("outbox_relay_producers_total")
    assert config.reload(**{"kafka.linger.ms": 7})["msg"] == LOADED
    until(lambda: relay.metric("outbox_relay_producers_total") > producers, "a new producer")
    lock.rollback()
    lock.close()
    records = ledger.wait_in_topics()
    ledger.check_topics(records)
    counts = dict(scene.sql("SELECT topic, partitions FROM outbox.topic"))
    assert counts[scene.topic("narrow")] == 1 and counts[scene.topic("wide")] == 6
    assert len({r.partition for r in records if r.topic == scene.topic("wide")}) > 1
    assert relay.running() and relay.stop() == 0
