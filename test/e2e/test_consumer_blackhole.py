"""outbox-consumer: a target whose packets vanish, connections left open, in every phase."""
import os
import re
import subprocess
import time

import pytest

from harness.feed import Feed
from harness.paths import BIN
from harness.proxy import Proxy
from harness.scene import HANDLER
from harness.wait import until

FAST = {"breaker.reset": "300ms", "reconnect.max": "200ms", "target.connect_timeout": "1s",
        "target.probe_interval": "300ms", "batch.statement_timeout": "1s", "batch.timeout": "1500ms"}
# Nothing is given up but what the test means, also where all is slow.
UNHURRIED = {**FAST, "batch.statement_timeout": "4s", "batch.timeout": "5s"}
# Waits while somebody holds the lock.
GATED = HANDLER.replace("FROM batch", "FROM (SELECT FROM pg_advisory_xact_lock_shared(42)) AS gate, batch")


@pytest.fixture
def stage(make_scene, target, broker):
    scene = make_scene(None, target, broker)
    scene.apply_all("t")
    return scene


@pytest.fixture
def proxy(target):
    proxy = Proxy(target.port)
    yield proxy
    proxy.close()


def start(stage, proxy, ready=True, settings=None):
    settings = FAST if settings is None else settings
    return stage.consumer(**settings, **{"target.conninfo": proxy.conninfo(stage.database)}).start(ready)


def begin(stage, proxy, settings=None):
    """A consumer that has applied something, and its feed."""
    feed = Feed(stage)
    feed.send(30)
    consumer = start(stage, proxy, settings=settings)
    feed.wait_applied()
    return consumer, feed


def give_up(consumer):
    """Of the session in the middle of a batch.  Which of its connections says so is open, and after another message about
    the target it is silent for a while."""
    until(lambda: consumer.metrics()['outbox_consumer_retries_total{class="infrastructure"}'] > 0, "the batch is given up")


def close(consumer, feed, proxy):
    """The ledger, once packets come through again, and with more events."""
    proxy.heal()
    feed.send(30)
    feed.wait_applied()
    consumer.wait_ready()
    assert not consumer.problems()


def test_while_it_connects(stage, proxy):
    proxy.vanish()
    feed = Feed(stage)
    feed.send(30)
    consumer = start(stage, proxy, ready=False)
    consumer.wait_log("could not connect to the target: no answer for")
    close(consumer, feed, proxy)


def test_at_rest(stage, proxy):
    consumer, feed = begin(stage, proxy, UNHURRIED)
    proxy.vanish()
    consumer.wait_log("could not probe the target: no answer for")
    until(lambda: consumer.metric("outbox_consumer_target_connected") == 0, "the session is given up")
    consumer.wait_not_ready()
    close(consumer, feed, proxy)


@pytest.mark.parametrize("finishes", [True, False])
def test_in_the_middle_of_a_statement(stage, proxy, finishes):
    """It comes to an end on the server, with the COMMIT that follows, or the server gives it up."""
    stage.handlers[stage.topic("t")]["sql"] = GATED
    consumer, feed = begin(stage, proxy, UNHURRIED)
    with stage.target.connect(stage.database) as gate:
        gate.execute("SELECT pg_advisory_lock(42)")
        feed.send(30)
        until(lambda: stage.target_sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory'"
                                       " AND datname = current_database()"), "the handler waits")
        proxy.vanish()
        if finishes:
            gate.execute("SELECT pg_advisory_unlock(42)")
        give_up(consumer)
        # The consumer may be the first to lose its patience.
        until(lambda: not stage.target_sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory'"
                                           " AND datname = current_database()"), "the server has done with it", 60)
    close(consumer, feed, proxy)
    # Of each partition whose records waited; those of another connection may not have come yet.
    assert consumer.metric("outbox_consumer_unknown_commits_total") in ((1, 2, 3) if finishes else (0,))


@pytest.mark.parametrize("arrives", [True, False])
def test_at_commit(stage, proxy, arrives):
    """What doesn't arrive in time does later, when the batch was applied by another session."""
    consumer, feed = begin(stage, proxy, UNHURRIED)
    (proxy.mute if arrives else proxy.vanish)(at=b"COMMIT")
    feed.send(3)
    until(proxy.sprung.is_set, "a COMMIT comes by")
    give_up(consumer)
    close(consumer, feed, proxy)
    if arrives:
        assert consumer.metric("outbox_consumer_unknown_commits_total") >= 1


def seconds(name):
    printed = subprocess.run([os.path.join(BIN, "outbox-consumer"), "--print-markdown"], check=True,
                             capture_output=True, text=True).stdout
    value, unit = re.search(rf"(?m)^\| `{name}` \|[^|]*\| `(\d+)(ms|s)` \|", printed).groups()
    return int(value) / (1000 if unit == "ms" else 1)


def test_the_defaults_notice_it_within_ten_seconds(stage, proxy):
    # A round of the loop may come half a second late.
    assert seconds("batch.timeout") + 0.5 <= 10
    assert seconds("target.connect_timeout") + 0.5 <= 10
    assert seconds("target.probe_interval") + seconds("target.connect_timeout") + 0.5 <= 10
    consumer, feed = begin(stage, proxy, {"breaker.reset": "300ms"})
    proxy.vanish(at=b"COMMIT")
    feed.send(3)
    until(proxy.sprung.is_set, "a COMMIT comes by")
    began = time.monotonic()
    until(lambda: consumer.metric("outbox_consumer_target_connected") == 0, "the session is given up")
    print(f"noticed after {time.monotonic() - began:.1f} s")
    close(consumer, feed, proxy)
