"""The wall clock is set back under a daemon (test/chaos/stepped.c does it): nobody waits for the time to come again."""
import time

import pytest

from clock import HOUR, Clock
from harness.feed import Feed
from harness.wait import stays, until

SESSION = 6         # seconds


def members(broker, group):
    """Who is in a group that is at rest; else nobody."""
    found, = broker.admin().list_groups(group, timeout=20)
    return sorted(member.id for member in found.members) if found.state == "Stable" else []


@pytest.fixture
def clocked():
    """clocked(daemon): its clock, which is an hour ahead, and the daemon runs."""
    def start(daemon, directory):
        clock = Clock(daemon, directory)
        clock.step(HOUR)
        daemon.start()
        return clock
    return start


def test_a_consumer_stays_in_its_group(make_scene, target, broker, clocked):
    scene = make_scene(None, target, broker)
    scene.apply_all("t")
    feed = Feed(scene)
    feed.send(30)
    consumer = scene.consumer(**{"kafka.session.timeout.ms": SESSION * 1000, "kafka.heartbeat.interval.ms": "500"})
    clock = clocked(consumer, scene.base)
    feed.wait_applied()
    before = until(lambda: members(broker, scene.prefix), "the group is at rest")
    told = clock.told()
    assert len(before) == 1 and told > 0
    clock.step(0)
    began = time.monotonic()
    stays(lambda: members(broker, scene.prefix) == before, lambda: time.monotonic() - began > 2 * SESSION, "its membership",
          every=0.5)
    feed.send(30)
    feed.wait_applied()
    assert consumer.running() and not consumer.problems()


@pytest.mark.parametrize("mode", ({}, {"delivery": "exactly-once"}), ids=("at-least-once", "exactly-once"))
def test_a_relay_finds_its_broker_again(make_scene, source, own_broker, clocked, mode):
    """Whose threads wait for the time of the next try."""
    scene = make_scene(source, None, own_broker)
    if mode:
        mode = {**mode, "transaction.position.topic": scene.prefix + ".position"}
    scene.initialize(**mode)
    relay = scene.relay(**mode)
    clock = clocked(relay, scene.base)
    ledger = scene.ledger()
    scene.emit("t", "before")
    ledger.wait_in_topics()
    own_broker.kill()
    relay.wait_log("(?i)brokers are down|connection refused")
    clock.step(0)
    own_broker.restart()
    scene.emit("t", "after")
    ledger.check_topics(ledger.wait_in_topics(30))
    assert clock.told() > 0 and relay.running() and not relay.problems()
