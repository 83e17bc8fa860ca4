"""The events of the benchmark: each is a function of its number, in Kafka and in arrays for a session."""
import struct
import uuid

from confluent_kafka import Producer

PAYLOAD_BYTES = 400
KEYS = 10000
TYPE = "Changed"
SOURCE = "bench"
_PAYLOAD = b'{"n": %7d, "note": "' + b"x" * (PAYLOAD_BYTES - len('{"n": 0000000, "note": ""}')) + b'"}'

# uuid, text, text, json, as numbers of pg_type.dat
_UUID, _TEXT, _JSON = 2950, 25, 114


def event_id(number):
    return uuid.UUID(int=(0x7 << 76) | (0x8 << 60) | number)


def payload(number):
    return _PAYLOAD % number


def key(number):
    return str(number % KEYS)


def record(number):
    """(value, headers) as outbox-relay writes them: ids and positions are headers."""
    return payload(number), [("id", str(event_id(number))), ("type", TYPE),
                             ("outbox-position", f"{SOURCE}/1.1/0/{number + 1:X}/0")]


def produce(servers, topic, partitions, count, make=record):
    """By one producer, in order; the last ones of the partitions are the last ones of all."""
    failed = []
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True, "linger.ms": 5,
                         "queue.buffering.max.messages": 200000, "log_level": 0})

    def delivered(error, _):
        if error is not None:
            failed.append(error)
    for number in range(count):
        value, headers = make(number)
        while True:
            try:
                producer.produce(topic, value, key(number).encode(), number % partitions,
                                 headers=headers, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.05)
        if number % 1000 == 0:
            producer.poll(0)
    assert producer.flush(120) == 0 and not failed, failed[:3]


def _array(oid, items):
    """PostgreSQL's binary format."""
    return struct.pack(">iiIii", 1, 0, oid, len(items), 1) + b"".join(items)


def _item(data):
    return struct.pack(">i", len(data)) + data


def arrays(count, size):
    """The same rows for exec_prepared(): a list of (rows, [ids, keys, types, payloads])."""
    kind = _item(TYPE.encode())
    batches = []
    for start in range(0, count, size):
        numbers = range(start, min(start + size, count))
        batches.append((len(numbers), [
            _array(_UUID, [_item(event_id(n).bytes) for n in numbers]),
            _array(_TEXT, [_item(key(n).encode()) for n in numbers]),
            _array(_TEXT, [kind] * len(numbers)),
            _array(_JSON, [_item(payload(n)) for n in numbers])]))
    return batches
