"""An application under load: business rows and events in the same transactions.

Each transaction locks the rows of the keys that it writes for, takes each key's
next number, and emits an event with it; so the committed numbers of a key are
1, 2, 3, … in commit order.  Some transactions are rolled back, and some roll back
to a savepoint: the ids of those events must never be seen anywhere.
"""
import json
import random
import threading

import psycopg

from .wait import until

SCHEMA = """
CREATE TABLE IF NOT EXISTS public.aggregate (key text PRIMARY KEY, number bigint NOT NULL);
CREATE TABLE IF NOT EXISTS public.business (id uuid PRIMARY KEY, key text, number bigint);
"""


class Load:
    def __init__(self, cluster, database, seed, writers=2, keys=16, aggregate_type="load",
                 padding=0, name="load", crowd=0):
        """crowd: more events at the end of each transaction, without a business row."""
        self.cluster = cluster
        self.database = database
        self.aggregate_type = aggregate_type
        self.padding = "x" * padding
        self.crowd = crowd
        self.keys = [f"{name}-{n}" for n in range(keys)]
        self.committed = 0          # transactions that the server said were committed
        self.rolled_back = set()    # ids that must never be seen
        self.errors = []            # lost connections; anything else ends the load
        self.crash = None
        self._lock = threading.Lock()
        self._end = threading.Event()
        cluster.query(database, SCHEMA)
        with cluster.connect(database) as connection:
            connection.cursor().executemany(
                "INSERT INTO aggregate VALUES (%s, 0) ON CONFLICT DO NOTHING",
                [(key,) for key in self.keys])
        self._threads = [threading.Thread(target=self._run, args=(random.Random(f"{seed}/{n}"),),
                                          daemon=True) for n in range(writers)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._end.set()
        for thread in self._threads:
            thread.join(60)
        if self.crash is not None:
            raise self.crash

    def wait_committed(self, more, timeout=60):
        """Until that many more transactions are committed."""
        goal = self.committed + more

        def reached():
            if self.crash is not None:
                raise self.crash
            return self.committed >= goal
        until(reached, f"{more} more transactions are committed", timeout)

    # -- the writers --------------------------------------------------------

    def _run(self, dice):
        connection = None
        while not self._end.is_set():
            try:
                if connection is None or connection.closed:
                    connection = self.cluster.connect(self.database, autocommit=False)
                self._transaction(connection, dice)
            except psycopg.OperationalError as error:
                # Away, or going away: the outcome of this transaction is in the database.
                self.errors.append(str(error))
                if connection is not None:
                    connection.close()
                    connection = None
                self._end.wait(0.02)
            except BaseException as error:  # pylint: disable=broad-except
                self.crash = error
                return
        if connection is not None:
            connection.close()

    def _transaction(self, connection, dice):
        # Keys in one order, so that two writers never wait for each other in a circle.
        chosen = sorted(dice.sample(self.keys, dice.randint(1, 3)))
        for key in chosen[:-1]:
            self._event(connection, dice, key)
        if dice.random() < 0.15:
            connection.execute("SAVEPOINT s")
            gone = self._event(connection, dice, chosen[-1])
            connection.execute("ROLLBACK TO SAVEPOINT s")
            with self._lock:
                self.rolled_back.add(gone)
        if dice.random() < 0.1:
            gone = self._event(connection, dice, chosen[-1])
            connection.rollback()
            with self._lock:
                self.rolled_back.add(gone)
            return
        self._event(connection, dice, chosen[-1])
        if self.crowd > 0:
            connection.execute("SELECT count(outbox.emit(%s, 'crowd-' || g, 'Changed', json_build_object('n', g)))"
                               " FROM generate_series(1, %s) AS g", (self.aggregate_type, self.crowd))
        connection.commit()
        with self._lock:
            self.committed += 1

    def _event(self, connection, dice, key):
        number = connection.execute(
            "UPDATE aggregate SET number = number + 1 WHERE key = %s RETURNING number",
            (key,)).fetchone()[0]
        payload = json.dumps({"key": key, "number": number, "dice": dice.random(),
                              "padding": self.padding})
        event = connection.execute("SELECT outbox.emit(%s, %s, 'Changed', %s::json)",
                                   (self.aggregate_type, key, payload)).fetchone()[0]
        connection.execute("INSERT INTO business VALUES (%s, %s, %s)", (event, key, number))
        return str(event)
