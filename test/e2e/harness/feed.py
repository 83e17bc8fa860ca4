"""Records for a consumer, written to a topic without a relay.

Each has an id and a position, as outbox-relay would write them; what was written
and what was applied are compared partition by partition, to the last record.
"""
import threading
import uuid
from collections import defaultdict

from confluent_kafka import Producer

from .wait import until

SOURCE = "feed"


class Feed:
    def __init__(self, scene, aggregate_type="t", partitions=3, create=True):
        self.scene = scene
        self.topic = scene.topic(aggregate_type)
        self.partitions = partitions
        self.sent = defaultdict(list)   # partition: ids
        self.total = 0
        self.failed = []
        self._end = threading.Event()
        self._thread = None
        self._producer = None
        self._lock = threading.Lock()
        if create:
            scene.broker.create_topic(self.topic, partitions)

    def producer(self):
        if self._producer is None:
            self._producer = Producer({
                "bootstrap.servers": self.scene.broker.servers, "enable.idempotence": True,
                "message.timeout.ms": 0, "reconnect.backoff.max.ms": 500, "log_level": 0,
                "linger.ms": 2})
        return self._producer

    def send(self, count, size=0, flush=True):
        """So many records, over all partitions."""
        for _ in range(count):
            with self._lock:
                number = self.total
                self.total += 1
                partition = number % self.partitions
                event = str(uuid.UUID(int=(0x7 << 76) | (0x8 << 60) | number))
                self.sent[partition].append(event)
            self.put(partition, b'{"n": %d, "padding": "%s"}' % (number, b"x" * size),
                     id=event, position=f"{SOURCE}/1.1/0/{number + 1:X}/0")
        if flush:
            self.flush()

    def put(self, partition, value, key=None, id=None, position=None, headers=(), timestamp=None):
        """One record as it is; it isn't in the books."""
        all_headers = list(headers)
        if id is not None:
            all_headers.append(("id", id))
        if position is not None:
            all_headers.append(("outbox-position", position))
        more = {} if timestamp is None else {"timestamp": timestamp}
        while True:
            try:
                self.producer().produce(self.topic, value,
                                        key if key is not None else str(partition).encode(),
                                        partition, headers=all_headers,
                                        on_delivery=self._delivered, **more)
                break
            except BufferError:
                self.producer().poll(0.05)
        self.producer().poll(0)

    def _delivered(self, error, _):
        if error is not None:
            self.failed.append(str(error))

    def flush(self):
        assert self.producer().flush(120) == 0
        assert not self.failed, self.failed

    def grown(self, partitions):
        """The topic has more partitions now."""
        self.flush()
        self.partitions = partitions
        self._producer = None

    # -- in the background --------------------------------------------------

    def start(self, every=0.005, burst=5, size=0):
        def run():
            while not self._end.wait(every):
                self.send(burst, size, flush=False)
        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        return self

    def wait_sent(self, more, timeout=60):
        goal = self.total + more
        until(lambda: self.total >= goal, f"{more} more records are sent", timeout)

    def stop(self):
        self._end.set()
        if self._thread is not None:
            self._thread.join(60)
            self._thread = None
        self._end.clear()
        self.flush()

    # -- the books ----------------------------------------------------------

    def wait_applied(self, timeout=60):
        """Until all that was sent is there; then that it is there once and in order."""
        wanted = sum(len(ids) for ids in self.sent.values())

        def count():
            return self.scene.target_sql("SELECT count(*) FROM applied WHERE topic = %s",
                                         (self.topic,))[0][0]
        until(lambda: count() >= wanted,
              lambda: f"{wanted} records are applied, not {count()}: {self.missing()}",
              timeout, every=0.1)
        self.check()

    def missing(self):
        """Where in each partition something is missing, as positions in it."""
        got = {event for event, topic, _ in self.scene.applied() if topic == self.topic}
        gaps = {}
        for partition, ids in self.sent.items():
            lost = [place for place, event in enumerate(ids) if event not in got]
            if lost:
                gaps[partition] = f"{len(lost)} from {lost[0]} to {lost[-1]} of {len(ids)}"
        return gaps

    def check(self):
        got = defaultdict(list)
        for event, topic, partition in self.scene.applied():
            if topic == self.topic:
                got[partition].append(event)
        for partition, ids in self.sent.items():
            assert got[partition] == ids, \
                (f"partition {partition}: {len(got[partition])} applied, {len(ids)} sent,"
                 f" {len(set(got[partition]))} different")
