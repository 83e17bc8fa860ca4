"""What is done to the slot, the publication and the registration while the relay runs, and while it is down."""
import signal

import pytest

from harness.wait import until

PATIENT = {"reconnect.min": "4s", "reconnect.max": "4s", "mark.interval": "50ms"}


def ready_scene(scene, **options):
    """A relay that has published and confirmed something."""
    relay, ledger = scene.start_published(**dict(PATIENT, **options))
    end = ledger.events[-1].end_lsn
    until(lambda: scene.slot_lsn() >= end, "the first event is confirmed")
    return relay, ledger


def expect_gap(relay, exits, *words):
    assert relay.wait_exit(60) == exits["EXIT_GAP"], relay.log()
    problem, = relay.problems()
    for word in words:
        assert word in relay.log()
    assert "init --accept-gap" in relay.log() and "replay --gap" in relay.log()
    return problem


def accept_and_replay(scene, relay):
    scene.initialize("--accept-gap")
    relay.start()
    scene.emit("t", "after")
    scene.wait_known()
    command = scene.relay("replay", command=("replay", "--gap")).start(ready=False)
    assert command.wait_exit(60) == 0, command.log()


def expect_way_on(scene, relay, ledger):
    """The gap is accepted, and what it held is replayed: then nothing is missing."""
    accept_and_replay(scene, relay)
    missing = {event.id for event in ledger.committed()}
    missing -= {record.id for record in scene.broker.read(scene.topic("t"))}
    assert not missing


def cut_off(scene, relay, then):
    """The walsender ends, and before the relay is back something is done to the slot."""
    relay.signal(signal.SIGSTOP)
    with scene.source.connect(scene.database) as connection:
        connection.execute("SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots"
                           " WHERE slot_name = %s", (scene.slot,))
        event = str(connection.execute("SELECT outbox.emit('t', 'missed', 'T', '{}'::json)").fetchone()[0])
        connection.execute(then, (scene.slot,))
    relay.signal(signal.SIGCONT)
    return event


@pytest.mark.parametrize("harm, said", [
    ("SELECT pg_drop_replication_slot(%s)", "is gone"),
    ("SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())", "ahead of the mark"),
    ("WITH dropped AS MATERIALIZED (SELECT pg_drop_replication_slot(%s), 'x'), same AS (SELECT slot_name"
     " FROM outbox.relay) SELECT pg_create_logical_replication_slot(slot_name, 'pgoutput')"
     " FROM same, dropped", "ahead of the mark"),
], ids=["dropped", "advanced", "recreated"])
def test_a_slot_is_taken_away_while_the_relay_runs(scene, exits, harm, said):
    """Its connection is cut, and the slot isn't what it was when it comes back."""
    relay, ledger = ready_scene(scene, **{"heartbeat.interval": "100ms"})
    missed = cut_off(scene, relay, harm)
    expect_gap(relay, exits, scene.slot, said)
    assert missed not in {record.id for record in scene.broker.read(scene.topic("t"))}
    expect_way_on(scene, relay, ledger)


@pytest.fixture
def small_server(own):
    """A slot on it soon keeps more WAL than it may."""
    return own.cluster("source", {"max_slot_wal_keep_size": "2MB", "min_wal_size": "32MB",
                                  "max_wal_size": "48MB", "wal_sender_timeout": "5s"})


def invalidate(scene):
    """So much WAL is written that a checkpoint takes the slot's."""
    def lost():
        scene.sql("SELECT pg_logical_emit_message(false, 'nobody', repeat('x', 1000000))"
                  " FROM generate_series(1, 4)")
        scene.sql("SELECT pg_switch_wal()")
        scene.sql("CHECKPOINT")
        return scene.slot_row("wal_status")[0] == "lost"
    until(lost, "the slot is lost", 60)


def test_a_slot_is_invalidated_while_the_relay_is_down(make_scene, small_server, broker, exits):
    scene = make_scene(small_server, None, broker)
    relay, ledger = ready_scene(scene, **{"heartbeat.interval": "100ms"})
    scene.wait_known()
    assert relay.stop() == 0
    scene.emit("t", "missed")
    scene.sql("SELECT pg_drop_replication_slot(%s)", (ledger.slot,))
    invalidate(scene)
    relay.start(ready=False)
    expect_gap(relay, exits, scene.slot, "lost")
    assert len(scene.broker.read(scene.topic("t"))) == 1
    status = scene.sql("SELECT slot_state FROM outbox.status")[0][0]
    assert status not in ("streaming", None), status


def test_a_slot_is_invalidated_while_the_relay_runs(make_scene, small_server, own_broker, exits):
    """Kafka stands still, the relay confirms nothing, and the server cuts it off."""
    scene = make_scene(small_server, None, own_broker)
    relay, ledger = ready_scene(scene, **{"heartbeat.interval": "100ms", "reconnect.min": "10ms",
                                          "reconnect.max": "100ms"})
    scene.wait_known()
    scene.sql("SELECT pg_drop_replication_slot(%s)", (ledger.slot,))
    own_broker.pause()
    try:
        missed = scene.emit("t", "missed")
        invalidate(scene)
        expect_gap(relay, exits, scene.slot)
    finally:
        own_broker.resume()
    # Not published, or published and not confirmed: whichever, the gap's replay has it.
    accept_and_replay(scene, relay)
    assert missed in {record.id for record in own_broker.read(scene.topic("t"))}


# ---------------------------------------------------------------------------
# publication, registration
# ---------------------------------------------------------------------------

HARMS = {
    "dropped": "DROP PUBLICATION {name}",
    "without-table": "ALTER PUBLICATION {name} DROP TABLE outbox.event",
    "columns": "ALTER PUBLICATION {name} SET TABLE outbox.event (id, aggregatetype)",
    "operations": "ALTER PUBLICATION {name} SET (publish = 'delete')",
}


@pytest.mark.parametrize("writes", [True, False], ids=["busy", "idle"])
@pytest.mark.parametrize("harm", HARMS)
def test_a_publication_is_taken_away_while_the_relay_runs(scene, exits, harm, writes):
    """It is noticed with the next event, or by looking; what the stream can't give any more is found and sent."""
    relay, ledger = ready_scene(scene, **{"reconnect.min": "10ms", "reconnect.max": "100ms",
                                          "heartbeat.interval": "100ms"})
    topic = scene.topic("t")
    scene.wait_known()
    scene.sql(HARMS[harm].format(name=scene.publication))
    meanwhile = scene.emit("t", "k") if writes else None
    assert relay.wait_exit(60) == exits["EXIT_PUBLICATION"], relay.log()
    assert len(relay.problems()) == 1 and "outbox-relay init" in relay.log()
    assert len(scene.broker.read(topic)) == 1

    scene.initialize()
    last = scene.emit("t", "k")
    relay.start(ready=False)
    until(lambda: not relay.running() or last in {r.id for r in scene.broker.read(topic)},
          "it goes on, or says why it can't", 60)
    if not relay.running():
        # The slot can't be read with the catalogs of that time.
        assert harm in ("dropped", "columns")
        assert relay.wait_exit() == exits["EXIT_GAP" if harm == "dropped" else "EXIT_PUBLICATION"]
        assert "init --accept-gap" in relay.log()
        scene.wait_slot_free()
        scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
        expect_way_on(scene, relay, ledger)
        return
    assert harm != "dropped" or not writes, "the server reads over it by now: mend the documentation"
    scene.wait_known()
    found = scene.relay("verify", command=("verify",)).start(ready=False)
    if writes:
        assert found.wait_exit(60) == 1 and f"missing {meanwhile}" in found.log(), found.log()
        mended = scene.relay("replay", command=("replay", "--id", meanwhile)).start(ready=False)
        assert mended.wait_exit(60) == 0, mended.log()
    else:
        assert found.wait_exit(60) == 0, found.log()
    assert {e.id for e in ledger.committed()} == {r.id for r in scene.broker.read(topic)}


def test_a_registration_is_removed_while_the_relay_runs(scene, exits):
    """Under load: the relay confirms nothing that nobody keeps a mark for."""
    relay = scene.start_relay(**dict(PATIENT, **{"reconnect.min": "10ms"}))
    ledger = scene.ledger()
    with scene.load(5) as load:
        load.wait_committed(50)
        scene.sql("DELETE FROM outbox.relay")
        confirmed = scene.slot_lsn()
        assert relay.wait_exit(60) in (exits["EXIT_GAP"], exits["EXIT_NOT_INITIALIZED"]), relay.log()
        assert len(relay.problems()) == 1
    assert scene.slot_lsn() >= confirmed
    after = {e.id for e in ledger.committed() if e.end_lsn <= scene.slot_lsn()}
    assert after <= {record.id for record in scene.broker.read(scene.topic("load"))}
    relay.start(ready=False)
    assert relay.wait_exit(60) == exits["EXIT_NOT_INITIALIZED"], relay.log()
