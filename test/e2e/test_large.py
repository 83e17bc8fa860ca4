"""Much in one piece, and many restarts.

Short in make check; make check-large runs these with EVENTS=5000000 and RESTARTS=20.
"""
import os
import random
import re
import threading
import time

import pytest
from confluent_kafka import Consumer, TopicPartition

from harness.load import Load
from harness.wait import until
from harness.whole import exactly

MB = 1 << 20
EVENTS = int(os.environ.get("EVENTS", "300000"))
RESTARTS = int(os.environ.get("RESTARTS", "5"))
CROWD = 8 if RESTARTS > 5 else 0       # events more in each transaction


class Tally:
    """What a topic holds, counted without keeping it."""

    POSITION = re.compile(rb"[^/]+/[0-9.]+/([0-9A-F]+/[0-9A-F]+)/([0-9]+)")

    def __init__(self, broker, topic):
        self.broker, self.topic = broker, topic
        self.count = 0
        self.id_sum = 0
        self.commits = set()
        self.seen = bytearray(EVENTS)
        self.last = {}

    def read(self, goal, timeout):
        consumer = Consumer({"bootstrap.servers": self.broker.servers, "group.id": "tally",
                             "enable.auto.commit": False, "auto.offset.reset": "earliest",
                             "queued.max.messages.kbytes": 16384})
        consumer.assign([TopicPartition(self.topic, n, 0)
                         for n in range(self.broker.partitions(self.topic))])
        try:
            def step():
                for message in consumer.consume(10000, 0.5):
                    assert not message.error(), message.error()
                    self.take(message)
                return self.count >= goal
            until(step, lambda: f"{goal} records; there are {self.count}", timeout, every=0)
            # Nothing comes behind them.
            for place in consumer.position(consumer.assignment()):
                _, high = consumer.get_watermark_offsets(place, timeout=10)
                assert place.offset == high
        finally:
            consumer.close()

    def take(self, message):
        headers = dict(message.headers())
        lsn, ordinal = self.POSITION.fullmatch(headers["outbox-position"]).groups()
        ordinal = int(ordinal)
        assert message.value() == b'{"n" : %d}' % ordinal, message.value()
        assert not self.seen[ordinal], f"event {ordinal} is there twice"
        self.seen[ordinal] = 1
        place = message.partition()
        assert self.last.get(place, -1) < ordinal, f"event {ordinal} is out of order in {place}"
        self.last[place] = ordinal
        self.commits.add(lsn)
        self.id_sum += int(headers["id"][-12:], 16)
        self.count += 1


@pytest.mark.slow
def test_a_transaction_of_very_many_events(make_scene, own, broker, record_property):
    """Each is there once and in order, and the relay's memory knows nothing of it."""
    scene = make_scene(own.cluster("source", {"max_wal_size": "2GB"}), None, broker)
    relay = scene.start_relay()
    scene.emit("other", "first")
    until(lambda: scene.broker.partitions(scene.topic("other")), "the relay publishes")
    before = relay.memory("VmHWM")
    began = time.monotonic()
    scene.sql("SELECT count(outbox.emit('bulk', (g %% 97)::text, 'T', json_build_object('n', g)))"
              " FROM generate_series(0, %s - 1) AS g", (EVENTS,))
    written = time.monotonic()
    until(lambda: relay.metric("outbox_relay_events_published_total") > EVENTS, "all are published",
          60 + EVENTS / 5000, every=0.1)
    until(lambda: relay.metric("outbox_relay_in_flight_events") == 0, "all are acknowledged", 120)
    ended = time.monotonic()
    peak = relay.memory("VmHWM")
    tally = Tally(broker, scene.topic("bulk"))
    tally.read(EVENTS, 60 + EVENTS / 5000)
    assert tally.count == EVENTS and len(tally.commits) == 1
    id_sum, = scene.sql("SELECT sum(('x' || right(id::text, 12))::bit(48)::int8) FROM outbox.event"
                        " WHERE aggregatetype = 'bulk'")[0]
    assert tally.id_sum == id_sum
    assert peak < 64 * MB
    assert scene.sql("SELECT sum(spill_txns) >= 1 FROM pg_stat_replication_slots"
                     " WHERE slot_name = %s", (scene.slot,)) == [(True,)] or EVENTS < 1000000
    text = (f"{EVENTS} events written in {written - began:.1f} s, published {ended - written:.1f} s later;"
            f" peak of the relay {peak / MB:.1f} MB ({before / MB:.1f} before)")
    record_property("large", text)
    print(text)


class Meter(threading.Thread):
    """How much is committed, second by second, and whether the slot moves between restarts."""

    def __init__(self, load):
        super().__init__(daemon=True)
        self.load = load
        self.rates = []
        self._end = threading.Event()

    def run(self):
        last = self.load.committed
        while not self._end.wait(1):
            now = self.load.committed
            self.rates.append(now - last)
            last = now

    def stop(self):
        self._end.set()
        self.join(5)


@pytest.mark.slow
@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_the_source_is_restarted_again_and_again(make_scene, own, broker, seed, record_property, delivery):
    """In order, at once, and with kill -9: nothing is lost, and each time the slot goes on."""
    server = own.cluster("source")
    scene = make_scene(server, None, broker)
    options = exactly(scene) if delivery == "exactly-once" else {}
    relay = scene.start_relay(**{"mark.interval": "200ms", "reconnect.max": "500ms", **options})
    ledger = scene.ledger()
    dice = random.Random(seed)
    ways = ["fast", "immediate", "kill"] * (RESTARTS // 3 + 1)
    stopped = []
    moved = []
    with Load(server, scene.database, seed, writers=4, keys=64, crowd=CROWD) as load:
        meter = Meter(load)
        meter.start()
        for way in ways[:RESTARTS]:
            load.wait_committed(dice.randint(200, 700), 120)
            mark = scene.slot_lsn()
            if way == "kill":
                server.kill()
            else:
                stopped.append((way, server.stop(way, timeout=60)))
            server.start()
            until(lambda: scene.slot_lsn() > mark, "the slot's confirmed position rises", 90)  # pylint: disable=cell-var-from-loop
            moved.append(scene.slot_lsn() - mark)
        load.wait_committed(200, 120)
        meter.stop()
    records = ledger.wait_in_topics(240)
    first = ledger.check_topics(records, load.rolled_back)
    ledger.check_source(load)
    assert not relay.problems()
    if delivery == "exactly-once":
        assert len(records) == len(first), f"{len(records) - len(first)} repetitions"
    peak = relay.memory("VmHWM")
    assert peak < 64 * MB
    busy = sorted(rate for rate in meter.rates if rate)
    text = (f"{delivery}: {RESTARTS} restarts, {len(first)} events, {len(records) - len(first)} repetitions;"
            f" peak of the relay {peak / MB:.1f} MB;"
            f" {len(first) / load.committed:.1f} events a transaction,"
            f" {busy[len(busy) // 2]} transactions/s (median of the seconds in which the server was there);"
            " stops took " + ", ".join(f"{way} {seconds:.2f} s" for way, seconds in stopped))
    record_property("restarts", text)
    print(text)
