"""outbox-consumer: what Kafka does to offsets and records, while it runs and while it doesn't."""
import struct
import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from harness.feed import Feed
from harness.kafka import string
from harness.wait import until

MINUTE = 60 * 1000


@pytest.fixture
def stage(make_scene, target, broker):
    scene = make_scene(None, target, broker)
    scene.apply_all("t", payload="text")
    return scene


def lag(consumer):
    return sum(v for k, v in consumer.metrics().items() if k.startswith("outbox_consumer_lag_records"))


def forget_group(stage):
    """All that Kafka knows of the group, which has no member."""
    def forgotten():
        answer = stage.broker._ask(42, struct.pack(">i", 1) + string(stage.prefix), version=0)
        return struct.unpack(">h", answer[-2:])[0] in (0, 69)     # 69: there is no such group
    until(forgotten, "the group is deleted")


def store_in_kafka(stage, topic, offset):
    """As a tool that resets offsets; the group has no member."""
    tool = Consumer({"bootstrap.servers": stage.broker.servers, "group.id": stage.prefix})
    until(lambda: tool.commit(offsets=[TopicPartition(topic, 0, offset)], asynchronous=False),
          "the offset is stored")
    tool.close()


def set_progress(stage, next_offset, last_offset="NULL"):
    stage.target_sql(f"UPDATE outbox_inbox.progress SET next_offset = %s, last_offset = {last_offset}"
                     " WHERE group_name = %s", (next_offset, stage.prefix))


# -- offsets ----------------------------------------------------------------

def test_offsets_in_kafka_do_not_count(stage):
    """Deleted, behind, ahead: the target's win."""
    feed = Feed(stage, partitions=1)
    consumer = stage.consumer()
    for change in (lambda: None, lambda: forget_group(stage), lambda: store_in_kafka(stage, feed.topic, 0),
                   lambda: store_in_kafka(stage, feed.topic, feed.total)):
        feed.send(20)
        change()
        consumer.start()
        feed.wait_applied()
        assert consumer.metric("outbox_consumer_duplicate_events_total") == 0
        assert not consumer.problems()
        assert consumer.stop() == 0


def test_offsets_in_the_target_behind_and_ahead(stage, exits):
    feed = Feed(stage, partitions=1)
    consumer = stage.consumer().start()
    feed.send(20)
    feed.wait_applied()
    assert consumer.stop() == 0
    # Behind: what has a position is known by it.
    set_progress(stage, 5)
    feed.send(5)
    consumer.start()
    feed.wait_applied()
    # It counts when the server has answered its COMMIT.
    until(lambda: consumer.metric("outbox_consumer_duplicate_events_total") >= 15, "they are counted")
    assert consumer.metric("outbox_consumer_duplicate_events_total") == 15
    # While it runs: it reads on from there once, and what it had is known.
    set_progress(stage, 10)
    feed.send(5)
    feed.wait_applied()
    assert consumer.running() and not consumer.problems()
    assert consumer.stop() == 0
    # Ahead of all that there is, with the record to compare or without.
    for last in ("last_offset", "NULL"):
        set_progress(stage, 31, last)
        consumer.start(ready=False)
        assert consumer.wait_exit() == exits["EXIT_OFFSETS"], consumer.log()
        problem, = consumer.problems()
        assert "is 31," in problem["msg"] and "ends at 30" in problem["detail"]
        assert "beyond its end" in problem["hint"]
    feed.check()


def test_retention_passes_a_consumer_that_waits(stage, exits):
    """It runs, and its target is away; the rest of the partition is there still."""
    feed = Feed(stage, partitions=1)
    feed.send(10)
    consumer = stage.consumer().start()
    feed.wait_applied()
    assert consumer.post("/breaker/open")[0] == 200
    consumer.wait_log("partitions are paused")
    feed.send(50)
    assert stage.broker.delete_records(feed.topic, 0, 40) == 40
    assert consumer.post("/breaker/close")[0] == 200
    assert consumer.wait_exit() == exits["EXIT_OFFSETS"], consumer.log()
    problem, = consumer.problems()
    assert "is 10," in problem["msg"] and "begins at offset 40 and ends at 60" in problem["detail"]
    assert "Retention" in problem["hint"]
    assert len(stage.applied()) == 10


# -- compaction -------------------------------------------------------------

class Compacted(Feed):
    """Its topic is compacted at once, all but the last record of each partition."""

    def __init__(self, stage, partitions):
        super().__init__(stage, partitions=partitions)
        self._configure()
        self.time = int(time.time() * 1000) - 60 * MINUTE

    def _configure(self):
        self.scene.broker.configure(log_cleaner_backoff_ms="100")
        self.scene.broker.configure_topic(self.topic, cleanup_policy="compact", segment_ms="100",
                                          min_cleanable_dirty_ratio="0.001", min_compaction_lag_ms="0")

    def remake(self):
        self.scene.broker.delete_topics([self.topic])
        until(lambda: self.scene.broker.partitions(self.topic) == 0, "the topic is gone")
        self.scene.broker.create_topic(self.topic, self.partitions)
        self._configure()
        self._producer = None

    def write(self, partition, *records):
        """(key, value) each, in a segment of its own."""
        for key, value in records:
            self.time += 1000
            self.put(partition, value and value.encode(), key=key.encode(), timestamp=self.time)
            self.flush()

    def wait_left(self, *offsets):
        """Until no others are left, over all partitions."""
        def left():
            return [r.offset for r in sorted(self.scene.broker.read(self.topic),
                                             key=lambda r: (r.partition, r.offset))]
        until(lambda: left() == list(offsets), lambda: f"{offsets} are left: {left()}", 40, every=0.2)


@pytest.fixture
def compacted(stage):
    feed = Compacted(stage, partitions=2)
    yield feed
    stage.broker.configure(log_cleaner_backoff_ms="15000")


def test_the_last_record_is_compacted_away(stage, compacted, exits):
    """Of one partition what comes before it is left, of the other nothing: read on, and a topic
    that was made again is noticed all the same."""
    compacted.write(0, ("a", "1"), ("b", "2"), ("c", "3"))
    compacted.write(1, ("d", "4"), ("e", "5"))
    consumer = stage.consumer().start()
    until(lambda: len(stage.payloads()) == 5, "five are applied")
    assert consumer.stop() == 0
    compacted.write(0, ("c", "6"), ("f", "7"))
    compacted.write(1, ("d", "8"), ("e", "9"), ("g", "10"))
    compacted.wait_left(0, 1, 3, 4, 2, 3, 4)
    consumer.start()
    until(lambda: len(stage.payloads()) >= 10, "ten are applied")
    assert sorted(map(int, stage.payloads())) == list(range(1, 11))
    until(lambda: lag(consumer) == 0, "there is no lag")
    assert not consumer.problems()
    assert consumer.stop() == 0

    # Made again, longer than it was, and the record in the place of the last one is gone too.
    compacted.remake()
    compacted.time = int(time.time() * 1000) + 2 * MINUTE
    compacted.write(0, ("n", "new"), ("o", "new"), ("p", "new"), ("q", "new"), ("r", "new"), ("r", "new"),
                    ("s", "new"))
    compacted.wait_left(0, 1, 2, 3, 5, 6)
    consumer.start(ready=False)
    assert consumer.wait_exit() == exits["EXIT_OFFSETS"], consumer.log()
    problem, = consumer.problems()
    assert "offset 0 is newer than what was applied behind it" in problem["msg"], problem
    assert "new" not in stage.payloads()


def test_a_topic_made_again_with_the_end_of_a_transaction_there(stage, exits):
    """At the last applied offset is no record to compare, and all are of one minute: the position of the first one tells."""
    topic = Feed(stage, partitions=1).topic

    def write(name, *transactions):
        writer = Producer({"bootstrap.servers": stage.broker.servers, "transactional.id": f"{stage.prefix}-{name}"})
        writer.init_transactions(30)
        for records in transactions:
            writer.begin_transaction()
            for number in records:
                writer.produce(topic, b"%s %d" % (name.encode(), number), b"k", 0,
                               headers={"id": f"{name}-{number}", "outbox-position": f"feed/1.1/0/{number:X}/0"})
            writer.commit_transaction(30)
    write("old", [1], [2], [3])     # at 0, 2 and 4
    consumer = stage.consumer().start()
    until(lambda: stage.payloads() == ["old 1", "old 2", "old 3"], "three are applied")
    assert consumer.stop() == 0
    stage.broker.delete_topics([topic])
    until(lambda: not stage.broker.partitions(topic), "the topic is gone")
    stage.broker.create_topic(topic, 1)
    write("new", [4, 5, 6, 7], [8])     # from 0 to 3, and at 5
    consumer.start(ready=False)
    assert consumer.wait_exit() == exits["EXIT_OFFSETS"], consumer.log()
    problem, = consumer.problems()
    assert "offset 0 is newer than what was applied behind it" in problem["msg"], problem
    assert stage.payloads() == ["old 1", "old 2", "old 3"]


def test_tombstones_and_holes(stage, compacted):
    """A table follows a compacted topic: what a tombstone names is deleted."""
    stage.target_sql("CREATE TABLE latest (key text PRIMARY KEY, payload text)")
    stage.handlers[compacted.topic]["sql"] = (
        "WITH gone AS (DELETE FROM latest USING batch_latest AS b WHERE latest.key = b.key"
        " AND b.payload IS NULL) INSERT INTO latest SELECT key, payload FROM batch_latest"
        " WHERE payload IS NOT NULL ON CONFLICT (key) DO UPDATE SET payload = excluded.payload")

    def table():
        return dict(stage.target_sql("SELECT key, payload FROM latest"))
    compacted.write(0, ("a", "1"), ("b", "1"), ("c", "1"))
    consumer = stage.consumer().start()
    until(lambda: len(table()) == 3, "three rows are there")
    compacted.write(0, ("b", None), ("a", "2"))
    until(lambda: table() == {"a": "2", "c": "1"}, "b is gone")
    assert consumer.stop() == 0
    compacted.write(0, ("c", None), ("d", "1"), ("a", "3"), ("d", "2"), ("e", "1"))
    # Offsets 0, 1, 2, 4, 6 are holes now.
    compacted.wait_left(3, 5, 7, 8, 9)
    consumer.start()
    until(lambda: table() == {"a": "3", "d": "2", "e": "1"}, table)
    until(lambda: lag(consumer) == 0, "there is no lag")
    assert not consumer.problems()


# -- transactions -----------------------------------------------------------

def test_an_open_transaction_hides_what_follows(stage):
    """Nothing behind its first record is given to anybody, and the lag says so."""
    feed = Feed(stage, partitions=1)
    feed.put(0, b"before")
    feed.flush()
    consumer = stage.consumer(**{"lag.interval": "100ms"}).start()
    until(lambda: stage.payloads() == ["before"], "what comes before is applied")
    until(lambda: lag(consumer) == 0, "there is no lag")
    writer = Producer({"bootstrap.servers": stage.broker.servers, "transactional.id": stage.prefix,
                       # Longer than all of this takes: then the broker aborts it.
                       "transaction.timeout.ms": 600000})
    writer.init_transactions(30)
    writer.begin_transaction()
    for number in range(3):
        writer.produce(feed.topic, str(number).encode(), b"k", 0)
    writer.flush(30)
    for number in range(2):
        feed.put(0, b"other %d" % number)
    feed.flush()
    until(lambda: lag(consumer) == 5, lambda: f"the lag is 5, not {lag(consumer)}")
    until(lambda: consumer.metric("outbox_consumer_lag_seconds") > 0, "it has an age")
    assert stage.payloads() == ["before"]
    # Another start sees the same.
    assert consumer.stop() == 0
    consumer.start()
    until(lambda: lag(consumer) == 5, lambda: f"the lag is 5, not {lag(consumer)}")
    writer.commit_transaction(30)
    until(lambda: stage.payloads() == ["before", "0", "1", "2", "other 0", "other 1"], "all are applied")
    # Its mark is the last of the partition, and no record.
    until(lambda: lag(consumer) == 0, "there is no lag")
    assert not consumer.problems()


# -- other programs ---------------------------------------------------------

def test_keys_that_are_no_text(stage):
    """A handler that doesn't name the key takes them; for one that does they are errors of the data."""
    feed = Feed(stage, partitions=1)
    stage.handlers[feed.topic]["sql"] = "INSERT INTO applied (payload) SELECT payload FROM batch ORDER BY ordinality"
    keys = [b"\xff\xfe", b"a\x00b", b"", "é".encode()]
    for number, key in enumerate(keys):
        feed.put(0, b"%d" % number, key=key)
    feed.flush()
    consumer = stage.consumer().start()
    until(lambda: stage.payloads() == ["0", "1", "2", "3"], "all are applied")
    assert consumer.stop() == 0 and not consumer.problems()

    other = stage.consumer("other", handlers={feed.topic: {"sql": "INSERT INTO applied (key) SELECT key FROM batch"}},
                           **{"consumer.group": stage.prefix + "_keys"}).start()
    until(lambda: [row[0] for row in stage.target_sql("SELECT key FROM applied WHERE key IS NOT NULL ORDER BY n")]
          == ["", "é"], "the others are applied")
    assert stage.target_sql("SELECT kafka_offset, sqlstate FROM outbox_inbox.dead_letter ORDER BY 1") == [
        (0, "22021"), (1, "22021")]
    assert not other.problems()
