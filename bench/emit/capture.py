#!/usr/bin/python3
"""capture.py: what a captured row costs.

    bench/emit/capture.py CONNINFO [ROWS [ROUNDS]]

The database is given the extension and a schema "bench_capture", which is dropped at the end.
CONNINFO has to lead to a server on this machine: what is measured is the processor time of the
backend (/proc/PID/schedstat), which other work on the machine changes little.

Each round runs, in turn and each in one statement over ROWS rows: an INSERT into a table without
and with capture, an UPDATE of both, and emit() of the same payloads, read from a table, without
and with the call.  A row's cost is the difference of the two; a ratio is made of the two costs
of one round, and the value is the median of the rounds.  Memory is RssAnon of the backend, watched while
1,000,000 rows are inserted in one statement; the server's own queue of rows for AFTER triggers
is taken off by a table whose trigger does nothing.

Prints {"results": [...]} and says on standard error what it is at.
"""
import json
import statistics
import sys
import threading

import psycopg

MEMORY_ROWS = 1_000_000
MEMORY_TARGET_KB = 2048

SETUP = """
CREATE EXTENSION IF NOT EXISTS pg_outbox;
DROP SCHEMA IF EXISTS bench_capture CASCADE;
CREATE SCHEMA bench_capture;
SET search_path = bench_capture;
CREATE TABLE source (id bigint, customer int, status text, total numeric(12, 2), note text, created_at timestamptz);
INSERT INTO source
SELECT i, i % 1000, 'confirmed', (i % 100000) / 100.0, repeat(md5(i::text), 7), now()
  FROM generate_series(1, {rows}) AS i;
CREATE TABLE plain (LIKE source);
CREATE TABLE by_row (LIKE source);
CREATE TABLE by_statement (LIKE source);
SELECT outbox.attach('by_row', 'order', '{{id}}', truncates => 'ignore');
SELECT outbox.attach('by_statement', 'order', '{{id}}', level => 'statement', truncates => 'ignore');
INSERT INTO by_row SELECT * FROM source;
CREATE TABLE payload (aggregateid text, payload json);
INSERT INTO payload SELECT aggregateid, payload FROM outbox.event;
CREATE TABLE nothing (LIKE source);
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER nothing AFTER INSERT ON nothing FOR EACH ROW EXECUTE FUNCTION nothing();
"""
TABLES = "plain, by_row, by_statement, nothing, outbox.event"

INSERT = "INSERT INTO {} SELECT * FROM source"
UPDATE = "UPDATE {} SET total = total + 1"
READ = "SELECT sum(length(aggregateid) + length(payload::text)) FROM payload"
EMIT = ("SELECT sum(length(aggregateid) + length(payload::text)),"
        " count(outbox.emit('order', aggregateid, 'created', payload)) FROM payload")


class Backend:
    def __init__(self, conninfo, rows):
        self.connection = psycopg.connect(conninfo, autocommit=True)
        self.connection.execute("SET client_min_messages = error")
        self.connection.execute("SET max_parallel_workers_per_gather = 0")
        self.rows = rows
        self.pid = self.connection.info.backend_pid

    def run(self, statement):
        self.connection.execute(statement)

    def processor_seconds(self):
        with open(f"/proc/{self.pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0]) / 1e9

    def cost(self, statement):
        """Processor seconds that it takes."""
        before = self.processor_seconds()
        self.run(statement)
        return self.processor_seconds() - before

    def rss_anon_kb(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
        raise RuntimeError("no RssAnon")

    def growth_kb(self, statement):
        """How far RssAnon rises above what it was, while the statement runs."""
        before = self.rss_anon_kb()
        peak = before
        done = threading.Event()

        def watch():
            nonlocal peak
            while not done.wait(0.02):
                peak = max(peak, self.rss_anon_kb())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            self.run(statement)
        finally:
            done.set()
            watcher.join()
        return max(peak, self.rss_anon_kb()) - before


def one_round(backend):
    """Microseconds of processor time a row."""
    costs = {}
    backend.run(f"TRUNCATE {TABLES}")
    for table in ("plain", "by_row", "by_statement"):
        costs["insert", table] = backend.cost(INSERT.format(table))
    for table in ("plain", "by_row", "by_statement"):
        costs["update", table] = backend.cost(UPDATE.format(table))
    backend.run("TRUNCATE outbox.event")
    costs["read"] = backend.cost(READ)
    costs["emit"] = backend.cost(EMIT)
    micro = 1e6 / backend.rows
    emit = (costs["emit"] - costs["read"]) * micro
    found = {"emit": emit}
    for op in ("insert", "update"):
        for table in ("by_row", "by_statement"):
            found[op, table] = (costs[op, table] - costs[op, "plain"]) * micro
            found[op, table, "ratio"] = found[op, table] / emit
    return found


def memory(conninfo):
    """Growth of a session of its own, in kB, by table."""
    found = {}
    for table in ("nothing", "by_row", "by_statement"):
        backend = Backend(conninfo, MEMORY_ROWS)
        backend.run("SET search_path = bench_capture")
        backend.run(f"TRUNCATE {TABLES}")
        backend.run(f"INSERT INTO {table} SELECT * FROM source LIMIT 1000")
        found[table] = backend.growth_kb(
            f"INSERT INTO {table} SELECT i, 1, 'confirmed', 1.5, 'note', now()"
            f" FROM generate_series(1, {MEMORY_ROWS}) AS i")
        backend.connection.close()
    return found


def result(name, value, unit, target=None):
    return {"name": name, "value": round(value, 3), "unit": unit, "better": "lower",
            "target": target, "met": None if target is None else value <= target}


def say(text):
    print(text, file=sys.stderr, flush=True)


def main(conninfo, rows=20_000, rounds=41):
    backend = Backend(conninfo, rows)
    backend.run(SETUP.format(rows=rows))
    one_round(backend)
    seen = []
    for i in range(rounds):
        seen.append(one_round(backend))
        say(f"capture: round {i + 1} of {rounds}: " + ", ".join(
            f"{' '.join(key) if isinstance(key, tuple) else key} {value:.2f}"
            for key, value in seen[-1].items()))
    rss = memory(conninfo)
    backend.run("DROP SCHEMA bench_capture CASCADE")
    backend.run("TRUNCATE outbox.event")

    def median(*key):
        return statistics.median(found[key if len(key) > 1 else key[0]] for found in seen)

    results = [
        result("capture: insert by row / emit()", median("insert", "by_row", "ratio"), "ratio", 1.5),
        result("capture: insert by statement / emit()",
               median("insert", "by_statement", "ratio"), "ratio", 1.5),
        result("capture: update by row / emit() of an insert's payload",
               median("update", "by_row", "ratio"), "ratio"),
        result("capture: update by statement / emit() of an insert's payload",
               median("update", "by_statement", "ratio"), "ratio"),
        result("capture: emit()", median("emit"), "us"),
        result("capture: insert by row", median("insert", "by_row"), "us"),
        result("capture: insert by statement", median("insert", "by_statement"), "us"),
        result("capture: update by row", median("update", "by_row"), "us"),
        result("capture: update by statement", median("update", "by_statement"), "us"),
        result("capture: memory by row over 1,000,000 rows, above an empty trigger",
               rss["by_row"] - rss["nothing"], "kB", MEMORY_TARGET_KB),
        result("capture: memory by statement over 1,000,000 rows",
               rss["by_statement"], "kB"),
        result("capture: memory of an empty trigger over 1,000,000 rows", rss["nothing"], "kB"),
    ]
    json.dump({"results": results}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    main(sys.argv[1], *map(int, sys.argv[2:]))
