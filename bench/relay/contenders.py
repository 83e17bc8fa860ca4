"""Who drains a backlog: each has a slot of its own, made before the backlog, and so reads the same WAL.

The clock starts with START_REPLICATION, as the server says when it came.  It stops for the null client with the last
commit; for what goes to Kafka with the last append (the topics have the broker's time); in exactly-once mode with the
report that the last of it is committed, for records without the end of their transaction are nothing yet.
"""
import concurrent.futures
import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import time

import peers
import workloads
from harness import paths
from harness.daemon import run_once
from harness.kafka import Reader
from harness.wait import until
from harness.whole import exactly, state
from processes import memory_bytes, on_processor, process_times

PARTITIONS = 3
TIMEOUT = 600
TICK = 1 / os.sysconf("SC_CLK_TCK")
PROGRAM = os.path.join(paths.BIN, "bench-relay")
# Those of the relay's own producer that cost or save processor time.
SENDER = ("linger.ms=1", "queue.buffering.max.messages=66536", "enable.gapless.guarantee=true")
MARKER = "bench"            # the prefix of a logical message
AT_LEAST_ONCE, EXACTLY_ONCE = "at-least-once", "exactly-once"


@dataclasses.dataclass
class Run:
    """What one drain took: seconds, and bytes."""
    events: int
    seconds: float
    user: float
    system: float
    peak: int = 0
    after: int = 0              # of its memory, when it has nothing to do any more
    walsender: float = 0.0      # on a processor
    before: float = 0.0         # of user and system, before it began

    @property
    def rate(self):
        return self.events / self.seconds

    @property
    def busy(self):
        return self.walsender / self.seconds

    @property
    def per_event(self):
        """Microseconds of processor time; less than a tick of the system's clock counts as one."""
        return max(self.user + self.system, TICK) * 1e6 / self.events


def build():
    subprocess.run(["make", "--no-print-directory", "-s", "-C", os.path.dirname(os.path.abspath(__file__))], check=True,
                   stdout=sys.stderr)


def bench_relay(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, f"bench-relay {arguments[0]}: {done.stderr}"
    return json.loads(done.stdout)


def check(servers, topic, events):
    """Every event is there, once, in order."""
    found = bench_relay("check", servers, topic, events)
    wrong = {name: found[name] for name in ("missing", "twice", "disordered") if found[name]}
    assert found["events"] == events and not wrong, f"{topic}: {found['events']} records for {events} events, {wrong}"
    return found


class Backlog:
    """One workload's WAL, and who drains it."""

    def __init__(self, scene, workload):
        self.scene, self.workload = scene, workload
        self.last = None            # the commit of the marker ends behind this
        self.topics = []

    def slot(self, name):
        return f"{self.scene.id}_{self.workload.name}_{name}".replace("-", "_")

    def prefix(self, name):
        return f"{self.scene.prefix}.{self.workload.name}.{name}"

    def topic(self, name):
        """A new one, with the time of the broker at which a record was appended."""
        topic = f"{self.prefix(name)}.{workloads.TYPE}"
        self.scene.broker.create_topic(topic, PARTITIONS)
        self.scene.broker.configure_topic(topic, message_timestamp_type="LogAppendTime")
        self.topics.append(topic)
        return topic

    # -- before the backlog -------------------------------------------------

    def _relay(self, name, delivery, settings):
        options = {"postgres.slot": self.slot(name), "topics.pattern": self.prefix(name) + ".{aggregatetype}", **settings}
        if delivery == EXACTLY_ONCE:
            options = {**exactly(self.scene), **options}
        return self.scene.relay(self.slot(name), **options)

    def prepare_relay(self, name, delivery=AT_LEAST_ONCE, **settings):
        relay = self._relay(name, delivery, settings)
        relay.command = ["init", "--existing=skip"]
        done = run_once(relay)
        assert done.status == 0, f"init: {done}"

    def prepare_slot(self, name):
        self.scene.sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (self.slot(name),))

    def write(self):
        """Seconds that it took."""
        began = time.monotonic()
        with self.scene.source.connect(self.scene.database) as session:
            session.execute("SET synchronous_commit = off")
            session.execute(workloads.statement(self.workload))
            # Its commit is the last one: others may write WAL behind it, but no transaction that is sent.
            self.last = session.execute("SELECT pg_logical_emit_message(true, %s, 'end')::text", (MARKER,)).fetchone()[0]
            session.execute("CHECKPOINT")
        return time.monotonic() - began

    def forget(self):
        """Its slots and topics."""
        for slot, in self.scene.sql("SELECT slot_name FROM pg_replication_slots WHERE slot_name LIKE %s",
                                    (self.slot("") + "%",)):
            until(lambda slot=slot: self.scene.slot_row("active", slot=slot)[0] is False, f"{slot} is free")
            self.scene.sql("SELECT pg_drop_replication_slot(%s)", (slot,))
        self.forget_topics()

    def forget_topics(self):
        self.scene.broker.delete_topics(self.topics)
        self.topics = []

    # -- those that drain ---------------------------------------------------

    def null(self):
        """The ceiling; its slot stays where it is, and serves every round."""
        return self._of_program(bench_relay("null", *self._null()))

    def _null(self):
        return self.scene.source.conninfo(self.scene.database), self.slot("null"), self.scene.publication, self.last

    def _of_program(self, found):
        return Run(self.workload.events, (found["ended_usec"] - found["began_usec"]) / 1e6, found["user_usec"] / 1e6,
                   found["system_usec"] / 1e6, walsender=found["beside_nsec"] / 1e9)

    def recvlogical(self):
        """Seconds from the start of the program to its end, which needs WAL behind the goal."""
        began = time.monotonic()
        done = subprocess.run(
            [paths.pg_bin("pg_recvlogical"), "--dbname", self.scene.source.conninfo(self.scene.database),
             "--slot", self.slot("recvlogical"), "--start", "--no-loop", "--file", os.devnull, "--endpos", self.last,
             "-o", "proto_version=1", "-o", f"publication_names={self.scene.publication}", "-o", "binary=true",
             "-o", "messages=true"], check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT)
        assert done.returncode == 0, done.stdout
        return time.monotonic() - began

    def _stream(self, name, alive):
        """(pid of the walsender, when START_REPLICATION came) once there is one."""
        with self.scene.source.connect(self.scene.database) as session:
            def started():
                alive()
                return session.execute(
                    "SELECT a.pid, extract(epoch FROM a.query_start)::float8 FROM pg_replication_slots s"
                    " JOIN pg_stat_activity a ON a.pid = s.active_pid WHERE s.slot_name = %s",
                    (self.slot(name),)).fetchone()
            return until(started, f"{name} streams", 120, every=0.01)

    def relay(self, name, delivery=AT_LEAST_ONCE, program=None, **settings):
        topic = self.topic(name)
        relay = self._relay(name, delivery, settings)
        if program is not None:
            relay.arguments = lambda: [program, "run"]
        relay.start(ready=False)

        def alive():
            assert relay.running(), relay.log()[-4000:]
        walsender, began = self._stream(name, alive)
        reported = self._delivered(relay)
        until(lambda: self._confirmed(name), lambda: f"it is confirmed:\n{relay.log()[-4000:]}", 60)
        run = Run(self.workload.events, 0, *process_times(relay.pid), peak=memory_bytes(relay.pid, "VmHWM"),
                  after=memory_bytes(relay.pid, "VmRSS"), walsender=on_processor(walsender))
        assert relay.stop() == 0, relay.log()[-4000:]
        found = check(self.scene.broker.servers, topic, self.workload.events)
        run.seconds = (reported if delivery == EXACTLY_ONCE else found["last_ms"] / 1000) - began
        return run

    def _delivered(self, relay):
        """When the relay says that all is; it is asked seldom, and often near the end only."""
        goal, began, pause = self.workload.events, time.time(), 0.3
        deadline = began + TIMEOUT
        while True:
            time.sleep(pause)
            assert relay.running() and time.time() < deadline, relay.log()[-4000:]
            count = relay.metric("outbox_relay_events_delivered_total") if state(relay) == "streaming" else 0
            now = time.time()
            if count >= goal:
                return now
            if count > 0:
                pause = min(1.0, max(0.005, 0.8 * (goal - count) * (now - began) / count))

    def _confirmed(self, name):
        return self.scene.slot_row(f"confirmed_flush_lsn >= '{self.last}'", slot=self.slot(name))[0]

    def peer(self, name, **properties):
        """Debezium: its JVM's start is apart, and its clock starts with the first append only."""
        topic = self.topic(name)
        connector = peers.Connector(self.scene, self.slot(name), peers.outbox_source(
            self.scene, self.slot(name), self.prefix(name), **{"message.prefix.exclude.list": f"pg_outbox.*,{MARKER}", **properties}), peers.SOURCE_WORKER)
        try:
            walsender, _ = self._stream(name, connector.check)
            before = sum(connector.times())
            with Reader(self.scene.broker, [topic]) as reader:
                def there():
                    connector.check()
                    return sum(high for _, high in reader.watermarks().values()) >= self.workload.events
                until(there, lambda: f"all is there:\n{connector.log()}", TIMEOUT, every=0.25)
            run = Run(self.workload.events, 0, *connector.times(), peak=memory_bytes(connector.pid, "VmHWM"),
                      walsender=on_processor(walsender), before=before)
        finally:
            connector.stop()
        found = check(self.scene.broker.servers, topic, self.workload.events)
        run.seconds = max(1, found["last_ms"] - found["first_ms"]) / 1000
        return run

    def bare(self, source, name):
        """The messages of another one's topic, sent by librdkafka alone."""
        with self._sender(source, name) as send:
            return self._of_program(send())

    def beside(self, source, name):
        """The null client, and at the same time the bare producer: what this machine has for any relay."""
        with self._sender(source, name) as send:
            with concurrent.futures.ThreadPoolExecutor() as pool:
                sent = pool.submit(send)
                read = bench_relay("null", *self._null())
                sent = sent.result()
        return Run(self.workload.events, (max(read["ended_usec"], sent["ended_usec"]) - read["began_usec"]) / 1e6,
                   sent["user_usec"] / 1e6, sent["system_usec"] / 1e6, walsender=read["beside_nsec"] / 1e9)

    @contextlib.contextmanager
    def _sender(self, source, name):
        """A bare producer that is connected; called, it sends, and gives what it found."""
        topic = self.topic(name)
        with subprocess.Popen([PROGRAM, "send", self.scene.broker.servers, f"{self.prefix(source)}.{workloads.TYPE}",
                               str(self.workload.events), topic, *SENDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as sender:
            said = ""
            while not said.endswith("ready\n"):
                line = sender.stderr.readline()
                assert line, f"bench-relay send: {said}"
                said += line

            def send():
                found, errors = sender.communicate("", timeout=TIMEOUT)
                assert sender.returncode == 0, f"bench-relay send: {errors}"
                return json.loads(found)
            yield send
        check(self.scene.broker.servers, topic, self.workload.events)
