"""outbox-relay doctor: each finding is provoked, and mended by executing the very line that it printed."""
import json
import os
import re
import shlex
import subprocess

import psycopg
import pytest

from harness import paths
from harness.daemon import run_once
from harness.wait import until

# Of Kafka's tools, which live for a second.
JVM = f"-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -XX:SharedArchiveFile={paths.TOP}/build/kafka/classes.jsa"


class Patient:
    """A scene, doctor's findings about it, and the hands that do what a finding says."""

    def __init__(self, scene, **options):
        self.scene, self.options = scene, options
        self.asked = 0
        self.extra = {}     # of restarted servers, and settings that doctor named

    def run(self, *words, user=None):
        """(exit status, text)"""
        self.asked += 1
        options = dict(self.options, **self.extra)
        if user is not None:
            options["postgres.conninfo"] = self.scene.source.conninfo(self.scene.database, user=user)
        daemon = self.scene.relay(f"asked-{self.asked}-{words[0]}", command=words, **options)
        daemon.start(ready=False)
        return daemon.wait_exit(60), daemon.log()

    def doctor(self, user=None):
        """{check: finding}; of several with one name the worst."""
        status, text = self.run("doctor", "--json", user=user)
        answer = json.loads(text)
        worst = {}
        for finding in answer["findings"]:
            if finding["check"] not in worst or worst[finding["check"]]["severity"] == "ok":
                worst[finding["check"]] = finding
        assert (status == 0) == (answer["errors"] == 0), text
        assert answer["errors"] == sum(f["severity"] == "error" for f in answer["findings"])
        for finding in answer["findings"]:
            assert (finding["severity"] == "ok") == ("remedy" not in finding), finding
        self.status = status
        return worst

    def sees(self, check, severity, where=None, user=None):
        """The finding, which must be so."""
        found = self.doctor(user).get(check)
        assert found is not None, f"nothing about {check}"
        assert found["severity"] == severity, found
        if where is not None:
            assert found["remedy"]["where"] == where, found
        return found

    def mend(self, finding):
        """Does what it says, word for word."""
        where, line = finding["remedy"]["where"], finding["remedy"]["line"]
        source = self.scene.source
        if where == "sql":
            self.scene.sql(line)
        elif where == "replication":
            with psycopg.connect(source.conninfo(self.scene.database) + " replication=database",
                                 autocommit=True) as connection:
                connection.execute(line)
        elif where.startswith("postgresql.conf"):
            with open(os.path.join(source.data, "postgresql.conf"), "a", encoding="utf-8") as file:
                file.write(line + "\n")
            self.server(where.split()[1])
        elif where == "pg_hba.conf reload":
            path = os.path.join(source.data, "pg_hba.conf")
            with open(path, encoding="utf-8") as file:
                rest = file.read()
            with open(path, "w", encoding="utf-8") as file:
                file.write(line + "\n" + rest)
            self.server("reload")
        elif where == "relay setting":
            name, value = line.split(" = ")
            self.extra[name] = value
        elif where == "shell":
            self.shell(line)
        else:
            raise AssertionError(f"nothing to execute: {finding}")

    def server(self, how):
        source = self.scene.source
        if how == "restart":
            source.stop()
            source.start()
            return
        loaded = source.value("postgres", "SELECT pg_conf_load_time()")
        source.query("postgres", "SELECT pg_reload_conf()")
        until(lambda: source.value("postgres", "SELECT pg_conf_load_time()") != loaded, "it is loaded")

    def shell(self, line):
        """With the programs of this build, and Kafka's own tool from the broker's jars."""
        tools = os.path.join(self.scene.base, "bin")
        if not os.path.isdir(tools):
            os.mkdir(tools)
            path = os.path.join(tools, "kafka-configs.sh")
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\nexec java {JVM} -cp '{paths.TOP}/build/kafka/libs/*'"
                           " kafka.admin.ConfigCommand \"$@\"\n")
            os.chmod(path, 0o755)
        environment = self.scene.relay(f"shell-{self.asked}", **dict(self.options, **self.extra)).environment()
        environment["PATH"] = f"{tools}:{paths.BIN}:{environment['PATH']}"
        done = subprocess.run(line, shell=True, check=False, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        assert done.returncode == 0, f"{line}: {done.stdout}"

    def heals(self, check, severity="error", where=None, user=None):
        """It sees that, mends it, and sees it no more; the finding as it was."""
        found = self.sees(check, severity, where, user)
        self.mend(found)
        if found["remedy"]["line"].startswith("kafka-"):
            # The controller has it; the broker takes a moment to say so.
            until(lambda: self.doctor(user)[check]["severity"] == "ok", f"the broker has what mends {check}")
        self.sees(check, "ok", user=user)
        return found


def configure(scene, **settings):
    """Lines of postgresql.conf, "restart" among them for what needs one."""
    how = settings.pop("how", "reload")
    with open(os.path.join(scene.source.data, "postgresql.conf"), "a", encoding="utf-8") as file:
        for name, value in settings.items():
            file.write(f"{name} = '{value}'\n")
    Patient(scene).server(how)


def another_sender(scene, others):
    """A connection for replication beside so many; the one of a doctor that has ended takes a moment to end, too."""
    source = scene.source
    until(lambda: source.value("postgres", "SELECT count(*) FROM pg_stat_replication") == others, f"{others} are left")

    def connected():
        try:
            return psycopg.connect(source.conninfo(scene.database) + " replication=database", autocommit=True)
        except psycopg.OperationalError as error:
            assert "max_wal_senders" in str(error), error
            return None
    return until(connected, "there is room for one more")


def everything(scene):
    """What doctor could change, or a test could leave behind."""
    return scene.sql("SELECT (SELECT array_agg(r::text) FROM outbox.relay r),"
                     " (SELECT array_agg(t::text) FROM outbox.topic t),"
                     " (SELECT array_agg(s.slot_name || s.confirmed_flush_lsn::text || s.restart_lsn::text)"
                     "    FROM pg_replication_slots s WHERE database = current_database()),"
                     " (SELECT array_agg(p::text) FROM pg_publication p),"
                     " (SELECT array_agg(c.oid::text ORDER BY c.oid) FROM pg_class c),"
                     " pg_current_xact_id_if_assigned()")


def test_from_nothing_to_content(own, make_scene, broker):
    """An empty database of a server as initdb makes it: whatever is an error is mended until none is left."""
    source = own.cluster("source", {"wal_level": "replica", "max_replication_slots": "0", "max_wal_senders": "1"})
    scene = make_scene(source, None, broker)
    scene.sql("DROP EXTENSION pg_outbox")
    patient = Patient(scene)
    mended = []
    for _ in range(12):
        errors = [f for f in patient.doctor().values() if f["severity"] == "error"]
        if not errors:
            break
        assert patient.status == 18
        mended.append(errors[0]["check"])
        patient.mend(errors[0])
    assert patient.status == 0 and not errors
    assert mended == ["wal_level", "max_replication_slots", "extension", "registration"] or \
        mended == ["wal_level", "max_replication_slots", "extension", "publication"], mended
    # The relay that this makes does its work.
    scene.relay().start()
    event = scene.emit("t", "k")
    until(lambda: broker.partitions(scene.topic("t")), "the topic is there")
    with broker.reader(scene.topic("t")) as reader:
        assert reader.some(1)[0].id == event


def test_changes_nothing_beside_a_running_relay(scene):
    relay = scene.start_relay()
    scene.emit("t", "k")
    until(lambda: scene.sql("SELECT count(*) FROM outbox.topic")[0][0] == 1, "the topic is recorded")
    patient = Patient(scene)
    until(lambda: relay.metric("outbox_relay_events_delivered_total") == 1, "it is delivered")
    topics = scene.broker.topics("")
    sessions = relay.metric("outbox_relay_sessions_total")
    before = [everything(scene)[0][i] for i in (3, 4)]
    found = patient.doctor()
    assert patient.status == 0, found
    assert "a relay reads it" in found["slot"]["found"]
    assert found["topics"]["found"].startswith("1 in the routing map")
    assert [everything(scene)[0][i] for i in (3, 4)] == before
    assert scene.broker.topics("") == topics
    assert relay.running() and relay.metric("outbox_relay_sessions_total") == sessions
    scene.stop_relay(relay)
    # Without a relay nothing moves at all.
    before = everything(scene)
    found = patient.doctor()
    assert everything(scene) == before
    assert "no relay reads it" in found["slot"]["found"]


def test_as_text(scene):
    scene.initialize()
    patient = Patient(scene)
    status, text = patient.run("doctor")
    lines = text.splitlines()
    assert status == 0 and re.fullmatch(r"0 errors, \d+ warnings?", lines[-1]), text
    assert all(re.match(r"(ok|warning|error) +[\w. -]+: |         \S", line) for line in lines[:-1]), text
    assert any(line.startswith("ok       wal_level: logical") for line in lines)
    scene.sql(f"ALTER PUBLICATION {scene.publication} SET (publish = 'insert, delete')")
    status, text = patient.run("doctor")
    assert status == 18
    assert re.search(r"(?m)^error    publication: .*publish insert.*\n         shell: outbox-relay init$", text), text
    status, text = patient.run("doctor", "--jason")
    assert status == 2


def test_no_server_and_no_broker(make_scene, source, broker):
    """Either is judged without the other."""
    scene = make_scene(source, None, broker)
    patient = Patient(scene, **{"postgres.conninfo": "host=127.0.0.1 port=9 user=x dbname=x"})
    found = patient.doctor()
    assert found["connection"]["severity"] == "error" and found["kafka"]["severity"] == "ok"
    assert "slot" not in found and "wal_level" not in found
    scene.initialize()
    patient = Patient(scene, **{"kafka.bootstrap.servers": "127.0.0.1:9"})
    found = patient.doctor()
    assert found["kafka"]["severity"] == "error" and found["slot"]["severity"] == "ok"
    assert "topics" not in found
    patient = Patient(scene, **{"kafka.bootstrap.servers": "127.0.0.1:nine"})
    assert "has no port" in patient.sees("kafka", "error", "advice")["found"] and patient.status == 18


def test_pg_hba(own, make_scene, broker):
    """A server that lets nobody in but the superuser: the line lets this role in, and no other."""
    source = own.cluster("source")
    scene = make_scene(source, None, broker)
    source.query("postgres", "CREATE ROLE visitor LOGIN REPLICATION PASSWORD 'secret'")
    with open(os.path.join(source.data, "pg_hba.conf"), "w", encoding="utf-8") as file:
        file.write("local all postgres trust\n")
    Patient(scene).server("reload")
    conninfo = source.conninfo(scene.database, user="visitor", tcp=True)
    patient = Patient(scene, **{"postgres.conninfo": conninfo + " password=secret"})
    found = patient.heals("connection", "error", "pg_hba.conf reload")
    assert found["remedy"]["line"] == f'host "{scene.database}" "visitor" 127.0.0.1/32 scram-sha-256'
    patient.sees("replication connection", "ok")
    wrong = Patient(scene, **{"postgres.conninfo": conninfo + " password=wrong"})
    assert "password" in wrong.sees("connection", "error", "advice")["remedy"]["line"]
    # The password is nowhere in what it says.
    for daemon in scene.daemons:
        assert "secret" not in daemon.log(whole=True)


def test_privileges(scene, exits):
    """From a role that may do nothing to one that can run a relay, by doctor's lines alone."""
    scene.initialize()
    role = f"{scene.id}_weak"
    scene.sql(f'CREATE ROLE {role} LOGIN')
    try:
        patient = Patient(scene)
        patient.heals("replication connection", "error", "sql", user=role)
        found = patient.heals("privileges", "error", "sql", user=role)
        assert found["remedy"]["line"].startswith(f"GRANT USAGE ON SCHEMA outbox TO {role}; GRANT ")
        patient.heals("failover", "warning", "sql", user=role)
        # What status needs besides, to the letter of docs/sql.md.
        options = {"postgres.conninfo": scene.source.conninfo(scene.database, user=role)}
        assert run_once(scene.relay("refused", command=("status",), **options)).status == exits["EXIT_PERMISSION"]
        assert patient.heals("status privileges", "warning", "sql", user=role)["remedy"]["line"] == (
            f"GRANT EXECUTE ON FUNCTION outbox.oldest_unpublished(pg_snapshot) TO {role};"
            f" GRANT EXECUTE ON FUNCTION outbox.rotation_settings() TO {role}; GRANT SELECT ON outbox.status TO {role}")
        command = run_once(scene.relay("allowed", command=("status",), **options))
        assert command.status == 0 and scene.slot in command.output, command
        assert patient.doctor(role)["slot"]["severity"] == "ok" and patient.status == 0
        relay = scene.relay("weak", **{"postgres.conninfo": scene.source.conninfo(scene.database, user=role),
                                       "heartbeat.interval": "100ms", "maintain.interval": "100ms"}).start()
        scene.emit("t", "k")
        until(lambda: scene.sql("SELECT heartbeat_snapshot IS NOT NULL AND last_position IS NOT NULL FROM outbox.relay")
              [0][0], "a mark and a heartbeat")
        assert relay.stop() == 0 and not relay.problems(), relay.problems()
        # One that is taken away is named alone.
        scene.sql(f"REVOKE UPDATE ON outbox.relay FROM {role}")
        assert patient.heals("privileges", user=role)["remedy"]["line"] == \
            f"GRANT UPDATE ON outbox.relay TO {role}"
        # The table of dead letters is asked for where they are written, and nowhere else.
        patient.sees("dead letters", "ok", user=role)
        patient.extra["poison.policy"] = "dead-letter"
        for taken in (None, "INSERT", "SELECT"):
            if taken is not None:
                scene.sql(f"REVOKE {taken} ON outbox.dead_letter FROM {role}")
            assert patient.heals("dead letters", "error", "sql", user=role)["remedy"]["line"] == \
                f"GRANT SELECT, INSERT ON outbox.dead_letter TO {role}"
    finally:
        scene.sql(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_the_managed_install(make_scene, source, broker):
    """The owner of the database, who is no superuser; and a role that has to be let in."""
    scene = make_scene(source, None, broker, managed=True)
    patient = Patient(scene, **{"postgres.conninfo": source.conninfo(scene.database, user=scene.id)})
    scene.sql(f'GRANT CREATE ON DATABASE "{scene.database}" TO "{scene.id}"')
    patient.heals("registration")
    found = patient.doctor()
    assert patient.status == 0, found
    assert found["extension"]["found"] == "the SQL-only install"
    assert found["max_event_bytes"]["found"] == "921600 bytes"
    scene.sql("UPDATE outbox.setting SET max_event_bytes = 2000000")
    patient.heals("message.max.bytes", "error", "relay setting")
    role = f"{scene.id}_weak"
    scene.sql(f"CREATE ROLE {role} LOGIN REPLICATION")
    try:
        patient.heals("privileges", "error", "sql", user=role)
        patient.heals("max_event_bytes", "warning", "sql", user=role)
    finally:
        scene.sql(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_the_extension_is_old(make_scene, source, broker):
    scene = make_scene(source, None, broker)
    scene.sql("DROP EXTENSION pg_outbox; CREATE EXTENSION pg_outbox VERSION '0.1.0'")
    patient = Patient(scene)
    patient.heals("registration")
    patient.heals("extension", "warning", "sql")
    assert patient.doctor()["failover"]["severity"] == "ok" and patient.status == 0


@pytest.mark.parametrize("harm", ["DROP PUBLICATION {0}", "ALTER PUBLICATION {0} SET TABLE outbox.event (id, payload)",
                                  "DROP PUBLICATION {0}; CREATE PUBLICATION {0} FOR ALL TABLES"])
def test_the_publication(scene, harm):
    scene.initialize()
    scene.sql(harm.format(scene.publication))
    Patient(scene).heals("publication", "error", "shell")


def test_the_slot(scene):
    """Gone, of another plugin, moved by somebody else: a gap, which the line accepts."""
    scene.initialize()
    patient = Patient(scene)
    for harm in ("SELECT pg_drop_replication_slot('{0}')",
                 "SELECT pg_drop_replication_slot('{0}');"
                 " SELECT pg_create_logical_replication_slot('{0}', 'test_decoding')",
                 "SELECT outbox.emit('t', 'k', 'T', '{{}}'::json);"
                 " SELECT pg_replication_slot_advance('{0}', pg_current_wal_lsn())"):
        for statement in harm.format(scene.slot).split(";"):
            scene.sql(statement)
        patient.heals("slot", "error", "shell")
    assert scene.sql("SELECT generation FROM outbox.relay") == [(4,)]
    # One that sends what is only prepared; it is a gap then, too.
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
    scene.sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput', false, true)", (scene.slot,))
    patient.mend(patient.sees("two-phase", "error", "sql"))
    patient.heals("slot", "error", "shell")
    patient.sees("two-phase", "ok")
    # A copy of the database on another server.
    scene.sql("UPDATE outbox.relay SET system_identifier = '42'")
    patient.heals("identity", "error", "shell")


def test_an_open_gap(scene):
    """Its line publishes what the lost slot missed."""
    relay = scene.start_relay(**{"heartbeat.interval": "100ms"})
    scene.emit("t", "k")
    scene.wait_known()
    patient = Patient(scene)
    patient.sees("gap", "ok")
    scene.stop_relay(relay)
    missed = scene.emit("t", "k")
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
    patient.heals("slot", "error", "shell")
    relay.start()
    scene.emit("t", "k")
    scene.wait_known()
    patient.heals("gap", "warning", "shell")
    until(lambda: missed in [record.id for record in scene.broker.read(scene.topic("t"))], "it was replayed")


def test_settings_of_the_server(own, make_scene, broker):
    source = own.cluster("source", {"wal_sender_timeout": "0", "max_wal_senders": "2"})
    scene = make_scene(source, None, broker)
    scene.initialize()
    patient = Patient(scene)
    patient.heals("wal_sender_timeout", "warning", "postgresql.conf reload")
    patient.heals("max_slot_wal_keep_size", "warning", "postgresql.conf reload")
    if source.value("postgres", "SELECT current_setting('output_plugin_libraries', true)") is not None:
        configure(scene, output_plugin_libraries="test_decoding")
        patient.heals("output plugin", "error", "postgresql.conf reload")
    # Others have the senders.
    with another_sender(scene, 0) as other:
        other.execute("IDENTIFY_SYSTEM")
        finding = patient.sees("max_wal_senders", "warning", "postgresql.conf restart")
        with another_sender(scene, 1) as another:
            another.execute("IDENTIFY_SYSTEM")
            assert patient.sees("max_wal_senders", "error")["remedy"] == finding["remedy"]
            patient.sees("replication connection", "error", "postgresql.conf restart")
    patient.mend(finding)
    patient.sees("max_wal_senders", "ok")
    assert patient.sees("replication connection", "ok") and patient.status == 0
    # Little is left before the slot is lost.
    configure(scene, max_slot_wal_keep_size="32MB", max_wal_size="64MB")
    # Nobody else writes: what vacuum does to it is WAL, too.
    scene.sql("CREATE TABLE bulk (x text) WITH (autovacuum_enabled = off)")
    until(lambda: scene.sql("INSERT INTO bulk SELECT repeat(md5(g::text), 30) FROM generate_series(1, 4000) g") == []
          and scene.slot_row("wal_status")[0] != "reserved" or scene.slot_row("safe_wal_size")[0] < 8 << 20,
          "the slot keeps nearly all that it may")
    found = patient.doctor()["max_slot_wal_keep_size"]
    assert found["severity"] in ("warning", "error"), found
    patient.mend(found)
    patient.sees("max_slot_wal_keep_size", "ok")


@pytest.mark.parametrize("names", ["*", '"outbox-relay"', 'ANY 1 (absent, "Outbox-Relay")'])
def test_commits_that_would_wait_for_kafka(own, make_scene, broker, names):
    source = own.cluster("source")
    scene = make_scene(source, None, broker)
    scene.initialize()
    configure(scene, synchronous_standby_names=names)
    patient = Patient(scene)
    found = patient.heals("synchronous_standby_names", "error", "postgresql.conf reload")
    assert found["remedy"]["line"] == "synchronous_standby_names = " + \
        ("'ANY 1 (absent)'" if "absent" in names else "''")
    # Or what is done after the test would wait for the one that is absent.
    configure(scene, synchronous_standby_names="")


def test_logical_messages(scene):
    scene.initialize()
    Patient(scene).heals("logical messages", "warning", "shell")


@pytest.mark.slow
def test_topics(scene):
    """Settings of a topic, mended with Kafka's own tool; a topic that is gone."""
    scene.start_relay().stop()
    relay = scene.relay("again").start()
    scene.emit("t", "k")
    topic = scene.topic("t")
    until(lambda: scene.sql("SELECT partitions FROM outbox.topic") == [(3,)], "the topic is recorded")
    until(lambda: relay.metric("outbox_relay_events_delivered_total") == 1, "it is delivered")
    assert relay.stop() == 0
    patient = Patient(scene)
    assert patient.doctor()["brokers"]["severity"] == "warning" and patient.status == 0
    scene.broker.configure_topic(topic, min_insync_replicas="2", unclean_leader_election_enable="true",
                                 max_message_bytes="20000")
    until(lambda: patient.doctor()["max.message.bytes"]["severity"] == "error", "the broker knows its settings")
    assert patient.status == 18
    # Not min.insync.replicas is the error: this broker asks for no more replicas than there are.
    relay = scene.relay("insync").start()
    scene.emit("t", "k")
    until(lambda: relay.metric("outbox_relay_events_delivered_total") == 1, "the event is acknowledged")
    assert relay.stop() == 0
    assert "before 3.7" in patient.heals("min.insync.replicas", "warning", "shell")["found"]
    patient.heals("unclean.leader.election", "warning", "shell")
    found = patient.heals("max.message.bytes", "error", "shell")
    assert shlex.split(found["remedy"]["line"])[-1] == f"max.message.bytes={921600 + 4096}"
    assert patient.status == 0
    # Larger events need more, of the topic and of the producer.
    scene.sql(f"ALTER DATABASE \"{scene.database}\" SET pg_outbox.max_event_bytes = '1200kB'")
    patient.heals("message.max.bytes", "error", "relay setting")
    patient.heals("max.message.bytes", "error", "shell")
    # More partitions are there for repartition, fewer are a fault.
    scene.broker.grow_topic(topic, 5)
    assert "3 that are recorded" in patient.sees("topics", "warning")["found"]
    scene.sql("UPDATE outbox.topic SET partitions = 6")
    line = patient.sees("topics", "error", "shell")["remedy"]["line"]
    assert line.endswith(f"--alter --topic {topic} --partitions 6")
    scene.broker.delete_topics([topic])
    until(lambda: not scene.broker.partitions(topic), "the topic is gone")
    line = patient.sees("topics", "error", "shell")["remedy"]["line"]
    words = shlex.split(line)
    assert words[:3] == ["kafka-topics.sh", "--bootstrap-server", scene.broker.servers] and "--create" in words
    given = dict(zip(words[4::2], words[5::2]))
    scene.broker.create_topic(given["--topic"], int(given["--partitions"]))
    patient.sees("topics", "ok")
    # It has the broker's defaults again, and with them the old limit.
    patient.sees("max.message.bytes", "error", "shell")
    scene.sql(f"ALTER DATABASE \"{scene.database}\" RESET pg_outbox.max_event_bytes")
    patient.sees("max.message.bytes", "ok")
    assert patient.status == 0


@pytest.mark.slow
def test_defaults_of_the_broker(own, make_scene, source):
    """They are those of topics that are yet to be made."""
    own_broker = own.broker()
    scene = make_scene(source, None, own_broker)
    scene.initialize()
    patient = Patient(scene)
    patient.sees("broker defaults", "ok")
    for name, value, severity in (("message.max.bytes", "50000", "error"),
                                  ("unclean.leader.election.enable", "true", "warning")):
        patient.shell(f"kafka-configs.sh --bootstrap-server {own_broker.servers} --alter --entity-type brokers"
                      f" --entity-default --add-config {name}={value}")
        until(lambda n=name: n in patient.doctor()["broker defaults"]["found"], "the broker has it")
        found = patient.sees("broker defaults", severity, "shell")
        patient.mend(found)
        until(lambda: patient.doctor()["broker defaults"]["severity"] == "ok", "the broker is mended")
    patient.options["topics.replication_factor"] = "3"
    patient.heals("new topics", "error", "relay setting")
