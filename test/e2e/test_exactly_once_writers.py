"""delivery = exactly-once, and who else writes or wrote: relays with another transactional id, in the
other mode, of another database; and brokers that make topics by themselves."""
import random
import signal

from confluent_kafka import Producer
from confluent_kafka.admin import ConfigResource

from harness.daemon import run_once
from harness.wait import until
from harness.whole import check_complete, check_once, exactly, position, state
from test_exactly_once import end_walsender, written
from test_exactly_once_start import emit_many, settle_at_least_once, stopped
from test_used_source_id import in_topic, torn_down_and_moved, write_wal

# A Kafka transaction stays open for as long as a test wants it to.
SLOW = {"transaction.linger": "1min", "transaction.interval": "3s"}


def paused_amid_kafka_transaction(scene, relay, count):
    """Its events are written and not committed, and it has lost the slot."""
    before = written(scene)
    emit_many(scene, count)
    until(lambda: written(scene) >= before + count, "it is written", every=0.01)
    relay.signal(signal.SIGSTOP)
    end_walsender(scene)
    scene.wait_slot_free()


def test_a_zombie_with_another_transactional_id_is_fenced(scene):
    """The position says who wrote it: that one is fenced off by its own id."""
    options = exactly(scene, **SLOW)
    ids = [f"{scene.id}-{name}" for name in ("first", "second", "third")]
    relays = [scene.relay(name, **options, **{"transaction.id": name}) for name in ids]
    scene.initialize(**options)
    relays[0].start()
    ledger = scene.ledger()
    emit_many(scene, 20)
    check_complete(ledger)
    for old, new in zip(relays, relays[1:]):
        paused_amid_kafka_transaction(scene, old, 20)
        # Between this start and the next one it commits no event: the position says it even so.
        new.start()
        assert "is fenced off, too" in new.log()
    check_complete(ledger)
    for old in relays[:2]:
        old.signal(signal.SIGCONT)
        until(lambda relay=old: state(relay) == "standing by", "it stands by")
    emit_many(scene, 20)
    check_complete(ledger)
    assert all(relay.running() for relay in relays)


def begin_behind(scene, ledger, number):
    """A relay on a new generation is held up where it knows its registration, until another one has a transaction open."""
    options = exactly(scene)
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
    scene.initialize("--accept-gap", **options)
    late = scene.relay(f"late-{number}", **options).start(ready=False)
    late.wait_log("an accepted gap is open")
    late.signal(signal.SIGSTOP)
    before = written(scene)
    slow = {**SLOW, "transaction.interval": "1min", "transaction.timeout": "3min"}
    early = scene.relay(f"early-{number}", **exactly(scene, **slow)).start()
    emit_many(scene, 20)
    until(lambda: written(scene) >= before + 20, "the other one has a transaction open")
    late.signal(signal.SIGCONT)
    until(lambda: state(late) in ("standing by", "streaming") or not late.running(), "it goes on")
    early.kill()
    late.wait_ready()
    check_complete(ledger)
    scene.stop_relay(late)
    return "looking again" in late.log() and not late.problems()


def test_two_relays_begin_at_once(scene):
    """One of them reads the registration before the other begins with transactions, and Kafka afterwards."""
    first = scene.start_relay(**exactly(scene))
    ledger = scene.ledger()
    emit_many(scene, 20)
    check_complete(ledger)
    scene.stop_relay(first)
    # One that is held up too late has seen Kafka already.
    assert any(begin_behind(scene, ledger, number) for number in range(15))


def test_at_least_once_takes_over_from_another_transactional_id(scene):
    options = exactly(scene, **SLOW)
    first = scene.start_relay(**options)
    ledger = scene.ledger()
    emit_many(scene, 20)
    check_complete(ledger)
    paused_amid_kafka_transaction(scene, first, 20)
    other = scene.relay("other", **{**options, "delivery": "at-least-once", "transaction.id": scene.id + "-other"})
    other.start()
    check_complete(ledger)
    first.signal(signal.SIGCONT)
    until(lambda: state(first) == "standing by", "it stands by")
    check_complete(ledger)


def test_at_least_once_had_the_slot_meanwhile(scene, exits):
    """It crashed with its mark behind Kafka: what it published is seen, also by one that ran before it."""
    options = exactly(scene, **{"mark.interval": "1h"})
    relay = scene.start_relay(**options)
    ledger = scene.ledger()
    emit_many(scene, 20)
    check_complete(ledger)
    scene.stop_relay(relay)
    relay.start()  # it compares what the topics have
    relay.signal(signal.SIGSTOP)
    end_walsender(scene)
    scene.wait_slot_free()
    other = scene.relay("other", **{**options, "delivery": "at-least-once"}).start()
    until(lambda: other.metric("outbox_relay_marks_total") == 1, "the only mark of this hour")
    emit_many(scene, 20)
    check_complete(ledger)
    other.kill()
    scene.wait_slot_free()
    relay.signal(signal.SIGCONT)
    emit_many(scene, 20)
    assert relay.wait_exit() == exits["EXIT_CONFIG"], relay.log()
    assert "Kafka has events behind the mark" in relay.log()
    check_once(scene.broker.read(scene.topic("load")))


def test_an_open_transaction_of_another_hides_nothing(scene, exits):
    """What an at-least-once relay wrote behind its first record isn't committed for any reader, and is there."""
    scene.broker.create_topic(scene.topic("load"), 3)
    relay = scene.start_relay(**{"mark.interval": "1h"})
    until(lambda: relay.metric("outbox_relay_marks_total") == 1, "the only mark of this hour")
    ledger = scene.ledger()
    # The broker would abort it in the end.
    other = Producer({"bootstrap.servers": scene.broker.servers, "transactional.id": scene.id + "-other",
                      "transaction.timeout.ms": 600000})
    other.init_transactions(30)
    other.begin_transaction()
    for partition in range(3):
        other.produce(scene.topic("load"), b"x", b"k", partition)
    assert other.flush(30) == 0
    emit_many(scene, 50)
    until(lambda: written(scene) == 53, "it is written")
    relay.kill()
    scene.wait_slot_free()
    log = stopped(scene.relay("first", **exactly(scene)), exits["EXIT_CONFIG"])
    assert "Kafka has events behind the mark" in log
    other.abort_transaction(30)
    # Settled by the mode that it was in.
    settle_at_least_once(relay, 50)
    scene.wait_slot_free()
    scene.relay("second", **exactly(scene)).start()
    emit_many(scene, 5)
    until(lambda: {event.id for event in ledger.committed()}
          == {record.id for record in scene.broker.read(scene.topic("load"))}, "all is there")


def test_a_position_of_another_life_is_not_believed(make_scene, own, broker, exits):
    """The same source id on another server: what comes before that position would be skipped."""
    scene = make_scene(own.cluster("old"), None, broker)
    write_wal(scene)
    name = "shop_" + scene.id
    options = exactly(scene)
    scene.initialize("--source-id", name, **options)
    relay = scene.relay(**options).start()
    scene.emit("first", "k")
    in_topic(scene, "first", 1)
    until(lambda: position(scene)[1] >= 2, "a position is there")
    assert relay.stop() == 0
    other = torn_down_and_moved(scene, own.cluster("new"), make_scene)
    other.initialize("--source-id", name, "--existing", "skip", **options)
    for _ in range(2):
        other.emit("second", "k")
        write_wal(other)
    relay = other.relay("moved", **options)
    assert "another server" in stopped(relay, exits["EXIT_GAP"])
    assert not broker.partitions(other.topic("second"))
    # Nobody else publishes: another generation.
    other.sql("SELECT pg_drop_replication_slot(%s)", (other.slot,))
    other.initialize("--accept-gap", **options)
    relay.start()
    event = other.emit("second", "k")
    in_topic(other, "second", 1)
    assert event in [record.id for record in broker.read(other.topic("second"))]


def topic_setting(broker, topic, name):
    future, = broker.admin().describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)]).values()
    return future.result(20)[name].value


def doctor(scene, options):
    """What it says of the position topic."""
    output = run_once(scene.relay(f"doctor-{len(scene.daemons)}", command=("doctor",), **options)).output
    return next(line for line in output.splitlines() if " position topic: " in line)


def test_the_broker_makes_no_topic_by_itself(make_scene, source, own, exits):
    """Its own would forget positions after a week, and have as many partitions as it likes."""
    broker = own.broker()
    broker.edit("auto.create.topics.enable=false", "auto.create.topics.enable=true\nnum.partitions=7")
    scene = make_scene(source, None, broker)
    options = exactly(scene, **{"topics.partitions": "2"})
    relay = scene.start_relay(**options)
    ledger = scene.ledger()
    emit_many(scene, 5)
    check_complete(ledger)
    assert topic_setting(broker, scene.prefix + ".position", "cleanup.policy") == "compact"
    # Whatever the relay's clock says, the broker takes the position.
    assert topic_setting(broker, scene.prefix + ".position", "message.timestamp.type") == "LogAppendTime"
    assert broker.partitions(scene.prefix + ".position") == 1
    assert broker.partitions(scene.topic("load")) == 2
    scene.stop_relay(relay)
    # One that was made otherwise is found by doctor.
    assert "is compacted" in doctor(scene, options)
    broker.configure_topic(scene.prefix + ".position", cleanup_policy="compact,delete")
    assert "isn't \"compact\"" in doctor(scene, options)
    broker.configure_topic(scene.prefix + ".position", cleanup_policy="compact")
    # Nor does it bring one back that is gone: that is to be noticed.
    broker.delete_topics([scene.topic("load")])
    until(lambda: not broker.partitions(scene.topic("load")), "it is gone")
    assert "is gone from Kafka" in stopped(relay, exits["EXIT_ROUTING"])
    assert not broker.partitions(scene.topic("load"))


def test_a_topic_that_is_not_known_for_a_moment(scene):
    """As after a broker's start, or by one that hasn't heard of it: that is no reason to end."""
    options = exactly(scene)
    relay = scene.start_relay(**options)
    ledger = scene.ledger()
    emit_many(scene, 5)
    check_complete(ledger)
    scene.stop_relay(relay)
    topic = scene.topic("load")
    count = scene.broker.partitions(topic)
    scene.broker.delete_topics([topic])
    until(lambda: not scene.broker.partitions(topic), "it is gone")
    relay.start(ready=False)
    relay.wait_log("Kafka doesn't know the topic, asking again")
    scene.broker.create_topic(topic, count)
    relay.wait_ready()
    emit_many(scene, 5)
    until(lambda: written(scene) >= 5, "it goes on")
    assert not relay.problems()


def test_relays_that_take_over_from_each_other(scene, seed):
    """What one of them published meanwhile is no gap for the next; and they come to an end with fencing."""
    dice = random.Random(seed)
    options = exactly(scene, **{"reconnect.min": "20ms", "reconnect.max": "300ms"})
    scene.initialize(**options)
    relays = [scene.relay(name, **options).start(ready=False) for name in ("one", "two", "three")]
    ledger = scene.ledger()
    load = scene.load(seed)
    with load:
        for _ in range(8):
            load.wait_committed(dice.randint(60, 300))
            active = until(lambda: [r for r in relays if state(r) == "streaming"], "one of them streams")[0]
            active.kill()
            active.start(ready=False)
    check_complete(ledger, load.rolled_back)
    assert all(relay.running() and not relay.problems() for relay in relays)
    until(lambda: sorted(state(r) for r in relays) == ["standing by", "standing by", "streaming"], "two stand by")
