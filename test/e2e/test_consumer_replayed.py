"""outbox-consumer and events that are sent again on purpose: each is applied once."""
import re

import pytest

from harness.daemon import run_once
from harness.poison import QUICK as RELAY_QUICK
from harness.wait import until

QUICK = {"heartbeat.interval": "100ms"}


def command(scene, *arguments):
    return run_once(scene.relay(f"{arguments[0]}-{len(scene.daemons)}", command=arguments, **QUICK), 120)


def replayed(scene, *arguments):
    done = command(scene, "replay", *arguments)
    assert done.status == 0, done
    return int(re.search(r"(?m)^acknowledged: (\d+)", done.output).group(1))


def applied_ids(scene):
    return sorted(str(row[0]) for row in scene.target_sql("SELECT id FROM applied"))


def wait_applied(scene, ids):
    until(lambda: len(applied_ids(scene)) >= len(ids), lambda: f"{len(ids)} are applied: {len(applied_ids(scene))}", 60)
    assert applied_ids(scene) == sorted(ids)


def wait_read(scene, consumer):
    """The consumer has come to the end of what is in the topic, which may still grow."""
    topic = scene.topic("t")
    until(lambda: scene.target_sql("SELECT sum(next_offset)::int FROM outbox_inbox.progress WHERE topic = %s", (topic,))
          == [(scene.broker.count(topic),)], "all records are dealt with")
    assert consumer.running() and not consumer.problems()


@pytest.mark.parametrize("dedupe", ["position", "id"])
def test_what_is_replayed_twice_was_applied_once(scene, dedupe):
    scene.apply_all("t")
    scene.handlers[scene.topic("t")]["dedupe"] = dedupe
    scene.start_relay(**QUICK)
    consumer = scene.consumer().start()
    ids = [scene.emit("t", f"k{n % 3}") for n in range(20)]
    wait_applied(scene, ids)
    scene.wait_known()
    for _ in range(2):
        assert replayed(scene, "--since=2001-01-01") == 20
        ids.append(scene.emit("t", "k"))
        wait_read(scene, consumer)
        wait_applied(scene, ids)
        scene.wait_known()
        scene.sql("DELETE FROM outbox.event WHERE id = %s", (ids[-1],))
    until(lambda: consumer.metric("outbox_consumer_duplicate_events_total") == 40, "it has counted them")
    # A consumer of another group reads it all from the beginning.
    assert consumer.stop() == 0
    scene.target_sql("TRUNCATE applied")
    other = scene.consumer("other", **{"consumer.group": f"{scene.prefix}_other"}).start()
    wait_applied(scene, ids)
    until(lambda: other.metric("outbox_consumer_duplicate_events_total") == 40, "the others were dropped")


def test_a_gap_is_replayed_while_it_is_read(scene):
    """Each once: what was lost, what wasn't, and what is written meanwhile."""
    scene.apply_all("t")
    relay = scene.start_relay(**QUICK)
    ids = [scene.emit("t", f"k{n}") for n in range(10)]
    scene.wait_known()
    consumer = scene.consumer().start()
    wait_applied(scene, ids)
    scene.stop_relay(relay)
    ids += [scene.emit("t", f"k{n}") for n in range(30)]
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
    scene.initialize("--accept-gap")
    relay.start()
    ids += [scene.emit("t", f"k{n}") for n in range(10)]
    scene.wait_known()
    assert replayed(scene, "--gap") == 30
    ids += [scene.emit("t", f"k{n}") for n in range(10)]
    wait_applied(scene, ids)
    scene.wait_known()
    # All of them once more.
    assert replayed(scene, "--since=2001-01-01") == len(ids)
    wait_read(scene, consumer)
    wait_applied(scene, ids)


def test_a_redriven_event_is_applied_once(scene):
    scene.apply_all("t")
    relay = scene.start_relay(**RELAY_QUICK, **{"poison.policy": "dead-letter", "kafka.message.max.bytes": "5000"})
    first = scene.emit("t", "k")
    bad = scene.emit("t", "k", '"' + "x" * 20000 + '"')
    last = scene.emit("t", "k")
    consumer = scene.consumer().start()
    wait_applied(scene, [first, last])
    assert relay.stop() == 0
    relay.options["kafka.message.max.bytes"] = "1000000"
    relay.start()
    assert scene.sql("SELECT outbox.redrive(slot => %s)", (scene.slot,)) == [(1,)]
    wait_applied(scene, [first, bad, last])
    # Redriven a second time, as after a restore of the table.
    scene.sql("UPDATE outbox.dead_letter SET redriven_at = NULL")
    assert scene.sql("SELECT outbox.redrive(slot => %s)", (scene.slot,)) == [(1,)]
    after = scene.emit("t", "k")
    wait_applied(scene, [first, bad, last, after])
    wait_read(scene, consumer)
    until(lambda: consumer.metric("outbox_consumer_duplicate_events_total") == 1, "it has counted it")
