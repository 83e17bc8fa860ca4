"""The Debezium JDBC sink connector on the same events, when PEERS=1: Kafka Connect, standalone, with its jars by Maven.

It can't read what outbox-relay writes, as values need a schema, and it needs a primary key to write each event once.  So
its topic has the same events in the same order and partitions with the same payloads, but in an envelope of JsonConverter;
and beside it our consumer drains as many events with the same upsert into the same table.  That pair is what compares like
with like; against the plain insert, which is what a consumer of events does, there is a ratio, too.

The rate of both counts from the first visible row to the last one, so that neither the JVM's start nor the joining of
the group is in it; the processor time is given with the start and without it.
"""
import json
import time

import events
import peers
from drain import POLL_SECONDS, Drains, Spent
from harness.wait import until
from processes import memory_bytes, process_times

OURS, PEER = "consumer, upsert", "peer"
LEFT_OUT = "left out: PEERS=1 runs the Debezium JDBC sink connector beside ours"

TASKS = 2
BATCH = 3000
APPLICATION = "bench-sink-peer"
# The driver joins the rows of a batch into statements of many rows.
URL_OPTIONS = f"?ApplicationName={APPLICATION}&reWriteBatchedInserts=true"
TIMEOUT = 600

# The types by their names are Debezium's own: it casts to uuid and json by them.
SCHEMA = {"type": "struct", "optional": False, "fields": [
    {"field": "id", "type": "string", "optional": False, "name": "io.debezium.data.Uuid"},
    {"field": "key", "type": "string", "optional": False},
    {"field": "type", "type": "string", "optional": False},
    {"field": "payload", "type": "string", "optional": False, "name": "io.debezium.data.Json"}]}
_ENVELOPE = '{"schema":' + json.dumps(SCHEMA, separators=(",", ":")) + ',"payload":%s}'

WORKER = {
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "true",
    # Connect's default; and what lets a batch become as large as batch.size.
    "offset.flush.interval.ms": "60000",
    "consumer.max.poll.records": str(BATCH),
    "consumer.max.partition.fetch.bytes": str(8 << 20),
}


def record(number):
    """(value, headers) for the connector."""
    return (_ENVELOPE % json.dumps({"id": str(events.event_id(number)), "key": events.key(number), "type": events.TYPE,
                                    "payload": events.payload(number).decode()}, separators=(",", ":"))).encode(), None


def connector_properties(more):
    """Those that aren't of one run."""
    return dict({"connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector", "tasks.max": str(TASKS),
                 "batch.size": str(BATCH), "insert.mode": "upsert", "primary.key.mode": "record_value",
                 "primary.key.fields": "id", "schema.evolution": "none"}, **more)


def describe(count, more):
    """For the JSON: who the peer is, and how its work differs from ours."""
    return {"jars": peers.jars("debezium-connector-jdbc", "connect-runtime", "postgresql"), "java": peers.JAVA,
            "worker": WORKER, "connector": connector_properties(more), "url_options": URL_OPTIONS, "events": count,
            "value_bytes": {"peer": len(record(count - 1)[0]), "ours": len(events.record(count - 1)[0])},
            "records": "the peer's have id, key and type in a JSON envelope with its schema, and no headers;"
                       " ours have them as headers and key",
            "table": f"peer and \"{OURS}\" upsert by a primary key on id; the table of the others has none",
            "connection": "the peer's by TCP on loopback, ours and the session's by Unix socket"}


class Pair(Drains):
    """Our consumer and the connector, with one table and a topic each."""

    table = "upserted"
    definition = "CREATE TABLE upserted (id uuid PRIMARY KEY, key text, type text, payload json)"
    handler = ("INSERT INTO upserted (id, key, type, payload) SELECT id, key, type, payload FROM batch"
               " ON CONFLICT (id) DO UPDATE SET key = excluded.key, type = excluded.type, payload = excluded.payload")

    def __init__(self, scene, count, partitions, more):
        super().__init__(scene, scene.topic("upsert"), count)
        self.more, self.peer_topic = more, scene.topic("peer")
        self.last = [events.event_id(number) for number in range(max(0, count - partitions), count)]
        for topic, make in ((self.topic, events.record), (self.peer_topic, record)):
            scene.broker.create_topic(topic, partitions)
            events.produce(scene.broker.servers, topic, partitions, count, make)

    def _start(self):
        """A new name is a new group, which begins at the first record."""
        self.runs += 1
        name = f"{self.scene.prefix}-peer-{self.runs}"
        return peers.Connector(self.scene, name, connector_properties({
            "topics": self.peer_topic, "collection.name.format": self.table,
            "connection.url": f"jdbc:postgresql://127.0.0.1:{self.scene.target.port}/{self.scene.database}" + URL_OPTIONS,
            "connection.username": "postgres", "connection.password": "none", **self.more}), WORKER)

    def connector(self):
        self._empty()
        with self.scene.target.connect(self.scene.database) as connection:
            began = time.monotonic()
            connect = self._start()
            try:
                spent = self._watch(connect, connection, began)
            finally:
                connect.stop()
        self.check()
        return spent

    def _watch(self, connect, connection, began):
        pid = connect.process.pid

        def value(statement, *parameters):
            return connection.execute(statement, parameters, prepare=True).fetchone()[0]
        until(lambda: connect.check() and value(f"SELECT EXISTS (SELECT FROM {self.table})"),
              lambda: f"the connector has begun:\n{connect.log()}", 120, every=0.005)
        first, first_at, before = value(f"SELECT count(*) FROM {self.table}"), time.monotonic(), process_times(pid)
        # Of each partition the last one comes last, and three rows of an index cost the server next to nothing.
        look_at = first_at
        while value(f"SELECT count(*) FROM {self.table} WHERE id = ANY (%s)", self.last) < len(self.last):
            now = time.monotonic()
            assert now < first_at + TIMEOUT, f"not within {TIMEOUT} s:\n{connect.log()}"
            if now > look_at + 1:
                look_at = now
                connect.check()
            time.sleep(POLL_SECONDS)
        over = time.monotonic()
        backends = [sum(times) for times in zip(*(
            process_times(backend) for backend, in connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = %s", (APPLICATION,)).fetchall()))]
        rate = (self.count - first) / (over - first_at) if first < self.count else self.count / (over - began)
        return Spent(rate, over - began, process_times(pid), backends, memory_bytes(pid, "VmHWM"), before)


def report(results, runs):
    """Ratios of the rounds' pairs, an event each: the numbers of events may differ."""
    ours, theirs = runs[OURS], runs[PEER]
    results.ratio("events/s, consumer to peer, the same upsert",
                  [(a.rate, b.rate) for a, b in zip(ours, theirs)], "higher")
    results.ratio("events/s, consumer (plain insert) to peer",
                  [(a.rate, b.rate) for a, b in zip(runs["consumer"], theirs)], "higher")
    results.ratio("processor time, consumer to peer, the same upsert",
                  [(sum(a.client), sum(b.client)) for a, b in zip(ours, theirs)], "lower")
    results.ratio("processor time, the same, without the JVM's start",
                  [(sum(a.client), sum(b.client) - sum(b.before)) for a, b in zip(ours, theirs)], "lower")
    results.ratio("processor time of backends, consumer to peer",
                  [(sum(a.backends), sum(b.backends)) for a, b in zip(ours, theirs)], "lower")
    for name, found in ((OURS, ours), (PEER, theirs)):
        results.add(f"peak RSS of {name}", max(run.peak_bytes for run in found) / 2 ** 20, "MB", "lower")
