"""Private PostgreSQL clusters.

Each lives in a directory of its own, listens on a socket in it and on a free port
of 127.0.0.1, and runs as the user postgres when the tests run as root (the server
refuses root).
"""
import os
import pwd
import signal
import subprocess
import time

import psycopg
from psycopg import sql

from . import paths, reaper
from .initdb import initdb
from .ports import free_port
from .wait import until

SETTINGS = {
    "wal_level": "logical",
    "max_wal_senders": "30",
    "max_replication_slots": "60",
    "max_connections": "120",
    "max_prepared_transactions": "10",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "checkpoint_timeout": "1h",
    # Servers are killed here, the machine is not.
    "fsync": "off",
    # In their own directories, which are removed: killed ones would leave segments in /dev/shm.
    "dynamic_shared_memory_type": "mmap",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "lc_messages": "C",
}


def server_user():
    """The user to run a server as, for subprocess; {} for the present one."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Cluster:
    def __init__(self, base, name, reap, settings=None, standby_of=None, slot=None, port=None):
        """standby_of: a copy of that server that follows it, over that physical slot if there is one; port: where it listens."""
        self.name = name
        self.base = os.path.join(base, name)
        self.data = os.path.join(self.base, "data")
        self.log_path = os.path.join(self.base, "log")
        self.port = port or free_port()
        self._as = server_user()
        self._process = None
        self._reap = reap
        self._templates = None
        os.mkdir(self.base, 0o755)
        if self._as:
            os.chown(self.base, self._as["user"], self._as["group"])
        if standby_of is None:
            initdb(self.data, self._run)
        else:
            self._run("pg_basebackup", "--pgdata", self.data, "--dbname",
                      standby_of.conninfo("postgres"), "--write-recovery-conf", "--checkpoint", "fast",
                      "--no-sync", *(("--slot", slot) if slot else ()))
        merged = dict(SETTINGS, listen_addresses="127.0.0.1", port=str(self.port),
                      unix_socket_directories=self.base, **(settings or {}))
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as file:
            for key, value in merged.items():
                file.write(f"{key} = '{value}'\n")
        # "locked" has to give a password over TCP.
        hba = os.path.join(self.data, "pg_hba.conf")
        with open(hba, encoding="utf-8") as file:
            rest = file.read()
        if standby_of is None:
            with open(hba, "w", encoding="utf-8") as file:
                file.write("host all,replication locked 127.0.0.1/32 scram-sha-256\n" + rest)
        reap.pid_file(os.path.join(self.data, "postmaster.pid"))

    def _run(self, program, *arguments, check=True, timeout=120):
        with open(self.log_path, "ab") as log:
            return subprocess.run([paths.pg_bin(program), *arguments], check=check, timeout=timeout,
                                  cwd=self.base, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                  **self._as)

    # -- life ---------------------------------------------------------------

    def start(self, wait=True):
        with open(self.log_path, "ab") as log:
            self._process = subprocess.Popen(
                [paths.pg_bin("postgres"), "-D", self.data], cwd=self.base,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                **self._as)
        self._reap.process(self._process.pid)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, timeout=60):
        def ready():
            assert self._process.poll() is None, \
                f"server {self.name} ended while it started:\n{self.log_tail()}"
            try:
                with psycopg.connect(self.conninfo("postgres")):
                    return True
            except psycopg.OperationalError:
                return False
        until(ready, f"server {self.name} takes connections", timeout)

    def running(self):
        return self._process is not None and self._process.poll() is None

    def stop(self, mode="fast", timeout=60):
        """pg_ctl stop; returns the seconds that it took."""
        if not self.running():
            return 0.0
        began = time.monotonic()
        number = {"smart": signal.SIGTERM, "fast": signal.SIGINT,
                  "immediate": signal.SIGQUIT}[mode]
        self._process.send_signal(number)
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired as late:
            self.kill()
            raise AssertionError(f"server {self.name}: stop -m {mode} took over {timeout} s") \
                from late
        return time.monotonic() - began

    def kill(self):
        """kill -9 of the postmaster and all that it started, as a power cut does."""
        if not self.running():
            return
        victims = [self._process.pid] + reaper.children(self._process.pid)
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._process.wait(30)
        # Some may have been forked in between: without its parent each ends by itself.
        until(lambda: not any(reaper.start_time(pid) for pid in victims),
              f"all processes of {self.name} are gone")

    def configure(self, **settings):
        """Into postgresql.conf, with _ as they are; the server hears of it when it is reloaded or started."""
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as file:
            for key, value in settings.items():
                file.write(f"{key} = '{value}'\n")
        if self.running():
            self._process.send_signal(signal.SIGHUP)

    def promote(self):
        assert self.value("postgres", "SELECT pg_promote(true, 60)"), f"{self.name} isn't promoted"

    def wait_caught_up(self, primary):
        """Until this standby has replayed what the primary has written by now."""
        lsn = primary.value("postgres", "SELECT pg_current_wal_lsn()::text")
        until(lambda: self.value("postgres", "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", (lsn,)),
              f"{self.name} has replayed {lsn}", 60)

    def log_tail(self, size=6000):
        with open(self.log_path, "rb") as file:
            return file.read()[-size:].decode("utf-8", "replace")

    # -- clients ------------------------------------------------------------

    def conninfo(self, dbname, user="postgres", tcp=False, **more):
        host = "127.0.0.1" if tcp else self.base
        words = dict(host=host, port=self.port, dbname=dbname, user=user, **more)
        return " ".join(f"{key}={value}" for key, value in words.items())

    def connect(self, dbname="postgres", user="postgres", autocommit=True, **more):
        return psycopg.connect(self.conninfo(dbname, user), autocommit=autocommit, **more)

    def query(self, dbname, statement, parameters=None):
        """All rows of one statement on a connection of its own."""
        with self.connect(dbname) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def value(self, dbname, statement, parameters=None):
        rows = self.query(dbname, statement, parameters)
        return rows[0][0] if rows else None

    def create_database(self, name, template="template1"):
        # Page by page through the WAL, as by default, it takes twice the processor time.
        self.query("postgres", sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
                   .format(sql.Identifier(name), sql.Identifier(template)))

    def keep_templates(self):
        """It is going to have many databases that are filled alike."""
        self._templates = set()
        return self

    def filled_database(self, name, what, fill):
        """A database as fill(its name) leaves it: where templates are kept, a copy of the first such."""
        if self._templates is None:
            self.create_database(name)
            fill(name)
            return
        template = "filled_" + what
        if what not in self._templates:
            self.drop_database(template)
            self.create_database(template)
            fill(template)
            # While it is copied nobody may be there.
            self.query("postgres", sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(template)))
            self._templates.add(what)
        self.create_database(name, template)

    def drop_database(self, name):
        """With its replication slots, whoever uses them."""
        with self.connect() as connection:
            for slot, pid in connection.execute(
                    "SELECT slot_name, active_pid FROM pg_replication_slots WHERE database = %s",
                    (name,)).fetchall():
                if pid is not None:
                    connection.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
                connection.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
                               .format(sql.Identifier(name)))
