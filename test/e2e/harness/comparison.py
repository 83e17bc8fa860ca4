"""outbox-compare as a process: what it says, its report, and that it leaves nothing behind."""
import json
import os
import secrets
import subprocess

import psycopg

from harness import paths
from harness.wait import until


def processes_of(directory):
    """Those whose command line names the directory: command lines by process id."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    command = file.read().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if directory in command:
                found[int(entry)] = command
    return found


class Comparison:
    """A run in a directory of its own."""

    def __init__(self, base, name, reap, *options, command="run"):
        """options: scenarios, and settings"""
        self.dir = os.path.join(base, name)
        self.own = None
        self.report_path = os.path.join(base, name + ".json")
        self.log_path = os.path.join(base, name + ".log")
        # Of somebody else's servers: nothing of it is wanted, and nothing is told.
        self.canary = "Canary" + secrets.token_hex(8)
        planted = {"PGPASSWORD": self.canary, "PGUSER": self.canary, "PGSSLMODE": "require", "OUTBOX_RELAY_POSTGRES_PASSWORD": self.canary,
                   "OUTBOX_CONSUMER_KAFKA_SASL_PASSWORD": self.canary, "OUTBOX_INGEST_SOURCE_CONNINFO": f"password={self.canary}"}
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [os.path.join(paths.BIN, "outbox-compare"), command, f"--dir={self.dir}",
                 f"--report={self.report_path}", *options],
                env={**os.environ, **planted}, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        reap.process(self.process.pid)

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def wait_log(self, text, timeout=300):
        def said():
            assert self.process.poll() is None, self.log()
            return text in self.log()
        until(said, f"it says \"{text}\"", timeout)

    def finish(self, status, timeout=400):
        try:
            assert self.process.wait(timeout) == status, self.log()
        finally:
            self.process.kill()
        until(lambda: not processes_of(self.dir), lambda: f"gone: {processes_of(self.dir)}", 60)
        assert not os.path.exists(self.dir)
        self.check_told()

    def passwords(self):
        """Of its own servers, while they run, with that of the environment."""
        try:
            with open(os.path.join(self.dir, "pgpass"), encoding="ascii") as file:
                self.own = file.read().strip().rsplit(":", 1)[1]
        except OSError:
            pass
        return [self.canary] + ([self.own] if self.own else [])

    def check_told(self):
        """No password is in the log, nor in what was written at the end."""
        stem = self.report_path.removesuffix(".json")
        for path in [self.log_path] + [stem + ending for ending in (".json", ".html", ".md", ".csv")]:
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    text = file.read()
                assert not [word for word in self.passwords() if word in text], path

    def pids(self, what):
        return [pid for pid, command in processes_of(self.dir).items() if f" {what} " in command]

    def report(self):
        with open(self.report_path, encoding="utf-8") as file:
            return json.load(file)

    def page(self):
        with open(self.report_path.removesuffix(".json") + ".html", encoding="utf-8") as file:
            return file.read()

    def target(self, database="target"):
        with open(os.path.join(self.dir, "target", "data", "postmaster.pid"),
                  encoding="ascii") as file:
            port = file.read().splitlines()[3]
        return psycopg.connect(host="127.0.0.1", port=port, dbname=database, user="outbox",
                               passfile=os.path.join(self.dir, "pgpass"), autocommit=True)
