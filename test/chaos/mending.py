"""What operators do in a run of the whole pipeline, as docs/operations.md has it: what they break, and how they mend it."""
import copy
import shutil

import psycopg

from harness import copies
from harness.cluster import Cluster
from harness.daemon import run_once
from harness.ports import free_port
from harness.wait import until

AWAY = 1            # status of a command that can't reach a server
NOTICED = 90        # seconds until everybody has seen what is wrong: somebody may be frozen, or cut off
BEHIND = 20         # rows that a standby lacks which is cut off
KEPT = 5            # files of WAL for a slot, when there is a limit: more than what is kept for standbys (pipeline.KEPT)


def patiently(what):
    """Somebody else may have hit the server meanwhile."""
    found = []

    def done():
        try:
            found[:] = [what()]
        except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction):
            return False
        return True
    until(done, "the server is there", NOTICED, every=0.2)
    return found[0]


class Current:
    """The server that is the source or the target of a scene now; another one after a failover."""

    def __init__(self, scene, role):
        self._scene, self.role = scene, role

    @property
    def server(self):
        return getattr(self._scene, self.role)

    def __getattr__(self, name):
        return getattr(self.server, name)


class Standbys:
    """Each server of a scene that can fail over has one that follows it; that takes its place then, and gets one itself."""

    def __init__(self, scene, settings, copying=()):
        """settings: {role: of its servers}; copying: the roles whose standbys copy logical slots."""
        self.scene, self.settings, self.copying = scene, settings, copying
        self.of = {}        # {role: who follows}
        self._made = 0
        for role in settings:
            self._follow(role)

    def _follow(self, role, port=None):
        self._made += 1
        primary = getattr(self.scene, role)
        more = copies.prepared(primary) if role in self.copying else {"slot": None, "settings": {}}
        self.of[role] = Cluster(self.scene.base, f"{role}-{self._made}", self.scene.reap,
                                {**self.settings[role], **more["settings"]}, primary, more["slot"], port)
        self.of[role].start()
        if role in self.copying:
            copies.synchronize(primary)

    def renew(self, role, former):
        """The former primary is gone for good, and what follows the new one listens where it did."""
        shutil.rmtree(former.data)
        self._follow(role, former.port)

    def finish(self):
        for role, standby in self.of.items():
            for server in (standby, getattr(self.scene, role)):
                server.stop("immediate")


class Mending:
    """Of a run: scene, mode, truth, standbys, slot_is_copied, consumers."""

    # What says, by its rows, how much a standby lacks.
    COUNTED = {"source": "truth", "target": "applied"}

    # -- a slot --------------------------------------------------------------------

    def drop_slot(self):
        """Whoever reads from it is faster than the next one that wants it, or not."""
        def dropped():
            with self.scene.source.connect(self.scene.database) as connection:
                connection.execute("SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots"
                                   " WHERE slot_name = %s AND active", (self.scene.slot,))
                try:
                    connection.execute("SELECT pg_drop_replication_slot(%s)", (self.scene.slot,))
                except psycopg.errors.ObjectInUse:
                    return False
            return True
        until(dropped, "the slot is dropped")

    def invalidate_slot(self):
        """max_slot_wal_keep_size is over, while no relay is there; other slots stay within."""
        def lost():
            for relay in self.relays:
                relay.kill()
            self.truth.committed(at_rest=False)
            behind = self._segments_behind()
            if behind.get(self.scene.slot, 0) <= KEPT + 1:
                for _ in range(KEPT + 2):
                    self.scene.sql("SELECT pg_create_restore_point('on'), pg_switch_wal()")
            elif all(number <= 1 for slot, number in behind.items() if slot != self.scene.slot):
                self._keep("%dMB" % (16 * KEPT))
            self.scene.sql("CHECKPOINT")
            self._keep("-1")
            return self.scene.slot_row("wal_status")[0] == "lost"
        until(lost, lambda: f"the slot is lost: {self._segments_behind()}", NOTICED)
        assert self.scene.slot_row("wal_status", slot=self.truth.slot)[0] != "lost"

    def _segments_behind(self):
        """{slot: how many files of WAL it needs before the present one}; those that need none aren't there."""
        return dict(self.scene.sql("SELECT slot_name, (div(pg_current_wal_lsn() - '0/0', 16 << 20)"
                                   " - div(restart_lsn - '0/0', 16 << 20))::int FROM pg_replication_slots"
                                   " WHERE restart_lsn IS NOT NULL"))

    def _keep(self, size):
        self.scene.source.configure(max_slot_wal_keep_size=size)
        until(lambda: self.scene.sql("SHOW max_slot_wal_keep_size")[0][0] == size, f"slots keep {size}")

    def accept_gap(self):
        self.scene.initialize("--accept-gap", **self.mode)

    def replay_gap(self):
        self._wait_heartbeat()
        self._command("replay", "--gap")

    def _wait_heartbeat(self):
        """Of what is written by now the registration knows whether it is in Kafka."""
        now = self._ask("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
        until(lambda: self._ask("SELECT pg_snapshot_xmin(heartbeat_snapshot) >= %s::xid8 FROM outbox.relay", (now,)),
              "a heartbeat has seen what was written before", NOTICED)

    def _ask(self, statement, parameters=None):
        """One value of the source, when it is there."""
        return patiently(lambda: self.scene.sql(statement, parameters))[0][0]

    def _command(self, *command, done=lambda found: found.status == 0):
        """Tried again while a server that it needs is away."""
        found = []

        def ended():
            found[:] = [run_once(self.scene.relay(f"{command[0]}-{len(self.scene.daemons)}", command=command, **self.mode), 120)]
            assert done(found[0]) or found[0].status == AWAY, f"{' '.join(command)[:200]}: {found[0]}"
            return done(found[0])
        until(ended, lambda: f"{' '.join(command)[:200]}: {found}", NOTICED, every=0.5)
        return found[0].output

    # -- a topic -------------------------------------------------------------------

    def delete_topic(self, topic):
        """The ids that it had, as far as they were committed by then."""
        until(lambda: self.scene.broker.partitions(topic), f"topic {topic} is there", NOTICED)
        held = {record.id for record in self.scene.broker.read(topic)}
        self.scene.broker.delete_topics([topic])
        until(lambda: not self.scene.broker.partitions(topic), f"topic {topic} is gone")
        return held

    def make_topic(self, topic):
        """As it is recorded."""
        partitions = self._ask("SELECT partitions FROM outbox.topic WHERE topic = %s", (topic,))
        self.scene.broker.create_topic(topic, partitions, replicas=-1)

    def wait_consumers_stopped(self):
        """Each of them gets partitions of that topic, at the latest when the others are gone."""
        def running():
            return [consumer.name for consumer in self.consumers if consumer.daemon.running()]
        until(lambda: not running(), lambda: f"consumers stop: {running()} didn't", NOTICED, every=0.2)

    def has_progress(self, topic):
        """Whether anything of it was applied."""
        return patiently(lambda: self.scene.target_sql(
            "SELECT EXISTS (SELECT FROM outbox_inbox.progress WHERE group_name = %s AND topic = %s AND next_offset > 0)",
            (self.scene.prefix, topic)))[0][0]

    def forget_progress(self, topic):
        patiently(lambda: self.scene.target_sql("DELETE FROM outbox_inbox.progress WHERE group_name = %s AND topic = %s",
                                                (self.scene.prefix, topic)))

    def fill_topic(self, topic, held):
        """What went with the topic is sent again; what it had is all accounted for.  How many there were."""
        self._wait_heartbeat()
        found = self._command("verify", "--limit=0", done=lambda found: "\nunexpected: " in found.output)
        missing = [line.split()[1] for line in found.splitlines() if line.startswith("missing ")]
        there = {record.id for record in self.scene.broker.read(topic)}
        unknown = held - there - set(missing)
        assert not unknown, (f"{len(unknown)} events were in {topic} when it was deleted, aren't there, and verify says nothing"
                             f" of them: {sorted(unknown)[:5]}\n{found[-2000:]}")
        for first in range(0, len(missing), 1000):
            self._command("replay", "--id", ",".join(missing[first:first + 1000]))
        self.refilled += len(missing)
        return len(missing)

    # -- failovers -----------------------------------------------------------------

    def lose(self, role, behind):
        """behind: its standby lacks some of what was committed, or applied; whether that came to be."""
        server, standby = getattr(self.scene, role), self.standbys.of[role]
        self.wait_copy(role)
        standby.wait_caught_up(server)
        try:
            if behind:
                self._fall_behind(server, standby, f"SELECT count(*) FROM {self.COUNTED[role]}")
            return True
        except AssertionError:      # nobody writes anything for now
            return False
        finally:
            server.kill()

    def _fall_behind(self, server, standby, counted):
        standby.query("postgres", "ALTER SYSTEM SET primary_conninfo = ''")
        standby.query("postgres", "SELECT pg_reload_conf()")
        until(lambda: standby.value("postgres", "SELECT count(*) FROM pg_stat_wal_receiver") == 0, "nothing comes to the standby")
        had = server.value(self.scene.database, counted)
        until(lambda: server.value(self.scene.database, counted) >= had + BEHIND, "the standby lacks something", 10)

    def fail_over(self, role):
        former, standby = getattr(self.scene, role), self.standbys.of[role]
        standby.promote()
        if role == "source":
            self._move_truth(former, standby)
        setattr(self.scene, role, standby)
        self.standbys.renew(role, former)
        self.wait_copy(role)

    def wait_copy(self, role):
        """Until the standby of that could go on with the slot as it is now, where it copies slots."""
        if role != "source" or not self.slot_is_copied:
            return
        copies.wait_complete(self.standbys.of[role], self.scene.slot, self.scene.slot_lsn(), self._let_the_slot_pass, NOTICED)

    def _let_the_slot_pass(self):
        """Where a standby begins: no copy is complete before, and standbys look less and less often.

        What keeps catalogs of the past is the snapshot that open transactions are decoded with: of the last change of one.
        """
        self.scene.sql("COMMENT ON TABLE truth IS 'what was committed'")
        self.scene.sql("SELECT pg_log_standby_snapshot()")

    def _move_truth(self, former, standby):
        """Before applications write again there is a slot that sees them."""
        with standby.connect(self.scene.database) as connection:
            for name, in connection.execute("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()").fetchall():
                connection.execute(f"ROLLBACK PREPARED '{name}'")
        # Where nobody looks for it: nothing may come of the former primary any more.
        hidden = copy.copy(former)
        hidden.port = free_port()
        hidden.configure(port=hidden.port)
        hidden.start()
        self.truth.move(hidden, standby)
        hidden.stop("immediate")
