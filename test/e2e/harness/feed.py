"""Records for a consumer, written to a topic without a relay.

Each has an id and a position, as outbox-relay would write them; what was written
and what was applied are compared partition by partition, to the last record.
A producer that a broker's crash made useless is replaced as in the relay: the new
one begins at the first record that wasn't acknowledged, in the old order. As there,
the first record of a producer in a partition goes alone: a broker that refuses it
(the topic was made a moment ago) takes the second, and the first is never written
though it is acknowledged.
"""
import threading
import time
import uuid
from collections import defaultdict

from confluent_kafka import KafkaError, KafkaException, Producer

from .background import Background
from .books import Books
from .wait import until

SOURCE = "feed"


class Feed:
    def __init__(self, scene, aggregate_type="t", partitions=3, create=True, keys=1):
        """keys: so many in each partition; of a topic that doesn't grow."""
        self.scene = scene
        self.topic = scene.topic(aggregate_type)
        self.partitions = partitions
        self.keys = keys
        self.sent = defaultdict(list)   # partition: ids
        self.total = 0
        self.repeated = 0
        self.failed = []
        self._puts = 0
        self._waiting = {}              # number: arguments of what isn't acknowledged, in order
        self._writer = None
        self._producer = None
        self._fatal = False
        self._begun = set()             # partitions in which the producer has one acknowledged
        self._lock = threading.Lock()
        if create:
            scene.broker.create_topic(self.topic, partitions)

    def producer(self):
        if self._producer is None:
            self._fatal = False
            self._begun = set()
            self.failed = []
            self._producer = Producer({
                "bootstrap.servers": self.scene.broker.servers, "enable.idempotence": True,
                "message.timeout.ms": 0, "reconnect.backoff.max.ms": 500, "log_level": 0,
                "linger.ms": 2, "error_cb": self._error})
        return self._producer

    def _error(self, error):
        self._fatal = self._fatal or error.fatal() or error.code() == KafkaError._FATAL

    def send(self, count, size=0, flush=True):
        """So many records, over all partitions."""
        for _ in range(count):
            with self._lock:
                number = self.total
                self.total += 1
                self.sent[number % self.partitions].append(self._id(number))
            self._write(number, size)
        if flush:
            self.flush()

    @staticmethod
    def _id(number):
        return str(uuid.UUID(int=(0x7 << 76) | (0x8 << 60) | number))

    def _key(self, partition, number):
        return f"{partition}-{number // self.partitions % self.keys}" if self.keys > 1 else str(partition)

    def _write(self, number, size):
        partition = number % self.partitions
        self.put(partition, b'{"n": %d, "padding": "%s"}' % (number, b"x" * size),
                 key=self._key(partition, number).encode(), id=self._id(number),
                 position=f"{SOURCE}/1.1/0/{number + 1:X}/0")

    def put(self, partition, value, key=None, id=None, position=None, headers=(), timestamp=None):
        """One record as it is; it isn't in the books."""
        all_headers = list(headers)
        if id is not None:
            all_headers.append(("id", id))
        if position is not None:
            all_headers.append(("outbox-position", position))
        more = {} if timestamp is None else {"timestamp": timestamp}
        self._puts += 1
        self._waiting[self._puts] = ((self.topic, value,
                                      key if key is not None else str(partition).encode(),
                                      partition), {"headers": all_headers, **more})
        self._try(self._puts)
        if self._fatal:
            self._replace()
        self.producer().poll(0)

    def _try(self, number):
        try:
            self._produce(number)
        except KafkaException as error:
            self._error(error.args[0])
            if not self._fatal:
                raise

    def _produce(self, number):
        arguments, options = self._waiting[number]
        partition = arguments[3]
        producer = self.producer()

        def delivered(error, _):
            if producer is not self._producer:
                return
            if error is None:
                self._waiting.pop(number, None)
            else:
                self.failed.append(str(error))
        while True:
            try:
                producer.produce(*arguments, on_delivery=delivered, **options)
                break
            except BufferError:
                producer.poll(0.05)
        while partition not in self._begun and not self._fatal:
            producer.poll(0.05)
            if number not in self._waiting or self.failed:
                self._begun.add(partition)

    def _replace(self):
        """A new producer, and again what the old one left."""
        while True:
            self._producer = None
            self.producer()
            for number in list(self._waiting):
                if not self._fatal:
                    self._try(number)
            if not self._fatal:
                return

    def flush(self):
        def all_acknowledged():
            self.producer().flush(1)
            if self._fatal:
                self._replace()
            assert not self.failed, self.failed
            return not self._waiting
        until(all_acknowledged, lambda: f"{len(self._waiting)} records are acknowledged", 120)

    def grown(self, partitions):
        """The topic has more partitions now."""
        self.flush()
        self.partitions = partitions
        self._producer = None

    # -- in the background --------------------------------------------------

    def start(self, rate=1000, size=0):
        """So many a second on average: what was held up is made up for."""
        self._writer = Writer(self, rate, size).start()
        return self

    def repeat(self, count):
        """The background writes its last ones again, as a relay does that comes back after a crash."""
        self._writer.again = count

    def alive(self):
        """Raises what ended the background before its time."""
        if self._writer is not None:
            self._writer.check()

    def wait_sent(self, more, timeout=60):
        goal = self.total + more

        def sent():
            self.alive()
            return self.total >= goal
        until(sent, f"{more} more records are sent", timeout)

    def stop(self):
        if self._writer is not None:
            self._writer.stop()
            self._writer.check()
            self._writer = None
        self.flush()

    def give_up(self):
        """No more of it, and nobody cares what became of the last ones."""
        if self._writer is not None:
            self._writer.rate = 0
            self._writer.ending.set()

    # -- the books ----------------------------------------------------------

    def wait_applied(self, timeout=60):
        """Until all that was sent is there; then that it is there once and in order."""
        wanted = sum(len(ids) for ids in self.sent.values())

        def count():
            return self.scene.target_sql("SELECT count(*) FROM applied WHERE topic = %s",
                                         (self.topic,))[0][0]
        until(lambda: count() >= wanted,
              lambda: f"{wanted} records are applied, not {count()}: {self.books()}",
              timeout, every=0.1)
        self.check()

    def books(self):
        """As they are now."""
        sent = {partition: [(event, self._key(partition, uuid.UUID(event).int & ((1 << 60) - 1)))
                            for event in ids] for partition, ids in self.sent.items()}
        return Books(sent, [(event, partition) for event, topic, partition in self.scene.applied()
                            if topic == self.topic])

    def check(self):
        books = self.books()
        assert books.closed(), books


class Writer(Background):
    """Open loop: what is due by the clock, whatever came between; what was held up to the end is made up for then."""

    def __init__(self, feed, rate, size):
        super().__init__()
        self.feed, self.rate, self.size = feed, rate, size
        self.again = 0

    def run(self):
        began = time.monotonic()
        written = 0
        while not self.ending.wait(0.005):
            again, self.again = self.again, 0
            self._repeat(again)
            written += self._catch_up(began, written)
        self._repeat(self.again)
        self._catch_up(began, written)

    def _catch_up(self, began, written):
        due = max(0, int((time.monotonic() - began) * self.rate) - written)
        self.feed.send(due, self.size, flush=False)
        return due

    def _repeat(self, count):
        """In the old order, with their ids and positions."""
        first = max(0, self.feed.total - count)
        for number in range(first, self.feed.total if count else first):
            self.feed._write(number, self.size)     # pylint: disable=protected-access
            self.feed.repeated += 1
