"""SIGHUP: the configuration is read again; what is good is taken, what is not leaves the old one."""
import os
import re
import signal
import socket
import time

import pytest

from harness.ports import free_port
from harness.settings_file import File, LOADED
from harness.wait import stays, until


def settings(**more):
    merged = {"window.events": 1000, "log.level": "info", "kafka.linger.ms": 2, "mark.interval": "1s"}
    merged.update({name.replace("__", "."): value for name, value in more.items()})
    return merged


def file(scene, **more):
    scene.initialize()
    return File(scene, **settings(**more))


def test_what_changed_is_taken_while_events_flow(scene):
    config = file(scene)
    relay = config.relay.start()
    ledger = scene.ledger()
    with scene.load(5) as load:
        load.wait_committed(50)
        answer = config.reload(**{"window.events": 50, "kafka.linger.ms": 20, "kafka.compression.type": "lz4"})
        assert answer["msg"] == LOADED
        assert set(answer["changed"].split(", ")) == {"window.events", "kafka.linger.ms", "kafka.compression.type"}
        relay.wait_log('"replaced the producer"')
        load.wait_committed(100)
        assert config.reload(**{"mark.interval": "100ms", "log.level": "debug"})["changed"] == "mark.interval, log.level"
        load.wait_committed(50)
        assert config.reload(**{"kafka.compression.type": None})["changed"] == "kafka.compression.type"
        load.wait_committed(50)
    records = ledger.wait_in_topics()
    assert len(ledger.check_topics(records, load.rolled_back)) == len(records), "an event was sent again"
    samples = relay.metrics()
    assert samples["outbox_relay_sessions_total"] == 1 and samples["outbox_relay_producers_total"] == 3
    assert samples["outbox_relay_deliveries_failed_total"] == 0
    assert samples["outbox_relay_config_last_reload_successful"] == 1
    assert config.config()["reloads"] == 3 and config.config()["last_problem"] is None
    assert not relay.problems() and relay.stop() == 0


def test_a_smaller_window_holds(make_scene, source, own_broker):
    """In an outage no more is in flight than the new window allows."""
    scene = make_scene(source, None, own_broker)
    config = file(scene)
    relay = config.relay.start()
    ledger = scene.ledger()
    for number in range(20):
        scene.emit("t", str(number))
    ledger.wait_in_topics()
    config.reload(**{"window.events": 7})
    relay.wait_log('"replaced the producer"')
    for number in range(20):
        scene.emit("t", str(number))
    ledger.wait_in_topics()
    own_broker.kill()
    for number in range(60):
        scene.emit("t", str(number % 20))
    until(lambda: relay.metric("outbox_relay_in_flight_events") == 7, "the window is full")
    own_broker.restart()
    ledger.check_topics(ledger.wait_in_topics(60))


def test_new_brokers_when_the_old_ones_are_away(make_scene, source, own_broker):
    """What is in flight can't go where it was to go, and goes again to where it can."""
    scene = make_scene(source, None, own_broker)
    config = file(scene, kafka__bootstrap__servers=own_broker.servers, drain__timeout="1s")
    relay = config.relay.start()
    ledger = scene.ledger()
    scene.emit("t", "k")
    ledger.wait_in_topics()
    own_broker.kill()
    scene.emit("t", "k")
    until(lambda: relay.metric("outbox_relay_in_flight_events") == 1, "an event for nobody")
    config.reload(**{"kafka.bootstrap.servers": f"127.0.0.1:{free_port()},{own_broker.servers}"})
    relay.wait_log("replaced with events in flight")
    own_broker.restart()
    records = ledger.wait_in_topics(60)
    ledger.check_topics(records)
    relay.wait_ready()
    assert not relay.problems()


def test_brokers_that_are_not_there(make_scene, source, own_broker):
    """A wrong address is waited for, and the right one is taken at once."""
    scene = make_scene(source, None, own_broker)
    config = file(scene, kafka__bootstrap__servers=own_broker.servers)
    relay = config.relay.start()
    ledger = scene.ledger()
    scene.emit("t", "k")
    ledger.wait_in_topics()
    config.reload(**{"kafka.bootstrap.servers": f"127.0.0.1:{free_port()}"})
    until(lambda: relay.metric("outbox_relay_producers_total") == 2, "a new producer")
    scene.emit("t", "k")
    config.reload(**{"kafka.bootstrap.servers": own_broker.servers})
    records = ledger.wait_in_topics(60)
    assert len(ledger.check_topics(records)) == len(records) == 2
    relay.wait_ready()
    assert not relay.problems()


def back_again(relay):
    return [e for e in relay.entries() if e.get("msg") == "Kafka is reachable again"]


def test_another_producer_ends_no_outage(scene):
    """Only an answer does; and /status says what happened, also when it is over."""
    config = file(scene, kafka__bootstrap__servers=scene.broker.servers)
    relay = config.relay.start()
    ledger = scene.ledger()
    scene.emit("t", "k")
    ledger.wait_in_topics()
    assert config.status()["last_error"] is None
    for count in (2, 3):
        config.reload(**{"kafka.bootstrap.servers": f"127.0.0.1:{free_port()}"})
        until(lambda: relay.metric("outbox_relay_producers_total") == count, "a new producer")
        until(lambda: relay.metric("outbox_relay_kafka_cut_off") == 1, "it is cut off")
    replaced = time.monotonic()
    stays(lambda: relay.metric("outbox_relay_kafka_cut_off") == 1 and not back_again(relay),
          lambda: time.monotonic() - replaced > 3, "cut off")
    error = config.status()["last_error"]
    # Whichever was last: nobody answers the client, or what it asked of the topic.
    assert error["class"] == "transient" and (
        error["message"] == "no Kafka broker answers" and "refused" in error["detail"]
        or "could not ask Kafka" in error["message"] and "transport failure" in error["message"]), error
    config.reload(**{"kafka.bootstrap.servers": scene.broker.servers})
    until(lambda: back_again(relay), "Kafka answers")
    scene.emit("t", "k")
    ledger.wait_in_topics()
    assert len(back_again(relay)) == 1 and relay.metric("outbox_relay_kafka_cut_off") == 0
    assert "Kafka" in config.status()["last_error"]["message"]


def test_a_producer_without_an_answer_is_not_up(scene):
    """Of somebody who listens and says nothing."""
    config = file(scene, kafka__bootstrap__servers=scene.broker.servers)
    relay = config.relay.start()
    until(lambda: relay.metrics()['outbox_relay_peer_up{peer="kafka"}'] == 1, "Kafka answers")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config.reload(**{"kafka.bootstrap.servers": f"127.0.0.1:{silent.getsockname()[1]}"})
        until(lambda: relay.metric("outbox_relay_producers_total") == 2, "a new producer")
        stays(lambda: relay.metrics()['outbox_relay_peer_up{peer="kafka"}'] == 0,
              lambda: relay.metric("outbox_relay_kafka_cut_off") == 1, "not up")
        assert relay.http("/readyz") == (200, "streaming, Kafka is cut off\n")
        assert not back_again(relay)
        config.reload(**{"kafka.bootstrap.servers": scene.broker.servers})
        until(lambda: back_again(relay), "Kafka answers")
    assert relay.metrics()['outbox_relay_peer_up{peer="kafka"}'] == 1


BAD = [
    ("log.level = info\nwindow.evnts = 7\n", r"relay\.ini:2: unrecognized key \"window\.evnts\"", "window.events"),
    ("window.events = many\n", r"relay\.ini:1: invalid value for \"window\.events\"", None),
    ("window.events = 0\n", r"relay\.ini:1: invalid value for \"window\.events\"", None),
    ("kafka.acks = 1\n", r"relay\.ini:1: \"kafka\.acks\" can't be set", None),
    ("kafka.linger.ms = soon\n", r"relay\.ini:1: \"kafka\.linger\.ms\" can't be set", None),
    ("kafka.ssl.ca.location = /nonexistent/ca.pem\nkafka.security.protocol = ssl\n", "(?i)ssl", None),
    ("reconnect.min = 1h\nreconnect.max = 1s\n", r"\"reconnect\.min\"", None),
    ("[nonsense\n", r"relay\.ini:1", None),
]


def test_a_bad_file_leaves_the_old_configuration(scene):
    config = file(scene)
    relay = config.relay.start()
    ledger = scene.ledger()
    for text, message, hint in BAD:
        answer = config.reload(text)
        assert answer["level"] == "error" and re.search(message, answer["msg"]), (text, answer)
        assert hint is None or hint in answer["hint"]
        assert config.config()["last_reload_successful"] is False
        assert re.search(message, config.config()["last_problem"])
        assert relay.metric("outbox_relay_config_last_reload_successful") == 0
        scene.emit("t", "k")
        ledger.wait_in_topics()
    os.unlink(config.path)
    relay.signal(signal.SIGHUP)
    until(lambda: len(config.answers()) == len(BAD) + 1, "the reload is over")
    assert "relay.ini" in config.answers()[-1]["msg"]
    # The old values are in force, and a good file ends it.
    samples = relay.metrics()
    assert samples["outbox_relay_producers_total"] == samples["outbox_relay_sessions_total"] == 1
    assert config.reload()["changed"] == "nothing"
    assert relay.metric("outbox_relay_config_last_reload_successful") == 1
    assert config.config()["last_problem"] is None and config.config()["reloads"] == len(BAD) + 2


# Of what is recorded; see docs/operations.md, Another routing.
ROUTING = {"topics.pattern", "table.field.event.key"}


@pytest.mark.parametrize("name, value", [("postgres.slot", "other"), ("topics.pattern", "other.{aggregatetype}"),
                                         ("table.field.event.key", "type"), ("message.profile", "cloudevents"),
                                         ("postgres.publication", "other"), ("poison.policy", "dead-letter")])
def test_what_needs_a_restart_is_refused_as_a_whole(scene, name, value):
    config = file(scene)
    defaults = config.relay.options
    config.settings[name] = defaults.pop(name, None) or {"table.field.event.key": "aggregateid",
                                                         "message.profile": "debezium",
                                                         "poison.policy": "stop"}[name]
    config.write()
    relay = config.relay.start()
    answer = config.reload(**{name: value, "window.events": 7})
    assert answer["level"] == "error" and answer["msg"] == f'only a restart can change "{name}"'
    assert re.search(rf'"{re.escape(name)}": file \S*relay\.ini:\d+', answer["detail"])
    assert ("repartition" in answer["hint"]) == (name in ROUTING)
    assert relay.metric("outbox_relay_producers_total") == 1, "the window wasn't taken either"
    ledger = scene.ledger()
    scene.emit("t", "k")
    records = ledger.wait_in_topics()
    ledger.check_topics(records)


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_again_and_again_under_load(scene, delivery):
    """Nothing is lost, doubled or out of order, nothing grows, and the last one counts."""
    config = file(scene, delivery=delivery)
    relay = config.relay.start()
    ledger = scene.ledger()
    with scene.load(6, writers=2) as load:
        load.wait_committed(20)
        descriptors = len(os.listdir(f"/proc/{relay.pid}/fd"))
        for number in range(40):
            config.write(**{"window.events": 20 + number, "mark.interval": f"{50 + number}ms"})
            relay.signal(signal.SIGHUP)
            if number % 5 == 0:
                load.wait_committed(10)
        answer = config.reload(**{"window.events": 500})
        assert answer["msg"] == LOADED
        load.wait_committed(50)
        until(lambda: len(os.listdir(f"/proc/{relay.pid}/fd")) <= descriptors + 3, "no descriptor is left behind")
    records = ledger.wait_in_topics()
    assert len(ledger.check_topics(records, load.rolled_back)) == len(records), "an event was sent again"
    # A producer of transactions comes with a stream of its own.
    assert (relay.metric("outbox_relay_sessions_total") == 1) == (delivery == "at-least-once")
    assert not relay.problems()
    assert relay.stop() == 0


def test_a_new_port_and_one_in_use(scene):
    scene.initialize()
    first, second = free_port(), free_port()
    config = File(scene, **settings(), **{"http.listen": f"127.0.0.1:{first}"})
    relay = config.relay
    relay.http_port = first
    relay.start()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", second))
        taken.listen()
        answer = config.reload(**{"http.listen": f"127.0.0.1:{second}", "window.events": 9})
        assert answer["level"] == "error" and "in use" in answer["msg"]
        assert relay.http("/healthz")[0] == 200 and config.config()["last_reload_successful"] is False
        assert relay.metric("outbox_relay_producers_total") == 1
    assert config.reload()["changed"] == "window.events, http.listen"
    assert relay.http("/healthz")[0] == 0
    relay.http_port = second
    assert relay.http("/healthz")[0] == 200
    assert config.reload(**{"http.listen": ""})["msg"] == LOADED
    assert relay.http("/healthz")[0] == 0 and relay.running()


def test_new_credentials_count_for_the_next_connection(scene):
    """The password is changed in the file; the connections in use stay."""
    config = file(scene, postgres__conninfo=scene.source.conninfo(scene.database))
    relay = config.relay.start()
    answer = config.reload(**{"postgres.conninfo": scene.source.conninfo(scene.database) + " application_name=after"})
    assert answer["changed"] == "postgres.conninfo" and "application_name" not in relay.log()
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name = 'after'"
    assert scene.sql(asked, (scene.database,)) == [(0,)]
    sessions = relay.metric("outbox_relay_sessions_total")
    scene.sql("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s", (scene.slot,))
    until(lambda: relay.metric("outbox_relay_sessions_total") > sessions and relay.is_ready(), "it streams again")
    assert scene.sql(asked, (scene.database,))[0][0] == 2


def test_a_standby_and_one_that_waits_reload_too(make_scene, own_source, broker):
    scene = make_scene(own_source, None, broker)
    config = file(scene)
    relay = config.relay.start()
    standby = scene.relay("standby").start()
    standby.signal(signal.SIGHUP)
    standby.wait_log(LOADED)
    own_source.stop("immediate")
    relay.wait_not_ready()
    assert config.reload(**{"window.events": 30, "kafka.linger.ms": 1})["msg"] == LOADED
    own_source.start()
    relay_or_standby = until(lambda: next((r for r in (relay, standby) if r.running() and r.metrics().get(
        'outbox_relay_role{role="active"}') == 1), None), "one of them streams")
    ledger = scene.ledger()
    scene.emit("t", "k")
    ledger.check_topics(ledger.wait_in_topics())
    assert relay_or_standby.running()
