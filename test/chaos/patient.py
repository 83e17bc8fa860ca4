"""A target that falls ill: it is there, and no good."""
import random

import psycopg

from harness.background import Background
from harness.illness import failing
from harness.wait import until
from mending import Current

# Asked once a statement: what harness.illness.failing() said it is.
READ_ONLY = "default_transaction_read_only"


class Patient(Current):
    """The target's server, and a table of whose rows other sessions may want two at a time."""

    WAYS = ("slow", "refusing", "read-only", "locked", "deadlocking")

    def __init__(self, scene, table):
        super().__init__(scene, "target")
        self.scene, self.table = scene, table
        self._other = None
        failing(scene, None)

    def ill(self, way):
        if way == "slow":
            failing(self.scene, "slow")
        elif way == "refusing":
            failing(self.scene, "53100")
        elif way == "read-only":
            self._read_only("on")
        elif way == "locked":
            self._other = self.server.connect(self.scene.database, autocommit=False)
            self._other.execute(f"LOCK TABLE {self.table}")
        else:
            self._other = Deadlocks(self.scene, self.table).start()

    def well(self):
        if isinstance(self._other, Deadlocks):
            self._other.stop()
            self._other.check()
        elif self._other is not None:
            self._other.close()
        elif self._setting() == "on":
            self._read_only("off")
        else:
            failing(self.scene, None)
        self._other = None

    def _setting(self):
        return self.server.value(self.scene.database, f"SHOW {READ_ONLY}")

    def _read_only(self, value):
        self.server.configure(**{READ_ONLY: value})
        until(lambda: self._setting() == value, f"the target is read-only: {value}")


class Deadlocks(Background):
    """A session that takes two rows in any order, with time between, and gives them back as they were."""

    def __init__(self, scene, table):
        super().__init__()
        self.scene, self.table = scene, table
        self.dice = random.Random(scene.id)
        self.count = 0

    def run(self):
        with self.scene.target.connect(self.scene.database) as connection:
            while not self.ending.wait(0.02):
                rows = [row[0] for row in connection.execute(f"SELECT ctid FROM {self.table}").fetchall()]
                try:
                    with connection.transaction(force_rollback=True):
                        for row in self.dice.sample(rows, min(2, len(rows))):
                            connection.execute(f"SELECT FROM {self.table} WHERE ctid = %s FOR UPDATE", (row,))
                            self.ending.wait(0.05)
                except psycopg.errors.DeadlockDetected:
                    self.count += 1
