"""What a captured row costs, beside what emit() costs for the same payload.

What is measured is the processor time of the backend (/proc/PID/schedstat), which other work on
the machine changes little.  Each round runs, in turn and each in one statement over ROWS rows: an INSERT into a table without
and with capture, an UPDATE of both, and emit() of the same payloads, read from a table, without
and with the call.  A row's cost is the difference of the two; a ratio is made of the two costs
of one round, and the value is the median of the rounds.  Memory is RssAnon of the backend, watched while
many rows are inserted in one statement; the server's own queue of rows for AFTER triggers is
taken off by a table whose trigger does nothing.
"""
import statistics

from backend import anon_kb, cpu_ns, peak_anon_kb

MEMORY_TARGET_KB = 2048
RATIO_TARGET = 1.5

SETUP = """
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
    def __init__(self, connection, rows):
        self.connection = connection
        self.connection.execute("SET client_min_messages = error")
        self.connection.execute("SET max_parallel_workers_per_gather = 0")
        self.connection.execute("SET search_path = bench_capture, public")
        self.rows = rows

    def run(self, statement):
        self.connection.execute(statement)

    def cost(self, statement):
        """Processor seconds that it takes."""
        return cpu_ns(self.connection, statement) / 1e9

    def growth_kb(self, statement):
        """How far anonymous memory rises above what it was, while the statement runs."""
        before = anon_kb(self.connection)
        return peak_anon_kb(self.connection, statement) - before


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
    return found


def memory(bench, rows):
    """Growth of a session of its own, in kB, by table."""
    found = {}
    for table in ("nothing", "by_row", "by_statement"):
        with bench.connect("table") as connection:
            backend = Backend(connection, rows)
            backend.run(f"TRUNCATE {TABLES}")
            backend.run(f"INSERT INTO {table} SELECT * FROM source LIMIT 1000")
            found[table] = backend.growth_kb(
                f"INSERT INTO {table} SELECT i, 1, 'confirmed', 1.5, 'note', now()"
                f" FROM generate_series(1, {rows}) AS i")
    return found


def measure(bench, results, rows, rounds, memory_rows):
    """Adds the figures to results; events of before are gone."""
    bench.clear()
    with bench.connect("table") as connection:
        connection.execute(SETUP.format(rows=rows))
        backend = Backend(connection, rows)
        one_round(backend)
        seen = [one_round(backend) for _ in range(rounds)]
    rss = memory(bench, memory_rows)
    with bench.connect("table") as connection:
        connection.execute("DROP SCHEMA bench_capture CASCADE")
    bench.clear()
    for op in ("insert", "update"):
        for level, name in (("by_row", "row"), ("by_statement", "statement")):
            pairs = [(found[op, level], found["emit"]) for found in seen]
            results.ratio(f"processor time of capture() by {name} to emit(), {op}", pairs, "lower",
                          RATIO_TARGET if op == "insert" else None)
            results.add(f"processor time a row, capture() by {name}, {op}",
                        1000 * statistics.median(cost for cost, _ in pairs), "ns", "lower")
    results.add(f"memory of capture() by row over {memory_rows} rows, beyond that of an empty trigger",
                rss["by_row"] - rss["nothing"], "kB", "lower", MEMORY_TARGET_KB)
    results.add(f"memory of capture() by statement over {memory_rows} rows", rss["by_statement"], "kB",
                "lower")
