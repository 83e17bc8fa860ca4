"""Disks that can be full: file systems of their own for a part of a server, and what fills them.

A disk is a tmpfs that is made as small as what is on it.  It takes the right to mount: without it no run begins that needs one.
"""
import os
import subprocess

import psycopg

from faults import Kind
from harness.cluster import server_user
from harness.wait import until

ROOM = "2g"         # of memory, which only what is there takes
FULL = "No space left on device"
PATIENCE = 30       # seconds until a full disk is felt


class Disk:
    def __init__(self, path, reap):
        self.path = path
        os.mkdir(path)
        done = _mount("-t", "tmpfs", "-o", f"size={ROOM}", "outbox-chaos", path)
        if done.returncode != 0:
            raise ValueError(f"a disk that can be full has to be mounted, and that isn't possible here: {done.stderr.strip()}\n"
                             "Run as root, or choose --nemeses= without those that begin with \"disk-\"")
        reap.mount(path)

    def take(self, directory):
        """It is here from now on, and where it was is a way to it."""
        here = os.path.join(self.path, os.path.basename(directory))
        subprocess.run(["mv", directory, here], check=True)
        os.symlink(here, directory)

    def room_for(self, name):
        """A new directory, of whom servers run as."""
        path = os.path.join(self.path, name)
        os.mkdir(path, 0o700)
        if server_user():
            os.chown(path, server_user()["user"], server_user()["group"])
        return path

    def fill(self):
        """There is no room left.  Somebody may have taken some while it was counted."""
        def filled():
            found = os.statvfs(self.path)
            used = (found.f_blocks - found.f_bfree) * found.f_frsize
            return _mount("-o", f"remount,size={used // 1024}k", self.path).returncode == 0
        until(filled, f"{self.path} is full")

    def free(self):
        done = _mount("-o", f"remount,size={ROOM}", self.path)
        assert done.returncode == 0, done.stderr

    def finish(self):
        subprocess.run(["umount", "--lazy", self.path], check=True)


def _mount(*arguments):
    return subprocess.run(["mount", *arguments], check=False, capture_output=True, text=True)


class Full(Kind):
    """A disk of a subject is full until somebody frees it; it has disks by the names of the ways, and says so in its log."""

    def begin(self, subject, way):
        since = os.path.getsize(subject.log_path)
        subject.disks[way].fill()

        def felt():
            self.use(subject, way)
            with open(subject.log_path, "rb") as file:
                file.seek(since)
                return FULL.encode() in file.read()
        until(felt, lambda: f"{subject.name} says \"{FULL}\"", PATIENCE, every=0.1)

    def use(self, subject, way):
        """Something that needs room: a moment may be over before the load needs some."""
        raise NotImplementedError

    def end(self, subject, way):
        subject.disks[way].free()
        self.start(subject)

    def start(self, subject):
        """If it isn't there any more."""
        raise NotImplementedError


class ServerFull(Full):
    """Of PostgreSQL.  Ways: wal (the server crashes, and can't recover) and tables (they don't grow)."""

    USES = {"wal": ("SELECT pg_create_restore_point('full')", "SELECT pg_switch_wal()"),
            "tables": ("CREATE TABLE room TABLESPACE small AS SELECT 1", "DROP TABLE room")}

    def use(self, subject, way):
        try:
            with subject.connect() as connection:
                for statement in self.USES[way]:
                    connection.execute(statement)
        except psycopg.Error:
            pass

    def start(self, subject):
        """It may have ended, or be about to: it tried to recover while there was no room."""
        def there():
            if not subject.running():
                subject.start(wait=False)
            try:
                subject.query("postgres", "SELECT")
                return True
            except psycopg.OperationalError:
                return False
        until(there, f"{subject.name} is there again", 2 * PATIENCE)


class BrokerFull(Full):
    """Of a broker, which writes all the time, about itself: it gives its log directory up, and ends."""

    def use(self, subject, way):
        pass

    def start(self, subject):
        subject.kill()
        subject.restart()


def for_server(cluster, ways, reap):
    """Before its first start, pg_wal goes to a disk of its own; tables: another one, for room_for_tables()."""
    cluster.disks = {way: Disk(os.path.join(cluster.base, f"disk-{way}"), reap) for way in ways}
    if "wal" in ways:
        cluster.disks["wal"].take(os.path.join(cluster.data, "pg_wal"))


def tables_to(cluster, database, *tables):
    """They are on its disk for tables from now on."""
    path = cluster.disks["tables"].room_for("space")
    cluster.query(database, f"CREATE TABLESPACE small LOCATION '{path}'")
    for table in tables:
        cluster.query(database, f"ALTER TABLE {table} SET TABLESPACE small")
