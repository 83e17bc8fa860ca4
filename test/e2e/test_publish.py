"""What comes out of the topics: these events, no others, in this order."""
import datetime
import json
import statistics
import time

import psycopg
import pytest
from confluent_kafka import Producer

from harness.kafka import kcat
from harness.murmur2 import murmur2, partition
from harness.wait import until


def ids(records):
    return [record.id for record in records]


def test_a_committed_event_is_published(scene):
    scene.start_relay()
    event = scene.emit("order", "42", '{"total": 1.50}')
    topic = scene.topic("order")
    until(lambda: scene.broker.partitions(topic) == 3, "the topic is made with 3 partitions")
    with scene.broker.reader(topic) as reader:
        record, = reader.some(1)
    assert record.id == event
    # Another client says the same.
    assert kcat(scene.broker, "-C", "-t", topic, "-e", "-f", "%k %s\n") == b'42 {"total": 1.50}\n'


def test_rolled_back_events_are_not_published(scene):
    scene.start_relay()
    ledger = scene.ledger()
    with scene.source.connect(scene.database, autocommit=False) as connection:
        gone = connection.execute("SELECT outbox.emit('t', 'k', 'Gone', '{}'::json)").fetchone()
        connection.rollback()
        connection.execute("SELECT outbox.emit('t', 'k', 'Kept', '{\"n\": 1}'::json)")
        connection.execute("SAVEPOINT s")
        more = connection.execute("SELECT outbox.emit('t', 'k', 'Gone', '{}'::json)").fetchone()
        connection.execute("ROLLBACK TO SAVEPOINT s")
        connection.execute("SELECT outbox.emit('t', 'k', 'Kept', '{\"n\": 2}'::json)")
        connection.commit()
    # Committed after them: when it is there, they would be.
    last = scene.emit("t", "k", '{"n": 3}', "Kept")
    records = ledger.wait_in_topics()
    assert [record.header("type") for record in records] == ["Kept"] * 3
    assert [json.loads(record.value)["n"] for record in records] == [1, 2, 3]
    assert records[-1].id == last
    ledger.check_topics(records, {str(gone[0]), str(more[0])})


def test_interleaved_transactions_arrive_in_commit_order(scene):
    scene.start_relay()
    ledger = scene.ledger()

    def emit(connection, name):
        connection.execute("SELECT outbox.emit('t', 'same key', %s, '{}'::json)", (name,))
    with scene.source.connect(scene.database, autocommit=False) as early, \
            scene.source.connect(scene.database, autocommit=False) as late:
        emit(early, "A1")
        emit(late, "B1")
        emit(early, "A2")
        emit(late, "B2")
        late.commit()
        emit(early, "A3")
        early.commit()
    records = ledger.wait_in_topics()
    assert [r.header("type") for r in records] == ["B1", "B2", "A1", "A2", "A3"]
    assert [r.position.ordinal for r in records] == [0, 1, 0, 1, 2]
    assert len({r.position.commit_lsn for r in records}) == 2
    ledger.check_topics(records)


def test_a_prepared_transaction_is_published_when_it_is_committed(scene):
    scene.start_relay()
    ledger = scene.ledger()
    for name, end in (("first", "ROLLBACK"), ("second", "COMMIT")):
        gid = scene.id + name
        with scene.source.connect(scene.database) as connection:
            connection.execute("BEGIN")
            connection.execute("SELECT outbox.emit('t', 'k', %s, '{}'::json)", (name,))
            connection.execute(f"PREPARE TRANSACTION '{gid}'")
            scene.emit("t", "k", event_type="between")
            connection.execute(f"{end} PREPARED '{gid}'")
    records = ledger.wait_in_topics()
    assert [r.header("type") for r in records] == ["between", "between", "second"]
    ledger.check_topics(records)


def test_a_plain_insert_written_for_debezium_is_published(scene):
    scene.start_relay()
    scene.sql("INSERT INTO outbox.event (aggregatetype, aggregateid, type, payload)"
              " VALUES ('t', '7', 'Made', '{\"a\": 1}')")
    topic = scene.topic("t")
    until(lambda: scene.broker.partitions(topic), "the topic is there")
    with scene.broker.reader(topic) as reader:
        record, = reader.some(1)
    assert (record.key, record.value, record.header("type")) == (b"7", b'{"a": 1}', "Made")
    # A habit of those who come from there: delete at once.
    with scene.source.connect(scene.database, autocommit=False) as connection:
        connection.execute("INSERT INTO outbox.event (id, aggregatetype, aggregateid, type, payload)"
                           " VALUES ('01890000-0000-7000-8000-000000000001', 't', '7', 'Again', '{}')")
        connection.execute("DELETE FROM outbox.event"
                           " WHERE id = '01890000-0000-7000-8000-000000000001'")
        connection.commit()
    with scene.broker.reader(topic) as reader:
        assert reader.some(2)[-1].id == "01890000-0000-7000-8000-000000000001"


# ---------------------------------------------------------------------------
# the message
# ---------------------------------------------------------------------------

def test_value_headers_and_timestamp(scene):
    scene.start_relay()
    # Blanks, a repeated key and 1.50: only json keeps them.
    payload = '{"z": 1.50,  "a":2, "a":3, "\u00e4": "\u20ac"}'
    with scene.source.connect(scene.database, autocommit=False) as connection:
        event, = connection.execute(
            "SELECT outbox.emit('t', %s, 'Changed', %s::json, headers =>"
            " '{\"tenant\": \"north\"}'::jsonb)", ("k\u00e9y", payload)).fetchone()
        began, ended = connection.execute("SELECT now(), clock_timestamp()").fetchone()
        assert began < ended
        connection.commit()
        after, = connection.execute("SELECT clock_timestamp()").fetchone()
    topic = scene.topic("t")
    until(lambda: scene.broker.partitions(topic), "the topic is there")
    with scene.broker.reader(topic) as reader:
        record, = reader.some(1)
    assert record.value == payload.encode()
    assert record.key == "k\u00e9y".encode()
    assert [name for name, _ in record.headers] == ["id", "type", "tenant", "outbox-position"]
    assert record.id == str(event)
    assert record.header("type") == "Changed"
    assert record.header("tenant") == "north"
    source_id, = scene.sql("SELECT source_id FROM outbox.relay")[0]
    position = record.position
    assert (position.source, position.epoch, position.ordinal) == (source_id, (1, 1), 0)
    assert record.timestamp_type == 1       # CreateTime

    def ms(moment):
        return (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) \
            // datetime.timedelta(milliseconds=1)
    # The time of the commit, not of the transaction's start.
    assert ms(ended) <= record.timestamp <= ms(after)


def test_payloads_of_bytes_and_none(scene):
    scene.start_relay()
    ledger = scene.ledger()
    blob = bytes(range(256))
    scene.sql("SELECT outbox.emit('t', 'k', 'Bytes', %s::bytea)", (blob,))
    scene.sql("SELECT outbox.emit('t', 'k', 'Gone', NULL::json)")
    scene.sql("SELECT outbox.emit('t', 'k', 'Text', '\"\"'::json)")
    records = ledger.wait_in_topics()
    assert [record.value for record in records] == [blob, None, b'""']


def test_the_partitioner_knows_javas_vectors():
    # From the tests of Kafka's own clients.
    for key, signed in ((b"21", -973932308), (b"foobar", -790332482),
                        (b"a-little-bit-long-string", -985981536),
                        (b"a-little-bit-longer-string", -1486304829),
                        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
                        (b"abc", 479470107)):
        assert murmur2(key) == signed % (1 << 32), key


def test_keys_are_where_other_clients_put_them(scene):
    scene.broker.create_topic(scene.topic("t"), 7)
    scene.broker.create_topic(scene.topic("other"), 7)
    scene.start_relay()
    ledger = scene.ledger()
    keys = ["", "a", "ab", "abc", "abcd", "21", "foobar", "a-little-bit-longer-string",
            "\u00e4\u00f6\u00fc\u20ac"] + [f"driver-{n}" for n in range(60)]
    producer = Producer({"bootstrap.servers": scene.broker.servers, "partitioner": "murmur2"})
    with scene.source.connect(scene.database, autocommit=False) as connection:
        for key in keys:
            connection.execute("SELECT outbox.emit('t', %s, 'T', '{}'::json)", (key,))
            producer.produce(scene.topic("other"), b"", key.encode())
        connection.commit()
    assert producer.flush(30) == 0
    theirs = {r.key: r.partition for r in scene.broker.read(scene.topic("other"))}
    ours = {r.key: r.partition for r in ledger.wait_in_topics()}
    assert len(ours) == len(keys) and len(set(ours.values())) == 7
    # An empty key is no key to librdkafka's partitioner of that name: it throws dice.
    for key in keys:
        assert ours[key.encode()] == partition(key.encode(), 7), key
        assert key == "" or ours[key.encode()] == theirs[key.encode()], key


def test_events_without_a_key_are_spread_by_id(scene):
    scene.broker.create_topic(scene.topic("t"), 5)
    scene.start_relay()
    ledger = scene.ledger()
    scene.sql("SELECT outbox.emit('t', NULL, 'T', '{}'::json) FROM generate_series(1, 60)")
    records = ledger.wait_in_topics()
    assert {r.key for r in records} == {None}
    assert {r.partition for r in records} == set(range(5))
    for record in records:
        assert record.partition == partition(record.id.encode(), 5)


def test_a_topic_that_grew_keeps_its_keys_where_they_were(scene):
    topic = scene.topic("t")
    scene.broker.create_topic(topic, 2)
    relay = scene.start_relay()
    ledger = scene.ledger()
    keys = [f"key-{n}" for n in range(40)]
    for key in keys:
        scene.emit("t", key)
    before = {r.key: r.partition for r in ledger.wait_in_topics()}
    scene.broker.grow_topic(topic, 6)
    for key in keys:
        scene.emit("t", key)
    ledger.wait_in_topics()
    # And after a restart, which reads the recorded map.
    assert relay.stop() == 0
    relay.start()
    for key in keys:
        scene.emit("t", key)
    records = ledger.wait_in_topics()
    assert len(records) == 3 * len(keys)
    for record in records:
        assert record.partition == before[record.key]
    ledger.check_topics(records)
    assert scene.sql("SELECT partitions FROM outbox.topic WHERE topic = %s", (topic,)) == [(2,)]


# ---------------------------------------------------------------------------
# sizes
# ---------------------------------------------------------------------------

def test_a_hundred_thousand_events_in_one_transaction(scene):
    scene.apply_all("bulk")
    relay = scene.start_relay()
    ledger = scene.ledger()
    scene.sql("SELECT count(outbox.emit('bulk', (g % 97)::text, 'T', json_build_object('n', g)))"
              " FROM generate_series(0, 99999) AS g")
    records = ledger.wait_in_topics()
    assert len(ledger.check_topics(records)) == 100000
    assert sorted(r.position.ordinal for r in records) == list(range(100000))
    assert all(json.loads(r.value)["n"] == r.position.ordinal for r in records)
    assert relay.memory("VmHWM") < 100 << 20
    scene.consumer().start()
    ledger.wait_in_target()
    ledger.check_target(records)


def test_the_largest_event_and_one_too_large(scene):
    scene.apply_all("large")
    scene.start_relay()
    ledger = scene.ledger()
    # The settings are there once the session has called a function of the module.
    limit = scene.sql("SELECT pg_size_bytes(current_setting('pg_outbox.max_event_bytes'))"
                      " FROM outbox.uuid7()")[0][0]
    assert 900000 <= limit < 1 << 20
    payload = json.dumps({"padding": "x" * (900000 - 100)})
    assert 899000 < len(payload) < 900000
    event = scene.emit("large", "k", payload)
    with pytest.raises(psycopg.Error) as caught:
        scene.emit("large", "k", json.dumps("x" * limit))
    assert "xxx" not in str(caught.value), "the payload is in the error"
    records = ledger.wait_in_topics()
    assert ids(records) == [event]
    assert records[0].value == payload.encode()
    scene.consumer().start()
    ledger.wait_in_target()
    assert scene.target_sql("SELECT length(payload) FROM applied") == [(len(payload),)]


# ---------------------------------------------------------------------------
# time
# ---------------------------------------------------------------------------

def test_a_single_event_is_there_at_once(scene, record_property):
    scene.start_relay()
    scene.emit("t", "first")
    topic = scene.topic("t")
    until(lambda: scene.broker.partitions(topic), "the topic is there")
    took, plain_took = [], []
    # What this machine takes for a record without us.
    plain = scene.topic("plain")
    scene.broker.create_topic(plain, 1)
    producer = Producer({"bootstrap.servers": scene.broker.servers, "linger.ms": 0})
    with scene.broker.reader(topic) as reader, scene.broker.reader(plain) as plain_reader, \
            scene.source.connect(scene.database) as connection:
        def timed(into, write, reader):
            began = time.perf_counter()
            write()
            reader.some(1)
            into.append((time.perf_counter() - began) * 1000)

        def produce():
            producer.produce(plain, b"{}")
            assert producer.flush(30) == 0
        reader.some(1)
        for number in range(60):
            timed(took, lambda n=str(number): connection.execute("SELECT outbox.emit('t', %s, 'T', '{}'::json)", (n,)), reader)
            timed(plain_took, produce, plain_reader)
    median, plain_median = statistics.median(took), statistics.median(plain_took)
    text = (f"median {median:.1f} ms, worst {max(took):.1f} ms from emit() to a consumer,"
            f" median {plain_median:.1f} ms from a producer")
    record_property("latency", text)
    print(text)
    # What is promised on an idle machine is 20 ms; other tests run beside this one, and the machine may be a slow one.
    assert median < max(150, 20 * plain_median)
