"""outbox-relay status: what it says is what the server has."""
import json
import re

from harness.wait import until


def status(scene, *words, **options):
    """(exit status, text)"""
    daemon = scene.relay(f"asked-{len(scene.daemons)}", command=("status",) + words, **options)
    daemon.start(ready=False)
    return daemon.wait_exit(60), daemon.log()


def as_json(scene):
    code, text = status(scene, "--json")
    assert code == 0, text
    return json.loads(text)


def test_says_what_the_server_has(scene, exits):
    code, text = status(scene)
    assert code == exits["EXIT_NOT_INITIALIZED"] and "init" in text
    scene.initialize()
    found = as_json(scene)
    assert found["role"] == "none" and found["relay_connected"] is False and found["active_pid"] == 0
    assert found["gap_open"] is False
    # It asks the database alone.
    code, text = status(scene, **{"kafka.bootstrap.servers": None})
    assert code == 0, text
    assert found["slot_state"] == "idle" and found["last_position"] is None and found["mark_at"] is not None
    scene.emit("t", "k")
    assert as_json(scene)["lag_seconds"] > 0

    relay = scene.relay().start()
    until(lambda: as_json(scene)["lag_seconds"] == 0 and relay.metric("outbox_relay_events_delivered_total") == 1,
          "the event is published and its mark written")
    found = as_json(scene)
    row = scene.sql("SELECT source_id, generation, mark_lsn::text, last_position FROM outbox.relay")[0]
    slot = scene.slot_row("active_pid", "wal_status", "safe_wal_size")
    assert found["role"] == "streaming" and found["relay_connected"] is True and found["standby_relays"] == 0
    assert (found["source_id"], found["generation"]) == row[:2] and found["slot"] == scene.slot
    assert (found["active_pid"], found["wal_status"], found["safe_wal_size"]) == slot
    assert found["last_position"] == row[3] and found["dead_letters"] == 0 and found["registration"] == "ready"
    assert isinstance(found["lag_bytes"], int) and found["retained_bytes"] > 0
    # The same as the running relay says of itself.
    own = json.loads(relay.http("/status")[1])
    assert (own["slot"], own["source_id"], own["generation"]) == (found["slot"], found["source_id"], found["generation"])
    assert own["state"] == "streaming" and own["last_position"] == found["last_position"]

    standby = scene.relay("standby").start()
    until(lambda: as_json(scene)["standby_relays"] == 1, "the standby is counted")
    code, text = status(scene)
    assert code == 0 and re.search(r"(?m)^relay +streaming, process \d+ of the server, 1 standing by$", text), text
    for name in ("source id", "slot", "wal_status", "confirmed", "mark", "lag", "safe_wal_size", "dead letters"):
        assert re.search(rf"(?m)^{name} +\S", text), name
    assert standby.stop() == 0 and relay.stop() == 0
    scene.sql("INSERT INTO outbox.dead_letter (slot_name, position, reason, id, aggregatetype)"
              " VALUES (%s, 'p', 'too large', '01890000-0000-7000-8000-000000000001', 't')", (scene.slot,))
    scene.wait_slot_free()
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
    found = as_json(scene)
    assert found["slot_state"] == "missing" and found["dead_letters"] == 1 and found["wal_status"] is None
    assert found["confirmed_lsn"] is None and found["mark_lsn"] is not None


def test_says_what_it_may_not_see(scene, exits):
    scene.initialize()
    role = f"{scene.id}_weak"
    scene.sql(f"CREATE ROLE {role} LOGIN")
    try:
        code, text = status(scene, **{"postgres.conninfo": scene.source.conninfo(scene.database, user=role)})
        assert code == exits["EXIT_PERMISSION"] and "Privileges" in text
    finally:
        scene.sql(f"DROP ROLE {role}")
    scene.sql("DROP EXTENSION pg_outbox; CREATE EXTENSION pg_outbox VERSION '0.1.0'")
    code, text = status(scene)
    assert code == exits["EXIT_NOT_INITIALIZED"] and "UPDATE" in text
