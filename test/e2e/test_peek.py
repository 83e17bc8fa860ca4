"""outbox-relay peek shows what comes next, and changes nothing."""
import json
import subprocess

import pytest

from harness.daemon import run_once
from harness.wait import until


def peek(scene, *arguments, **options):
    """(its Command, the events that it showed)"""
    command = run_once(scene.relay(f"peek-{len(scene.daemons)}", command=("peek",) + arguments, **options))
    return command, [json.loads(line) for line in command.output.splitlines() if line.startswith('{"topic"')]


def shown(scene, *arguments, **options):
    command, events = peek(scene, *arguments, **options)
    assert command.status == 0, command
    return events


def copies(scene):
    return scene.sql("SELECT slot_name, temporary FROM pg_replication_slots WHERE slot_name LIKE %s",
                     (scene.slot + r"\_peek\_%",))


def test_it_shows_what_the_relay_publishes_then(scene):
    relay = scene.start_relay()
    ledger = scene.ledger()
    scene.emit("t", "before")
    ledger.wait_in_topics()
    scene.stop_relay(relay)

    with scene.source.connect(scene.database, autocommit=False) as session:
        for key in ("a", "b", None):
            session.execute("SELECT outbox.emit('t', %s, 'Moved', '{\"x\": 1}'::json, '{\"own\": \"ü\"}')", (key,))
        session.execute("INSERT INTO outbox.event (aggregatetype, aggregateid, payload_bytes) VALUES ('t', 'raw', '\\x00ff')")
        session.execute("SELECT outbox.emit('t', 'gone', 'Deleted', NULL::json)")
        xid = int(session.execute("SELECT pg_current_xact_id()::text").fetchone()[0])
        session.commit()
        session.execute("SELECT outbox.emit('t', 'undone', 'Moved', '{}'::json)")
        session.rollback()
    scene.emit("fresh", "k")

    confirmed, restart = scene.slot_lsn(), scene.slot_lsn("restart_lsn")
    events = shown(scene)
    assert [event["key"] for event in events] == ["a", "b", None, "raw", "gone", "k"]
    assert [event["payload_bytes"] for event in events[:5]] == [8, 8, 8, 2, None]
    assert {event["xid"] for event in events[:5]} == {xid % 2 ** 32}
    assert not any("payload" in event or "payload_hex" in event for event in events)
    # Nobody has recorded how many partitions that topic has.
    assert events[5]["topic"] == scene.topic("fresh") and events[5]["partition"] is None
    # Again, and less of it, and more of each; from a position of one's own.
    assert shown(scene) == events
    assert shown(scene, "--limit", "2") == events[:2]
    with_payload = shown(scene, "--payload", "--limit=5")
    assert [event.get("payload") for event in with_payload] == ['{"x": 1}'] * 3 + [None, None]
    assert with_payload[3]["payload_hex"] == "00ff" and "payload" in with_payload[4]
    later = "/".join(events[5]["position"].split("/")[2:4])
    assert shown(scene, "--from", later) == events[5:]
    assert (scene.slot_lsn(), scene.slot_lsn("restart_lsn")) == (confirmed, restart)
    until(lambda: copies(scene) == [], "the server has ended what had the copy")

    relay.start()
    records = {record.id: record for record in ledger.wait_in_topics()}
    for event in events:
        record = records[event["id"]]
        assert event["topic"] == record.topic
        assert event["partition"] in (record.partition, None if event["key"] == "k" else record.partition)
        assert (event["key"] or "") == (record.key or b"").decode()
        assert [(name, value) for name, value in event["headers"].items()] == \
            [(name, value.decode()) for name, value in record.headers]
        assert event["position"] == record.position.text
    # All of it is published and marked: nothing comes next.
    until(lambda: shown(scene) == [], "the relay has marked everything", every=0.5)


def test_an_event_that_is_too_large_has_a_problem(scene, exits):
    """To the byte: where the relay stops, and not before."""
    def header(size):
        return shown(scene, "--limit=1", **{"kafka.message.max.bytes": str(size)})[0]

    assert scene.start_relay().stop() == 0
    scene.wait_slot_free()
    command, events = peek(scene)
    assert command.status == 0 and events == [] and "nothing is there to be published" in command.output
    scene.emit("t", "big", json.dumps("x" * 20000))
    small, large = 20000, 30000
    while large - small > 1:
        middle = (small + large) // 2
        if "problem" in header(middle):
            small = middle
        else:
            large = middle
    found = header(small)
    assert "too large" in found["problem"] and "headers" not in found and found["topic"] is None
    relay = scene.relay("small", **{"kafka.message.max.bytes": str(small)}).start(ready=False)
    assert relay.wait_exit() == exits["EXIT_POISON"] and "poison.policy = dead-letter" in relay.log()
    scene.wait_slot_free()
    scene.relay("large", **{"kafka.message.max.bytes": str(large)}).start()
    until(lambda: scene.broker.partitions(scene.topic("t")) and scene.broker.count(scene.topic("t")) == 1, "it goes")


def test_rows_from_before_the_slot_are_counted(scene):
    """The relay publishes them first, and the slot doesn't have them."""
    for n in range(3):
        scene.emit("t", str(n))
    scene.initialize()
    command, events = peek(scene)
    assert command.status == 0 and events == [], command
    assert "3 rows from before the slot are published first" in command.output and "nothing else" in command.output, command
    late = scene.emit("t", "late")
    command, events = peek(scene, "--limit=1")
    assert [event["id"] for event in events] == [late] and "3 rows from before the slot" in command.output, command
    assert "nothing" not in command.output
    relay = scene.start_relay()
    until(lambda: relay.metric("outbox_relay_events_delivered_total") == 4, "all are published")
    until(lambda: "nothing is there to be published" in peek(scene)[0].output, "all is marked", every=0.5)


def test_it_works_beside_an_active_relay(make_scene, source, own_broker):
    scene = make_scene(source, None, own_broker)
    relay, ledger = scene.start_published()
    own_broker.stop()
    ids = [scene.emit("t", str(n)) for n in range(20)]
    until(lambda: relay.metric("outbox_relay_in_flight_events") > 0, "the relay has read them")
    holder = scene.slot_row("active_pid")
    assert holder != (None,)
    events = shown(scene, "--payload")
    assert [event["id"] for event in events][-20:] == ids
    # It still has its slot, and loses nothing.
    assert relay.running() and scene.slot_row("active_pid") == holder
    own_broker.restart()
    ledger.check_topics(ledger.wait_in_topics())
    until(lambda: copies(scene) == [], "the server has ended what had the copy")


def test_killed_in_the_middle_it_leaves_no_slot(scene):
    scene.initialize()
    with scene.source.connect(scene.database) as session:
        session.execute("SELECT count(outbox.emit('t', n::text, 'x', to_json(repeat('x', 500)))) FROM generate_series(1, 20000) AS n")
    relay = scene.relay("peek-killed", command=("peek", "--payload"))
    # Nobody reads what it prints: it can't come to its end.
    process = subprocess.Popen(relay.arguments(), env=relay.environment(), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    scene.reap.process(process.pid)
    try:
        until(lambda: copies(scene) and process.stdout.peek(1), "it reads its copy of the slot")
        assert all(temporary for _, temporary in copies(scene))
    finally:
        process.kill()
        process.wait(30)
        process.stdout.close()
    until(lambda: copies(scene) == [], "the copy is gone")
    assert len(shown(scene)) == 20000


def test_it_refuses_what_a_relay_refuses(scene, exits):
    scene.initialize()
    command, _ = peek(scene, "--from=0/1")
    assert command.status == exits["EXIT_CONFIG"] and "is past that position" in command.output
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
    assert peek(scene)[0].status == exits["EXIT_GAP"]
    for wrong in (("--limit=0",), ("--limit",), ("--from=here",), ("--rows",)):
        command, _ = peek(scene, *wrong)
        assert command.status == exits["EXIT_CONFIG"] and wrong[0].split("=")[0] in command.output, command


def test_without_a_free_slot_it_says_so(make_scene, own, broker, exits):
    scene = make_scene(own.cluster("full", {"max_replication_slots": "1"}), None, broker)
    scene.initialize()
    command, _ = peek(scene)
    assert command.status == exits["EXIT_SERVER"], command
    assert "max_replication_slots" in command.output


@pytest.mark.parametrize("size", [1, 50000])
def test_it_shows_messages_that_are_events(scene, size):
    scene.initialize("--wal-messages=on")
    with scene.source.connect(scene.database) as session:
        session.execute("SET pg_outbox.storage = 'wal'")
        session.execute("SELECT outbox.emit('t', 'k', 'x', to_json(repeat('x', %s::int)))", (size,))
    event, = shown(scene)
    assert event["key"] == "k" and event["payload_bytes"] == size + 2
