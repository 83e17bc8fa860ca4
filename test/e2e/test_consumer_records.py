"""outbox-consumer: records as nobody should write them, and topics that change under it."""
import uuid

import pytest
from confluent_kafka import Producer

from harness.daemon import run_once
from harness.feed import Feed
from harness.wait import until

POSITION = "elsewhere/1.1/0/{:X}/0"


def new_id(number):
    return str(uuid.UUID(int=(0x7 << 76) | (0x8 << 60) | (1 << 40) | number))


@pytest.fixture
def stage(make_scene, target, broker):
    scene = make_scene(None, target, broker)
    scene.apply_all("t", payload="text")
    return scene


def test_records_by_other_producers(stage):
    """No header, no id, no key, no value, an odd time: applied by their offsets alone."""
    feed = Feed(stage, partitions=1)
    stage.handlers[feed.topic]["sql"] = (
        "INSERT INTO applied (id, topic, partition, kafka_offset, key, payload) SELECT id::text,"
        " topic, partition, kafka_offset, key, coalesce(payload, '-') || headers::text"
        " || coalesce(event_time::text, '') FROM batch ORDER BY ordinality")
    stage.broker.configure_topic(feed.topic, message_timestamp_after_max_ms=str(2 ** 63 - 1))
    for headers in ([], [("id", b"no uuid")], [("id", None)], [("id", b"\xff\x00")],
                    [("a", None), ("a", b"\xff"), ("", b"x")],
                    [(f"h{n}", b"v") for n in range(300)]):
        feed.put(0, b"x", headers=headers)
    feed.put(0, None)
    for time in (1, 2 ** 53, 9 * 10 ** 15, 2 ** 62):
        feed.put(0, b"x", timestamp=time)
    feed.flush()
    feed.send(1)
    consumer = stage.consumer().start()
    until(lambda: len(stage.payloads()) >= 12, lambda: f"12 are applied: {stage.payloads()}")
    assert consumer.stop() == 0
    # Each of them may be the one that it goes on from.
    for time in (2 ** 62, 0):
        feed.put(0, b"x", timestamp=time)
        feed.flush()
        count = len(stage.payloads())
        consumer.start()
        until(lambda c=count: len(stage.payloads()) > c, "the next one is applied")
        assert consumer.stop() == 0
        consumer.start()
        assert consumer.stop() == 0
        assert len(stage.payloads()) == count + 1
        assert not consumer.problems()


# "feed" is the source of the feed's own, which go up to 0/FF: none of these may count as reached.
NONSENSE = [
    b"", b"x", b"elsewhere/1.1/0/100", b"elsewhere/0.1/0/100/0", b"elsewhere/1.1/0/100/-1", b"feed/1.1/0/-100/0",
    b"feed/-1.1/0/100/0", b"feed/1.1/FFFFFFFFF/0/0", b"feed/1.1/0/FFFFFFFFF/0", b"feed/99999999999.1/0/1/0",
    b"feed/1.1/0/100/9223372036854775808", b"elsewhere/1.1/0/100/99999999999999999999", b"\xff\xfe/1.1/0/1/0", b"a" * 5000,
    b"feed/1.1/0/100/0\x00", b"feed/1.1/0/100/0 ", b"feed /1.1/0/100/0", b"'/1.1/0/100/0", None]


def test_a_malformed_position(stage, exits):
    """The record becomes a dead letter that says so, and nobody behind it waits; redrive applies it after all."""
    feed = Feed(stage, partitions=1)
    feed.send(3)
    for number, position in enumerate(NONSENSE):
        feed.put(0, b"%d" % number, headers=[("id", new_id(number)), ("outbox-position", position)])
    feed.put(0, b"flagged", headers=[("outbox-replayed", b"gap")])
    feed.send(3)
    consumer = stage.consumer().start()
    feed.wait_applied()
    letters = stage.target_sql("SELECT event_id, sqlstate, message, letter_topic FROM outbox_inbox.dead_letter ORDER BY number")
    reason = "the record has an invalid header \"outbox-position\""
    assert letters == [(new_id(number), "OBX05", reason, stage.letters()) for number in range(len(NONSENSE))] + [
        (None, "OBX05", "the record is a replayed event without an id to judge it by", stage.letters())]
    records = stage.broker.read(stage.letters())
    assert [dict(record.headers).get("outbox-position") for record in records] == NONSENSE + [None]
    assert {dict(record.headers)["outbox-error-sqlstate"] for record in records} == {b"OBX05"}
    until(lambda: consumer.metric("outbox_consumer_dead_lettered_events_total") == len(NONSENSE) + 1, "it has counted them")
    feed.send(3)
    feed.wait_applied()
    assert consumer.stop() == 0 and not consumer.problems()
    # Whoever looked at them may have them applied: also where a handler wants the position.
    stage.handlers[feed.topic]["sql"] = stage.handlers[feed.topic]["sql"].replace("payload::text", "payload || coalesce(position, '-')")
    done = run_once(stage.consumer("redrive", command=("redrive",)))
    assert done.status == 0, done
    assert stage.payloads()[-len(NONSENSE) - 1:] == [f"{number}-" for number in range(len(NONSENSE))] + ["flagged-"]


def test_many_headers(stage):
    """All of them are there, for a handler and in a dead letter."""
    feed = Feed(stage, partitions=1)
    stage.handlers[feed.topic]["sql"] = ("INSERT INTO applied (topic, partition, payload) SELECT topic, partition,"
                                         " (SELECT count(*) || ' ' || coalesce(max(h), '-') FROM jsonb_object_keys(headers) AS k (h)) FROM batch ORDER BY ordinality")
    many = [(f"h{number:04}", b"%d" % number) for number in range(2000)]
    feed.put(0, b"{}", id=new_id(0), headers=many)
    feed.put(0, b"{}", headers=many + [("outbox-position", b"x")])
    feed.put(0, b"{}", id=new_id(1))
    feed.flush()
    consumer = stage.consumer().start()
    until(lambda: len(stage.payloads()) == 2, "the second one is a dead letter")
    assert stage.payloads() == ["2000 h1999", "0 -"]
    letter, = stage.broker.read(stage.letters())
    assert letter.headers[:len(many)] == many
    assert not consumer.problems()


@pytest.mark.parametrize("headers, words", [
    ([("outbox-position", b"x")], "invalid header \"outbox-position\""),
    ([("outbox-replayed", b"x")], "replayed event without an id"),
])
def test_a_record_that_cannot_be_judged_stops_who_wants_to_stop(stage, exits, headers, words):
    feed = Feed(stage, partitions=1)
    stage.handlers[feed.topic]["on_error"] = "stop"
    feed.send(3)
    feed.put(0, b"x", headers=headers)
    feed.flush()
    consumer = stage.consumer().start(ready=False)
    assert consumer.wait_exit() == exits["EXIT_DATA"], consumer.log()
    problem, = consumer.problems()
    assert words in problem["msg"] and "offset 3" in problem["msg"] and problem["hint"]
    feed.check()


def test_two_positions_and_lower_ones(stage):
    """Of two headers the last counts; what is below the highest was there already."""
    feed = Feed(stage, partitions=1)
    feed.put(0, b"1", id=new_id(1), position="s/2.1/0/10/0")
    feed.put(0, b"2", id=new_id(2), headers=[("outbox-position", "s/9.9/0/10/0"),
                                             ("outbox-position", "s/2.1/0/10/1")])
    feed.put(0, b"lower epoch", id=new_id(3), position="s/1.9/F/10/0")
    feed.put(0, b"lower timeline", id=new_id(4), position="s/2.1/0/F/7")
    feed.put(0, b"3", id=new_id(5), position="s/2.2/0/1/0")
    feed.put(0, b"4", id=new_id(6), position="other/1.1/0/1/0")
    feed.put(0, b"same", id=new_id(6), position="other/1.1/0/1/0")
    feed.put(0, b"5")
    feed.flush()
    consumer = stage.consumer().start()
    until(lambda: len(stage.payloads()) >= 5, "five are applied")
    assert stage.payloads() == ["1", "2", "3", "4", "5"]
    # A moment after its COMMIT it hears of that, and counts.
    until(lambda: consumer.metric("outbox_consumer_event_seconds_count") >= 5, "it has counted them")
    assert consumer.metrics()['outbox_consumer_duplicate_events_total{reason="position"}'] == 3
    assert consumer.metrics()['outbox_consumer_duplicate_events_total{reason="id"}'] == 0
    # Of what was applied alone.
    assert consumer.metric("outbox_consumer_event_seconds_count") == 5
    assert not consumer.problems()


def test_transactions_of_kafka_and_their_marks(stage):
    """Aborted records are nobody's; marks take offsets."""
    feed = Feed(stage, partitions=1)
    producer = Producer({"bootstrap.servers": stage.broker.servers,
                         "transactional.id": stage.prefix})
    producer.init_transactions(30)
    consumer = stage.consumer().start()
    for number in range(12):
        producer.begin_transaction()
        producer.produce(feed.topic, str(number).encode(), b"k", 0)
        producer.flush(30)
        if number % 3 == 1:
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)
        if number == 5:
            until(lambda: len(stage.payloads()) >= 4, "four are applied")
            assert consumer.stop() == 0
            consumer.start()
    expected = [str(n) for n in range(12) if n % 3 != 1]
    until(lambda: len(stage.payloads()) >= len(expected), "all are applied")
    assert stage.payloads() == expected
    until(lambda: sum(v for k, v in consumer.metrics().items()
                      if k.startswith("outbox_consumer_lag_records")) == 0, "there is no lag")
    assert consumer.stop() == 0
    consumer.start()
    until(lambda: sum(v for k, v in consumer.metrics().items()
                      if k.startswith("outbox_consumer_lag_records")) == 0, "there is no lag")
    assert not consumer.problems()


@pytest.mark.parametrize("payload", ["json", "jsonb"])
def test_broken_json_in_the_middle(stage, exits, payload):
    feed = Feed(stage, partitions=1)
    stage.handlers[feed.topic].update(payload=payload, on_error="stop")
    feed.send(300)
    feed.put(0, b'{"secret": "\\u00', id=new_id(1))
    feed.send(50)
    consumer = stage.consumer().start(ready=False)
    assert consumer.wait_exit() == exits["EXIT_DATA"], consumer.log()
    problem, = consumer.problems()
    assert "offset 300" in problem["msg"] and "secret" not in consumer.log()
    assert len(stage.applied()) == 300


def test_a_partition_is_added(stage):
    feed = Feed(stage, partitions=1)
    feed.send(10)
    consumer = stage.consumer().start()
    feed.wait_applied()
    stage.broker.grow_topic(feed.topic, 4)
    feed.grown(4)
    feed.send(100)
    feed.wait_applied()
    assert consumer.stop() == 0
    consumer.start()
    feed.send(100)
    feed.wait_applied()
    assert not consumer.problems()


def test_retention_passes_the_consumer(stage, exits):
    feed = Feed(stage, partitions=1)
    feed.send(10)
    consumer = stage.consumer().start()
    feed.wait_applied()
    assert consumer.stop() == 0
    feed.send(50)
    assert stage.broker.delete_records(feed.topic, 0, 40) == 40
    consumer.start(ready=False)
    assert consumer.wait_exit() == exits["EXIT_OFFSETS"], consumer.log()
    problem, = consumer.problems()
    assert feed.topic in problem["msg"] and "is 10," in problem["msg"]
    assert "begins at offset 40 and ends at 60" in problem["detail"]
    assert len(stage.applied()) == 10


def test_retention_takes_what_was_applied(stage):
    """All of it: there is nothing to compare the next record with."""
    feed = Feed(stage, partitions=2)
    feed.send(20)
    consumer = stage.consumer().start()
    feed.wait_applied()
    assert consumer.stop() == 0
    assert stage.broker.delete_records(feed.topic, 0, -1) == 10
    assert stage.broker.delete_records(feed.topic, 1, 9) == 9
    consumer.start()
    feed.send(20)
    feed.wait_applied()
    assert stage.broker.delete_records(feed.topic, 0, -1) == 20
    feed.send(20)
    feed.wait_applied()
    assert not consumer.problems()


def test_a_partition_begins_beside_others_that_are_idle(stage):
    """Whose fetches wait for records: no answer of the broker comes in time behind them."""
    stage.apply_all("u", payload="text")
    idle = Feed(stage, "u", partitions=2)
    idle.send(10)
    feed = Feed(stage, create=False, partitions=1)
    consumer = stage.consumer(**{"kafka.fetch.wait.max.ms": "2000"}).start()
    idle.wait_applied()
    stage.broker.create_topic(feed.topic, 1)
    feed.send(10)
    feed.wait_applied(40)
    assert not consumer.problems()


def test_a_topic_made_again_while_it_is_read(stage, exits):
    feed = Feed(stage, partitions=1)
    feed.send(10)
    consumer = stage.consumer().start()
    feed.wait_applied()
    stage.broker.delete_topics([feed.topic])
    stage.broker.create_topic(feed.topic, 1)
    assert consumer.wait_exit() == exits["EXIT_OFFSETS"], consumer.log()
    for number in range(200):
        feed.put(0, b"new", id=new_id(number), position=POSITION.format(number + 1))
    feed.flush()
    consumer.start(ready=False)
    assert consumer.wait_exit() == exits["EXIT_OFFSETS"], consumer.log()
    assert "new" not in stage.payloads()


def test_progress_moved_by_hand(stage):
    feed = Feed(stage, partitions=1)
    feed.send(20)
    consumer = stage.consumer().start()
    feed.wait_applied()
    # Taken away: read again, and known by its position.
    stage.target_sql("DELETE FROM outbox_inbox.progress WHERE group_name = %s", (stage.prefix,))
    feed.send(20)
    feed.wait_applied()
    assert consumer.running()
    assert consumer.stop() == 0
    # Advanced while nobody runs: those are left out, as somebody wanted it.
    stage.target_sql("UPDATE outbox_inbox.progress SET next_offset = 45, last_offset = NULL"
                     " WHERE group_name = %s", (stage.prefix,))
    feed.send(10)
    consumer.start()
    until(lambda: len(stage.applied()) == 45, "the last five are applied")
    assert not consumer.problems()
    # And taken away in the same way: from the beginning, and nothing is applied twice.
    assert consumer.stop() == 0
    stage.target_sql("DELETE FROM outbox_inbox.progress WHERE group_name = %s", (stage.prefix,))
    consumer.start()
    feed.send(1)
    until(lambda: len(stage.applied()) == 46, "the next is applied")
    until(lambda: consumer.metric("outbox_consumer_duplicate_events_total") == 50, "it has counted the others")
