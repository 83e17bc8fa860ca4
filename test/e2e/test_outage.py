"""Outages and orderly ends: nothing is forgotten, nothing grows, nothing hangs."""
import json
import signal
import time
from collections import defaultdict

from harness.wait import until

MB = 1 << 20


def test_kafka_is_down_for_thirty_seconds(make_scene, source, own_broker):
    """Memory stays bounded, and the slot never passes what Kafka has."""
    scene = make_scene(source, None, own_broker)
    relay = scene.start_relay(**{"mark.interval": "200ms"})
    ledger = scene.ledger()
    scene.emit("load", "first")
    ledger.wait_in_topics()
    padding = "x" * 8000
    emitted = 0
    peak = 0
    began = None
    with scene.source.connect(scene.database) as connection:
        def some_events():
            nonlocal emitted
            connection.execute(
                "SELECT count(outbox.emit('load', (g %% 40)::text, 'T', json_build_object('n', %s + g,"
                " 'padding', %s::text))) FROM generate_series(1, 100) AS g", (emitted, padding))
            emitted += 100

        def down_long_enough():
            nonlocal peak
            if emitted < 20000:
                some_events()
            peak = max(peak, relay.memory())
            assert relay.running() and relay.http("/healthz")[0] == 200
            return time.monotonic() - began > 30 and emitted * len(padding) > 100 * MB
        for _ in range(20):
            some_events()
        own_broker.kill()
        began = time.monotonic()
        until(down_long_enough, "30 s and 100 MB have passed", 300, every=0.02)
    print(f"{emitted} events, {emitted * len(padding) // MB} MB; the relay's peak: {peak / MB:.1f} MB")
    assert peak < 64 * MB

    # What was confirmed until now, and then what Kafka has without any help.
    confirmed = scene.slot_lsn()
    relay.kill()
    own_broker.restart()
    there = {record.id for record in own_broker.read(scene.topic("load"))}
    by_transaction = defaultdict(list)
    for event in ledger.committed():
        by_transaction[event.end_lsn].append(event.id)
    early = [event for end, ids in by_transaction.items() if end <= confirmed for event in ids]
    assert early, "not even the first event was confirmed"
    assert set(early) <= there, "the slot is past what Kafka has"
    assert len(early) < emitted, "the slot moved on while Kafka was down"

    relay.start()
    records = ledger.wait_in_topics(180)
    assert len(ledger.check_topics(records)) == emitted + 1


def test_the_relay_goes_on_when_kafka_is_back(make_scene, source, own_broker):
    """Without a restart of anything else, and from a broker that was stopped in order."""
    scene = make_scene(source, None, own_broker)
    relay = scene.start_relay()
    ledger = scene.ledger()
    with scene.load(1) as load:
        load.wait_committed(50)
        own_broker.stop()
        load.wait_committed(300)
        own_broker.restart()
        load.wait_committed(50)
    records = ledger.wait_in_topics()
    ledger.check_topics(records, load.rolled_back)
    assert relay.running()
    relay.wait_ready()


def test_the_source_stops_at_once_while_kafka_is_down(make_scene, own_source, own_broker):
    scene = make_scene(own_source, None, own_broker)
    relay = scene.start_relay()
    ledger = scene.ledger()
    # In every partition, so that the relay has room for more of each.
    for number in range(20):
        scene.emit("t", str(number))
    assert len({record.partition for record in ledger.wait_in_topics()}) == 3
    own_broker.kill()
    for number in range(200):
        scene.emit("t", str(number))
    # Sent to the relay and not to be confirmed: what a walsender would wait for.
    until(lambda: scene.sql("SELECT sent_lsn >= %s::pg_lsn FROM pg_stat_replication WHERE pid ="
                            " (SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s)",
                            (scene.sql("SELECT pg_current_wal_lsn()::text")[0][0], scene.slot))
          == [(True,)], "the server has sent all of it")
    sent = {event.id for event in ledger.committed()}
    seconds = own_source.stop("fast", timeout=40)
    print(f"pg_ctl stop -m fast took {seconds:.1f} s")
    # One that waited for Kafka would wait for wal_sender_timeout, a minute.
    assert seconds < 25
    assert relay.running()
    own_source.start()
    own_broker.restart()
    records = ledger.wait_in_topics()
    assert {record.id for record in records} == sent
    ledger.check_topics(records)
    relay.wait_ready()


def test_sigterm_drains(scene):
    """What was read is delivered, marked and confirmed; nothing is sent again later."""
    relay = scene.start_relay()
    ledger = scene.ledger()
    with scene.load(2, writers=2) as load:
        for _ in range(3):
            load.wait_committed(100)
            # It stops in the middle of this transaction, as a rule.
            scene.sql("SELECT count(outbox.emit('load', 'b' || (g % 9), 'T', json_build_object('n', g)))"
                      " FROM generate_series(1, 20000) AS g")
            assert relay.stop() == 0
            assert not relay.problems()
            relay.start()
    records = ledger.wait_in_topics()
    first = ledger.check_topics(records, load.rolled_back)
    assert len(first) == len(records), "something was sent twice"
    # The server takes a moment to read what the relay said last.
    scene.stop_relay(relay)
    last = max(event.end_lsn for event in ledger.events)
    assert scene.slot_lsn() >= last
    assert scene.sql("SELECT mark_lsn - '0/0'::pg_lsn FROM outbox.relay")[0][0] >= last


def test_a_second_sigterm_ends_at_once(make_scene, source, own_broker):
    scene = make_scene(source, None, own_broker)
    relay, ledger = scene.start_published(**{"drain.timeout": "300s"})
    own_broker.kill()
    scene.emit("t", "k")
    until(lambda: relay.metric("outbox_relay_in_flight_events") == 1, "the event is under way")
    relay.signal(signal.SIGTERM)
    # The drain can't end: Kafka is away.
    until(lambda: relay.http("/readyz")[0] != 200, "it is stopping")
    relay.wait_log(r'waiting for Kafka.*"events":1,"at_most_seconds":300')
    relay.signal(signal.SIGTERM)
    relay.wait_exit(10)
    own_broker.restart()
    relay.start()
    assert len(ledger.check_topics(ledger.wait_in_topics())) == 2


def test_a_short_drain_gives_the_rest_back(make_scene, source, own_broker):
    scene = make_scene(source, None, own_broker)
    relay, ledger = scene.start_published(**{"drain.timeout": "1s"})
    own_broker.kill()
    late = scene.emit("t", "k")
    relay.stop(20)
    own_broker.restart()
    relay.start()
    records = ledger.wait_in_topics()
    assert late in {record.id for record in records}
    ledger.check_topics(records)


def test_a_relay_that_never_met_kafka_waits_for_it(make_scene, source, own_broker):
    scene = make_scene(source, None, own_broker)
    scene.initialize()
    ledger = scene.ledger()
    event = scene.emit("t", "k")
    own_broker.stop()
    relay = scene.relay().start(ready=False)
    until(lambda: relay.http("/healthz")[0] == 200, "its loop turns")
    relay.wait_log("(?i)kafka|broker")
    assert not relay.problems()
    own_broker.restart()
    relay.wait_ready()
    assert [r.id for r in ledger.wait_in_topics()] == [event]


def test_a_relay_that_never_met_the_server_waits_for_it(make_scene, own_source, broker):
    scene = make_scene(own_source, None, broker)
    scene.initialize()
    ledger = scene.ledger()
    event = scene.emit("t", "k")
    own_source.stop()
    relay = scene.relay().start(ready=False)
    until(lambda: relay.http("/healthz")[0] == 200, "its loop turns")
    relay.wait_log("(?i)connection|connect")
    assert relay.http("/readyz")[0] == 503 and not relay.problems()
    own_source.start()
    relay.wait_ready()
    assert [r.id for r in ledger.wait_in_topics()] == [event]


def test_status_and_metrics_say_what_happened(scene):
    relay = scene.start_relay()
    ledger = scene.ledger()
    for number in range(10):
        scene.emit("t", str(number))
    ledger.wait_in_topics()
    status, text = relay.http("/status")
    assert status == 200 and isinstance(json.loads(text), dict)
    assert relay.http("/nothing")[0] == 404

    def told():
        return any(value == 10 for name, value in relay.metrics().items()
                   if name.startswith("outbox_relay_") and "event" in name)
    until(told, "a metric says that 10 events were published")
