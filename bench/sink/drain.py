"""Who drains: outbox-consumer from Kafka, and a session that has the rows as arrays already."""
import os
import time

from psycopg import pq

import events
from harness import paths
from harness.daemon import Consumer
from harness.wait import until
from processes import process_times

TABLE = """
CREATE TABLE sunk (id uuid, key text, type text, payload json)
"""
HANDLER = "INSERT INTO sunk (id, key, type, payload) SELECT id, key, type, payload FROM batch"
SESSION = ("INSERT INTO sunk (id, key, type, payload)"
           " SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::json[])")
POLL_SECONDS = 0.02


class Spent:
    """What one run took; times of processors in seconds."""

    def __init__(self, events_a_second, seconds, client, backends, peak_bytes=0, before=(0.0, 0.0)):
        """before: what of the client's times went by before its first row was visible, if that was looked at."""
        self.rate, self.seconds = events_a_second, seconds
        self.client, self.backends, self.peak_bytes, self.before = client, backends, peak_bytes, before


class Drains:
    table, definition, handler = "sunk", TABLE, HANDLER

    def __init__(self, scene, topic, count):
        self.scene, self.topic, self.count = scene, topic, count
        self.runs = 0
        scene.target_sql(self.definition)

    def _empty(self):
        self.scene.target_sql(f"TRUNCATE {self.table}")
        self.scene.target_sql("CHECKPOINT")

    def check(self):
        """Every event is there, once and whole: as many rows as ids, and no id outside of those that were sent."""
        found = self.scene.target_sql(
            "SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE id < %s OR id > %s),"
            f" count(*) FILTER (WHERE octet_length(payload::text) <> {events.PAYLOAD_BYTES}) FROM {self.table}",
            (events.event_id(0), events.event_id(self.count - 1)))[0]
        assert found == (self.count, self.count, 0, 0), \
            f"rows, different ids, strange ids, payloads of another size: {found} for {self.count}"

    # -- the consumer -------------------------------------------------------

    def _progress(self, connection, group):
        return int(connection.execute("SELECT coalesce(sum(next_offset), 0) FROM outbox_inbox.progress"
                                      " WHERE group_name = %s", (group,)).fetchone()[0])

    def consumer(self, program=None, **options):
        """A new group drains the topic.  The rate is from its first transaction on."""
        self._empty()
        self.runs += 1
        group = f"{self.scene.prefix}-{self.table}-{self.runs}"
        daemon = self.scene._add(Consumer(self.scene, f"{self.table}-{self.runs}", {self.topic: {"sql": self.handler}},
                                          **{"consumer.group": group, **options}))
        if program is not None:
            daemon.arguments = lambda: [program, "run", "--config", daemon.config_path]
        with self.scene.target.connect(self.scene.database) as connection:
            began = time.monotonic()
            daemon.start(ready=False)
            first = until(lambda: self._progress(connection, group),
                          lambda: f"it has begun:\n{daemon.log()[-4000:]}", 60, every=0.005)
            first_at = time.monotonic()
            deadline = first_at + 600
            reached = first
            while reached < self.count:
                assert daemon.running() and time.monotonic() < deadline, daemon.log()[-4000:]
                time.sleep(POLL_SECONDS)
                reached = self._progress(connection, group)
            over = time.monotonic()
            backends = [sum(times) for times in zip(*(
                process_times(pid) for pid, in connection.execute(
                    "SELECT pid FROM pg_stat_activity WHERE application_name = 'outbox-consumer'").fetchall()))]
        client, peak = process_times(daemon.pid), daemon.memory("VmHWM")
        assert daemon.stop() == 0, daemon.log()[-4000:]
        self.check()
        rate = (self.count - first) / (over - first_at) if first < self.count else self.count / (over - began)
        return Spent(rate, over - began, client, backends, peak)

    # -- the session --------------------------------------------------------

    def session(self, batches):
        """One connection, one transaction a batch, nothing to read or to move."""
        self._empty()
        with self.scene.target.connect(self.scene.database) as connection:
            session = connection.pgconn
            session.prepare(b"sink", SESSION.encode())
            pid = session.backend_pid
            before_own, before = os.times(), process_times(pid)
            began = time.monotonic()
            for rows, params in batches:
                result = session.exec_prepared(b"sink", params, [1] * len(params))
                assert result.status == pq.ExecStatus.COMMAND_OK and result.command_tuples == rows, \
                    result.error_message.decode()
            seconds = time.monotonic() - began
            after_own, after = os.times(), process_times(pid)
        self.check()
        return Spent(self.count / seconds, seconds,
                     (after_own.user - before_own.user, after_own.system - before_own.system),
                     [b - a for a, b in zip(before, after)])


def default_program():
    return os.path.join(paths.BIN, "outbox-consumer")
