"""What replay --gap goes by: the snapshot that says what was known to be in Kafka when a slot was lost."""
from psycopg import sql
import pytest

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


def test_a_gap_after_a_move_to_another_server(make_scene, own, broker):
    """The old server's transaction ids, which are far ahead, say nothing of what the new one writes."""
    scene = make_scene(own.cluster("old"), None, broker)
    scene.sql("DO $$ BEGIN FOR n IN 1..3000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$")
    relay = scene.start_relay(**QUICK)
    emit_until_known(scene)
    assert relay.stop() == 0
    other = scene.moved(own.cluster("new"), make_scene)
    other.initialize("--accept-gap")
    relay = other.relay("moved", **QUICK).start()
    other.emit("t", "k")
    until(lambda: other.sql("SELECT last_position LIKE '%%/2.%%' FROM outbox.relay")[0][0], "it is published")
    assert relay.stop() == 0
    lost = [other.emit("t", "k") for _ in range(5)]
    lose_slot(other)
    other.initialize("--accept-gap")
    other.relay("next", **QUICK).start()
    # Of the time before nothing is known, and it says so.
    command = replay(other)
    assert command.status == 10 and missing(other, lost) == set(lost), command
    command = replay(other, "--incomplete")
    assert command.status == 0, command
    assert missing(other, lost) == set()
    assert other.sql("SELECT gap_snapshot FROM outbox.relay") == [(None,)]


def test_a_snapshot_ahead_of_the_server_is_refused(scene, exits):
    """As an init of an earlier version left it in a restored database."""
    relay = scene.start_relay(**QUICK)
    emit_until_known(scene)
    assert relay.stop() == 0
    lost = [scene.emit("t", "k") for _ in range(3)]
    lose_slot(scene)
    scene.initialize("--accept-gap")
    scene.sql("UPDATE outbox.relay SET gap_snapshot = '4000000000:4000000000:'")
    command = replay(scene)
    assert command.status == exits["EXIT_GAP"] and "ahead of this server" in command.output, command
    assert scene.sql("SELECT gap_snapshot IS NOT NULL FROM outbox.relay") == [(True,)]
    # What its hint names.
    scene.sql("UPDATE outbox.relay SET heartbeat_snapshot = start_snapshot, gap_snapshot = '1:1:'")
    command = replay(scene, "--incomplete")
    assert command.status == 0 and missing(scene, lost) == set(), command
