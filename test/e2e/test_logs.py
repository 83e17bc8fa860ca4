"""What the log says: one line an event, fields for machines, and no secret."""
import json
import re
import secrets
import signal

from harness.wait import until

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def emit(scene, key, payload, headers=None, aggregate_type="t"):
    """(id, xid)"""
    with scene.source.connect(scene.database) as connection:
        row = connection.execute("SELECT outbox.emit(%s, %s, 'T', %s::json, headers => %s::jsonb), txid_current()",
                                 (aggregate_type, key, payload, json.dumps(headers or {}))).fetchone()
    return str(row[0]), row[1] % 2 ** 32


def commit_lsn(scene, event_id):
    """Of its record in Kafka, or of its dead letter."""
    rows = scene.sql("SELECT position FROM outbox.dead_letter WHERE id = %s", (event_id,))
    return rows[0][0].split("/", 2)[2].rpartition("/")[0]


def test_an_event_that_can_t_be_published_is_named_by_fields(scene, exits):
    relay = scene.start_relay(**{"kafka.message.max.bytes": "3000", "mark.interval": "100ms"})
    ledger = scene.ledger()
    emit(scene, "k", '{"n": 1}')
    ledger.wait_in_topics()
    event, xid = emit(scene, "k", json.dumps({"big": secrets.token_hex(4000)}), {"traceparent": TRACEPARENT})
    assert relay.wait_exit() == exits["EXIT_POISON"]
    (error,) = relay.problems()
    assert error["event_id"] == event and error["xid"] == xid and error["traceparent"] == TRACEPARENT
    assert error["topic"] == scene.topic("t") and error["ordinal"] == 0
    assert re.fullmatch(r"[0-9A-F]+/[0-9A-F]+", error["lsn"]) and error["code"] == "MSG_SIZE_TOO_LARGE"
    assert error["class"] == "permanent" and error["msg"] and error["hint"]
    # What isn't a traceparent stays out.
    relay.options["poison.policy"] = "dead-letter"
    other, xid = emit(scene, "k", json.dumps({"big": secrets.token_hex(4000)}), {"traceparent": "a secret of somebody"})
    relay.start()
    until(lambda: sum(e.get("msg") == "dead-lettered an event" for e in relay.entries()) == 2, "both are dead letters")
    first, second = [e for e in relay.entries() if e["msg"] == "dead-lettered an event"]
    assert (first["event_id"], first["lsn"], first["traceparent"]) == (event, commit_lsn(scene, event), TRACEPARENT)
    assert (second["event_id"], second["xid"], second["lsn"]) == (other, xid, commit_lsn(scene, other))
    assert first["ordinal"] == second["ordinal"] == 0 and type(first["ordinal"]) is int
    assert "traceparent" not in second and "somebody" not in relay.log()


def test_a_failed_delivery_is_named_by_its_place(scene):
    """The broker refuses it: topic and partition are its own words."""
    relay = scene.start_relay()
    topic = scene.topic("t")
    ledger = scene.ledger()
    emit(scene, "k", '{"n": 1}')
    (record,) = ledger.wait_in_topics()
    scene.broker.configure_topic(topic, max_message_bytes="3000")
    event, _ = emit(scene, "k", json.dumps({"big": secrets.token_hex(4000)}))
    relay.wait_exit()
    (error,) = relay.problems()
    assert (error["event_id"], error["topic"], error["partition"]) == (event, topic, record.partition)
    assert re.fullmatch(r"[0-9A-F]+/[0-9A-F]+", error["lsn"])


def test_no_payload_and_no_password(make_scene, own_source, own_broker):
    """At the most talkative level, in outages, over poison and bad reloads, in text and JSON."""
    scene = make_scene(own_source, None, own_broker)
    mark = "PAYLOAD" + secrets.token_hex(8)
    password = "PASSWORD" + secrets.token_hex(8)
    logs = []
    scene.initialize()
    conninfo = scene.source.conninfo(scene.database) + f" password={password}"
    for number, form in enumerate(("json", "text")):
        relay = scene.relay(f"relay-{form}", **{
            "log.level": "debug", "log.format": form, "postgres.conninfo": conninfo, "poison.policy": "dead-letter",
            "kafka.message.max.bytes": "3000", "kafka.sasl.password": password, "kafka.ssl.key.password": password})
        relay.start()
        emit(scene, f"key-{mark}", json.dumps({"small": mark}), {"own": mark})
        emit(scene, f"key-{mark}", json.dumps({"big": mark * 500}), {"own": mark})
        until(lambda: scene.sql("SELECT count(*) FROM outbox.dead_letter")[0][0] == number + 1, "a dead letter")
        own_source.stop("immediate")
        relay.wait_not_ready()
        own_source.start()
        relay.wait_ready()
        own_broker.kill()
        until(lambda: relay.metric("outbox_relay_kafka_cut_off") == 1, "Kafka is away")
        emit(scene, f"key-{mark}", json.dumps({"small": mark}), {"own": mark})
        own_broker.restart()
        until(lambda: relay.metric("outbox_relay_kafka_cut_off") == 0, "Kafka is back", 60)
        relay.signal(signal.SIGHUP)
        relay.wait_log("reloaded the configuration")
        pages = "".join(relay.http(path)[1] for path in ("/status", "/metrics", "/readyz"))
        assert relay.stop() == 0
        logs.append(relay.log())
        assert mark not in logs[-1] + pages and password not in logs[-1] + pages
    lines = [json.loads(line) for line in logs[0].splitlines()]
    assert len(lines) > 10 and all({"ts", "level", "component", "msg"} <= set(line) for line in lines)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["ts"]) for line in lines)
    values = [(name, value) for line in lines for name, value in line.items()]
    assert all("\n" not in value for _, value in values if isinstance(value, str))
    # A field has one type wherever it stands.
    numbers = {name for name, value in values if not isinstance(value, str)}
    assert {"failures", "away_seconds"} <= numbers
    assert numbers.isdisjoint(name for name, value in values if isinstance(value, str))
    assert {"debug", "info", "warning"} <= {line["level"] for line in lines}
    assert all(re.match(r"\d{4}-\S+Z (debug|info|warning|error) +relay: ", line) for line in logs[1].splitlines())
