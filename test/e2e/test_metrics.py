"""What the relay says of itself to Prometheus, to a supervisor and to people, in good and in bad times."""
import json
import os
import re
import secrets
import socket
import subprocess

import pytest

from harness import prom
from harness.paths import BIN, WATCHED
from harness.wait import until


def families(daemon):
    status, text = daemon.http("/metrics")
    assert status == 200
    return prom.check(text)


def value(daemon, series):
    """None: no sample."""
    return daemon.metrics().get(series)


def status(daemon):
    code, text = daemon.http("/status")
    assert code == 200, text
    return json.loads(text)


def table(program):
    printed = subprocess.run([os.path.join(BIN, program), "--print-metrics"], check=True,
                             capture_output=True, text=True).stdout
    return re.findall(r"(?m)^\| `(\w+)` \| (\w+) \| (.*?) \| (.*) \|$", printed)


def lines_that_say(daemon, message):
    return [e for e in daemon.entries() if e.get("msg") == message]


def test_the_linter_finds_what_is_wrong():
    def findings(name, kind, sample=True, help_text="Words."):
        text = f"# HELP {name} {help_text}\n# TYPE {name} {kind}\n" + (f"{name} 1\n" if sample else "")
        return prom.lint(prom.parse(text))
    assert findings("a_total", "counter") == [] == findings("a_bytes", "gauge")
    for name, kind in (("a", "counter"), ("a_total", "gauge"), ("a_ms", "gauge"), ("a_count", "gauge"),
                       ("aB", "gauge"), ("a_gauge", "gauge"), ("a_kilobytes_total", "counter")):
        assert len(findings(name, kind)) == 1, name
    assert findings("a", "gauge", help_text=" ") == ["a: no help text"]
    for text in ("a 1", "# HELP a b\n# TYPE a gauge\nb 1\n", '# HELP a b\n# TYPE a gauge\na{x="\\q"} 1\n',
                 "# HELP a b\n# TYPE a gauge\na 1\na 2\n", "# HELP a b\n# TYPE a gauge\na one\n"):
        with pytest.raises(AssertionError):
            prom.parse(text)


def test_the_table_is_what_is_served(scene):
    relay = scene.start_relay(**{"mark.interval": "50ms"})
    ledger = scene.ledger()
    with scene.source.connect(scene.database) as connection:
        for number in range(3):
            with connection.transaction():
                for _ in range(number + 1):
                    connection.execute("SELECT outbox.emit('t', 'k', 'T', '{}'::json)")
    ledger.wait_in_topics()
    until(lambda: value(relay, "outbox_relay_transactions_delivered_total") == 3, "three transactions")
    # The first look at the slot comes with the stream.
    until(lambda: value(relay, "outbox_relay_open_gap") == 0, "the slot was looked at")
    found = families(relay)
    rows = table("outbox-relay")
    assert [(f.name, f.type, f.help) for f in found.values()] == [(r[0], r[1], r[3]) for r in rows]

    samples = {k: v for f in found.values() for k, v in f.samples.items()}
    for counter, expected in (("events_read", 6), ("transactions_read", 3), ("events_published", 6),
                              ("transactions_published", 3), ("events_delivered", 6), ("events_suppressed", 0),
                              ("deliveries_failed", 0), ("sessions", 1), ("producers", 1)):
        assert samples[f"outbox_relay_{counter}_total"] == expected, counter
    assert samples["outbox_relay_delivery_seconds_count"] == 6
    assert samples["outbox_relay_replication_delay_seconds_count"] == 3
    assert samples["outbox_relay_bytes_delivered_total"] > 6
    assert samples["outbox_relay_in_flight_events"] == samples["outbox_relay_in_flight_bytes"] == 0
    # Of labels the table names every value, and one of a set of states holds.
    for name, _, labels, _ in rows:
        match = re.fullmatch(r"(\w+) \((.*)\)", labels)
        if match:
            expected = [f'{name}{{{match[1]}="{v}"}}' for v in match[2].split(", ")]
            assert list(found[name].samples) == expected, name
    for name, label, what in (("state", "state", "streaming"), ("role", "role", "active"),
                              ("slot_wal_status", "status", "reserved")):
        series = found[f"outbox_relay_{name}"].samples
        assert [k for k, v in series.items() if v == 1] == [f'outbox_relay_{name}{{{label}="{what}"}}']
        assert sum(series.values()) == 1
    assert samples['outbox_relay_peer_up{peer="postgres"}'] == samples['outbox_relay_peer_up{peer="kafka"}'] == 1
    version = scene.sql("SHOW server_version_num")[0][0]
    assert f'outbox_relay_postgres_info{{version="{int(version) // 10000}.{int(version) % 10000}"}}' in samples
    assert f'outbox_relay_info{{slot="{scene.slot}",source="{status(relay)["source_id"]}"}}' in samples
    assert re.search(r'outbox_relay_build_info\{version="[0-9.]+",librdkafka="[0-9.]+",libpq="[0-9.]+"\}',
                     " ".join(samples))
    assert samples["outbox_relay_slot_retained_wal_bytes"] > 0
    assert samples["outbox_relay_config_last_reload_successful"] == 1
    # One more for the connection that asked; others come and go.
    until(lambda: 0 <= value(relay, "process_open_fds") - relay.descriptors() <= 1, "it says how many are open")
    assert WATCHED or abs(samples["process_resident_memory_bytes"] - relay.memory()) < 4 << 20


def test_the_consumer_s_table_is_what_is_served(make_scene, source, target, broker):
    scene = make_scene(source, target, broker)
    scene.start_published()
    scene.apply_all("t")
    consumer = scene.consumer().start()
    until(lambda: len(scene.applied()) == 1, "it is applied")
    found = families(consumer)
    assert [(f.name, f.type, f.help) for f in found.values()] == [(r[0], r[1], r[3]) for r in table("outbox-consumer")]
    until(lambda: value(consumer, "outbox_consumer_applied_events_total") == 1, "it has counted that")
    assert value(consumer, "process_open_fds") > 5


def test_status_has_all_of_it(scene):
    relay, _ = scene.start_published(**{"log.level": "debug"})

    def at_rest():
        found = status(relay)
        return found if found["slot_status"] is not None and found["lag_bytes"] == found["lag_seconds"] == 0 else None
    found = until(at_rest, "it is at rest")
    assert (found["state"], found["summary"], found["role"]) == ("streaming", "streaming", "active")
    assert found["ready"] is True and found["lag_seconds"] == 0 and found["last_error"] is None
    assert found["slot_status"]["wal_status"] == "reserved" and found["slot_status"]["open_gap"] is False
    assert found["slot_status"]["safe_wal_size"] == scene.slot_row("safe_wal_size")[0]
    assert found["counters"]["events_delivered"] == found["counters"]["events_read"] == 1
    assert found["versions"]["server_version_num"] == int(scene.sql("SHOW server_version_num")[0][0])
    assert found["config"]["last_reload_successful"] is True and found["config"]["settings"]["environment"] >= 7
    assert found["config"]["settings"]["default"] > 10
    # Nothing of the connection strings.
    text = relay.http("/status")[1]
    assert "host=" not in text and "user=" not in text and scene.broker.servers not in text


def test_a_standby_says_so(scene):
    active = scene.start_relay()
    standby = scene.relay("standby").start()
    until(lambda: standby.http("/readyz") == (200, f"standing by for slot {scene.slot}\n"), "it stands by")
    assert standby.metrics()['outbox_relay_role{role="standby"}'] == 1
    # While it looks again each second it is no less ready.
    for _ in range(30):
        assert standby.http("/readyz")[0] == 200
    samples = standby.metrics()
    assert not {"outbox_relay_lag_seconds", "outbox_relay_lag_bytes", "outbox_relay_open_gap"} & set(samples)
    found = status(standby)
    unknown = {"lag_seconds", "lag_bytes", "slot_status", "timeline", "confirmed_lsn", "mark_lsn", "server_lsn",
               "last_position"}
    assert {name for name in unknown if found[name] is not None} == set()
    assert not {"", "0/0"} & {value for value in found.values() if isinstance(value, str)}
    families(standby)
    assert active.stop() == 0
    until(lambda: value(standby, 'outbox_relay_role{role="active"}') == 1, "it took over")
    until(lambda: value(standby, "outbox_relay_lag_seconds") == 0, "it has caught up")


def test_the_server_goes_and_comes_back(make_scene, own_source, broker):
    """Nothing looks well while nobody knows, and one line says that it is over."""
    scene = make_scene(own_source, None, broker)
    relay, _ = scene.start_published()
    until(lambda: value(relay, "outbox_relay_open_gap") == 0, "the slot was looked at")
    own_source.stop("immediate")
    until(lambda: relay.http("/readyz")[0] == 503, "it isn't ready")
    assert relay.http("/healthz") == (200, "ok\n")
    until(lambda: value(relay, "outbox_relay_lag_seconds") > 2, "the lag grows")
    samples = relay.metrics()
    assert samples['outbox_relay_peer_up{peer="postgres"}'] == 0
    assert not {"outbox_relay_lag_bytes", "outbox_relay_slot_retained_wal_bytes", "outbox_relay_open_gap",
                'outbox_relay_slot_wal_status{status="reserved"}'} & set(samples)
    assert samples['outbox_relay_errors_total{class="transient"}'] > 0
    assert samples['outbox_relay_reconnects_total{peer="postgres"}'] == 0
    found = status(relay)
    assert found["lag_bytes"] is None and found["slot_status"] is None and found["postgres_up"] is False
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", found["last_error"]["at"])
    assert found["last_error"]["class"] == "transient" and found["last_error"]["message"]
    families(relay)
    # Attempts go on, each with its error, and the log has each kind of it once.
    until(lambda: value(relay, 'outbox_relay_errors_total{class="transient"}') > 6, "it tries")
    warnings = [re.sub(r"\d", "", e["msg"]) for e in relay.entries() if e.get("level") == "warning"]
    assert len(warnings) == len(set(warnings)), warnings
    own_source.start()
    relay.wait_ready()
    until(lambda: value(relay, "outbox_relay_lag_seconds") == 0, "it has caught up")
    said = lines_that_say(relay, "PostgreSQL is reachable again")
    assert len(said) == 1 and float(said[0]["away_seconds"]) > 2 and int(said[0]["failures"]) > 6
    assert value(relay, 'outbox_relay_reconnects_total{peer="postgres"}') == 1
    until(lambda: value(relay, "outbox_relay_open_gap") == 0, "the slot was looked at")


def test_kafka_goes_and_comes_back(make_scene, source, own_broker):
    """With nothing to send, too; a relay without Kafka is ready: its pod has to serve all the same."""
    scene = make_scene(source, None, own_broker)
    relay, ledger = scene.start_published()
    # The record is there before its report is back.
    until(lambda: value(relay, "outbox_relay_events_delivered_total") == 1, "nothing is under way")
    own_broker.kill()
    until(lambda: value(relay, "outbox_relay_kafka_cut_off") == 1, "it is noticed")
    assert relay.http("/readyz") == (200, "streaming, Kafka is cut off\n")
    assert value(relay, 'outbox_relay_peer_up{peer="kafka"}') == 0
    assert value(relay, "outbox_relay_lag_seconds") < 2
    own_broker.restart()
    until(lambda: lines_that_say(relay, "Kafka is reachable again"), "it is noticed, though nothing is sent", 60)
    assert value(relay, "outbox_relay_kafka_cut_off") == 0

    own_broker.kill()
    until(lambda: value(relay, "outbox_relay_kafka_cut_off") == 1, "it is noticed again")
    for _ in range(20):
        scene.emit("t", "k")
    until(lambda: value(relay, "outbox_relay_lag_seconds") > 3, "the lag grows")
    before = value(relay, "outbox_relay_lag_bytes")
    for _ in range(20):
        scene.emit("t", "k", json.dumps(secrets.token_hex(9000)))
    # The server is asked, whatever the stream brings.
    until(lambda: value(relay, "outbox_relay_lag_bytes") > before + 100000, "the lag grows in bytes")
    assert relay.http("/readyz")[0] == 200 and not relay.problems()
    families(relay)
    own_broker.restart()
    ledger.wait_in_topics(60)
    until(lambda: value(relay, "outbox_relay_lag_seconds") == 0, "it has caught up")
    until(lambda: len(lines_that_say(relay, "Kafka is reachable again")) == 2, "it says so, once an outage")
    assert value(relay, 'outbox_relay_reconnects_total{peer="kafka"}') == 2
    # Each try that failed counts, and each kind of complaint has one line, whoever of the client says it.
    assert lines_that_say(relay, "Kafka is reachable again")[1]["failures"] > 1
    said = [(e["msg"], e.get("repeated")) for e in relay.entries() if e.get("peer") == "kafka" and e["level"] == "warning"]
    kinds = [re.sub(r"^\[thrd:.*?\]: | \(after .*|/bootstrap|\d", "", text) for text, repeated in said if repeated is None]
    # Two outages, and a line that was read when the first was over.
    assert kinds and max(kinds.count(kind) for kind in kinds) <= 3, said


def test_methods_paths_and_a_port_in_use(scene, exits):
    relay = scene.start_relay()

    def ask(method, path):
        with socket.create_connection(("127.0.0.1", relay.http_port), 5) as client:
            client.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                           "Content-Length: 0\r\n\r\n".encode())
            answer = b""
            while piece := client.recv(65536):
                answer += piece
        head, _, body = answer.decode().partition("\r\n\r\n")
        return int(head.split()[1]), head, body
    for path in ("/healthz", "/readyz", "/status", "/metrics"):
        code, head, body = ask("HEAD", path)
        assert code == 200 and body == "" and re.search(r"(?i)content-length: [1-9]", head)
        assert ask("GET", path)[0] == 200
        for method in ("POST", "PUT", "DELETE"):
            code, head, _ = ask(method, path)
            assert code == 405 and re.search(r"(?im)^allow: .*GET", head), (method, path)
    assert ask("GET", "/")[0] == ask("GET", "/metrics/")[0] == ask("GET", "/Metrics")[0] == 404
    second = scene.relay("second", **{"http.listen": f"127.0.0.1:{relay.http_port}"}).start(ready=False)
    assert second.wait_exit() == exits["EXIT_CONFIG"]
    (error,) = second.problems()
    assert "in use" in error["msg"] and "http.listen" in error["hint"]
    third = scene.relay("third", **{"http.listen": "127.0.0.1:0"}).start(ready=False)
    port = int(third.wait_log(r'"msg":"serving HTTP","listen":"127.0.0.1:(\d+)"').group(1))
    assert port > 0
    third.http_port = port
    until(lambda: third.http("/healthz")[0] == 200, "it serves there")


@pytest.mark.parametrize("pad", ["", "x"])
def test_an_error_that_is_cut_within_a_character(scene, pad):
    """What is shown of it ends before that character; the page is there as ever."""
    relay = scene.relay(**{"postgres.conninfo": f"host=/tmp/{pad}{'€' * 29} dbname=d user=u",
                           "reconnect.min": "60s", "reconnect.max": "60s"}).start(ready=False)
    relay.wait_log("could not connect to PostgreSQL")
    page = until(lambda: relay.http("/status")[1].startswith("{") and status(relay), "it is served")
    assert page["state"] == "waiting" and "€" * 29 in page["last_error"]["message"]
    message = page["summary"].removeprefix("waiting: ")
    assert message.endswith("€") and page["last_error"]["message"].startswith(message)
    code, text = relay.http("/readyz")
    assert (code, text) == (503, page["summary"] + "\n")
