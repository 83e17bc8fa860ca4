"""The primary goes and a standby is promoted, or the server comes back from a backup.

Truth is what the surviving server has: the rows of outbox.event and of "business", written in the same
transactions (harness.load).
"""
import os
import shutil
import subprocess
from collections import defaultdict

import pytest

from harness import copies
from harness.cluster import server_user
from harness.wait import until

QUICK = {"mark.interval": "100ms", "heartbeat.interval": "200ms", "reconnect.min": "20ms",
         "reconnect.max": "300ms"}


def hosts(scene, *servers):
    words = {"host": ",".join(s.base for s in servers), "port": ",".join(str(s.port) for s in servers),
             "dbname": scene.database, "user": "postgres", "target_session_attrs": "read-write",
             "connect_timeout": 10}
    return " ".join(f"{key}={value}" for key, value in words.items())


def ids_of(server, scene):
    return {row[0] for row in server.query(scene.database, "SELECT id::text FROM outbox.event")}


def wait_published(scene, server):
    """Until every row that the server has is in Kafka; all records."""
    wanted = ids_of(server, scene)
    broker = scene.broker
    records = []
    until(lambda: broker.topics(scene.prefix), "there are topics")

    def there():
        records[:] = broker.read(*broker.topics(scene.prefix))
        return wanted <= {r.id for r in records}
    until(there, lambda: f"{len(wanted - {r.id for r in records})} of {len(wanted)} events are in Kafka", 90,
          every=0.2)
    return records


def check_order(server, scene, records):
    """The numbers of each key rise in the first occurrences of what wasn't replayed."""
    numbers = {str(i): (key, n) for i, key, n in
               server.query(scene.database, "SELECT id, key, number FROM business")}
    last = defaultdict(int)
    place = {}
    for record in records:
        if record.header("outbox-replayed") is not None:
            continue
        partition = (record.topic, record.partition)
        if record.id in place:
            continue
        place[record.id] = partition
        if record.id in numbers:
            key, number = numbers[record.id]
            assert number > last[key], f"{record}: {number} after {last[key]}"
            last[key] = number


# ---------------------------------------------------------------------------
# without a copy of the slot
# ---------------------------------------------------------------------------

def test_promotion_without_the_slot_is_a_gap_that_replay_fills(make_scene, own, broker, seed, exits):
    """Up to 16, and later where nothing copies slots: status 10, init, replay, and nothing is lost."""
    primary = own.cluster("primary")
    scene = make_scene(primary, None, broker)
    scene.initialize("--no-failover")
    standby = own.standby(primary)
    both = {"postgres.conninfo": hosts(scene, primary, standby)}
    relay = scene.relay(**QUICK, **both).start()
    with scene.load(seed) as load:
        load.wait_committed(150)
        until(lambda: primary.value(
            scene.database, "SELECT bool_or(pg_visible_in_snapshot(e.xid, r.heartbeat_snapshot))"
            " FROM outbox.event AS e, outbox.relay AS r"), "a heartbeat has seen events")
        # The relay has an end: then events are committed that nobody publishes.
        relay.kill()
        load.wait_committed(100)
    standby.wait_caught_up(primary)
    # It would still publish what is to be missed.
    primary.kill()
    relay.start(ready=False)
    # While there is no primary the relay tries again.
    until(lambda: "connect to PostgreSQL" in relay.log() or "recovery" in relay.log(), "it has noticed")
    assert relay.running()
    standby.promote()
    assert relay.wait_exit() == exits["EXIT_GAP"], relay.log()
    assert "is gone" in relay.log() and "init --accept-gap" in relay.log()

    scene.source = standby
    with scene.load(seed + 1, name="after") as load:
        load.wait_committed(50)
        assert scene.init(**both).status == exits["EXIT_GAP"]
        scene.initialize("--accept-gap", **both)
        relay.start()
        load.wait_committed(100)
    # What is in Kafka now is all that the new slot had.
    scene.wait_known()
    rows = ids_of(standby, scene)
    missed = rows - {r.id for r in broker.read(*broker.topics(scene.prefix))}
    assert missed, "nothing was missed, so nothing is shown"
    replay = scene.relay("replay", command=("replay", "--gap"), **QUICK, **both).start(ready=False)
    assert replay.wait_exit() == 0, replay.log()
    records = wait_published(scene, standby)
    check_order(standby, scene, records)
    assert {r.position.epoch for r in records if r.header("outbox-replayed") is None} == {(1, 1), (2, 2)}
    assert {r.id for r in records if r.header("outbox-replayed") is not None} >= missed
    assert not relay.problems()

    # The former primary comes back.  A relay that meets it first publishes nothing of it.
    primary.start()
    late = str(primary.value(scene.database, "SELECT outbox.emit('load', 'late', 'T', '{}'::json)"))
    assert relay.stop() == 0
    relay.start(ready=False)
    assert relay.wait_exit() == exits["EXIT_GAP"], relay.log()
    assert "former primary" in relay.log()
    assert late not in {r.id for r in broker.read(*broker.topics(scene.prefix))}


# ---------------------------------------------------------------------------
# with a copy of it: PostgreSQL 17
# ---------------------------------------------------------------------------

@pytest.fixture
def pair(slot_copies, make_scene, own, broker):  # pylint: disable=unused-argument
    """pair(synchronized): a scene with the relay initialized, and a standby that copies its slot."""
    def make(synchronized=True, target=None):
        primary = own.cluster("primary")
        scene = make_scene(primary, target, broker)
        scene.initialize()
        standby = own.standby(primary, **copies.prepared(primary))
        if synchronized:
            copies.synchronize(primary)
        return scene, primary, standby
    return make


@pytest.mark.slow
def test_a_promotion_loses_and_reorders_nothing(pair, seed, target):
    scene, primary, standby = pair(target=target)
    scene.apply_all("load")
    both = {"postgres.conninfo": hosts(scene, primary, standby)}
    relay = scene.relay(**QUICK, **both).start()
    with scene.load(seed) as load:
        load.wait_committed(50)
        until(lambda: scene.broker.partitions(scene.topic("load")), "the topic is there")
        consumer = scene.consumer(**{"breaker.reset": "500ms"}).start()
        copies.wait_complete(standby, scene.slot)
        assert scene.sql("SELECT failover_problem FROM outbox.status") == [(None,)]
        assert standby.value(scene.database, "SELECT failover_problem FROM outbox.status") is None
        load.wait_committed(200)
        # In the middle of the load.
        primary.kill()
        standby.promote()
    scene.source = standby
    with scene.load(seed + 1, name="after") as load:
        load.wait_committed(100)
        relay.wait_ready()
        load.wait_committed(100)
    assert not relay.problems(), relay.problems()
    records = wait_published(scene, standby)
    rows = ids_of(standby, scene)
    assert {r.id for r in records} == rows, "an event in Kafka that the new primary knows nothing of"
    check_order(standby, scene, records)
    assert {r.position.epoch for r in records} == {(1, 1), (1, 2)}
    # By position each is applied once.
    until(lambda: rows <= {row[0] for row in scene.applied()}, "all are applied", 60, every=0.2)
    applied = [row[0] for row in scene.applied()]
    assert len(applied) == len(set(applied)) and set(applied) == rows
    assert not consumer.problems()
    assert relay.stop() == 0


@pytest.mark.slow
def test_positions_that_come_again_on_the_new_timeline(pair, seed, target):
    """Without synchronized_standby_slots: Kafka has what the new primary lacks, and LSNs are used twice."""
    scene, primary, standby = pair(synchronized=False, target=target)
    scene.apply_all("load")
    both = {"postgres.conninfo": hosts(scene, primary, standby)}
    relay = scene.relay(**QUICK, **both).start()
    with scene.load(seed) as load:
        load.wait_committed(50)
        until(lambda: scene.broker.partitions(scene.topic("load")), "the topic is there")
        consumer = scene.consumer(**{"breaker.reset": "500ms"}).start()
        copies.wait_complete(standby, scene.slot)
    assert "synchronized_standby_slots" in scene.sql("SELECT failover_problem FROM outbox.status")[0][0]
    standby.wait_caught_up(primary)
    standby.stop()
    known = ids_of(primary, scene)
    ahead = {scene.emit("load", f"ahead-{n}") for n in range(200)}
    wait_published(scene, primary)
    primary.kill()
    standby.start()
    standby.promote()
    scene.source = standby
    assert ids_of(standby, scene) == known
    after = {scene.emit("load", f"ahead-{n}") for n in range(200)}
    records = wait_published(scene, standby)
    assert {r.id for r in records} == known | ahead | after
    old = [r.position.commit_lsn for r in records if r.id in ahead]
    new = [r.position.commit_lsn for r in records if r.id in after]
    assert min(new) < max(old), "no LSN was used twice, so nothing is shown"
    assert {r.position.epoch for r in records if r.id in after} == {(1, 2)}
    everything = known | ahead | after
    until(lambda: everything <= {row[0] for row in scene.applied()}, "all are applied", 60, every=0.2)
    applied = [row[0] for row in scene.applied()]
    assert len(applied) == len(set(applied)) and set(applied) == everything
    assert not relay.problems() and not consumer.problems()


def test_a_promoted_server_that_waits_for_a_standby_of_its_own(pair):
    """With synchronized_standby_slots, as a base backup of its primary has it, and nobody that follows."""
    scene, primary, standby = pair()
    relay = scene.relay(**QUICK, **{"postgres.conninfo": hosts(scene, primary, standby)}).start()
    first = scene.emit("t", "k")
    wait_published(scene, primary)
    # With the mark: without it the relay would publish it again.
    scene.wait_known()
    copies.wait_complete(standby, scene.slot)
    standby.configure(synchronized_standby_slots=copies.SLOT)
    until(lambda: standby.value("postgres", "SHOW synchronized_standby_slots") == copies.SLOT, "it is set")
    standby.wait_caught_up(primary)
    primary.kill()
    standby.promote()
    scene.source = standby
    second = scene.emit("t", "k")
    until(lambda: "Logical replication is waiting on the standby" in standby.log_tail(), "the server says that it waits", 60)
    assert "is away, and the relay waits for it" in scene.sql("SELECT failover_problem FROM outbox.status")[0][0]
    assert [r.id for r in scene.broker.read(scene.topic("t"))] == [first]
    standby.configure(synchronized_standby_slots="")
    assert [r.id for r in wait_published(scene, standby)] == [first, second]
    assert not relay.problems()


def test_a_copied_slot_ahead_of_the_mark_is_no_gap(pair, exits):
    """The commit of the last mark may be lost with the primary, though the slot's position was copied."""
    scene, primary, standby = pair()
    both = {"postgres.conninfo": hosts(scene, primary, standby)}
    relay = scene.relay(**QUICK, **both).start()
    mark = int(scene.sql("SELECT mark_lsn - '0/0'::pg_lsn FROM outbox.relay")[0][0])
    first = scene.emit("t", "k")
    copies.wait_complete(standby, scene.slot, max(mark + 1, scene.current_lsn()))
    wait_published(scene, primary)
    assert relay.stop() == 0
    standby.wait_caught_up(primary)
    primary.kill()
    standby.promote()
    scene.source = standby
    # As if that commit hadn't come.
    scene.sql("UPDATE outbox.relay SET mark_lsn = %s::numeric + '0/0'::pg_lsn", (mark,))
    assert scene.slot_lsn() > mark
    second = scene.emit("t", "k")
    relay.start()
    records = wait_published(scene, standby)
    assert [r.id for r in records] == [first, second]
    assert not relay.problems()
    # From then on it is as everywhere: somebody moves the slot, and that is a gap.
    scene.stop_relay(relay)
    scene.emit("t", "missed")
    scene.sql("SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())", (scene.slot,))
    relay.start(ready=False)
    assert relay.wait_exit() == exits["EXIT_GAP"], relay.log()


# ---------------------------------------------------------------------------
# back from a backup
# ---------------------------------------------------------------------------

def copy_of(server, name):
    """The files of a stopped server, as a snapshot of its disk."""
    path = os.path.join(server.base, name)
    shutil.copytree(server.data, path, symlinks=True)
    return path


def put_back(server, copy):
    """The server's files are those of the copy; the server is stopped."""
    shutil.rmtree(server.data)
    os.rename(copy, server.data)
    if server_user():
        subprocess.run(["chown", "-R", "postgres:", server.data], check=True)


def test_restored_from_a_base_backup(make_scene, own, broker, exits):
    """It has no slots."""
    server = own.cluster("source")
    scene = make_scene(server, None, broker)
    relay = scene.start_relay(**QUICK)
    scene.emit("t", "before")
    wait_published(scene, server)
    copy = os.path.join(server.base, "backup")
    server._run("pg_basebackup", "--pgdata", copy, "--dbname",  # pylint: disable=protected-access
                server.conninfo("postgres"), "--checkpoint", "fast", "--no-sync")
    lost = scene.emit("t", "lost")
    wait_published(scene, server)
    assert relay.stop() == 0
    server.stop()
    put_back(server, copy)
    server.start()
    relay.start(ready=False)
    assert relay.wait_exit() == exits["EXIT_GAP"], relay.log()
    assert "is gone" in relay.log()
    scene.initialize("--accept-gap")
    relay.start()
    after = scene.emit("t", "after")
    records = wait_published(scene, server)
    assert {lost, after} <= {r.id for r in records}
    epochs = {r.id: r.position.epoch for r in records}
    assert epochs[after] == (2, 1)


def test_restored_from_a_snapshot_of_the_disk(make_scene, own, broker, exits):
    """It has its slot, on the same timeline: Kafka's tail tells, whatever else fits together."""
    server = own.cluster("source")
    scene = make_scene(server, None, broker)
    relay = scene.start_relay(**QUICK)
    scene.emit("t", "before")
    wait_published(scene, server)
    assert relay.stop() == 0
    server.stop()
    copy = copy_of(server, "snapshot")
    again = copy_of(server, "again")
    server.start()
    relay.start()
    for number in range(50):
        scene.emit("t", f"lost-{number}")
    wait_published(scene, server)
    # The running relay knows it by itself, one that starts by what Kafka has.
    server.stop()
    put_back(server, copy)
    server.start()
    assert relay.wait_exit() == exits["EXIT_GAP"], relay.log()
    relay.start(ready=False)
    assert relay.wait_exit() == exits["EXIT_GAP"], relay.log()
    assert "restored from an old snapshot" in relay.log()
    scene.initialize("--accept-gap")
    # Once is enough: it is no gap any more.
    assert "generation 2" in scene.init("--accept-gap").output
    relay.start()
    after = scene.emit("t", "after")
    records = wait_published(scene, server)
    assert {r.id: r.position.epoch for r in records}[after] == (2, 1)

    # The same snapshot once more: it knows nothing of generation 2, and Kafka does.
    assert relay.stop() == 0
    server.stop()
    put_back(server, again)
    server.start()
    relay.start(ready=False)
    assert relay.wait_exit() == exits["EXIT_GAP"], relay.log()
    scene.initialize("--accept-gap")
    relay.start()
    last = scene.emit("t", "last")
    records = wait_published(scene, server)
    assert {r.id: r.position.epoch for r in records}[last] == (3, 1)


def test_recovered_to_a_point_in_time(make_scene, own, broker, target):
    """On a new timeline, from a snapshot that has the slot, and the archive: nothing has to be accepted."""
    server = own.cluster("source")
    archive = os.path.join(server.base, "archive")
    os.mkdir(archive)
    os.chmod(archive, 0o777)
    server.configure(archive_mode="on", archive_command=f"cp %p {archive}/%f")
    server.stop()
    server.start()
    scene = make_scene(server, target, broker)
    scene.apply_all("t")
    relay = scene.start_relay(**QUICK)
    before = scene.emit("t", "before")
    wait_published(scene, server)
    consumer = scene.consumer().start()
    assert relay.stop() == 0
    server.stop()
    copy = copy_of(server, "snapshot")
    server.start()
    relay.start()
    kept = {scene.emit("t", f"kept-{number}") for number in range(50)}
    wait_published(scene, server)
    goal = scene.sql("SELECT pg_current_wal_insert_lsn()::text")[0][0]
    gone = {scene.emit("t", f"gone-{number}") for number in range(50)}
    wait_published(scene, server)
    scene.sql("SELECT pg_switch_wal()")
    server.stop()
    put_back(server, copy)
    server.configure(restore_command=f"cp {archive}/%f %p", recovery_target_lsn=goal,
                     recovery_target_action="promote")
    with open(os.path.join(server.data, "recovery.signal"), "w", encoding="ascii"):
        pass
    server.start()
    until(lambda: not server.value("postgres", "SELECT pg_is_in_recovery()"), "the server is promoted")
    assert ids_of(server, scene) == {before} | kept
    relay.wait_ready()
    after = {scene.emit("t", f"after-{number}") for number in range(50)}
    records = wait_published(scene, server)
    assert {r.id for r in records} == {before} | kept | gone | after
    assert {r.position.epoch for r in records if r.id in after} == {(1, 2)}
    everything = {before} | kept | gone | after
    until(lambda: everything <= {row[0] for row in scene.applied()}, "all are applied", 60, every=0.2)
    applied = [row[0] for row in scene.applied()]
    assert len(applied) == len(set(applied)) and set(applied) == everything
    assert not relay.problems() and not consumer.problems()
