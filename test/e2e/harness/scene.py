"""The stage of one test: a source database, a prefix for topics, a target database.

Servers may be shared with other tests; the database of this name in each, and the
topics with this prefix, are this test's alone.
"""
import os
import secrets
import subprocess

from . import paths
from .daemon import Consumer, Relay, run_once
from .ledger import Ledger
from .load import Load
from .wait import until

APPLIED = """
CREATE TABLE applied (n bigserial, id text, topic text, partition int, kafka_offset bigint,
                      key text, payload text)
"""

# Appends, so that what was applied twice or in another order shows.
HANDLER = """
INSERT INTO applied (id, topic, partition, kafka_offset, key, payload)
SELECT id::text, topic, partition, kafka_offset, key, payload::text
FROM batch ORDER BY ordinality
"""


class Scene:
    def __init__(self, base, name, reap, source, target, broker, managed=False):
        """managed: the source has the SQL-only install, loaded by an ordinary role that owns the database."""
        self.id = "e2e_" + secrets.token_hex(4)
        self.base = os.path.join(base, self.id)
        os.mkdir(self.base)
        self.name = name
        self.reap = reap
        self.source, self.target, self.broker = source, target, broker
        self.database = self.prefix = self.slot = self.publication = self.id
        self.handlers = {}
        self.daemons = []
        self._made = []
        self._roles = []
        if source is not None and managed:
            source.create_database(self.database)
            self._made.append(source)
            self.sql(f'CREATE ROLE "{self.id}" LOGIN REPLICATION')
            source.query("postgres", f'ALTER DATABASE "{self.database}" OWNER TO "{self.id}"')
            self._load_file(source, os.path.join("build", "sql", "pg_outbox-managed.sql"), self.id)
            self._roles.append(self.id)
        elif source is not None:
            self._create(source, "source", lambda name: source.query(name, "CREATE EXTENSION pg_outbox"))
            # It may be the copy of an older one.
            self.sql("UPDATE outbox.rotation SET rotated_at = clock_timestamp()")
        if target is not None:
            self._create(target, "target", self._fill_target)
            self.target_sql("UPDATE outbox_inbox.rotation SET started_at[1] = clock_timestamp()")

    def _create(self, server, what, fill):
        # One server may be source and target: then it is one database.
        if server in self._made:
            fill(self.database)
        else:
            server.filled_database(self.database, what, fill)
            self._made.append(server)

    def _fill_target(self, database):
        self.target.query(database, APPLIED)
        self.load_inbox(database=database)

    def load_inbox(self, layout=2, database=None):
        for name in ("outbox_inbox.sql", "outbox_inbox--1--2.sql")[:layout]:
            self._load_file(self.target, os.path.join("sql", name), database=database)

    def _load_file(self, server, path, user="postgres", database=None):
        done = subprocess.run([paths.pg_bin("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1",
                               "-d", server.conninfo(database or self.database, user),
                               "-f", os.path.join(paths.TOP, path)],
                              check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, f"{path}: {done.stdout}"

    def finish(self):
        for daemon in self.daemons:
            daemon.finish()
        for server in self._made:
            if server.running():
                server.drop_database(self.database)
        for role in self._roles:
            if self.source.running():
                self.source.query("postgres", f'DROP ROLE "{role}"')
        if self.broker is not None and self.broker.up:
            self.broker.delete_topics(self.broker.topics(self.prefix)
                                      + self.broker.topics(self.letters()))

    # -- parts --------------------------------------------------------------

    def topic(self, aggregate_type):
        return f"{self.prefix}.{aggregate_type}"

    def letters(self):
        """The topic of its consumers' dead letters."""
        return f"outbox.dead-letter.{self.prefix}"

    def relay(self, name="relay", **options):
        return self._add(Relay(self, name, **options))

    def consumer(self, name="consumer", **options):
        return self._add(Consumer(self, name, **options))

    def _add(self, daemon):
        self.daemons.append(daemon)
        return daemon

    def init(self, *arguments, **options):
        """outbox-relay init; gives a Command."""
        return run_once(self.relay(f"init-{len(self.daemons)}", command=("init",) + arguments,
                                   **options))

    def initialize(self, *arguments, **options):
        command = self.init(*arguments, **options)
        assert command.status == 0, f"init: {command}"

    def start_relay(self, *init_arguments, **options):
        """init, then a relay that is ready."""
        self.initialize(*init_arguments, **options)
        return self.relay(**options).start()

    def start_published(self, **options):
        """The same, which has published an event to the topic of "t"; and the ledger."""
        relay = self.start_relay(**options)
        ledger = self.ledger()
        self.emit("t", "k")
        ledger.wait_in_topics()
        until(lambda: relay.metric("outbox_relay_in_flight_events") == 0, "the relay knows that it is there")
        return relay, ledger

    def apply_all(self, *aggregate_types, sql=HANDLER, payload="json"):
        """Handlers for the consumers that are made from now on."""
        for aggregate_type in aggregate_types:
            self.handlers[self.topic(aggregate_type)] = {"sql": sql, "payload": payload}

    def ledger(self):
        return Ledger(self)

    def load(self, seed, **options):
        return Load(self.source, self.database, seed, **options)

    def moved(self, server, make_scene):
        """The source database on another server, by pg_dump: a scene of the same names."""
        dump = subprocess.run([paths.pg_bin("pg_dump"), "-d", self.source.conninfo(self.database)], check=True,
                              stdout=subprocess.PIPE, timeout=120).stdout
        server.create_database(self.database)
        subprocess.run([paths.pg_bin("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", server.conninfo(self.database)],
                       input=dump, check=True, stdout=subprocess.DEVNULL, timeout=120)
        other = make_scene(None, None, self.broker)
        other.source, other.database, other.prefix = server, self.database, self.prefix
        other.slot = other.publication = self.slot
        return other

    # -- the source ---------------------------------------------------------

    def sql(self, statement, parameters=None):
        return self.source.query(self.database, statement, parameters)

    def emit(self, aggregate_type, key, payload='{"n": 1}', event_type="Changed"):
        """One event in a transaction of its own; its id."""
        return str(self.sql("SELECT outbox.emit(%s, %s, %s, %s::json)",
                            (aggregate_type, key, event_type, payload))[0][0])

    def slot_row(self, *columns, slot=None):
        rows = self.sql(f"SELECT {', '.join(columns)} FROM pg_replication_slots"
                        " WHERE slot_name = %s", (slot or self.slot,))
        assert rows, f"there is no slot {slot or self.slot}"
        return rows[0]

    def wait_slot_free(self):
        """The server takes a moment longer than the relay to end."""
        until(lambda: self.slot_row("active")[0] is False, f"the slot {self.slot} is free")

    def stop_relay(self, relay):
        """In order, and until somebody else can have the slot."""
        assert relay.stop() == 0, relay.log()
        self.wait_slot_free()

    def wait_known(self):
        """Until a heartbeat says that all events of this moment are in Kafka."""
        until(lambda: self.sql("SELECT bool_and(pg_visible_in_snapshot(e.xid, r.heartbeat_snapshot))"
                               " FROM outbox.event e, outbox.relay r")[0][0], "a heartbeat has seen all events", 90)

    def slot_lsn(self, column="confirmed_flush_lsn"):
        """As a number."""
        return int(self.slot_row(f"{column} - '0/0'::pg_lsn")[0])

    def current_lsn(self):
        return int(self.sql("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")[0][0])

    # -- the target ---------------------------------------------------------

    def applied(self):
        """(id, topic, partition) in the order in which they were applied."""
        return self.target.query(self.database,
                                 "SELECT id, topic, partition FROM applied ORDER BY n")

    def payloads(self):
        """In the order in which they were applied."""
        return [row[0] for row in self.target_sql("SELECT payload FROM applied ORDER BY n")]

    def target_sql(self, statement, parameters=None):
        return self.target.query(self.database, statement, parameters)
