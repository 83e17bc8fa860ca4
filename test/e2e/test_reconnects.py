"""Connections that end under load, and a relay that wakes up after another took its slot."""
import signal
import threading

import psycopg
import pytest

from harness.wait import until

QUICK = {"mark.interval": "50ms", "reconnect.min": "10ms", "reconnect.max": "50ms"}


class Watch(threading.Thread):
    """Looks all the time whether the slot is ahead of the mark: it never may be."""

    def __init__(self, scene):
        super().__init__(daemon=True)
        self.scene = scene
        self.looks = 0
        self.ahead = []
        self._end = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self.join(30)

    def run(self):
        while not self._end.is_set():
            try:
                with self.scene.source.connect(self.scene.database) as connection:
                    while not self._end.wait(0.005):
                        self._look(connection)
            except psycopg.OperationalError:
                self._end.wait(0.05)

    def _look(self, connection):
        # The slot first: the mark can only rise meanwhile.
        slot, = connection.execute("SELECT confirmed_flush_lsn - '0/0'::pg_lsn FROM pg_replication_slots"
                                   " WHERE slot_name = %s", (self.scene.slot,)).fetchone()
        mark, = connection.execute("SELECT mark_lsn - '0/0'::pg_lsn FROM outbox.relay"
                                   " WHERE slot_name = %s", (self.scene.slot,)).fetchone()
        self.looks += 1
        if slot > mark:
            self.ahead.append((slot, mark))


def emit_many(scene, count):
    scene.sql("SELECT count(outbox.emit('load', 'b' || (g %% 40), 'T', json_build_object('n', g, 'x',"
              " repeat('x', 200)))) FROM generate_series(1, %s) g", (count,))


def terminate(scene, backend_type):
    """The relay's connections of that type, if it has one now."""
    return scene.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                     " AND application_name LIKE 'outbox-relay%%' AND backend_type = %s",
                     (scene.database, backend_type))


@pytest.mark.slow
def test_connections_that_end_again_and_again(scene, seed):
    """In the middle of large transactions, and of marks whose outcome nobody learns."""
    relay = scene.start_relay(**QUICK)
    ledger = scene.ledger()
    with Watch(scene) as watch, scene.load(seed) as load:
        for number in range(40):
            if number % 8 == 0:
                emit_many(scene, 3000)
            kind = "client backend" if number % 3 == 0 else "walsender"
            until(lambda: terminate(scene, kind), f"the relay has a {kind}")  # pylint: disable=cell-var-from-loop
            load.wait_committed(1 + number % 3)
    records = ledger.wait_in_topics()
    first = ledger.check_topics(records, load.rolled_back)
    assert watch.looks >= 100 and relay.metric("outbox_relay_sessions_total") > 1
    assert not watch.ahead, watch.ahead[:3]
    assert len(first) == len(records), "the producer lives on: nothing has to be sent twice"
    assert not relay.problems()


@pytest.mark.slow
def test_a_relay_that_wakes_up_after_another_took_its_slot(make_scene, own, broker, seed):
    """What it still has for Kafka is a repetition, and its positions say so."""
    scene = make_scene(own.cluster("source", {"wal_sender_timeout": "2s"}), None, broker)
    relays = [scene.start_relay(**QUICK), scene.relay("second", **QUICK).start()]
    ledger = scene.ledger()

    def streaming(among):
        found = [r for r in among if r.metric("outbox_relay_streaming")]
        return found[0] if found else None
    with Watch(scene) as watch, scene.load(seed) as load:
        for _ in range(2):
            emit_many(scene, 10000)
            active = until(lambda: streaming(relays), "one of them streams")
            active.signal(signal.SIGSTOP)
            until(lambda: streaming([r for r in relays if r is not active]), "the other takes over", 60)
            load.wait_committed(30)
            active.signal(signal.SIGCONT)
            load.wait_committed(30)
    until(lambda: all(r.is_ready() and r.metric("outbox_relay_in_flight_events") == 0
                      for r in relays), "both are at rest")
    ledger.wait_in_topics()
    ledger.check_topics(broker.read(scene.topic("load")), load.rolled_back)
    assert not watch.ahead, watch.ahead[:3]
    assert not relays[0].problems() and not relays[1].problems()
