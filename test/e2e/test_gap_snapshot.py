"""What replay --gap goes by: the snapshot that says what was known to be in Kafka when a slot was lost."""
import subprocess

from psycopg import sql
import pytest

from harness import paths
from harness.daemon import run_once
from harness.wait import until

QUICK = {"heartbeat.interval": "100ms", "mark.interval": "50ms"}


def lose_slot(scene):
    scene.wait_slot_free()
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))


def replay(scene, *arguments):
    return run_once(scene.relay("replay" + "".join(arguments), command=("replay", "--gap", *arguments)))


def emit_until_known(scene):
    """Events, until a heartbeat has seen one that was written after this call."""
    events = [scene.emit("t", "k")]
    mine = scene.sql("SELECT max(xid) FROM outbox.event")[0][0]

    def known():
        if scene.sql("SELECT pg_visible_in_snapshot(%s, heartbeat_snapshot) FROM outbox.relay", (mine,))[0][0]:
            return True
        events.append(scene.emit("t", "k"))
        return False
    until(known, "a heartbeat has seen the first event", every=0.2)
    return events


def missing(scene, events):
    """Those of them that aren't in the topic."""
    return set(events) - {r.id for r in scene.broker.read(scene.topic("t"))}


@pytest.fixture
def stranger(scene):
    """A role without any right."""
    role = "stranger_" + scene.id
    scene.sql(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
    yield role
    scene.sql(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def test_a_forged_heartbeat_hides_no_gap(scene, stranger):
    """One like the relay's own, of a snapshot that sees all that will be written for years."""
    relay = scene.start_relay(**QUICK)
    before = emit_until_known(scene)
    with scene.source.connect(scene.database) as connection:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(stranger)))
        connection.execute("SELECT pg_logical_emit_message(true, 'pg_outbox.heartbeat', %s)",
                           (f"{scene.slot} 4000000000:4000000000:",))
    # An event behind it whose heartbeat is confirmed: the forged one had its turn.
    before += emit_until_known(scene)
    until(lambda: scene.broker.count(scene.topic("t")) == len(before), "all of them are in Kafka")
    assert relay.stop() == 0
    assert scene.sql("SELECT pg_snapshot_xmax(heartbeat_snapshot) <= pg_snapshot_xmax(pg_current_snapshot())"
                     " FROM outbox.relay") == [(True,)]
    lost = [scene.emit("t", "k") for _ in range(5)]
    lose_slot(scene)
    scene.initialize("--accept-gap")
    relay = scene.relay("next", **QUICK).start()
    command = replay(scene)
    assert command.status == 0, command
    assert missing(scene, lost) == set()
    assert not relay.problems()
