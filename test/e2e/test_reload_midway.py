"""SIGHUP while something else is under way."""
import time

import pytest
from confluent_kafka import Producer

from harness.settings_file import File, LOADED
from harness.wait import until
from test_reload import settings

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


@pytest.mark.parametrize("delivery", BOTH)
def test_to_brokers_of_another_cluster(make_scene, source, broker, own_broker, exits, delivery):
    """Nothing is published there before what they hold was compared: here it is ahead of the server."""
    scene = make_scene(source, None, broker)
    scene.initialize()
    config = File(scene, **settings(delivery=delivery, kafka__bootstrap__servers=broker.servers))
    relay = config.relay.start()
    ledger = scene.ledger()
    scene.emit("t", "k")
    position = ledger.wait_in_topics()[0].position
    topic = scene.topic("t")
    own_broker.create_topic(topic, broker.partitions(topic))
    producer = Producer({"bootstrap.servers": own_broker.servers})
    producer.produce(topic, b"{}", b"k", 0, headers=[("id", b"01890000-0000-7000-8000-000000000001"),
                                                     ("outbox-position", f"{position.source}/1.1/7F/10/0".encode())])
    assert producer.flush(30) == 0
    config.reload(**{"kafka.bootstrap.servers": own_broker.servers})
    scene.emit("t", "k")
    assert relay.wait_exit() == exits["EXIT_GAP"], relay.log()
    assert "7F/10" in relay.log() and own_broker.count(topic) == 1
    # Back where it was, it goes on where it was.
    config.write(**{"kafka.bootstrap.servers": broker.servers})
    relay.start()
    ledger.check_topics(ledger.wait_in_topics())


def test_to_brokers_without_the_topics(make_scene, source, broker, own_broker, exits):
    scene = make_scene(source, None, broker)
    scene.initialize()
    config = File(scene, **settings(kafka__bootstrap__servers=broker.servers))
    relay = config.relay.start()
    ledger = scene.ledger()
    scene.emit("t", "k")
    ledger.wait_in_topics()
    config.reload(**{"kafka.bootstrap.servers": own_broker.servers})
    assert relay.wait_exit() == exits["EXIT_ROUTING"], relay.log()
    assert scene.topic("t") not in own_broker.topics(scene.topic("t"))


def test_old_rows_wait_without_turning_in_circles(scene, source):
    """What the server says while nothing is read must not wake the relay up again and again."""
    scene.emit("t", "k")
    scene.sql("UPDATE outbox.rotation SET current = 1")  # event_0 is read first, then event_1
    ledger = scene.ledger()
    scene.initialize("--existing=publish")
    config = File(scene, **settings(kafka__linger__ms=60000, drain__timeout="60s"))
    lock = source.connect(scene.database)
    lock.autocommit = False
    lock.execute("LOCK TABLE outbox.event_1 IN ACCESS EXCLUSIVE MODE")
    relay = config.relay.start(ready=False)
    waits = ("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
             " AND query LIKE '%%outbox.event_1%%'")
    until(lambda: source.query("postgres", waits, (scene.database,))[0][0] == 1, "the relay waits for the next rows")
    until(lambda: relay.metric("outbox_relay_in_flight_events") == 1, "the first row is on its way")
    config.reload(**{"kafka.linger.ms": 1})
    lock.rollback()
    lock.close()
    until(lambda: source.query("postgres", waits, (scene.database,))[0][0] == 0, "the answer is there")
    used, began = relay.cpu_seconds(main_thread=True), time.monotonic()
    until(lambda: time.monotonic() - began > 3, "a while", 20)
    used = relay.cpu_seconds(main_thread=True) - used
    assert relay.metric("outbox_relay_in_flight_events") == 1 and relay.metric("outbox_relay_producers_total") == 1
    assert used < 0.3, f"{used} s of processor time"
    # No more patience: it goes again.
    config.reload(**{"drain.timeout": "100ms", "kafka.linger.ms": 2})
    relay.wait_ready()
    after = scene.emit("t", "k")
    records = ledger.wait_in_topics()
    assert records[-1].id == after and len({r.id for r in records}) == 2
