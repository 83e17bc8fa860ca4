"""Relays that stand by on one slot: who takes over when the active one is killed, and how soon."""
import datetime
import signal
import statistics
import time

import pytest

from harness.wait import until

QUICK = {"mark.interval": "200ms", "reconnect.min": "10ms", "reconnect.max": "100ms"}


def streaming(relays):
    """The one that streams; None while nobody does."""
    found = [r for r in relays if r.is_ready() and r.metric("outbox_relay_streaming")]
    return found[0] if found else None


def at(relay, message):
    """When it logged that last, in seconds since 1970."""
    times = [e["ts"] for e in relay.entries() if e.get("msg") == message]
    assert times, f"{relay.name} didn't say \"{message}\""
    return datetime.datetime.fromisoformat(times[-1].replace("Z", "+00:00")).timestamp()


def looks(scene, count):
    """When a standby asked about the slot, so many times in a row."""
    seen = []
    with scene.source.connect(scene.database) as connection:
        def step():
            rows = connection.execute(
                "SELECT extract(epoch FROM query_start)::float8 FROM pg_stat_activity WHERE datname = %s"
                " AND application_name LIKE 'outbox-relay%%' AND query LIKE 'SELECT active_pid FROM%%'",
                (scene.database,)).fetchall()
            if rows and (not seen or rows[0][0] > seen[-1]):
                seen.append(rows[0][0])
            return len(seen) >= count
        until(step, "a standby looks at the slot", 60, every=0.005)
    return seen


def test_a_standby_looks_often_and_cheaply(scene):
    """At most half a second between two looks: the best of many, as the machine may be busy."""
    first = scene.start_relay(**QUICK)
    second = scene.relay("second", **QUICK).start()
    second.wait_log("standing by")
    times = looks(scene, 12)
    between = [b - a for a, b in zip(times, times[1:])]
    print(f"looks every {statistics.median(between) * 1000:.0f} ms")
    assert min(between) < 0.5
    # It is ready all the while, and has no replication connection of its own.
    assert second.is_ready() and not second.problems()
    assert scene.sql("SELECT count(*) FROM pg_stat_replication WHERE pid IN (SELECT active_pid"
                     " FROM pg_replication_slots WHERE slot_name = %s)", (scene.slot,)) == [(1,)]
    assert first.stop() == 0
    second.wait_log("the slot is free, taking over")
    until(lambda: streaming([second]), "the standby streams")


@pytest.mark.slow
def test_killed_in_turn_under_load(scene, seed, record_property):
    """Three relays on one slot: nothing is lost, first occurrences are in order."""
    scene.initialize(**QUICK)
    ledger = scene.ledger()
    relays = [scene.relay(name, **QUICK).start() for name in ("one", "two", "three")]
    took = []
    with scene.load(seed) as load:
        for _ in range(6):
            load.wait_committed(60)
            active = until(lambda: streaming(relays), "one of them streams")
            others = [r for r in relays if r is not active]
            until(lambda: all(r.is_ready() for r in others), "the others stand by")
            killed = time.time()
            active.kill()
            heir = until(lambda: streaming(others), "another one takes over")  # pylint: disable=cell-var-from-loop
            took.append((at(heir, "streaming") - killed,
                         at(heir, "the slot is free, taking over") - killed))
            active.start(ready=False)
        load.wait_committed(60)
    records = ledger.wait_in_topics()
    ledger.check_topics(records, load.rolled_back)
    for relay in relays:
        assert not relay.problems(), relay.problems()
    text = "from kill -9 to the next one's stream: " + ", ".join(
        f"{whole * 1000:.0f} ms (of them {free * 1000:.0f} until it knew)" for whole, free in took)
    record_property("take_over", text)
    print(text)


def test_a_standby_sees_a_slot_that_is_taken_away(scene, exits):
    """It doesn't wait for ever for a slot that is gone."""
    relay = scene.start_relay(**QUICK)
    second = scene.relay("second", **QUICK).start()
    second.wait_log("standing by")
    # It sleeps while the slot is dropped.
    second.signal(signal.SIGSTOP)
    relay.kill()
    scene.wait_slot_free()
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
    second.signal(signal.SIGCONT)
    assert second.wait_exit() == exits["EXIT_GAP"], second.log()
    assert len(second.problems()) == 1
