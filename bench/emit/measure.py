"""The measurements: each on a server of its own, that nobody reads from."""
import os
import re
import statistics
import subprocess

from backend import cpu_ns, peak_anon_kb
from harness import paths

HERE = os.path.dirname(os.path.abspath(__file__))
DATABASE = "bench"

SETTINGS = {
    "shared_buffers": "1GB", "max_wal_size": "16GB", "max_replication_slots": "10",
    "checkpoint_timeout": "1h", "autovacuum": "off", "fsync": "on", "full_page_writes": "on",
    "wal_level": "logical",
}
STORAGES = ("table", "wal")

# One call a row; the payload is a constant, so that nothing but the event is paid for.
PAYLOAD = "'{\"note\": \"" + "x" * 388 + "\"}'::json"
# Not generate_series() in FROM, which keeps all its rows.
NUMBERS = "(SELECT generate_series(1, %d) AS i) AS numbers"
EMIT = f"outbox.emit('account', i::text, 'changed', {PAYLOAD}%s)"
CALLS = {
    "emit": "SELECT count(" + EMIT % "" + ") FROM " + NUMBERS,
    "emit with headers": "SELECT count(" + EMIT % ", headers => '{\"tenant\": \"north\"}'"
                         + ") FROM " + NUMBERS,
    "insert": "INSERT INTO plain_event (aggregatetype, aggregateid, type, payload) SELECT 'account',"
              f" i::text, 'changed', {PAYLOAD} FROM {NUMBERS}",
    # What a plain INSERT makes the server keep isn't ours.
    "insert transactions": "DO $$ BEGIN FOR i IN 1..%d LOOP INSERT INTO plain_event (aggregatetype,"
                           f" aggregateid, type, payload) VALUES ('account', i::text, 'changed', {PAYLOAD});"
                           " IF i %% 10 = 0 THEN COMMIT; END IF; END LOOP; END $$",
    "transactions": "DO $$ BEGIN FOR i IN 1..%d LOOP PERFORM " + EMIT % ""
                    + "; IF i %% 10 = 0 THEN COMMIT; END IF; END LOOP; END $$",
}


class Bench:
    """A server, its database, and ways to look at what a statement costs."""

    def __init__(self, cluster):
        self.cluster = cluster
        cluster.create_database(DATABASE)
        with open(os.path.join(HERE, "schema.sql"), encoding="utf-8") as file:
            cluster.query(DATABASE, file.read())
        self._make_slot()

    def connect(self, storage="table", **settings):
        connection = self.cluster.connect(DATABASE)
        connection.execute("LOAD 'pg_outbox'")
        for name, value in dict({"pg_outbox.storage": storage, "synchronous_commit": "off",
                                 "max_parallel_workers_per_gather": "0"}, **settings).items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        return connection

    def clear(self):
        """Empty tables, and no old WAL."""
        with self.cluster.connect(DATABASE) as connection:
            connection.execute("TRUNCATE outbox.event, plain_event, debezium_outbox")
            connection.execute("SELECT pg_drop_replication_slot('bench')")
            connection.execute("CHECKPOINT")
        self._make_slot()

    def _make_slot(self):
        self.cluster.query(DATABASE, "SELECT pg_create_logical_replication_slot('bench', 'pgoutput')")

    # -- transactions a second ------------------------------------------------

    def tps(self, script, length, storage, synchronous_commit, clients):
        """length is pgbench's: --time=S or --transactions=N."""
        options = (f"-c pg_outbox.storage={storage} -c synchronous_commit={synchronous_commit}")
        done = subprocess.run(
            [paths.pg_bin("pgbench"), "--no-vacuum", "--protocol=prepared",
             f"--client={clients}", "--jobs=1", length,
             f"--file={os.path.join(HERE, 'scripts', script + '.sql')}", "--username=postgres",
             f"--host={self.cluster.base}", f"--port={self.cluster.port}", DATABASE],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
            env=dict(os.environ, PGOPTIONS=options))
        found = re.search(r"tps = ([0-9.]+) \(without", done.stdout)
        failed = re.search(r"number of failed transactions: (\d+)", done.stdout)
        assert done.returncode == 0 and found and failed and failed.group(1) == "0", \
            f"pgbench {script}: {done.stdout}{done.stderr}"
        return float(found.group(1))

    def rounds(self, contenders, count, length, synchronous_commit, clients=8):
        """{name: [tps of each round]}; contenders is {name: (script, storage)}.  Each round runs
        all of them, in another order."""
        names = list(contenders)
        found = {name: [] for name in names}
        for number in range(count):
            self.clear()
            turn = number % len(names)
            order = names[turn:] + names[:turn]
            for name in (order if number % 2 == 0 else reversed(order)):
                script, storage = contenders[name]
                found[name].append(self.tps(script, length, storage, synchronous_commit, clients))
        return found

    # -- processor time of the backend ----------------------------------------

    def cpu(self, statement, storage="table", **settings):
        """Nanoseconds that the backend was on a processor for a statement; runs as one transaction."""
        with self.connect(storage, **settings) as connection:
            connection.execute(CALLS["emit"] % 10)
            return cpu_ns(connection, statement)

    def cpu_rounds(self, contenders, count, calls):
        """{name: [ns a call of each round]}; contenders is {name: (statement, storage, settings)}."""
        found = {name: [] for name in contenders}
        for _ in range(count):
            for name, (statement, storage, settings) in contenders.items():
                self.clear()
                found[name].append(self.cpu(statement % calls, storage, **settings) / calls)
        return found

    # -- WAL --------------------------------------------------------------------

    def wal(self, storage, events):
        """Bytes of WAL records (without full-page images) and of LSNs an event, less the event's
        own text; each event in a transaction of its own."""
        self.clear()
        text = 0
        with self.connect(storage) as connection:
            connection.execute("SELECT outbox.emit('warm', '1', 'up', '{}')")
            start = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone()[0]
            for number in range(events):
                payload = '{"note": "' + "x" * (380 + number % 23) + '"}'
                parts = ("account", str(100000 + number), "changed", payload)
                connection.execute("SELECT outbox.emit(%s, %s, %s, %s::json)", parts)
                text += sum(len(part) for part in parts)
            # Asynchronous commits are written later: what is inspected has to be flushed.
            end = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone()[0]
            connection.execute("SET synchronous_commit = on")
            connection.execute("SELECT pg_logical_emit_message(true, 'bench', 'end')")
            records, transactions = connection.execute(
                "SELECT sum(record_length - fpi_length), count(DISTINCT xid::text)"
                " FROM pg_get_wal_records_info(%s, %s) WHERE xid::text <> '0'", (start, end)).fetchone()
            distance = connection.execute("SELECT %s::pg_lsn - %s::pg_lsn", (end, start)).fetchone()[0]
        assert transactions == events, f"{transactions} transactions of {events}"
        return (int(records) - text) / events, (int(distance) - text) / events

    # -- memory -----------------------------------------------------------------

    def peak_kb(self, statement, storage):
        """The backend's anonymous memory at its highest while a statement runs."""
        with self.connect(storage) as connection:
            return peak_anon_kb(connection, statement)

    def growth_kb(self, call, storage, few, many):
        self.clear()
        return (self.peak_kb(CALLS[call] % many, storage) - self.peak_kb(CALLS[call] % few, storage))


def median(values):
    return statistics.median(values)

