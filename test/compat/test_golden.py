"""The same rows through Debezium's connector and through outbox-relay."""
import json
import uuid

import pytest

from connect import Connect
from harness.wait import until
from shapes import DIFFERENT, SETUPS, TOPICS

TABLE = """CREATE TABLE outbox_copy (id uuid PRIMARY KEY, aggregatetype varchar(255) NOT NULL, aggregateid varchar(255),
 type varchar(255), payload json, tenant text, n int, flag bool, p int, at timestamp(3))"""


def connector(scene, router, debezium, own_table):
    settings = {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "database.hostname": "127.0.0.1", "database.port": scene.source.port,
        "database.user": "postgres", "database.password": "x", "database.dbname": scene.database,
        "topic.prefix": "debezium_" + scene.id, "plugin.name": "pgoutput",
        "slot.name": "debezium_" + scene.id, "publication.name": "debezium",
        "publication.autocreate.mode": "disabled", "snapshot.mode": "no_data",
        "table.include.list": "public.outbox_copy" if own_table else "outbox.event",
        "extended.headers.enabled": "false", "message.prefix.exclude.list": "pg_outbox.*",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter.schemas.enable": "false",
        "header.converter": "org.apache.kafka.connect.storage.SimpleHeaderConverter",
        "transforms": "outbox",
        "transforms.outbox.type": "io.debezium.transforms.outbox.EventRouter",
    }
    settings.update(debezium)
    settings.update({"transforms.outbox." + key: value.replace("%s", scene.prefix + ".theirs")
                     for key, value in router.items()})
    return settings


def write(scene, rows):
    """Each in a transaction of its own; the ids."""
    ids = []
    with scene.source.connect(scene.database, autocommit=False) as connection:
        for aggregate_type, key, event_type, payload, columns in rows:
            ids.append(str(uuid.uuid4()))
            headers = None
            if columns is not None:
                connection.execute(
                    "INSERT INTO outbox_copy VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                    (ids[-1], aggregate_type, key, event_type, payload, *columns.values()))
                headers = json.dumps(dict(columns, at=columns["at"].isoformat()))
            connection.execute(
                "INSERT INTO outbox.event (id, aggregatetype, aggregateid, type, payload, payload_bytes, headers)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (ids[-1], aggregate_type, key, event_type,
                 payload if isinstance(payload, str) else None,
                 payload if isinstance(payload, bytes) else None, headers))
            connection.commit()
    return ids


def collect(scene, side, name, count, what):
    topics = [f"{scene.prefix}.{side}.{topic}" for topic in TOPICS[name]]

    def read():
        records = scene.broker.read(*topics)
        return records if len(records) >= count else None
    records = until(read, what, timeout=120)
    assert len(records) == count
    return {record.id: record for record in records}


def parts(record, side, placed):
    """What is compared; of ours the headers that Debezium has no setting against are left out."""
    headers = [(name, value) for name, value in record.headers
               if side == "theirs" or name == "id" or name in placed]
    return {"topic": record.topic.replace(f".{side}.", ".", 1), "key": record.key,
            "value": record.value, "headers": headers,
            "partition": None if record.key is None else record.partition}


@pytest.fixture
def stages(own, make_scene):
    source = own.cluster("source", {"max_replication_slots": 30, "max_wal_senders": 30})
    broker = own.broker()
    made = {name: make_scene(source, None, broker) for name in SETUPS}
    for name, scene in made.items():
        for topic in TOPICS[name]:
            for side in ("ours", "theirs"):
                broker.create_topic(f"{scene.prefix}.{side}.{topic}", 3)
        own_table = SETUPS[name][2][0][4] is not None
        if own_table:
            scene.sql(TABLE)
        scene.sql("CREATE PUBLICATION debezium FOR TABLE "
                  + ("outbox_copy" if own_table else "outbox.event")
                  + " WITH (publish_via_partition_root = true)")
    return made


def test_records_are_the_same(own, stages, reap):
    connectors = {}
    for name, scene in stages.items():
        router, debezium, rows = SETUPS[name]
        ours = {key: value.replace("%s", scene.prefix + ".ours") for key, value in router.items()}
        scene.start_relay(**{"topics.pattern": "outbox.event.{routedByValue}",
                             "table.field.additional.missing": "ignore", **ours})
        connectors[name] = connector(scene, router, debezium, rows[0][4] is not None)
    worker = Connect(own.base, next(iter(stages.values())).broker, connectors, reap)
    try:
        for scene in stages.values():
            until(lambda s=scene: not worker.running() or s.sql(
                "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND active",
                ("debezium_" + s.id,)), lambda: "Debezium streams: " + worker.log(), timeout=120)
        assert worker.running(), worker.log()
        ids = {name: write(scene, SETUPS[name][2]) for name, scene in stages.items()}
        compared, unexplained = 0, []
        for name, scene in stages.items():
            router = SETUPS[name][0]
            placed = [item.split(":")[-1] if item.count(":") == 2 else item.split(":")[0]
                      for item in router.get("table.fields.additional.placement", "").split(",")
                      if ":header" in item]
            found = {side: collect(scene, side, name, len(ids[name]),
                                   lambda s=side, n=name: f"{n}: all of {s}: {worker.log()}")
                     for side in ("ours", "theirs")}
            for index, event in enumerate(ids[name]):
                ours, theirs = (parts(found[side][event], side, placed)
                                for side in ("ours", "theirs"))
                differing = [part for part in ours if ours[part] != theirs[part]]
                if "table.field.event.timestamp" in router and \
                        found["ours"][event].timestamp != found["theirs"][event].timestamp:
                    differing.append("timestamp")
                if differing != (["value"] if (name, index) in DIFFERENT else []):
                    unexplained += [f"{name} {index} {part}: {str(ours.get(part))[:300]} here,"
                                    f" {str(theirs.get(part))[:300]} there" for part in differing] or \
                        [f"{name} {index}: no difference, and one was expected"]
                compared += 1
        print(f"{compared} records compared, {len(DIFFERENT)} differ by design,"
              f" {len(unexplained)} unexplained")
        assert not unexplained, "\n".join(unexplained)
        assert compared >= 40
    finally:
        worker.stop()
