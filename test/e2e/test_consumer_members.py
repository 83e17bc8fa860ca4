"""outbox-consumer: members of a group: static ones, and how many of them share partitions."""
import pytest

from harness.feed import Feed
from harness.wait import until


@pytest.fixture
def stage(make_scene, target, broker):
    scene = make_scene(None, target, broker)
    scene.apply_all("t")
    return scene


def partitions(consumer):
    return consumer.metric("outbox_consumer_partitions")


def moved(consumer, what):
    """Numbers of partitions, one for each time that some were "assigned" or "revoked"."""
    return [int(e["partitions"]) for e in consumer.entries() if e.get("msg") == f"partitions were {what}"]


def static(stage, name, instance=None):
    return stage.consumer(name, **{"consumer.instance_id": instance or name, "kafka.session.timeout.ms": "120000",
                                   "kafka.heartbeat.interval.ms": "500"})


def test_a_static_member_comes_back(stage):
    """The other one notices nothing, and nothing is read twice."""
    feed = Feed(stage, partitions=4)
    first, second = static(stage, "first").start(), static(stage, "second").start()
    until(lambda: (partitions(first), partitions(second)) == (2, 2), "each has half", 40)
    feed.start()
    feed.wait_sent(200)
    noticed = moved(second, "assigned") + moved(second, "revoked")
    for end in (first.stop, first.kill):
        end()
        feed.wait_sent(200)
        first.start()
        until(lambda: partitions(first) == 2, "it has its own back")
        feed.wait_sent(200)
    feed.stop()
    feed.wait_applied()
    assert moved(second, "assigned") + moved(second, "revoked") == noticed
    assert first.metric("outbox_consumer_duplicate_events_total") == 0
    assert not first.problems() and not second.problems()


def test_two_of_one_name(stage, exits):
    """The one that was there is fenced, and says so; the other goes on from there."""
    feed = Feed(stage, partitions=2)
    first = static(stage, "first", "same").start()
    feed.start()
    feed.wait_sent(200)
    second = static(stage, "second", "same").start(ready=False)
    assert first.wait_exit() == exits["EXIT_FENCED"], first.log()
    problem, = first.problems()
    assert "the same \"consumer.instance_id\"" in problem["msg"] and "of its own" in problem["hint"]
    second.wait_ready()
    feed.wait_sent(200)
    feed.stop()
    feed.wait_applied()
    assert partitions(second) == 2 and not second.problems()


def test_three_come_and_two_go_at_once(stage):
    """Under load: of what a member has it gives only what others get, and never more."""
    feed = Feed(stage, partitions=8)
    first = stage.consumer("first").start()
    until(lambda: partitions(first) == 8, "one has all")
    feed.start()
    others = [stage.consumer(f"other{n}").start(ready=False) for n in range(3)]
    for consumer in others:
        consumer.wait_ready(60)
    members = [first, *others]
    until(lambda: [partitions(c) for c in members] == [2, 2, 2, 2], "each has two", 60)
    assert sum(moved(first, "revoked")) == 6 and sum(moved(first, "assigned")) == 8
    feed.wait_sent(300)
    given = [sum(moved(c, "revoked")) for c in members[:2]]
    for consumer in others[1:]:
        consumer.signal(15)
    for consumer in others[1:]:
        assert consumer.wait_exit() == 0
    until(lambda: [partitions(c) for c in members[:2]] == [4, 4], "each has four", 60)
    # What stays keeps what it has while others go.
    assert [sum(moved(c, "revoked")) for c in members[:2]] == given
    feed.wait_sent(300)
    feed.stop()
    feed.wait_applied(90)
    assert not first.problems() and not others[0].problems()
