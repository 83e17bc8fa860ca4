"""How long an event takes from its commit in the source to being visible in the target, with relay and consumer as they come.

The start is the commit's timestamp in the source (track_commit_timestamp), which the server takes before it writes the
commit; the end is when a session that asks the target every millisecond sees the progress behind the record.  So both
ends count against us.
"""
import math
import threading
import time

from harness.daemon import Consumer
from harness.wait import until

TYPE = "latency"
TABLE = "CREATE TABLE seen (id uuid PRIMARY KEY, \"partition\" integer, kafka_offset bigint)"
HANDLER = "INSERT INTO seen (id, \"partition\", kafka_offset) SELECT id, \"partition\", kafka_offset FROM batch"
POLL_SECONDS = 0.001
PARTITIONS = 3
WARM_UP = 200               # events that aren't counted


class Observer(threading.Thread):
    """Notes for each partition when its progress was seen where."""

    def __init__(self, scene, group):
        super().__init__(daemon=True)
        self.scene, self.group = scene, group
        self.seen = {}              # partition: [(next offset, microseconds since 1970)]
        self.count = 0
        self._end = threading.Event()

    def run(self):
        with self.scene.target.connect(self.scene.database) as connection:
            last = {}
            while not self._end.wait(POLL_SECONDS):
                rows = connection.execute("SELECT \"partition\", next_offset FROM outbox_inbox.progress"
                                          " WHERE group_name = %s", (self.group,), prepare=True).fetchall()
                now = time.time_ns() // 1000
                for partition, next_offset in rows:
                    if last.get(partition) != next_offset:
                        last[partition] = next_offset
                        self.seen.setdefault(partition, []).append((next_offset, now))
                self.count = sum(last.values())

    def stop(self):
        self._end.set()
        self.join(30)

    def when(self, partition, offset):
        """Found from the front: next offsets only rise."""
        moves = self.seen[partition]
        low, high = 0, len(moves) - 1
        while low < high:
            middle = (low + high) // 2
            if moves[middle][0] > offset:
                high = middle
            else:
                low = middle + 1
        assert moves[low][0] > offset, f"partition {partition}, offset {offset} was never seen"
        return moves[low][1]


def _write(scene, count, rate):
    """One event in a transaction, in even steps; when the machine can't keep up it goes on at once."""
    with scene.source.connect(scene.database) as connection:
        pause = threading.Event()
        began = time.monotonic()
        for number in range(count):
            ahead = began + number / rate - time.monotonic()
            if ahead > 0:
                pause.wait(ahead)
            connection.execute("SELECT outbox.emit(%s, %s, 'Changed', %s::json)",
                               (TYPE, f"k{number % 100}", '{"n": %d}' % number), prepare=True)
        return count / (time.monotonic() - began)


def quantile(ordered, share):
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def measure(scene, seconds, rate):
    """{"p50", "p99" (ms), "events", "rate"}: rate as it was reached."""
    topic = scene.topic(TYPE)
    scene.broker.create_topic(topic, PARTITIONS)
    scene.target_sql(TABLE)
    scene.start_relay()
    group = f"{scene.prefix}-latency"
    scene._add(Consumer(scene, "latency", {topic: {"sql": HANDLER}}, **{"consumer.group": group})).start()
    observer = Observer(scene, group)
    observer.start()
    try:
        count = WARM_UP + seconds * rate
        reached = _write(scene, count, rate)
        until(lambda: observer.count >= count, lambda: f"{count} events are visible, not {observer.count}", 60)
    finally:
        observer.stop()
    committed = scene.sql("SELECT id, (extract(epoch FROM pg_xact_commit_timestamp(xid::xid)) * 1000000)::bigint"
                          " FROM outbox.event WHERE aggregatetype = %s", (TYPE,))
    places = {event: place for event, *place in scene.target_sql("SELECT id, \"partition\", kafka_offset FROM seen")}
    assert len(places) == len(committed) == count, f"{len(places)} seen, {len(committed)} written, {count} wanted"
    late = sorted((observer.when(*places[event]) - at) / 1000
                  for event, at in sorted(committed, key=lambda row: row[1])[WARM_UP:])
    print(f"# latency: {reached:.0f} events/s; least {late[0]:.2f} ms, most {late[-1]:.2f} ms")
    return {"p50": quantile(late, 0.5), "p99": quantile(late, 0.99), "events": len(late), "rate": reached}
