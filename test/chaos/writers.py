"""Applications: several writers whose transactions end in every way that PostgreSQL knows.

Each writes its events and, in the same transaction, into the table of truth.py; so what became of a COMMIT that nobody
answered is known.  A writer locks the counters of its keys in one order, so that the numbers of a key are 1, 2, 3, ... in
commit order.  What a writer does follows from its seed; when, and beside whom, does not.
"""
import json
import random
from collections import Counter

import psycopg

from harness.background import Background

KEYS = 24           # that all writers share, of each type
OWN_KEYS = 6        # of each writer alone, for what stays open for long
STOCK = 12          # rows of the captured table
BULK_KEYS = 50
ORDERS = ("order", "parcel")
HUGE_AT = 200       # the attempt of the first writer that is the huge one

SCHEMA = """
CREATE TABLE counter (type text, key text, number bigint NOT NULL, PRIMARY KEY (type, key));
CREATE TABLE note (writer int, at timestamptz DEFAULT now());
CREATE TABLE stock (key text PRIMARY KEY, tag text, number bigint NOT NULL);
"""
# Behind the first rows: these are no events.
CAPTURE = "SELECT outbox.attach('stock', payload => 'row', operations => '{update}')"

_EMIT = """
WITH payload AS (SELECT %(value)s::text AS value),
     event AS (SELECT outbox.emit(%(type)s, %(key)s, 'Changed', value::json) AS id FROM payload)
INSERT INTO truth SELECT %(tag)s, %(ordinal)s, %(type)s, %(key)s, value, id FROM payload, event
"""
_EMIT_BULK = """
WITH payload AS MATERIALIZED (
         SELECT g, %(tag)s || '-' || g AS tag, %(name)s || '-' || (g %% %(keys)s) AS key,
                json_build_object('tag', %(tag)s || '-' || g, 'padding', repeat('x', %(padding)s))::text AS value
           FROM generate_series(%(first)s, %(first)s + %(count)s - 1) AS g),
     event AS MATERIALIZED (
         SELECT g, tag, key, value, outbox.emit('bulk', key, 'Changed', value::json) AS id FROM payload ORDER BY g)
INSERT INTO truth SELECT tag, g, 'bulk', key, value, id FROM event
"""
_CAPTURED = """
WITH changed AS (UPDATE stock SET number = number + 1, tag = %(tag)s WHERE key = %(key)s RETURNING stock)
INSERT INTO truth SELECT %(tag)s, %(ordinal)s, 'stock', %(key)s, row_to_json(stock)::text FROM changed
"""


class Writers:
    def __init__(self, scene, seed, count=4, rate=120, large=(2000, 8000), huge=0, storages=("table", "wal")):
        """rate: transactions a second, of all; large: between how many events the large transactions have; huge: one has
        so many; storages: where events are written, one or the other for each transaction."""
        self.scene = scene
        scene.sql(SCHEMA)
        with scene.source.connect(scene.database) as connection:
            keys = [f"k-{n}" for n in range(KEYS)] + [f"w{w}-{n}" for w in range(count) for n in range(OWN_KEYS)]
            connection.cursor().executemany("INSERT INTO counter VALUES (%s, %s, 0)",
                                            [(type_, key) for type_ in ORDERS for key in keys])
            connection.cursor().executemany("INSERT INTO stock VALUES (%s, '', 0)", [(f"s-{n}",) for n in range(STOCK)])
            connection.execute(CAPTURE)
        self._writers = [Writer(scene, number, random.Random(f"{seed}/{number}"), rate / count, large,
                                0 if number else huge, storages) for number in range(count)]

    TYPES = (*ORDERS, "stock", "bulk")

    def start(self):
        for writer in self._writers:
            writer.start()
        return self

    def alive(self):
        """Raises what ended one of them before its time."""
        for writer in self._writers:
            writer.check()

    def stop(self):
        """The source has to be up.  Prepared transactions that a writer had to leave are brought to their end."""
        for writer in self._writers:
            writer.ending.set()
        for writer in self._writers:
            writer.stop()
        self.alive()
        with self.scene.source.connect(self.scene.database) as connection:
            for writer in self._writers:
                writer.settle(connection)

    def give_up(self):
        for writer in self._writers:
            writer.ending.set()

    def tried(self):
        """What stands before the last "-" of each tag that was tried."""
        return {f"{writer.number}-{attempt}" for writer in self._writers for attempt in range(1, writer.attempts + 1)}

    def counts(self):
        """Of transactions, by what they were; "unknown" are those whose COMMIT nobody answered."""
        return dict(sorted(sum((writer.counts for writer in self._writers), Counter()).items()))


class Writer(Background):
    """One connection after another."""

    def __init__(self, scene, number, dice, rate, large, huge, storages):
        super().__init__()
        self.scene, self.number, self.dice, self.rate = scene, number, dice, rate
        self.large, self.huge, self.storages = large, huge, storages
        self.attempts = 0
        self.counts = Counter()
        self._ordinal = 0
        self._sql = None

    def run(self):
        kinds, weights = zip(*self.KINDS.items())
        while not self.ending.is_set():
            kind = self.dice.choices(kinds, weights)[0]
            self._one("huge" if self.huge and self.attempts + 1 == HUGE_AT else kind)
            self.ending.wait(self.dice.expovariate(self.rate))
        if self._sql is not None:
            self._sql.close()

    def _one(self, kind):
        self.attempts += 1
        self._ordinal = 0
        outcome = "interrupted"
        try:
            if self._sql is None:
                self._sql = self.scene.source.connect(self.scene.database)
                self.settle(self._sql)
            self._begin()
            end = getattr(self, "_" + kind)()
            outcome = "unknown"
            self._sql.execute(end)
            outcome = kind
        except psycopg.OperationalError:
            # Away, or going away; what became of a COMMIT is in the table.
            if self._sql is not None:
                self._sql.close()
                self._sql = None
            self.ending.wait(0.05)
        self.counts[outcome] += 1

    def _begin(self):
        self._sql.execute("BEGIN")
        self._storage()

    def _storage(self):
        """Where what follows is written."""
        self._sql.execute("SELECT set_config('pg_outbox.storage', %s, true)", (self.dice.choice(self.storages),))

    # -- events --------------------------------------------------------------

    def _tag(self):
        self._ordinal += 1
        return f"{self.number}-{self.attempts}-{self._ordinal}"

    def _event(self, type_, key):
        tag = self._tag()
        value = {"tag": tag, "padding": "x" * self.dice.choice((0, 10, 200, 2000))}
        if key is not None:
            value["number"] = self._sql.execute(
                "UPDATE counter SET number = number + 1 WHERE type = %s AND key = %s RETURNING number",
                (type_, key)).fetchone()[0]
        self._sql.execute(_EMIT, {"tag": tag, "ordinal": self._ordinal, "type": type_, "key": key, "value": json.dumps(value)})

    def _captured(self, key):
        self._sql.execute(_CAPTURED, {"tag": self._tag(), "ordinal": self._ordinal, "key": key})

    def _some(self, own=False):
        """Events of a transaction: each row that it locks comes behind those that are lower."""
        keys = [f"w{self.number}-{n}" for n in range(OWN_KEYS)] if own else [f"k-{n}" for n in range(KEYS)]
        places = sorted((type_, key) for type_ in ORDERS for key in self.dice.sample(keys, self.dice.randint(0, 2)))
        for type_, key in places or [(ORDERS[0], keys[0])]:
            self._event(type_, key)
            if self.dice.random() < 0.2:
                self._event(type_, key)
        if self.dice.random() < 0.1:
            self._event(ORDERS[1], None)
        if not own and self.dice.random() < 0.3:
            for key in sorted(f"s-{n}" for n in self.dice.sample(range(STOCK), self.dice.randint(1, 2))):
                self._captured(key)

    # -- transactions: each gives the statement that ends it --------------------

    KINDS = {"plain": 56, "rollback": 10, "savepoint": 12, "prepared": 6, "empty": 6, "slow": 4, "mixed": 6, "large": 0.1}

    def _plain(self):
        self._some()
        return "COMMIT"

    def _rollback(self):
        self._some()
        return "ROLLBACK"

    def _savepoint(self):
        """Keys of its own: what is locked behind a savepoint is not in order with the rest."""
        self._some(own=True)
        self._sql.execute("SAVEPOINT s")
        self._some(own=True)
        self._sql.execute(self.dice.choice(("ROLLBACK TO SAVEPOINT s", "RELEASE SAVEPOINT s")))
        self._some(own=True)
        return "COMMIT"

    def _prepared(self):
        self._some(own=True)
        name = f"{self.scene.id}-{self.number}-{self.attempts}"
        self._sql.execute(f"PREPARE TRANSACTION '{name}'")
        self.ending.wait(self.dice.uniform(0, 0.3))
        return f"{self.dice.choice(('COMMIT', 'COMMIT', 'ROLLBACK'))} PREPARED '{name}'"

    def _empty(self):
        if self.dice.random() < 0.5:
            self._sql.execute("INSERT INTO note VALUES (%s)", (self.number,))
        return "COMMIT"

    def _slow(self):
        """Others commit meanwhile."""
        self._some(own=True)
        self.ending.wait(self.dice.uniform(0.2, 2))
        self._some(own=True)
        return self.dice.choice(("COMMIT", "COMMIT", "ROLLBACK"))

    def _mixed(self):
        """Rows and messages in one transaction."""
        for _ in range(3):
            self._storage()
            self._some(own=True)
        return "COMMIT"

    def _large(self):
        self._bulk(self.dice.randint(*self.large))
        return self.dice.choice(("COMMIT", "COMMIT", "COMMIT", "ROLLBACK"))

    def _huge(self):
        self._bulk(self.huge)
        return "COMMIT"

    def _bulk(self, count):
        self._some(own=True)
        self._sql.execute(_EMIT_BULK, {"tag": f"{self.number}-{self.attempts}", "name": f"b{self.number}", "keys": BULK_KEYS,
                                       "first": self._ordinal + 1, "count": count, "padding": self.dice.choice((0, 300))})
        self._ordinal += count

    def settle(self, connection):
        """What was prepared and left."""
        for name, in connection.execute("SELECT gid FROM pg_prepared_xacts WHERE gid LIKE %s",
                                        (f"{self.scene.id}-{self.number}-%",)).fetchall():
            connection.execute(f"{self.dice.choice(('COMMIT', 'ROLLBACK'))} PREPARED '{name}'")
            self.counts["settled"] += 1
