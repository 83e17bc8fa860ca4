"""What is wrong is said in one line, with its own exit status, or is tried again."""
import re
import subprocess

import pytest

from harness.daemon import run_once
from harness.paths import pg_bin
from harness.ports import free_port
from harness.wait import until


def ends_with(daemon, status, *words):
    """One line of trouble that has these words in it."""
    daemon.start(ready=False)
    assert daemon.wait_exit(40) == status, daemon.log()
    problems = daemon.problems()
    assert len(problems) == 1, problems
    for word in words:
        assert re.search(word, daemon.log(), re.I), f"{word} is not in: {daemon.log()}"


@pytest.mark.parametrize("options, words", [
    ({"kafka.bootstrap.servers": None}, ["kafka.bootstrap.servers", "--config"]),
    ({"kafka.bootstrap.servers": "127.0.0.1:9092,127.0.0.1:nine"}, ["KAFKA_BOOTSTRAP_SERVERS.*127.0.0.1:nine.* has no port"]),
    ({"kafka.bootstrap.servers": "SSL://127.0.0.1:9092"}, ["another protocol than security.protocol"]),
    ({"kafka.acks": "1"}, ["kafka.acks"]),
    ({"kafka.enable.idempotence": "false"}, ["enable.idempotence"]),
    ({"kafka.no.such.thing": "1"}, ["no.such.thing"]),
    ({"kafka.lingr.ms": "5"}, ["kafka.lingr.ms", 'mean .{1,2}kafka.linger.ms']),
    ({"kafka.bootstrap.servers": None, "kafka.bootstrap.server": "127.0.0.1:1"},
     ["kafka.bootstrap.servers.* isn't set", "mean it by .{1,2}kafka.bootstrap.server.*SERVER"]),
    ({"kafka.linger.ms": "soon"}, ["linger.ms"]),
    ({"mark.interval": "soon"}, ["mark.interval", "soon"]),
    ({"window.events": "0"}, ["window.events"]),
    ({"postgres.slt": "x"}, ["slt|SLT", "postgres.slot|POSTGRES_SLOT"]),
    ({"postgres.slot": "Not A Slot"}, ["postgres.slot"]),
    ({"topics.pattern": "no/topic.{aggregatetype}"}, ["topics.pattern"]),
    ({"topics.pattern": "outbox.event"}, ["must hold .{2,4}routedByValue.* once", "outbox.event.{routedByValue}"]),
    ({"postgres.conninfo": "nonsense=1"}, ["environment OUTBOX_RELAY_POSTGRES_CONNINFO: invalid .*postgres.conninfo", "nonsense"]),
    ({"http.listen": "nowhere"}, ["nowhere"]),
])
def test_wrong_configuration(scene, exits, options, words):
    ends_with(scene.relay(**options), exits["EXIT_CONFIG"], *words)


def test_wrong_command_line(scene, exits):
    ends_with(scene.relay("a", command=("run", "--no-such-option=1")), exits["EXIT_CONFIG"],
              "no-such-option")
    ends_with(scene.relay("b", command=("fly",)), exits["EXIT_CONFIG"], "fly")


def test_a_mistake_in_the_file_names_its_line(scene, exits):
    path = scene.base + "/relay.ini"
    with open(path, "w", encoding="utf-8") as file:
        file.write("[postgres]\nslot = x\nslto = y\n")
    ends_with(scene.relay(command=("run", "--config", path)), exits["EXIT_CONFIG"],
              r"relay\.ini:3", "slto")


def test_no_extension(scene, exits):
    scene.sql("DROP EXTENSION pg_outbox")
    ends_with(scene.relay(), exits["EXIT_NOT_INITIALIZED"], "extension|init")


def test_not_initialized(scene, exits):
    ends_with(scene.relay(), exits["EXIT_NOT_INITIALIZED"], scene.slot, "init")


def test_wrong_password(scene, exits):
    scene.initialize()
    conninfo = scene.source.conninfo(scene.database, user="locked", tcp=True, password="wrong")
    ends_with(scene.relay(**{"postgres.conninfo": conninfo}), exits["EXIT_PERMISSION"], "locked")


def test_no_such_database(scene, exits):
    scene.initialize()
    relay = scene.relay(**{"postgres.conninfo": scene.source.conninfo("no_such_database")})
    relay.start(ready=False)
    assert relay.wait_exit() in (exits["EXIT_CONFIG"], exits["EXIT_PERMISSION"],
                                 exits["EXIT_NOT_INITIALIZED"]), relay.log()
    assert len(relay.problems()) == 1 and "no_such_database" in relay.log()


@pytest.fixture
def role(scene):
    """A role that may do what the documentation lists for a relay."""
    name = scene.id + "_role"
    scene.sql(f"CREATE ROLE {name} LOGIN REPLICATION")
    for grant in ("USAGE ON SCHEMA outbox", "SELECT, INSERT, UPDATE ON outbox.relay, outbox.topic",
                  "SELECT, INSERT ON outbox.dead_letter",
                  "SELECT ON outbox.event, outbox.event_0, outbox.event_1, outbox.event_2",
                  "EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox"):
        scene.sql(f"GRANT {grant} TO {name}")
    yield name
    for daemon in scene.daemons:
        daemon.finish()
    scene.sql(f"DROP OWNED BY {name}")
    scene.sql(f"DROP ROLE {name}")


def test_the_documented_grants_are_enough(scene, role):
    scene.initialize()
    ledger = scene.ledger()
    relay = scene.relay(**{"postgres.conninfo": scene.source.conninfo(scene.database, role),
                           "mark.interval": "100ms", "heartbeat.interval": "100ms",
                           "maintain.interval": "100ms"}).start()
    event = scene.emit("t", "k")
    assert [r.id for r in ledger.wait_in_topics()] == [event]
    end = ledger.events[-1].end_lsn
    until(lambda: scene.slot_lsn() >= end, "the event is confirmed")
    until(lambda: scene.sql("SELECT heartbeat_at IS NOT NULL FROM outbox.relay")[0][0],
          "a heartbeat came through")
    assert not relay.problems()


@pytest.mark.parametrize("take", [
    "ALTER ROLE {role} NOREPLICATION",
    "REVOKE ALL ON outbox.relay FROM {role}",
    "REVOKE UPDATE ON outbox.relay FROM {role}",
    "REVOKE USAGE ON SCHEMA outbox FROM {role}",
])
def test_a_privilege_is_missing(scene, role, exits, take):
    scene.initialize()
    scene.sql(take.format(role=role))
    relay = scene.relay(**{"postgres.conninfo": scene.source.conninfo(scene.database, role),
                           "mark.interval": "100ms"})
    relay.start(ready=False)
    scene.emit("t", "k")
    assert relay.wait_exit(40) == exits["EXIT_PERMISSION"], relay.log()
    assert len(relay.problems()) == 1, relay.problems()


@pytest.mark.parametrize("program, setting, away, commands", [
    ("relay", "postgres.conninfo", "host=127.0.0.1 port={port} dbname=x", ["init", "status", "peek", "verify", "repartition", "teardown"]),
    ("consumer", "target.conninfo", "host=127.0.0.1 port={port} dbname=x", ["init", "check", "redrive"]),
    ("consumer", "kafka.bootstrap.servers", "127.0.0.1:{port}", ["check"]),
])
def test_a_command_whose_server_is_away_may_be_run_again(scene, exits, program, setting, away, commands):
    """Both programs end alike: with 1, and the class that says so."""
    scene.apply_all("t")
    make = {"relay": scene.relay, "consumer": scene.consumer}[program]
    for command in commands:
        done = run_once(make(command, command=(command,), **{setting: away.format(port=free_port())}), 60)
        assert done.status == exits["EXIT_BUG"], (command, done)
        assert re.search(r'"class": ?"transient"', done.output), (command, done)


def test_wal_level_is_too_low(make_scene, own, broker, exits):
    scene = make_scene(own.cluster("source", {"wal_level": "replica"}), None, broker)
    command = scene.init()
    assert command.status == exits["EXIT_SERVER"], command
    assert "wal_level" in command.output


def test_no_free_slot(make_scene, own, broker, exits):
    server = own.cluster("source", {"max_replication_slots": "1"})
    scene = make_scene(server, None, broker)
    scene.sql("SELECT pg_create_logical_replication_slot('other', 'pgoutput')")
    command = scene.init()
    assert command.status == exits["EXIT_SERVER"], command
    assert "max_replication_slots" in command.output
    # What it began is no obstacle once there is room.
    scene.sql("SELECT pg_drop_replication_slot('other')")
    scene.initialize()
    scene.relay().start()


def test_a_second_relay_stands_by_and_takes_over(scene):
    first = scene.start_relay("--existing=skip")
    ledger = scene.ledger()
    second = scene.relay("second").start()
    scene.emit("t", "k")
    ledger.wait_in_topics()
    second.wait_log("(?i)stand|in use|active")
    assert second.running() and not second.problems()
    first.kill()
    event = scene.emit("t", "k")
    records = ledger.wait_in_topics()
    assert records[-1].id == event
    ledger.check_topics(records)
    owner, = scene.sql("SELECT application_name FROM pg_stat_replication WHERE pid ="
                       " (SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s)",
                       (scene.slot,))[0]
    assert owner is not None


def test_a_slot_that_a_stranger_uses_is_waited_for(scene):
    scene.initialize()
    ledger = scene.ledger()
    stranger = subprocess.Popen(
        [pg_bin("pg_recvlogical"), "-d", scene.source.conninfo(scene.database), "--slot",
         scene.slot, "--start", "-f", "/dev/null", "-o", "proto_version=1",
         "-o", f"publication_names={scene.publication}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    scene.reap.process(stranger.pid)
    try:
        until(lambda: scene.slot_row("active")[0], "the stranger has the slot")
        relay = scene.relay().start(ready=False)
        relay.wait_log("(?i)stand|in use|active|used")
        assert relay.running() and not relay.problems()
    finally:
        stranger.kill()
        stranger.wait()
    until(lambda: scene.slot_row("active_pid")[0] is not None, "the relay has the slot")
    relay.wait_ready()
    event = scene.emit("t", "k")
    assert [r.id for r in ledger.wait_in_topics()] == [event]


def test_topics_are_not_made_when_it_is_not_wanted(scene, exits):
    relay = scene.start_relay(**{"topics.create": "off"})
    event = scene.emit("missing", "k")
    assert relay.wait_exit(40) == exits["EXIT_POISON"], relay.log()
    assert len(relay.problems()) == 1
    assert event in relay.log() and scene.topic("missing") in relay.log()
    assert scene.broker.partitions(scene.topic("missing")) == 0
    # When the topic is there, the same event goes out.
    scene.broker.create_topic(scene.topic("missing"), 1)
    relay.start()
    with scene.broker.reader(scene.topic("missing")) as reader:
        assert reader.some(1)[0].id == event


def test_an_event_that_the_topic_refuses_stops_the_relay(scene, exits):
    """Too large for this topic: named, never dropped, and published once the topic takes it."""
    topic = scene.topic("small")
    scene.broker.create_topic(topic, 1)
    scene.broker.configure_topic(topic, max_message_bytes="2000")
    relay = scene.start_relay()
    before = scene.emit("small", "k")
    large = scene.emit("small", "k", '"' + "x" * 20000 + '"')
    after = scene.emit("small", "k")
    assert relay.wait_exit(60) == exits["EXIT_POISON"], relay.log()
    assert len(relay.problems()) == 1
    assert large in relay.log() and "xxxx" not in relay.log()
    assert [r.id for r in scene.broker.read(topic)] == [before]
    scene.broker.configure_topic(topic, max_message_bytes="1000000")
    relay.start()
    with scene.broker.reader(topic) as reader:
        assert [r.id for r in reader.some(3)] == [before, large, after]


def test_secrets_and_payloads_are_not_logged(scene):
    conninfo = scene.source.conninfo(scene.database) + " password=sesame"
    relay = scene.start_relay(**{"postgres.conninfo": conninfo, "log.level": "debug"})
    ledger = scene.ledger()
    scene.emit("t", "k", '{"card": "payload-secret"}')
    ledger.wait_in_topics()
    shown = scene.relay("shown", command=("run", "--print-config"),
                        **{"postgres.conninfo": conninfo})
    shown.start(ready=False)
    assert shown.wait_exit(10) == 0
    assert relay.stop() == 0
    for text in (relay.log(whole=True), shown.log()):
        assert "sesame" not in text and "payload-secret" not in text
    assert scene.slot in shown.log()


def test_a_port_that_is_taken(scene, exits):
    first = scene.start_relay()
    second = scene.relay("second", **{"http.listen": f"127.0.0.1:{first.http_port}"})
    ends_with(second, exits["EXIT_CONFIG"], "in use", "http.listen")


def test_any_free_port_is_told(scene):
    relay = scene.start_relay()
    other = scene.relay("other", **{"http.listen": "127.0.0.1:0"}).start(ready=False)
    other.http_port = int(other.wait_log(r'"listen":"127\.0\.0\.1:([1-9]\d*)"').group(1))
    other.wait_ready()
    assert relay.running()


def test_a_publication_altered_under_the_stream_stops_the_relay(scene, exits):
    """Nothing in the stream tells that events no longer come through."""
    relay, _ = scene.start_published()
    scene.sql(f"ALTER PUBLICATION {scene.publication} SET (publish = 'update')")
    scene.emit("t", "k")
    assert relay.wait_exit(60) == exits["EXIT_PUBLICATION"], relay.log()
    assert len(relay.problems()) == 1 and "init" in relay.log()
    scene.initialize()
    relay.start()
    event = scene.emit("t", "k")
    until(lambda: event in {r.id for r in scene.broker.read(scene.topic("t"))}, "it goes on")


def test_a_topic_that_another_relay_records_in_the_same_moment(scene):
    relay = scene.start_relay()
    topic = scene.topic("t")
    scene.broker.create_topic(topic, 2)
    waiting = ("SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
               " AND application_name LIKE 'outbox-relay%%'")
    with scene.source.connect(scene.database, autocommit=False) as other:
        other.execute("INSERT INTO outbox.topic (slot_name, topic, partitions, generation)"
                      " VALUES (%s, %s, 2, 1)", (scene.slot, topic))
        event = scene.emit("t", "k")
        until(lambda: scene.sql(waiting, (scene.database,)), "the relay's record waits")
        other.commit()
    with scene.broker.reader(topic) as reader:
        assert reader.some(1)[0].id == event
    assert relay.running() and not relay.problems()


def test_a_stranger_sends_heartbeats(scene):
    """Every role may write logical messages: none of them stops anything, or is believed as it is."""
    relay = scene.start_relay(**{"mark.interval": "50ms"})
    ledger = scene.ledger()
    for content in ("20:10:", "9" * 30 + ":1:", "1:2:3,,,", "::", "10:20:5", "1" * 5000, ""):
        for transactional in (True, False):
            scene.sql("SELECT pg_logical_emit_message(%s, 'pg_outbox.heartbeat', %s)",
                      (transactional, f"{scene.slot} {content}"))
        scene.emit("t", "k")
    scene.sql("SELECT pg_logical_emit_message(true, 'pg_outbox.heartbeat', '\\x00ff'::bytea)")
    scene.emit("t", "k")
    ledger.check_topics(ledger.wait_in_topics())
    end = ledger.events[-1].end_lsn
    until(lambda: scene.slot_lsn() >= end, "all of it is confirmed")
    assert not relay.problems()
