"""outbox-consumer: handlers that name their topics by a regular expression."""
import re

import pytest

from harness.daemon import run_once
from harness.feed import Feed
from harness.scene import HANDLER
from harness.wait import until


@pytest.fixture
def stage(make_scene, target, broker):
    scene = make_scene(None, target, broker)
    scene.target_sql("CREATE TABLE second (LIKE applied INCLUDING ALL)")
    return scene


SECOND = HANDLER.replace("INTO applied", "INTO second")


def expression(stage, rest):
    """Of this stage's topics alone: others use the broker too."""
    return "^" + re.escape(stage.prefix).replace("\\_", "_") + rest


def check(stage, **options):
    return run_once(stage.consumer("check", command=("check",), **options))


def warnings(consumer):
    return [e for e in consumer.entries() if e.get("level") == "warning"]


def put_one(stage, topic, payload=b'"x"'):
    """One record into a topic that isn't the stage's by its name."""
    stage.broker.create_topic(topic, 1)
    feed = Feed(stage, create=False, partitions=1)
    feed.topic = topic
    feed.put(0, payload)
    feed.flush()


def test_topics_by_expression(stage):
    """Several handlers, names and expressions; topics that come, grow and go."""
    ride = Feed(stage, "ride.1", partitions=2)
    stage.handlers["rides"] = {"topic": expression(stage, r"\.ride\.[0-9]+$"), "sql": HANDLER}
    stage.handlers[ride.topic] = {
        # It sees what the handlers before it did.
        "sql": "INSERT INTO second (id, topic) SELECT id::text, 'after ' || (SELECT count(*) FROM applied AS a"
               " WHERE a.id = b.id::text AND a.topic = b.topic) FROM batch AS b"}
    stage.handlers["named"] = {"topic": stage.topic("named"), "sql": HANDLER}
    named = Feed(stage, "named", partitions=1)
    unread = Feed(stage, "ride.x", partitions=1)
    for feed in (ride, named, unread):
        feed.send(20)
    consumer = stage.consumer().start()
    ride.wait_applied()
    named.wait_applied()
    assert stage.target_sql("SELECT DISTINCT topic FROM second") == [("after 1",)]
    until(lambda: stage.target_sql("SELECT count(*) FROM second")[0][0] == 20, "both have it")

    # A topic that is new, from its first record on; the refresh of metadata is every 5 s.
    late = Feed(stage, "ride.22", partitions=3)
    late.send(30)
    late.wait_applied()
    consumer.wait_log(f'a topic matches a regular expression.*"{re.escape(late.topic)}".*"rides"')
    stage.broker.grow_topic(late.topic, 5)
    late.grown(5)
    late.send(50)
    late.wait_applied()
    # One that goes is forgotten; the others are read on.
    stage.broker.delete_topics([late.topic])
    until(lambda: consumer.metric("outbox_consumer_partitions") == 3, "its partitions are gone", 40)
    ride.send(20)
    ride.wait_applied()
    assert consumer.stop() == 0
    ride.send(20)
    consumer.start()
    ride.wait_applied()
    assert not consumer.problems()
    assert stage.target_sql("SELECT count(*) FROM applied WHERE topic = %s",
                            (unread.topic,)) == [(0,)]


def test_topics_that_no_expression_matches(stage):
    """Those of Kafka itself and of dead letters, whatever it says; and what check tells."""
    feed = Feed(stage, partitions=1)
    feed.send(5)
    hidden = [f"__{stage.prefix}", f"outbox.dead-letter.{stage.prefix}-others", f"{stage.prefix}.own-letters"]
    options = {"dead_letter.topic": "{group}.own-letters"}
    try:
        for topic in hidden:
            put_one(stage, topic)
        stage.handlers["all"] = {"topic": f"^.*{stage.prefix}", "sql": HANDLER}
        told = check(stage, **options)
        assert told.status == 0, told
        assert f'handler "all" reads topic "{feed.topic}": 1 partition\n' in told.output
        assert told.output.count("reads topic") == 1, told
        consumer = stage.consumer(**options).start()
        feed.wait_applied()
        # Found by the same refresh as those that are hidden: when it is here, they aren't to come.
        other = Feed(stage, "other", partitions=1)
        other.send(5)
        other.wait_applied()
        assert {row[1] for row in stage.applied()} == {feed.topic, other.topic}
        assert consumer.metric("outbox_consumer_partitions") == 2
        assert not consumer.problems() and not warnings(consumer)
    finally:
        stage.broker.delete_topics(hidden)


def test_what_check_says_of_topics(stage, exits):
    first, second = stage.topic("a1"), stage.topic("a2")
    stage.broker.create_topic(first, 1)
    stage.broker.create_topic(second, 3)
    stage.handlers["some"] = {"topic": expression(stage, r"\.a[12]$"), "sql": HANDLER}
    stage.handlers["one"] = {"topic": first, "sql": HANDLER}
    stage.handlers["none"] = {"topic": expression(stage, r"\.b"), "sql": HANDLER}
    stage.handlers["missing"] = {"topic": stage.topic("missing"), "sql": HANDLER}
    stage.handlers["misspelt"] = {"topic": stage.topic("a11"), "sql": HANDLER}
    told = check(stage)
    assert told.status == exits["EXIT_FINDINGS"] and "3 of 5 handlers have no topic to read" in told.output, told
    for line in (f'handler "some" reads topic "{first}": 1 partition\n',
                 f'handler "some" reads topic "{second}": 3 partitions\n',
                 f'handler "one" reads topic "{first}": 1 partition\n'):
        assert line in told.output, told
    assert told.output.count("reads topic") == 3
    assert re.search("no topic matches a handler's regular expression now.*none", told.output), told
    assert re.search("a handler's topic isn't there now.*missing", told.output), told
    assert re.search(f"misspelt.*Did you mean .*{re.escape(first)}", told.output), told
    assert told.output.count("Did you mean") == 1, told
    for name in ("none", "missing", "misspelt"):
        del stage.handlers[name]
    told = check(stage)
    assert told.status == 0 and told.output.count("reads topic") == 3, told

    # Handlers that disagree about a topic that is there.
    stage.handlers["some"]["dedupe"] = "id"
    stage.handlers["one"]["dedupe"] = "position"
    told = check(stage)
    assert told.status == exits["EXIT_CONFIG"] and f"{first}\\\"" in told.output, told
    # Nobody to ask.
    del stage.handlers["one"]
    told = check(stage, **{"kafka.bootstrap.servers": "127.0.0.1:1"})
    assert told.status == exits["EXIT_BUG"] and "could not ask Kafka" in told.output, told
    assert "kafka.bootstrap.servers" in told.output and "127.0.0.1:1" in told.output, told
    told = check(stage, **{"kafka.bootstrap.servers": None})
    assert told.status == 0 and "could not" not in told.output, told


def test_a_topic_that_handlers_disagree_about(stage, exits):
    """It comes while they run: what was read before is applied, and nothing of it."""
    feed = Feed(stage, "ab", partitions=1)
    stage.handlers["ids"] = {"topic": expression(stage, r"\.a"), "sql": HANDLER, "dedupe": "id"}
    stage.handlers["none"] = {"topic": expression(stage, r"\.[a-z]c$"), "sql": SECOND, "dedupe": "none"}
    feed.send(5)
    consumer = stage.consumer().start()
    feed.wait_applied()
    bad = Feed(stage, "ac", partitions=1)
    bad.send(1)
    assert consumer.wait_exit() == exits["EXIT_CONFIG"], consumer.log()
    problem, = consumer.problems()
    assert bad.topic in problem["msg"] and '"none"' in problem["msg"] and '"id"' in problem["msg"]
    feed.check()


def test_an_expression_without_a_topic_yet(stage):
    stage.handlers["some"] = {"topic": expression(stage, r"\.later"), "sql": HANDLER}
    consumer = stage.consumer().start()
    consumer.wait_log("No topic matches the regular expressions of the handlers yet")
    feed = Feed(stage, "later.1", partitions=1)
    feed.send(5)
    feed.wait_applied()
    assert not consumer.problems()


@pytest.mark.parametrize("topic, words", [
    ("^(", "invalid regular expression"),
    ("^(a)\\1", "back reference"),
    ("a.*", "invalid topic"),
])
def test_expressions_that_are_refused(stage, exits, topic, words):
    stage.handlers["bad"] = {"topic": topic, "sql": HANDLER}
    told = run_once(stage.consumer("config", command=("--check-config",)))
    assert told.status == exits["EXIT_CONFIG"] and words in told.output, told


def test_two_consumers_share_topics_of_an_expression(stage):
    stage.handlers["rides"] = {"topic": expression(stage, r"\.ride\."), "sql": HANDLER}
    feeds = [Feed(stage, f"ride.{n}", partitions=2) for n in range(3)]
    first = stage.consumer("first").start()
    second = stage.consumer("second").start()
    until(lambda: [c.metric("outbox_consumer_partitions") for c in (first, second)] == [3, 3],
          "each has half", 40)
    feeds.append(Feed(stage, "ride.late", partitions=2))
    for feed in feeds:
        feed.send(40)
    for feed in feeds:
        feed.wait_applied()
    until(lambda: sum(c.metric("outbox_consumer_partitions") for c in (first, second)) == 8,
          "both have all")
    assert not first.problems() and not second.problems()
