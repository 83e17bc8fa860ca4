"""Where a relay with delivery = exactly-once begins: changes of the mode, lost positions, old rows,
and what stands in the way of an event."""
import json

import pytest
from confluent_kafka import Producer

from harness.daemon import run_once
from harness.wait import until
from harness.whole import check_complete, check_once, check_whole, exactly, position


MODES = ("exactly-once", "at-least-once")


def emit_many(scene, count, aggregate_type="load", prefix="k"):
    """One transaction with that many events."""
    scene.sql("SELECT count(outbox.emit(%s, %s || (g %% 30), 'T', json_build_object('n', g)))"
              " FROM generate_series(1, %s) AS g", (aggregate_type, prefix, count))


def crash_behind(scene, relay, ledger):
    """A hundred events are out in 20 transactions, and the relay is dead before it marked the last ones."""
    for _ in range(20):
        emit_many(scene, 5)
    check_complete(ledger)
    relay.kill()
    scene.wait_slot_free()


def generation_of_mode(scene):
    return scene.sql("SELECT exactly_once_generation FROM outbox.relay")[0][0]


def stopped(relay, status):
    relay.start(ready=False)
    assert relay.wait_exit(40) == status, relay.log()
    return relay.log()


def settle_at_least_once(relay, events):
    """One more run, to the end of what is in doubt: so many events."""
    relay.start()
    until(lambda: relay.metric("outbox_relay_events_delivered_total") >= events, "it has caught up")
    assert relay.stop() == 0


def test_the_mode_is_changed_back_and_forth(scene):
    """After an orderly stop nothing is lost and nothing is doubled, from either side."""
    transactions = exactly(scene)
    relay = scene.start_relay()
    ledger = scene.ledger()
    for number in range(5):
        emit_many(scene, 50)
        check_complete(ledger)
        scene.stop_relay(relay)
        emit_many(scene, 50)
        relay = scene.relay(f"relay{number}", **{**transactions, "delivery": MODES[number % 2]}).start()
        emit_many(scene, 50)
        check_complete(ledger)
        assert generation_of_mode(scene) == (1 if number % 2 == 0 else None)


def test_a_crash_of_exactly_once_is_settled_by_at_least_once(scene):
    """Its mark is far behind Kafka: what Kafka has isn't sent again by the other mode."""
    transactions = exactly(scene, **{"mark.interval": "1h"})
    relay = scene.start_relay(**transactions)
    ledger = scene.ledger()
    crash_behind(scene, relay, ledger)
    emit_many(scene, 5)
    other = scene.relay("other", **{**transactions, "delivery": "at-least-once"})
    other.start()
    check_complete(ledger)
    assert generation_of_mode(scene) is None
    assert other.metric("outbox_relay_events_suppressed_total") >= 50


def test_a_crash_of_at_least_once_comes_to_its_end_first(scene, exits):
    """Events behind the mark would be doubled: that is said, with the way on."""
    relay = scene.start_relay(**{"mark.interval": "1h"})
    ledger = scene.ledger()
    crash_behind(scene, relay, ledger)
    log = stopped(scene.relay("first", **exactly(scene)), exits["EXIT_CONFIG"])
    assert "Kafka has events behind the mark" in log and "SIGTERM" in log
    settle_at_least_once(relay, 100)
    scene.wait_slot_free()
    before = len(scene.broker.read(scene.topic("load")))
    scene.relay("second", **exactly(scene)).start()
    emit_many(scene, 5)
    assert len(ledger.wait_in_topics()) == before + 5


def test_repetitions_hide_no_event_behind_the_mark(scene, exits):
    """A relay crashed, and the next one stopped halfway: the ends of the topics are what it sent again."""
    options = {"mark.interval": "1h"}
    relay = scene.start_relay(**options)
    ledger = scene.ledger()
    emit_many(scene, 200)
    scene.emit("load", "k", json.dumps("x" * 50000))
    emit_many(scene, 20)
    check_complete(ledger)
    relay.kill()
    scene.wait_slot_free()
    again = scene.relay("again", **{**options, "kafka.message.max.bytes": "20000"})
    assert "too large" in stopped(again, exits["EXIT_POISON"])
    scene.wait_slot_free()
    written = scene.broker.count(scene.topic("load"))
    assert written == 221 + 200
    log = stopped(scene.relay("first", **exactly(scene)), exits["EXIT_CONFIG"])
    assert "Kafka has events behind the mark" in log
    settle_at_least_once(relay, 21)
    scene.wait_slot_free()
    scene.relay("second", **exactly(scene)).start()
    emit_many(scene, 5)
    assert len(ledger.wait_in_topics()) == written + 21 + 5


def transactions_found(scene, options):
    """What doctor says of them."""
    command = run_once(scene.relay(f"doctor-{len(scene.daemons)}", command=("doctor", "--json"), **options), 120)
    findings = {finding["check"]: finding for finding in json.loads(command.output)["findings"]}
    return findings["transactions"]


def test_doctor_beside_a_relay(scene):
    """The position moves while it looks, and in an open transaction it can't be seen: neither is an error."""
    options = exactly(scene)
    scene.initialize(**options)
    assert "when the relay starts" in transactions_found(scene, options)["found"]
    scene.start_relay(**options)
    emit_many(scene, 20)
    for _ in range(3):
        emit_many(scene, 20)
        found = transactions_found(scene, options)
        assert found["severity"] == "ok" and "came to" in found["found"], found
    # At least once has no such check, but after transactions.
    assert "came to" in transactions_found(scene, {**options, "delivery": "at-least-once"})["found"]


def test_the_position_topic_is_gone(scene, exits):
    options = exactly(scene)
    relay = scene.start_relay(**options)
    ledger = scene.ledger()
    emit_many(scene, 20)
    check_complete(ledger)
    scene.stop_relay(relay)
    scene.broker.delete_topics([scene.prefix + ".position"])
    until(lambda: not scene.broker.partitions(scene.prefix + ".position"), "it is gone")
    emit_many(scene, 20)
    found = transactions_found(scene, options)
    assert found["severity"] == "error" and "A gap" in found["remedy"]["line"]
    # It made no topic.
    assert not scene.broker.partitions(scene.prefix + ".position")
    log = stopped(relay, exits["EXIT_GAP"])
    assert "the position topic has no position of this relay" in log and "docs/operations.md" in log
    assert "the position topic has no position of this relay" in found["found"]
    # The topics are whole: from the mark, nothing is lost and nothing is doubled.
    scene.sql("UPDATE outbox.relay SET exactly_once_generation = NULL")
    relay.start()
    emit_many(scene, 20)
    check_complete(ledger)
    # Or from a new slot: it misses what the old one had before it, and a replay sends that.
    scene.stop_relay(relay)
    scene.broker.delete_topics([scene.prefix + ".position"])
    until(lambda: not scene.broker.partitions(scene.prefix + ".position"), "it is gone")
    emit_many(scene, 20)
    stopped(relay, exits["EXIT_GAP"])
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
    scene.initialize("--accept-gap", **options)
    relay.start()
    emit_many(scene, 20, prefix="new")
    until(lambda: sum(r.key.startswith(b"new") for r in scene.broker.read(scene.topic("load"))) == 20, "it goes on")
    replay = run_once(scene.relay("replay", command=("replay", "--gap"), **options), 120)
    assert replay.status == 0, replay
    assert {r.id for r in scene.broker.read(scene.topic("load"))} == {e.id for e in ledger.committed()}


def test_the_position_topic_is_behind(scene, exits):
    """An old copy of the topic: it would double what was committed after it."""
    relay = scene.start_relay(**exactly(scene))
    ledger = scene.ledger()
    emit_many(scene, 20)
    check_complete(ledger)
    old, _ = position(scene)
    emit_many(scene, 20)
    check_complete(ledger)
    assert relay.stop() == 0 and position(scene)[0] != old
    scene.wait_slot_free()
    producer = Producer({"bootstrap.servers": scene.broker.servers})
    source = old.split("/")[0]
    producer.produce(scene.prefix + ".position", old.encode(), f"{source}/{scene.slot}".encode(), 0)
    assert producer.flush(30) == 0
    assert "Kafka lost records" in transactions_found(scene, exactly(scene))["found"]
    log = stopped(relay, exits["EXIT_GAP"])
    assert "Kafka lost records" in log


def test_something_else_is_in_the_position_topic(scene, exits):
    relay = scene.start_relay(**exactly(scene))
    emit_many(scene, 1)
    scene.stop_relay(relay)
    source = scene.sql("SELECT source_id FROM outbox.relay")[0][0]
    producer = Producer({"bootstrap.servers": scene.broker.servers})
    # Of others: read over, however many there are.
    for number in range(600):
        producer.produce(scene.prefix + ".position", b"x", f"other{number}".encode(), 0)
    assert producer.flush(30) == 0
    relay.start()
    scene.stop_relay(relay)
    producer.produce(scene.prefix + ".position", b"nonsense", f"{source}/{scene.slot}".encode(), 0)
    assert producer.flush(30) == 0
    assert "that is no position" in stopped(relay, exits["EXIT_GAP"])


def test_two_relays_share_the_position_topic(make_scene, source, broker):
    """Of two slots, busy at the same time, killed in turns."""
    scenes = [make_scene(source, None, broker) for _ in range(2)]
    options = exactly(scenes[0])
    relays = [scene.start_relay(**options) for scene in scenes]
    ledgers = [scene.ledger() for scene in scenes]
    for _ in range(3):
        for scene, relay in zip(scenes, relays):
            for _ in range(10):
                emit_many(scene, 10)
            relay.kill()
            scene.wait_slot_free()
            relay.start(ready=False)
    for relay, ledger in zip(relays, ledgers):
        relay.wait_ready()
        check_complete(ledger)


def test_old_rows_are_published_once(scene):
    """The rows from before the slot are one transaction; the relay is killed in it, and behind it."""
    ledger = scene.ledger()
    emit_many(scene, 30000, prefix="old")
    options = exactly(scene, **{"window.events": "300", "kafka.linger.ms": "0"})
    scene.initialize(**options)
    relay = scene.relay(**options)
    topic = scene.topic("load")
    relay.start(ready=False)
    until(lambda: scene.broker.partitions(topic) and scene.broker.count(topic) > 1000, "a part is written", every=0.01)
    relay.kill()
    check_whole(scene, ledger, "load")
    scene.wait_slot_free()
    relay.start()
    emit_many(scene, 10)
    check_complete(ledger)
    relay.kill()
    scene.wait_slot_free()
    relay.start()
    emit_many(scene, 10)
    check_complete(ledger)


def test_verify_and_replay(scene):
    """Aborted records count for nothing; what is replayed on purpose is flagged."""
    options = exactly(scene, **{"heartbeat.interval": "100ms"})
    relay = scene.start_relay(**options)
    ledger = scene.ledger()
    for _ in range(5):
        emit_many(scene, 200)
        check_complete(ledger)
        relay.kill()
        scene.wait_slot_free()
        relay.start()
    emit_many(scene, 1)
    scene.wait_known()
    verify = run_once(scene.relay("verify", command=("verify",), **options), 120)
    assert verify.status == 0 and "events: 1001" in verify.output and "records: 1001" in verify.output, verify
    replay = run_once(scene.relay("replay", command=("replay", "--aggregate=load"), **options), 120)
    assert replay.status == 0 and "acknowledged: 1001" in replay.output, replay
    assert relay.running()
    emit_many(scene, 1)
    scene.wait_known()
    records = scene.broker.read(scene.topic("load"))
    assert sum(record.header("outbox-replayed") is not None for record in records) == 1001
    check_once([record for record in records if record.header("outbox-replayed") is None])


LARGE = {"kafka.message.max.bytes": "5000"}


def poison_between(scene):
    """Three transactions, with an event too large in the middle of the second; its id."""
    emit_many(scene, 5, prefix="before")
    with scene.source.connect(scene.database, autocommit=False) as connection:
        for number in range(6):
            value = "x" * (20000 if number == 3 else 10)
            event = connection.execute("SELECT outbox.emit('load', %s, 'T', to_json(%s::text))",
                                       (f"with{number}", value)).fetchone()[0]
            bad = str(event) if number == 3 else None if number < 3 else bad
        connection.commit()
    emit_many(scene, 5, prefix="after")
    return bad


def test_poison_stops_the_relay_and_tears_nothing(scene, exits):
    options = exactly(scene)
    scene.initialize(**options, **LARGE)
    ledger = scene.ledger()
    bad = poison_between(scene)
    relay = scene.relay(**options, **LARGE)
    assert bad in stopped(relay, exits["EXIT_POISON"])
    # All before its transaction is there, and nothing of that.
    there = {record.key for record in check_whole(scene, ledger, "load")}
    assert len(there) == 5 and all(key.startswith(b"before") for key in there)
    scene.wait_slot_free()
    scene.relay("mended", **options).start()
    check_complete(ledger)


@pytest.mark.parametrize("where", ["the producer", "the broker"])
def test_poison_becomes_a_dead_letter_behind_what_is_committed(scene, where):
    local = LARGE if where == "the producer" else {}
    options = exactly(scene, **{"poison.policy": "dead-letter", "reconnect.min": "10ms", "reconnect.max": "200ms"})
    relay = scene.start_relay(**options, **local)
    ledger = scene.ledger()
    emit_many(scene, 1)
    check_complete(ledger)
    if where == "the broker":
        scene.broker.configure_topic(scene.topic("load"), max_message_bytes=5000)
    bad = poison_between(scene)
    until(lambda: scene.sql("SELECT id::text FROM outbox.dead_letter") == [(bad,)], "it is a dead letter", 60)
    wanted = {event.id for event in ledger.committed()} - {bad}
    until(lambda: {r.id for r in scene.broker.read(scene.topic("load"))} == wanted, "all others are there", 60)
    check_once(scene.broker.read(scene.topic("load")))
    # And a restart goes on behind it.
    relay.kill()
    scene.wait_slot_free()
    relay.start()
    emit_many(scene, 1)
    until(lambda: len(scene.broker.read(scene.topic("load"))) == len(wanted) + 1, "it goes on")
    assert scene.sql("SELECT count(*) FROM outbox.dead_letter") == [(1,)]


def with_two_topics(make_scene, source, broker):
    """A relay that buries what is poison, and has published to both."""
    scene = make_scene(source, None, broker)
    options = exactly(scene, **{"poison.policy": "dead-letter", "reconnect.min": "10ms", "reconnect.max": "200ms"})
    relay = scene.start_relay(**options)
    ledger = scene.ledger()
    for aggregate_type in ("good", "bad"):
        emit_many(scene, 3, aggregate_type)
    check_complete(ledger)
    return scene, relay


def test_a_forbidden_topic_is_found_out(make_scene, source, strict_broker):
    """The whole transaction is refused for it: the one event is found, and becomes a dead letter."""
    scene, relay = with_two_topics(make_scene, source, strict_broker)
    strict_broker.forbid(scene.topic("bad"))
    with scene.source.connect(scene.database, autocommit=False) as connection:
        for aggregate_type in ("good", "bad", "good"):
            connection.execute("SELECT outbox.emit(%s, 'k', 'T', '1'::json)", (aggregate_type,))
        connection.commit()
    emit_many(scene, 3, "good")
    until(lambda: scene.sql("SELECT topic FROM outbox.dead_letter") == [(scene.topic("bad"),)], "a dead letter", 60)
    until(lambda: len(strict_broker.read(scene.topic("good"))) == 8, "the others are there", 60)
    check_once(strict_broker.read(scene.topic("good"), scene.topic("bad")))
    assert relay.running()


def test_a_forbidden_topic_is_found_out_however_much_follows(make_scene, source, strict_broker):
    """What follows is on its way, or waits for the end of a round, when the transaction is refused."""
    scene, relay = with_two_topics(make_scene, source, strict_broker)
    scene.stop_relay(relay)
    strict_broker.forbid(scene.topic("bad"))
    emit_many(scene, 1, "bad")
    scene.sql("DO $$ BEGIN FOR i IN 1..20000 LOOP PERFORM outbox.emit('good', 'k' || i % 30, 'T', '1'::json); COMMIT; END LOOP; END $$")
    relay.start()
    until(lambda: scene.sql("SELECT topic FROM outbox.dead_letter") == [(scene.topic("bad"),)], "a dead letter", 60)
    until(lambda: len(strict_broker.read(scene.topic("good"))) == 20003, "the others are there", 90)
    check_once(strict_broker.read(scene.topic("good"), scene.topic("bad")))
    assert relay.running()


def test_the_extension_is_too_old(scene, exits):
    scene.initialize()
    scene.sql("ALTER EXTENSION pg_outbox DROP TABLE outbox.relay")
    scene.sql("ALTER TABLE outbox.relay DROP COLUMN exactly_once_generation")
    log = stopped(scene.relay(**exactly(scene)), exits["EXIT_NOT_INITIALIZED"])
    assert "ALTER EXTENSION pg_outbox UPDATE" in log
    scene.relay("other").start()
