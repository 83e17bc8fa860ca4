"""The wall clock is set back or ahead under a daemon (test/chaos/stepped.c does it): nobody waits for a time to come again, and none is out."""
import re
import time

import pytest

from clock import HOUR, Clock
from harness.feed import Feed
from harness.wait import stays, until

SESSION = 6         # seconds
MODES = pytest.mark.parametrize("mode", ("at-least-once", "exactly-once"))


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


def options_of(mode, scene):
    return {"delivery": mode, "transaction.position.topic": scene.prefix + ".position"} if mode == "exactly-once" else {}


@MODES
def test_a_relay_finds_its_broker_again(make_scene, source, own_broker, clocked, mode):
    """Whose threads wait for the time of the next try."""
    scene = make_scene(source, None, own_broker)
    mode = options_of(mode, scene)
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
    ledger.check_topics(ledger.wait_in_topics())
    assert clock.told() > 0 and relay.running() and not relay.problems()


@MODES
def test_a_step_ahead_ends_nothing(make_scene, source, target, broker, mode):
    """In the middle of work, by more than any time-out: what is on its way arrives, once, and nobody's session is over."""
    scene = make_scene(source, target, broker)
    scene.apply_all("load")
    options = options_of(mode, scene)
    scene.initialize(**options)
    ledger = scene.ledger()
    relay = scene.relay(**options)
    consumer = scene.consumer(**{"kafka.session.timeout.ms": SESSION * 1000, "kafka.heartbeat.interval.ms": "500"})
    daemons = (relay, consumer)
    clocks = [Clock(daemon, scene.base) for daemon in daemons]
    relay.start()
    with scene.load(1) as load:
        until(lambda: broker.partitions(scene.topic("load")), "the topic is there")
        consumer.start()
        until(lambda: len(scene.applied()) > 0, "some are applied")
        before = until(lambda: members(broker, scene.prefix), "the group is at rest")
        for hours in (1, 48):
            for clock in clocks:
                clock.step(hours * HOUR)
            began, applied = time.monotonic(), len(scene.applied())
            load.wait_committed(50)
            until(lambda seen=applied: len(scene.applied()) > seen + 50, "they go on")
            stays(lambda: members(broker, scene.prefix) == before, lambda since=began: time.monotonic() - since > 1.5 * SESSION,
                  "its membership", every=0.5)
    records = ledger.wait_in_topics()
    ledger.check_topics(records, load.rolled_back)
    ledger.wait_in_target()
    ledger.check_target(records)
    assert len(records) == len(ledger.events), "without a fault nothing is there twice"
    for daemon, clock in zip(daemons, clocks):
        assert clock.told() > 0 and daemon.running() and not daemon.problems()
        assert not re.search("(?i)timed out|time-out|timeout", daemon.log()), daemon.log()
        assert daemon.stop() == 0
