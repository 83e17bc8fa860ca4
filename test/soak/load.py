"""A steady load of events: pgbench at a rate, each transaction with five of them (events.sql).

Open loop: a transaction that the server delays is not left out, but made up for.
"""
import os
import re
import subprocess

from harness import paths

EVENTS_PER_TRANSACTION = 5
HERE = os.path.dirname(os.path.abspath(__file__))


class Load:
    def __init__(self, scene, rate, seconds, clients=4):
        self.scene, self.rate, self.seconds, self.clients = scene, rate, seconds, clients
        self.path = os.path.join(scene.base, "pgbench")
        self._process = None

    def start(self):
        source = self.scene.source
        with open(self.path, "wb") as out:
            self._process = subprocess.Popen(
                [paths.pg_bin("pgbench"), "--no-vacuum", "--protocol=prepared", "--jobs=1",
                 f"--client={self.clients}", f"--rate={self.rate / EVENTS_PER_TRANSACTION}",
                 f"--time={self.seconds}", "--define=n=0",
                 f"--file={os.path.join(HERE, 'events.sql')}", "--username=postgres",
                 f"--host={source.base}", f"--port={source.port}", self.scene.database],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        self.scene.reap.process(self._process.pid)
        return self

    def running(self):
        return self._process.poll() is None

    def finish(self):
        """If it runs still."""
        if self._process is not None and self.running():
            self._process.kill()
            self._process.wait(30)

    def result(self):
        """(events committed, events a second), once it has ended."""
        with open(self.path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        count = re.search(r"number of transactions actually processed: (\d+)", text)
        failed = re.search(r"number of failed transactions: (\d+)", text)
        tps = re.search(r"tps = ([0-9.]+) \(without", text)
        assert self._process.returncode == 0 and count and tps and failed and failed.group(1) == "0", \
            f"pgbench ended with {self._process.returncode}:\n{text[-2000:]}"
        return (int(count.group(1)) * EVENTS_PER_TRANSACTION,
                float(tps.group(1)) * EVENTS_PER_TRANSACTION)
