"""outbox-consumer over two brokers: leaders of partitions and the group's coordinator move."""
import os
import re

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import NewTopic

from harness.feed import Feed
from harness.kafka import Broker
from harness.wait import until

# Leaders go back to where they were, too.
TWICE = ("default.replication.factor=2\noffsets.topic.replication.factor=2\n"
         "leader.imbalance.check.interval.seconds=1\nleader.imbalance.per.broker.percentage=0\n")
AT_REST = [(2, 2), (2, 2), (1, 2)]


def read(*path):
    with open(os.path.join(*path), encoding="ascii") as file:
        return file.read()


@pytest.fixture
def pair(own, base, reap):
    """The first one is the controller, too; the second one may go."""
    def properties(name, text):
        path = os.path.join(own.base, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path
    first = Broker(own.base, "first", reap, {"KAFKA_PROPERTIES": properties("first.properties", TWICE)})
    own.made.append((first, first.kill))
    voters = re.search(r"^controller\.quorum\.voters=.*$", read(first.base, "server.properties"), re.M).group(0)
    second = Broker(own.base, "second", reap, {
        "KAFKA_CLUSTER_ID": re.search(r"^cluster\.id=(.*)$",
                                      read(first.base, "data", "meta.properties"), re.M).group(1).strip(),
        "KAFKA_PROPERTIES": properties("second.properties", TWICE + voters + "\nprocess.roles=broker\nnode.id=2\n"
                                       "listeners=PLAINTEXT://127.0.0.1:@PORT@\n")})
    own.made.append((second, second.kill))
    first.servers = f"{first.servers},{second.servers}"
    return first, second


def leaders(broker, topic):
    """Of each partition, and how many replicas are in sync; nothing while the broker that is asked is away."""
    try:
        found = broker.admin().list_topics(topic, timeout=10).topics[topic].partitions
    except KafkaException:
        return []
    return [(found[n].leader, len(found[n].isrs)) for n in sorted(found)]


@pytest.mark.slow
def test_leaders_move(make_scene, target, pair):
    """Under load, away from a broker that is killed, or stops in order, and is there again."""
    first, second = pair
    scene = make_scene(None, target, first)
    scene.apply_all("t")
    feed = Feed(scene, create=False)
    first.admin().create_topics([NewTopic(feed.topic, 3, replica_assignment=[[2, 1], [2, 1], [1, 2]])])[
        feed.topic].result(20)
    until(lambda: leaders(first, feed.topic) == AT_REST, "the topic is there", 40)
    consumers = [scene.consumer(f"c{n}").start() for n in range(2)]
    until(lambda: sorted(c.metric("outbox_consumer_partitions") for c in consumers) == [1, 2], "both read", 40)
    feed.start()
    for go in (second.kill, second.stop):
        feed.wait_sent(300)
        go()
        until(lambda: [leader for leader, _ in leaders(first, feed.topic)] == [1, 1, 1], "leaders have moved", 40)
        feed.wait_sent(300)
        second.restart()
        until(lambda: leaders(first, feed.topic) == AT_REST, lambda: f"leaders are back: {leaders(first, feed.topic)}", 60)
    feed.wait_sent(300)
    feed.stop()
    feed.wait_applied(90)
    for consumer in consumers:
        consumer.wait_ready()
        assert not consumer.problems()
