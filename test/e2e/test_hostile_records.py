"""outbox-consumer: whatever somebody writes into its topics, it goes on with what comes behind."""
import json
import random

import pytest
from confluent_kafka import Producer

from harness.feed import Feed
from harness.wait import until

MB = 1024 * 1024
# Names that mean something to the consumer, and some that don't.
NAMES = ["id", "type", "outbox-position", "outbox-replayed", "outbox-created-at", "outbox-error-sqlstate", "outbox-error-handler",
         "traceparent", "tracestate", "ce_id", "ce_type", "ce_specversion", "ce_traceparent", "content-type",
         "__connect.errors.topic", "__connect.errors.partition", "__connect.errors.offset", "", " ", "Id", "own", "\u202e", "n" * 5000]
GOOD_POSITION = "feed/1.1/0/{:X}/0"


class Hostile:
    """Records by the seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def some_bytes(self):
        kind = self.random.randrange(8)
        if kind == 0:
            return None
        if kind == 1:
            return b""
        if kind == 2:
            return self.random.choice([b"\x00", b"\xff", b"\xf4\x90\x80\x80", b"'", b"\\", b"{", b"[" * 20000, b"1e400000", b'"\\ud800"', b'{"a":"\\u0000"}'])
        if kind == 3:
            return self.random.choice([b"null", b"true", b"{}", b'{"n": 1}', b'"text"', b"0", b"NaN"])
        if kind == 4:
            return self.random.randbytes(self.random.choice([10000, 100000]))
        return self.random.randbytes(self.random.randrange(1, 40))

    def position(self):
        """Nothing that the feed's own could be taken for a repetition of."""
        number = self.random.choice([-1, 0, 1, 2 ** 31, 2 ** 32, 2 ** 63, 2 ** 64, 2 ** 70])
        return self.random.choice([
            f"other/1.1/0/{number:X}/0", f"feed/{number}.1/0/1/x", f"feed/1.1/0/1/{number}/", f"feed/1.{number}/x/1/0",
            f"other/1.1/{number:X}/{number:X}/{number}", "feed/1.1/0/100000/0\0", "x" * 70 + "/1.1/0/1/0"]).encode()

    def headers(self):
        found = []
        count = self.random.choice([0, 1, 2, 4, 8, 200])
        # A record has to fit into a request.
        longest = None if count <= 4 else 1000

        def value_of(name):
            value = self.position() if name == "outbox-position" else self.some_bytes()
            return value[:longest] if value is not None else None
        for _ in range(count):
            name = self.random.choice(NAMES)
            found.append((name, value_of(name)))
            if self.random.random() < 0.2:
                found.append((name, value_of(name)))
        return found


@pytest.mark.parametrize("payload", ["json", "bytea"])
def test_records_at_random(make_scene, target, broker, seed, payload):
    """Each is applied or a dead letter with a reason; every good one between them is applied once and in order."""
    scene = make_scene(None, target, broker)
    scene.apply_all("t", payload=payload, sql=(
        "INSERT INTO applied (id, topic, partition, kafka_offset, key, payload)"
        " SELECT id::text, topic, partition, kafka_offset, key, coalesce(left(payload::text, 100), '') || left(headers::text, 100)"
        " || coalesce(type, '') || coalesce(position, '') FROM batch ORDER BY ordinality"))
    scene.handlers[scene.topic("t")]["replayed"] = "apply"
    feed = Feed(scene, partitions=2)
    hostile = Hostile(seed)
    count = 400
    consumer = scene.consumer(**{"batch.max_records": "100"}).start()
    for number in range(count):
        feed.put(number % 2, hostile.some_bytes(), key=hostile.some_bytes() or b"", headers=hostile.headers())
        if number % 4 == 0:
            feed.send(1, flush=False)
    feed.send(2)
    sent = feed.total + count

    def passed():
        assert consumer.running(), consumer.log()[-3000:]
        return scene.target_sql("SELECT sum(next_offset)::int FROM outbox_inbox.progress WHERE group_name = %s", (scene.prefix,))[0][0] == sent
    until(passed, lambda: f"all are passed: {consumer.log()[-3000:]}", 90)
    # The feed's own are all there; what else is there is nobody's, and was there once by its place.
    own = {event for ids in feed.sent.values() for event in ids}
    rows = scene.target_sql("SELECT id, topic, partition, kafka_offset FROM applied ORDER BY n")
    assert len({row[2:] for row in rows}) == len(rows)
    mine = [row for row in rows if row[0] in own]
    assert sorted(row[0] for row in mine) == sorted(own)
    for partition in range(2):
        assert [row[0] for row in mine if row[2] == partition] == feed.sent[partition]
    letters = scene.target_sql("SELECT sqlstate, message, event_id FROM outbox_inbox.dead_letter")
    assert letters and all(sqlstate and message for sqlstate, message, _ in letters)
    assert not own & {event for _, _, event in letters}
    # It counts when it has the answer to its COMMIT.
    def duplicates():
        return consumer.metric("outbox_consumer_duplicate_events_total")
    until(lambda: len(rows) + len(letters) + duplicates() >= sent, lambda: f"{(len(rows), len(letters), duplicates())}")
    assert len(rows) + len(letters) + duplicates() == sent, (len(rows), len(letters), duplicates())
    assert {"OBX05"} < {sqlstate for sqlstate, _, _ in letters}
    assert consumer.stop() == 0 and not consumer.problems()


def test_records_that_are_large_when_they_are_unpacked(make_scene, target, broker):
    """Of some kB on the wire, far below each limit of the broker; good ones come before, between and behind."""
    scene = make_scene(None, target, broker)
    scene.apply_all("t", payload="json", sql="INSERT INTO applied (id, topic, partition, payload)"
                                             " SELECT id::text, topic, partition, length(payload::text)"
                                             " FROM batch WHERE headers IS NOT NULL ORDER BY ordinality")
    feed = Feed(scene, partitions=1)
    bomb = Producer({"bootstrap.servers": scene.broker.servers, "compression.type": "gzip", "message.max.bytes": 200 * MB,
                     "compression.level": 9, "enable.idempotence": True})
    consumer = scene.consumer().start()
    feed.send(5)
    feed.wait_applied()
    before = consumer.memory("VmHWM")
    size = 48 * MB
    large, broken, many = (f"00000000-0000-4000-8000-00000000000{n}" for n in range(3))
    for value, headers in (
            (b'"' + b"x" * size + b'"', [("id", large.encode()), ("own", b"h")]),
            (b"{" + b"\x00" * size, [("id", broken.encode())]),
            (b"{}", [("id", many.encode()), ("own", b"\x01" * (size // 2))])):
        bomb.produce(feed.topic, value, b"k", 0, headers=headers)
        assert bomb.flush(60) == 0
        feed.send(2)
    until(lambda: scene.target_sql("SELECT count(*) FROM applied")[0][0] >= 11 + 1, lambda: f"all are passed: {consumer.log()[-3000:]}", 120)
    applied = {row[0]: row[1] for row in scene.target_sql("SELECT id, payload FROM applied")}
    assert applied[large] == str(size + 2) and broken not in applied and many not in applied
    letters = scene.target_sql("SELECT event_id, sqlstate, message, octet_length(header_values[2])"
                               " FROM outbox_inbox.dead_letter ORDER BY number")
    assert letters[0][0] == broken and letters[0][1].startswith("22") and len(letters[0][2]) < 2000
    assert letters[1:] == [(many, "OBX05", "the record has headers that are larger than 16 MB as JSON", size // 2)]
    assert [event for event in applied if event != large] == feed.sent[0]
    # A record is there a few times at most: as it came, in a batch, in an array, in the client's buffer.
    assert consumer.memory("VmHWM") - before < 8 * size
    status = json.loads(consumer.http("/status")[1])
    assert status["ready"] and not consumer.problems()
    assert consumer.stop() == 0
