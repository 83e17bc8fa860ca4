"""What happens to topics and brokers while events flow: nothing is lost, and what can't be mended is said."""
import time

import pytest

from harness.wait import stays, until

QUICK = {"reconnect.min": "10ms", "reconnect.max": "200ms", "mark.interval": "50ms"}
# Shorter than any outage below.
IMPATIENT = dict(QUICK, **{"kafka.socket.timeout.ms": "1000", "kafka.request.timeout.ms": "1000",
                           "kafka.socket.connection.setup.timeout.ms": "1000",
                           "kafka.metadata.max.age.ms": "2000",
                           "kafka.topic.metadata.propagation.max.ms": "1000"})


def emit_some(scene, count, aggregate_type="t", size=10):
    scene.sql("SELECT count(outbox.emit(%s, (g %% 40)::text, 'T', json_build_object('n', g, 'x',"
              " repeat('x', %s)))) FROM generate_series(1, %s) g", (aggregate_type, size, count))


# ---------------------------------------------------------------------------
# brokers
# ---------------------------------------------------------------------------

def test_a_broker_is_down_for_longer_than_every_timeout(make_scene, source, own_broker):
    """The relay doesn't restart, its producer isn't replaced, and no event is given up."""
    scene = make_scene(source, None, own_broker)
    relay = scene.start_relay(**IMPATIENT)
    ledger = scene.ledger()
    with scene.load(3) as load:
        load.wait_committed(50)
        emit_some(scene, 1000)
        own_broker.kill()
        # Queued, in flight and yet to be read, all of it.
        emit_some(scene, 1000)
        load.wait_committed(50)
        relay.wait_log("(?i)brokers are down")
        until(lambda: relay.metric("outbox_relay_kafka_cut_off") == 1, "it is cut off")
        looks = []

        def settled():
            looks.append(relay.metric("outbox_relay_confirmed_lsn"))
            return len(looks) > 1 and looks[-1] == looks[-2]
        # What was acknowledged before may still be under way to the server, and with the load comes more all the time.
        until(settled, "what was acknowledged is confirmed", every=1)
        confirmed = looks[-1]
        began = time.monotonic()
        stays(lambda: scene.slot_lsn() <= confirmed == relay.metric("outbox_relay_confirmed_lsn"),
              lambda: time.monotonic() - began > 6, "what is confirmed")
        assert relay.metric("outbox_relay_kafka_cut_off") == 1
        own_broker.restart()
        load.wait_committed(50)
    ledger.check_topics(ledger.wait_in_topics(), load.rolled_back)
    assert not relay.problems()
    assert relay.metric("outbox_relay_producers_total") == 1
    # The records are there before their reports are back.
    until(lambda: relay.metric("outbox_relay_kafka_cut_off") == 0, "it isn't cut off any more")


@pytest.mark.parametrize("name", ["message.timeout.ms", "delivery.timeout.ms"])
def test_a_message_timeout_is_refused(scene, exits, name):
    """It would drop what waits for a broker, and leave a hole."""
    relay = scene.relay(**{"kafka." + name: "300000"})
    relay.start(ready=False)
    assert relay.wait_exit(20) == exits["EXIT_CONFIG"], relay.log()
    assert "kafka." + name in relay.log()


def test_a_walsender_outlives_a_broker_that_stands_still(make_scene, own, own_broker):
    """Its time-out is less than half of the standstill, and far more is written than the window holds."""
    server = own.cluster("source", {"wal_sender_timeout": "5s"})
    scene = make_scene(server, None, own_broker)
    relay = scene.start_relay(**IMPATIENT, **{"window.bytes": "64kB"})
    ledger = scene.ledger()
    emit_some(scene, 100)
    ledger.wait_in_topics()

    def walsender():
        return scene.slot_row("active_pid")[0]
    pid = walsender()
    assert pid is not None
    own_broker.pause()
    try:
        emit_some(scene, 20000, size=500)
        began = time.monotonic()
        stays(lambda: walsender() == pid, lambda: time.monotonic() - began > 12,
              "the walsender is the same")
        assert relay.http("/healthz")[0] == 200
    finally:
        own_broker.resume()
    ledger.check_topics(ledger.wait_in_topics())
    assert walsender() == pid
    assert relay.metric("outbox_relay_sessions_total") == 1
    assert not relay.problems()


# ---------------------------------------------------------------------------
# topics
# ---------------------------------------------------------------------------

def ready_relay(scene, partitions=2, **options):
    topic = scene.topic("t")
    scene.broker.create_topic(topic, partitions)
    relay = scene.start_relay(**QUICK, **options)
    ledger = scene.ledger()
    emit_some(scene, 100)
    ledger.wait_in_topics()
    return topic, relay, ledger


@pytest.mark.parametrize("create", ["on", "off"])
def test_a_topic_is_deleted_while_streaming(scene, exits, create):
    """A recorded topic isn't made again: what it held is gone, and somebody has to know."""
    topic, relay, ledger = ready_relay(scene, **{"topics.create": create,
                                                 "kafka.topic.metadata.propagation.max.ms": "1000"})
    # What was in it is confirmed: it isn't sent again.
    end = max(event.end_lsn for event in ledger.events)
    until(lambda: scene.slot_lsn() >= end, "the first events are confirmed")
    scene.broker.delete_topics([topic])
    until(lambda: not scene.broker.partitions(topic), "the topic is gone")
    emit_some(scene, 10)
    assert relay.wait_exit(60) == exits["EXIT_ROUTING"], relay.log()
    assert len(relay.problems()) == 1 and topic in relay.log()
    assert "outbox.topic" in relay.log(), "it doesn't say what to do"
    assert not scene.broker.partitions(topic)
    # Made again, it takes what wasn't confirmed.
    missing = {event.id for event in ledger.committed()[100:]}
    scene.broker.create_topic(topic, 2)
    relay.start()
    until(lambda: missing <= {r.id for r in scene.broker.read(topic)}, "the rest arrives", 60)
    assert {r.id for r in scene.broker.read(topic)} == missing


def test_a_topic_is_recreated_while_streaming(scene):
    """What it held is gone with it; nothing that comes later is lost, or out of order."""
    topic, relay, ledger = ready_relay(scene)
    scene.broker.delete_topics([topic])
    until(lambda: not scene.broker.partitions(topic), "the topic is gone")
    scene.broker.create_topic(topic, 2)
    emit_some(scene, 100)
    later = [event.id for event in ledger.committed()[100:]]
    until(lambda: len({r.id for r in scene.broker.read(topic)}) >= len(later), "the rest arrives", 60)
    records = ledger.first_occurrences(scene.broker.read(topic))
    assert sorted(r.id for r in records) == sorted(later)
    for partition in (0, 1):
        order = [later.index(r.id) for r in records if r.partition == partition]
        assert order == sorted(order)
    assert relay.running() and not relay.problems()


def test_a_topic_grows_while_streaming(scene):
    """Under load, keys stay where they were; the new partitions stay empty."""
    topic, relay, ledger = ready_relay(scene)
    with scene.load(4, aggregate_type="t") as load:
        load.wait_committed(50)
        scene.broker.grow_topic(topic, 5)
        load.wait_committed(200)
    records = ledger.wait_in_topics()
    ledger.check_topics(records, load.rolled_back)
    assert {r.partition for r in records} == {0, 1}
    assert scene.sql("SELECT partitions FROM outbox.topic WHERE topic = %s", (topic,)) == [(2,)]
    assert relay.metric("outbox_relay_producers_total") == 1 and not relay.problems()


@pytest.mark.parametrize("whose", ["topic", "broker"])
def test_a_limit_is_lowered_while_streaming(make_scene, source, own_broker, exits, whose):
    """In the middle of other events: those before it are there, none of its partition behind it, and then all."""
    scene = make_scene(source, None, own_broker)
    topic, relay, ledger = ready_relay(scene)

    def limit(size):
        if whose == "topic":
            own_broker.configure_topic(topic, max_message_bytes=size)
        else:
            own_broker.configure(message_max_bytes=size)
    try:
        limit("20000")
        emit_some(scene, 50)
        large = scene.emit("t", "7", '"' + "x" * 30000 + '"')
        emit_some(scene, 50)
        assert relay.wait_exit(60) == exits["EXIT_POISON"], relay.log()
        assert len(relay.problems()) == 1 and large in relay.log() and "xxxx" not in relay.log()
        records = own_broker.read(topic)
        home = {r.key: r.partition for r in records}[b"7"]
        place = {event.id: n for n, event in enumerate(ledger.committed())}
        assert {event.id for event in ledger.events[:place[large]]} <= {r.id for r in records}
        assert all(place[r.id] < place[large] for r in records if r.partition == home)
    finally:
        limit("1048588")
    relay.start()
    ledger.check_topics(ledger.wait_in_topics())


def test_a_topic_is_forbidden_while_streaming(make_scene, source, strict_broker, exits):
    """The relay stops, and goes on where it was when the right is back."""
    scene = make_scene(source, None, strict_broker)
    _, relay, ledger = ready_relay(scene, partitions=1)
    strict_broker.forbid(scene.topic("t"))

    def stopped():
        emit_some(scene, 10)
        return not relay.running()
    # The broker takes a moment until it knows.
    until(stopped, "the relay stops", 60)
    assert relay.wait_exit() == exits["EXIT_POISON"], relay.log()
    assert len(relay.problems()) == 1
    assert scene.topic("t") in relay.log()
    strict_broker.allow(scene.topic("t"))
    relay.start()
    ledger.check_topics(ledger.wait_in_topics())


def test_a_recorded_topic_may_not_be_read(make_scene, source, strict_broker, exits):
    """Neither a relay that starts nor verify can do without: both name it at once."""
    scene = make_scene(source, None, strict_broker)
    _, relay, ledger = ready_relay(scene, **{"heartbeat.interval": "100ms"})
    scene.wait_known()
    assert relay.stop() == 0
    strict_broker.forbid(scene.topic("t"), "all")
    try:
        for command in (scene.relay("verify", command=("verify",)), relay):
            def refused(command=command):
                command.start(ready=False)
                until(lambda: not command.running() or command.is_ready(), "it ends, or is ready")
                if command.running():
                    command.stop()
                return "uthorization failed" in command.log()
            # The broker takes a moment until it knows.
            until(refused, "it is refused", 60)
            status = exits["EXIT_POISON" if command is relay else "EXIT_PERMISSION"]
            assert command.wait_exit() == status, command.log()
            assert scene.topic("t") in command.log()
            assert len(command.problems()) == 1
    finally:
        strict_broker.allow(scene.topic("t"))
    relay.start()
    scene.emit("t", "k")
    ledger.check_topics(ledger.wait_in_topics())
