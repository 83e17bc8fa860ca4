"""outbox-consumer: topics that are deleted and made again under it.

librdkafka 2.4 to 2.9 loses such topics (consumer/renewal.h); what is asked here is the same with all versions.
"""
import re

import pytest

from harness.feed import Feed
from harness.wait import until

# A second's worth of records takes two looks at the topics.  The session is the shortest that brokers allow.
LOOKS = {"kafka.topic.metadata.refresh.interval.ms": "500", "kafka.session.timeout.ms": "6000"}
RATE = 100


@pytest.fixture
def stage(make_scene, target, broker):
    scene = make_scene(None, target, broker)
    scene.apply_all("t", "u")
    return scene


def delete(feed):
    feed.scene.broker.delete_topics([feed.topic])
    until(lambda: feed.scene.broker.partitions(feed.topic) == 0, "the topic is gone")


def partitions(*consumers):
    return sum(consumer.metric("outbox_consumer_partitions") for consumer in consumers)


def forgets(consumer):
    """Whether its librdkafka loses topics."""
    labels = next(name for name in consumer.metrics() if name.startswith("outbox_consumer_build_info"))
    version = tuple(map(int, re.search(r'librdkafka="(\d+)\.(\d+)', labels).groups()))
    return (2, 4) <= version < (2, 10)


def renewals(*consumers):
    return sum(consumer.metric("outbox_consumer_renewals_total") for consumer in consumers)


def test_a_topic_made_again_is_read_on(stage):
    """By a group of two, one of which leads it; before anything of it was applied, for else they stop."""
    feed = Feed(stage, partitions=3)
    other = Feed(stage, "u", partitions=2)
    other.send(20)
    consumers = [stage.consumer(name, **LOOKS).start() for name in ("first", "second")]
    other.wait_applied()
    until(lambda: partitions(*consumers) == 5, "all is read")
    # At once: where somebody looks in between and misses it, nothing happens to it.
    stage.broker.delete_topics([feed.topic])
    stage.broker.create_topic(feed.topic, 3)
    feed.start(RATE)
    feed.wait_sent(4 * RATE)
    feed.stop()
    feed.wait_applied(60)
    until(lambda: partitions(*consumers) == 5, "all is read still")
    other.send(20)
    other.wait_applied()
    assert forgets(consumers[0]) or renewals(*consumers) == 0
    assert not any(consumer.problems() for consumer in consumers)
    assert [consumer.stop() for consumer in consumers] == [0, 0]


def test_a_topic_that_comes_back_later_stops_it(stage, exits):
    """Part of it was applied: none of the new records is."""
    feed = Feed(stage, partitions=3)
    other = Feed(stage, "u", partitions=2)
    feed.send(30)
    consumer = stage.consumer(**LOOKS).start()
    feed.wait_applied()
    until(lambda: partitions(consumer) == 5, "all is read")
    delete(feed)
    until(lambda: partitions(consumer) == 2 and (renewals(consumer) == 1 or not forgets(consumer)),
          "the rest is read, by a new client where that has to be")
    other.send(20)
    other.wait_applied()
    stage.broker.create_topic(feed.topic, 3)
    assert consumer.wait_exit() == exits["EXIT_OFFSETS"], consumer.log()
    problem, = consumer.problems()
    assert feed.topic in problem["msg"]
