"""outbox-consumer: handlers, exactly once, what stops it and what doesn't."""
import json

import pytest
from confluent_kafka import Producer

from harness.daemon import run_once
from harness.scene import HANDLER
from harness.wait import until

LATEST = """
INSERT INTO latest (key, n) SELECT key, (payload->>'n')::int FROM batch_latest
ON CONFLICT (key) DO UPDATE SET n = excluded.n
"""


def wait_applied(scene, count, timeout=40):
    until(lambda: len(scene.applied()) >= count,
          lambda: f"{count} events are applied; there are {len(scene.applied())}", timeout)


def running(scene, *aggregate_types, **options):
    """A relay, a first event of each type and a consumer."""
    scene.apply_all(*aggregate_types)
    relay = scene.start_relay()
    for name in aggregate_types:
        scene.emit(name, "first")
        until(lambda n=name: scene.broker.partitions(scene.topic(n)), "the topic is there")
    consumer = scene.consumer(**options).start()
    wait_applied(scene, len(aggregate_types))
    return relay, consumer


def test_what_a_handler_sees(scene):
    scene.target_sql("CREATE TABLE seen (id uuid, topic text, partition int, kafka_offset bigint,"
                     " key text, type text, payload jsonb, headers jsonb, position text,"
                     " event_time timestamptz)")
    scene.handlers[scene.topic("t")] = {
        "sql": "INSERT INTO seen SELECT id, topic, partition, kafka_offset, key, type, payload,"
               " headers, position, event_time FROM batch", "payload": "jsonb"}
    scene.start_relay()
    ledger = scene.ledger()
    event = str(scene.sql("SELECT outbox.emit('t', 'the key', 'Made', '{\"n\": 7}'::json,"
                          " headers => '{\"tenant\": \"north\"}'::jsonb)")[0][0])
    record, = ledger.wait_in_topics()
    scene.consumer().start()
    until(lambda: scene.target_sql("SELECT 1 FROM seen"), "it is applied")
    row = scene.target_sql("SELECT id::text, topic, partition, kafka_offset, key, type, payload,"
                           " headers, position, extract(epoch FROM event_time) * 1000 FROM seen")[0]
    assert row[:7] == (event, record.topic, record.partition, record.offset, "the key", "Made",
                       {"n": 7})
    assert row[7]["tenant"] == "north"
    assert row[8] == record.position.text
    assert int(row[9]) == record.timestamp


def test_two_events_of_one_key_in_one_batch(scene):
    scene.target_sql("CREATE TABLE latest (key text PRIMARY KEY, n int)")
    scene.handlers[scene.topic("t")] = {"sql": LATEST, "payload": "json"}
    scene.start_relay()
    ledger = scene.ledger()
    scene.sql("SELECT outbox.emit('t', 'same', 'T', json_build_object('n', g))"
              " FROM generate_series(1, 50) AS g")
    scene.sql("SELECT outbox.emit('t', 'other', 'T', '{\"n\": -1}'::json)")
    ledger.wait_in_topics()
    consumer = scene.consumer().start()
    until(lambda: len(scene.target_sql("SELECT 1 FROM latest")) == 2, "both keys are there")
    until(lambda: dict(scene.target_sql("SELECT key, n FROM latest")) == {"same": 50, "other": -1},
          "the last event of each key counts")
    assert not consumer.problems()


def test_several_handlers_and_topics_in_one_transaction(scene):
    scene.target_sql("CREATE TABLE latest (key text PRIMARY KEY, n int)")
    scene.apply_all("a", "b")
    scene.start_relay()
    ledger = scene.ledger()
    for number in range(20):
        scene.emit("a", "k", json.dumps({"n": number}))
        scene.emit("b", "k", json.dumps({"n": -number}))
    records = ledger.wait_in_topics()
    scene.consumer().start()
    ledger.wait_in_target()
    ledger.check_target(records)


def test_kafka_and_the_target_agree_on_the_offset(scene):
    """The truth is in the target; tools see it in Kafka too."""
    _, consumer = running(scene, "t")
    for number in range(30):
        scene.emit("t", str(number))
    wait_applied(scene, 31)
    assert scene.target_sql("SELECT sum(next_offset)::int FROM outbox_inbox.progress") == [(31,)]
    assert consumer.stop() == 0
    # A new life starts where the old one ended: nothing is applied again.
    consumer.start()
    scene.emit("t", "last")
    wait_applied(scene, 32)
    assert len({row[0] for row in scene.applied()}) == len(scene.applied()) == 32


def test_what_came_twice_is_applied_once(scene):
    """Records of an earlier life of the relay, again, after newer ones."""
    _, consumer = running(scene, "t")
    for number in range(10):
        scene.emit("t", "k", json.dumps({"n": number}))
    wait_applied(scene, 11)
    records = scene.broker.read(scene.topic("t"))
    producer = Producer({"bootstrap.servers": scene.broker.servers})
    for record in records:
        producer.produce(record.topic, record.value, record.key, record.partition,
                         headers=record.headers, timestamp=record.timestamp)
    assert producer.flush(30) == 0
    last = scene.emit("t", "k")
    until(lambda: last in {row[0] for row in scene.applied()}, "the last event is applied")
    ids = [row[0] for row in scene.applied()]
    assert len(ids) == len(set(ids)) == 12
    assert not consumer.problems()


def test_a_transaction_on_the_target_is_lost_and_found(scene):
    """The connection goes in the middle of batches; each is applied once all the same."""
    relay, consumer = running(scene, "t", **{"breaker.reset": "300ms"})
    with scene.load(3, aggregate_type="t") as load:
        for _ in range(6):
            load.wait_committed(60)
            scene.target_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                             " WHERE datname = %s AND pid <> pg_backend_pid()", (scene.database,))
    expected = scene.sql("SELECT count(*) FROM business")[0][0] + 1
    wait_applied(scene, expected)
    ids = [row[0] for row in scene.applied()]
    assert len(ids) == len(set(ids)) == expected
    assert consumer.running() and relay.running()


def test_two_consumers_of_one_group_share_the_work(scene):
    _, first = running(scene, "t")
    second = scene.consumer("second").start()
    with scene.load(4, aggregate_type="t", keys=40) as load:
        load.wait_committed(200)
        second.kill()
        load.wait_committed(200)
        second.start()
        load.wait_committed(200)
    expected = scene.sql("SELECT count(*) FROM business")[0][0] + 1
    wait_applied(scene, expected, 90)
    ids = [row[0] for row in scene.applied()]
    assert len(ids) == len(set(ids)) == expected
    assert first.running() and second.running()


def test_sigterm_ends_it_in_order(scene):
    _, consumer = running(scene, "t")
    with scene.load(5, aggregate_type="t") as load:
        for _ in range(3):
            load.wait_committed(80)
            assert consumer.stop() == 0
            consumer.start()
    expected = scene.sql("SELECT count(*) FROM business")[0][0] + 1
    wait_applied(scene, expected)
    ids = [row[0] for row in scene.applied()]
    assert len(ids) == len(set(ids)) == expected
    assert not consumer.problems()


# ---------------------------------------------------------------------------
# what stops it
# ---------------------------------------------------------------------------

def stops(scene, consumer, status, *words):
    assert consumer.wait_exit(60) == status, consumer.log()
    problems = consumer.problems()
    assert len(problems) == 1, problems
    for word in words:
        assert word in consumer.log()


def test_an_event_that_can_never_be_applied(scene, exits):
    scene.target_sql("CREATE TABLE strict (n int CHECK (n < 100))")
    scene.handlers[scene.topic("t")] = {
        "sql": "INSERT INTO strict SELECT (payload->>'n')::int FROM batch ORDER BY ordinality",
        "payload": "json", "on_error": "stop"}
    scene.start_relay()
    ledger = scene.ledger()
    bad = None
    for number in (1, 2, 300, 4):
        event = scene.emit("t", "k", json.dumps({"n": number}))
        bad = event if number == 300 else bad
    ledger.wait_in_topics()
    consumer = scene.consumer().start(ready=False)
    stops(scene, consumer, exits["EXIT_DATA"], scene.topic("t"), "23514", bad)
    # Those before it are applied, it and those behind it are not.
    assert scene.target_sql("SELECT n FROM strict ORDER BY n") == [(1,), (2,)]
    # And so it goes on when the reason is gone.
    scene.target_sql("ALTER TABLE strict DROP CONSTRAINT strict_n_check")
    consumer.start()
    until(lambda: scene.target_sql("SELECT n FROM strict ORDER BY n")
          == [(1,), (2,), (4,), (300,)], "all are applied")


def test_a_payload_that_is_no_json(scene, exits):
    topic = scene.topic("t")
    scene.broker.create_topic(topic, 1)
    scene.apply_all("t")
    scene.handlers[topic]["on_error"] = "stop"
    producer = Producer({"bootstrap.servers": scene.broker.servers})
    producer.produce(topic, b"{not json", b"k", 0,
                     headers=[("id", b"01890000-0000-7000-8000-000000000001"),
                              ("outbox-position", b"elsewhere/1.1/0/100/0")])
    assert producer.flush(30) == 0
    consumer = scene.consumer().start(ready=False)
    stops(scene, consumer, exits["EXIT_DATA"], topic)
    assert "not json" not in consumer.log()
    assert scene.applied() == []


@pytest.mark.parametrize("sql, sqlstate", [
    ("INSERT INTO no_such_table SELECT id FROM batch", "42P01"),
    ("INSERT INTO applied (id) SELEKT id FROM batch", "42601"),
    ("INSERT INTO applied (id) SELECT no_such_column FROM batch", "42703"),
])
def test_a_handler_that_the_target_refuses(scene, exits, sql, sqlstate):
    scene.handlers[scene.topic("t")] = {"sql": sql, "payload": "json"}
    scene.start_published()
    consumer = scene.consumer().start(ready=False)
    stops(scene, consumer, exits["EXIT_HANDLER"], sqlstate)
    # Nothing moved: the mended handler applies the event.
    scene.handlers[scene.topic("t")]["sql"] = HANDLER
    scene.consumer("mended").start()
    wait_applied(scene, 1)


def test_check_tells_each_error_once(scene, exits):
    for name, sql in (("a", "INSERT INTO no_such_table SELECT id FROM batch"), ("b", HANDLER),
                      ("c", "INSERT INTO applied (id) SELECT no_such FROM batch")):
        scene.handlers[scene.topic(name)] = {"sql": sql, "payload": "json"}
    command = run_once(scene.consumer(command=("check",)))
    assert command.status == exits["EXIT_HANDLER"], command
    assert command.output.count("no_such_table") == command.output.count('"no_such"') == 1
    assert command.output.count("hint: Create it in the target") == 2
    assert "2 of 3 handlers" in command.output


def test_a_topic_that_is_not_there_is_told_once(scene):
    scene.apply_all("wrong", "also")
    consumer = scene.consumer().start()
    for name in ("wrong", "also"):
        consumer.wait_log(scene.topic(name).replace(".", "[.]"))
    scene.broker.create_topic(scene.topic("also"), 1)
    consumer.wait_log("partitions were assigned")
    warnings = [e for e in consumer.entries() if "not available" in e.get("msg", "")]
    assert sorted(e["level"] for e in warnings) == ["warning", "warning"], warnings
    assert all("misspelt" in e["hint"] for e in warnings)


def test_no_inbox_in_the_target(scene, exits):
    scene.target_sql("DROP SCHEMA outbox_inbox CASCADE")
    scene.apply_all("t")
    scene.broker.create_topic(scene.topic("t"), 1)
    consumer = scene.consumer().start(ready=False)
    assert consumer.wait_exit() in (exits["EXIT_NOT_INITIALIZED"], exits["EXIT_HANDLER"]), \
        consumer.log()
    assert len(consumer.problems()) == 1
    assert "outbox_inbox" in consumer.log()


def test_a_topic_that_was_made_again(scene, exits):
    _, consumer = running(scene, "t")
    for number in range(5):
        scene.emit("t", "k", json.dumps({"n": number}))
    wait_applied(scene, 6)
    assert consumer.stop() == 0
    topic = scene.topic("t")
    scene.broker.delete_topics([topic])
    scene.broker.create_topic(topic, 3)
    producer = Producer({"bootstrap.servers": scene.broker.servers})
    for number in range(60):
        producer.produce(topic, b"{}", str(number).encode(), number % 3, headers=[
            ("id", f"01890000-0000-7000-8000-{number:012}".encode()),
            ("outbox-position", f"elsewhere/1.1/0/{number + 100:X}/0".encode())])
    assert producer.flush(30) == 0
    consumer.start(ready=False)
    assert consumer.wait_exit() == exits["EXIT_OFFSETS"], consumer.log()
    assert len(consumer.problems()) == 1 and topic in consumer.log()


@pytest.mark.parametrize("options, words", [
    ({"kafka.bootstrap.servers": None}, ["kafka.bootstrap.servers"]),
    ({"kafka.bootstrap.servers": "127.0.0.1:9092,127.0.0.1:nine"}, ["127.0.0.1:nine", "has no port"]),
    ({"kafka.enable.auto.commit": "true"}, ["enable.auto.commit"]),
    ({"no.such.option": "1"}, ["NO_SUCH_OPTION"]),
])
def test_wrong_configuration(scene, exits, options, words):
    scene.apply_all("t")
    consumer = scene.consumer(**options).start(ready=False)
    stops(scene, consumer, exits["EXIT_CONFIG"], *words)


def test_no_handler_is_a_mistake(scene, exits):
    consumer = scene.consumer(handlers={}).start(ready=False)
    stops(scene, consumer, exits["EXIT_CONFIG"], "handler")


# ---------------------------------------------------------------------------
# what doesn't
# ---------------------------------------------------------------------------

def test_a_lock_on_the_target_is_waited_for(scene):
    _, consumer = running(scene, "t")
    with scene.target.connect(scene.database, autocommit=False) as connection:
        connection.execute("LOCK TABLE applied IN ACCESS EXCLUSIVE MODE")
        event = scene.emit("t", "k")
        until(lambda: connection.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'applied'::regclass")
            .fetchone()[0] > 0, "the consumer waits for the lock")
        assert consumer.http("/healthz")[0] == 200
        connection.rollback()
    until(lambda: event in {row[0] for row in scene.applied()}, "the event is applied")


def test_lag_is_measured(scene):
    _, consumer = running(scene, "t")
    for unit in ("record", "second"):
        until(lambda u=unit: any("lag" in name and u in name for name in consumer.metrics()), f"the lag is known in {unit}s")
    assert consumer.metric("circuit_breaker_state") == 0
    until(lambda: sum(v for k, v in consumer.metrics().items()
                      if "lag" in k and "record" in k) == 0, "there is no lag")
