"""Profiles and routing settings: what a topic and a consumer get, from rows and from messages."""
import pytest

from harness.feed import Feed
from harness.wait import until

HANDLER = ("INSERT INTO applied (id, topic, partition, kafka_offset, key, type, payload)"
           " SELECT id::text, topic, partition, kafka_offset, key, type,"
           " concat(payload, '|', headers) FROM batch ORDER BY ordinality")


def emit(scene, storage, *arguments):
    """emit(…) with SQL literals, written to the table or to the WAL; its id."""
    with scene.source.connect(scene.database, autocommit=False) as connection:
        connection.execute(f"SET LOCAL pg_outbox.storage = '{storage}'")
        event, = connection.execute(f"SELECT outbox.emit({', '.join(arguments)})").fetchone()
        connection.commit()
        return str(event)


def records_of(scene, topic, count):
    until(lambda: scene.broker.partitions(topic), "the topic is there")
    with scene.broker.reader(topic) as reader:
        return reader.some(count)


@pytest.fixture
def stage(make_scene, source, target, broker):
    scene = make_scene(source, target, broker)
    scene.target_sql("ALTER TABLE applied ADD COLUMN IF NOT EXISTS type text")
    return scene


@pytest.mark.parametrize("storage", ["table", "wal"])
def test_cloudevents_reach_the_consumer(stage, storage):
    """Nobody can forge an attribute, and the consumer finds id, type and own headers."""
    stage.start_relay("--wal-messages=on", **{"message.profile": "cloudevents",
                                              "message.source": "/shop/1"})
    own = """'{"ce_id": "forged", "ce_type": "forged", "tenant": "acme"}'::jsonb"""
    first = emit(stage, storage, "'t'", "'k1'", "'Made'", "'{\"a\":  1}'::json", own)
    second = emit(stage, storage, "'t'", "'k1'", "NULL", r"'\x00ff'::bytea")
    topic = stage.topic("t")
    record, other = records_of(stage, topic, 2)
    assert [name for name, _ in record.headers] == [
        "ce_id", "ce_source", "ce_specversion", "ce_type", "ce_subject", "ce_time", "content-type",
        "tenant", "outbox-position"]
    assert (record.key, record.value) == (b"k1", b'{"a":  1}')
    assert record.header("ce_id") == first
    assert record.header("ce_source") == "/shop/1"
    assert record.header("ce_type") == "Made"
    assert record.header("ce_subject") == "k1"
    assert record.header("content-type") == "application/json"
    assert other.header("ce_id") == second
    assert other.header("ce_type") == "t"
    assert other.header("content-type") == "application/octet-stream"

    stage.handlers[topic] = {"payload": "bytea",
                             "sql": HANDLER.replace("concat(payload", "concat(encode(payload, 'hex')")}
    consumer = stage.consumer().start()

    def applied():
        return stage.target_sql("SELECT id, key, type, payload FROM applied ORDER BY n")
    until(lambda: len(applied()) == 2, lambda: f"both are applied: {applied()}")
    assert applied() == [
        (first, "k1", "Made", b'{"a":  1}'.hex() +
         '|{"tenant": "acme", "content-type": "application/json"}'),
        (second, "k1", "t", '00ff|{"content-type": "application/octet-stream"}')]
    assert consumer.stop() == 0
    assert not consumer.problems()


def test_a_debezium_record_keeps_its_id_whatever_it_has(stage):
    """A header "ce_id" beside "id" is the writer's own."""
    feed = Feed(stage, partitions=1)
    stage.handlers[feed.topic] = {"sql": HANDLER, "payload": "text"}
    ids = [f"01890000-0000-7000-8000-00000000000{n}" for n in (1, 2)]
    feed.put(0, b"x", headers=[("id", ids[0].encode()), ("ce_id", ids[1].encode()),
                               ("ce_type", b"forged")])
    feed.put(0, b"y", headers=[("ce_id", ids[1].encode()), ("ce_type", b"Made"),
                               ("ce_source", b"/x"), ("ce_own", b"1")])
    feed.flush()
    consumer = stage.consumer().start()

    def applied():
        return stage.target_sql("SELECT id, type, payload FROM applied ORDER BY n")
    until(lambda: len(applied()) == 2, lambda: f"both are applied: {applied()}")
    assert [row[:2] for row in applied()] == [(ids[0], None), (ids[1], "Made")]
    assert applied()[0][2] == f'x|{{"ce_id": "{ids[1]}", "ce_type": "forged"}}'
    assert applied()[1][2] == 'y|{"ce_own": "1"}'
    assert consumer.stop() == 0


def test_the_settings_of_somebody_who_comes_from_debezium(scene):
    """The same record from a row and from a message, and after a restart the same place."""
    prefix = scene.prefix
    settings = {
        "topics.pattern": "outbox.event.{routedByValue}",
        "route.by.field": "root",
        "route.topic.regex": r"(?<team>\w+)\.(.*)",
        "route.topic.replacement": prefix + ".${team}-$2",
        "table.field.event.key": "root_id",
        "table.field.event.timestamp": "at",
        "table.fields.additional.placement":
            "type:envelope:eventType,v:envelope,tenant:header:x-tenant,p:partition",
        "table.expand.json.payload": "true",
        "route.tombstone.on.empty.payload": "true",
    }
    scene.initialize("--wal-messages=on")
    relay = scene.relay(**settings).start()
    headers = """'{"root": "billing.invoice", "root_id": 42, "at": "2019-03-24 20:52:59",
                   "v": 1.50, "tenant": "acme", "p": 2, "own": true}'::jsonb"""
    ids = []
    for storage in ("table", "wal"):
        ids.append(emit(scene, storage, "'t'", "'k'", "'Paid'",
                        """'{"n": null, "a": [], "sum":  1.10}'::json""", headers))
        ids.append(emit(scene, storage, "'t'", "'k'", "'Gone'", "NULL::json", headers))
        if storage == "table":
            until(lambda: scene.broker.partitions(prefix + ".billing-invoice"), "the topic is there")
            assert relay.stop() == 0
            relay.start()
    records = records_of(scene, prefix + ".billing-invoice", 4)
    assert [record.id for record in records] == ids
    assert {record.partition for record in records} == {2}
    assert {record.key for record in records} == {b"42"}
    assert {record.timestamp for record in records} == {1553460779000}
    for record, gone in (records[:2], records[2:]):
        assert record.value == b'{"payload":{"sum":1.10},"eventType":"Paid","v":1.50}'
        assert gone.value is None
        assert [name for name, _ in record.headers] == ["id", "type", "x-tenant", "own",
                                                        "outbox-position"]
        assert record.header("x-tenant") == "acme"
    assert not relay.problems()


def test_a_bad_routing_setting_names_file_and_line(scene, exits):
    path = scene.base + "/relay.ini"
    with open(path, "w", encoding="utf-8") as file:
        file.write("[table]\n\nfields.additional.placement = type:nowhere\n")
    relay = scene.relay(command=("run", "--config", path))
    relay.start(ready=False)
    assert relay.wait_exit(40) == exits["EXIT_CONFIG"], relay.log()
    problem, = relay.problems()
    for words in ("relay.ini:3", "table.fields.additional.placement", "field:header"):
        assert words in relay.log(), problem
