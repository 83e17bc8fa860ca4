"""Every record of the topic, read while it grows and compared with what the load must have written.

The events of a client are numbered without a gap, and each key has every sixteenth of them: so what is
lost, out of order or there twice shows from the last number of each key, in memory that doesn't grow with
the run.  What was committed in all is the load's to say.
"""
import json

from confluent_kafka import Consumer, KafkaError, TopicPartition

from harness.background import Background

KEYS_PER_CLIENT = 16
# More holes than this at a time, and the run is judged without knowing them all.
HOLES_MAX = 1000000


def event_id(client, number):
    return f"00000000-0000-7000-8{client:03x}-{number:012x}"


class Account(Background):
    def __init__(self, broker, topic, partitions):
        super().__init__()
        self.first = 0          # first occurrences
        self.repeated = 0
        self.reordered = 0      # first occurrences behind one that was committed later
        self.wrong = []         # records that are not what was written
        self._last = {}         # (client, residue): highest number
        self._holes = set()     # (client, number) below it that were not seen
        self._consumer = Consumer({
            "bootstrap.servers": broker.servers, "group.id": "soak-account", "log_level": 0,
            "enable.auto.commit": False, "auto.offset.reset": "error",
            "isolation.level": "read_committed", "reconnect.backoff.max.ms": 500})
        self._consumer.assign([TopicPartition(topic, n, 0) for n in range(partitions)])

    def stop(self):
        super().stop()
        self._consumer.close()

    def highest(self):
        """{key: (its events, the highest number)}; right once nothing is lost."""
        found = {}
        for (client, residue), number in self._last.items():
            found[f"c{client}-{residue}"] = (number - (residue or KEYS_PER_CLIENT)) \
                // KEYS_PER_CLIENT + 1, number
        return found

    def run(self):
        while not self.ending.is_set():
            for message in self._consumer.consume(2000, 0.2):
                if message.error() is None:
                    self._take(message)
                elif message.error().fatal() or \
                        message.error().code() == KafkaError._AUTO_OFFSET_RESET:
                    raise AssertionError(str(message.error()))

    def _take(self, message):
        client, residue = (int(n) for n in message.key()[1:].split(b"-"))
        number = json.loads(message.value())["n"]
        names = [value for name, value in message.headers() if name == "id"]
        if names != [event_id(client, number).encode()] or number % KEYS_PER_CLIENT != residue:
            if len(self.wrong) < 100:
                self.wrong.append(f"{message.key()!r} {names} n={number}")
            return
        key = (client, residue)
        # Numbers begin with 1.
        next_one = self._last[key] + KEYS_PER_CLIENT if key in self._last \
            else residue or KEYS_PER_CLIENT
        if number >= next_one:
            for hole in range(next_one, number, KEYS_PER_CLIENT):
                assert len(self._holes) < HOLES_MAX, "too many holes"
                self._holes.add((client, hole))
            self._last[key] = number
            self.first += 1
        elif (client, number) in self._holes:
            self._holes.discard((client, number))
            self.first += 1
            self.reordered += 1
        else:
            self.repeated += 1
