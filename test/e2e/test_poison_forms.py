"""poison.policy = dead-letter: events that the source database can't hold as they are."""
import uuid

import pytest

from harness.poison import LIMITED, dead_lettered, letters, wait_ids
from harness.wait import until

EURO = "t€"


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def message(event, aggregate_type, headers, payload):
    """As outbox.emit() writes it, for what it would not write: docs/protocol.md has the layout."""
    text = aggregate_type.encode()
    return (b"\x15" + uuid.UUID(event).bytes + varint(len(text)) + b"\0\0" + varint(len(headers))
            + text + headers + payload)


def nested(depth):
    return b"[" * depth + b"]" * depth


def write(scene, *content):
    event = str(uuid.uuid4())
    scene.sql("SELECT pg_logical_emit_message(true, 'pg_outbox', %s::bytea)", (message(event, *content),))
    return event


def start(scene, delivery="at-least-once"):
    scene.broker.create_topic(scene.topic("t"), 1)
    return scene.start_relay("--wal-messages=on", delivery=delivery, **LIMITED)


def one_letter(scene, event, before):
    """What comes behind it is published, and it is in the table, alone."""
    after = scene.emit("t", "k")
    wait_ids(scene, [before, after])
    rows = letters(scene)
    assert [str(row["id"]) for row in rows] == [event]
    return rows[0]


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_json_that_is_too_deep(scene, delivery):
    """The server has no stack for it (54001)."""
    relay = start(scene, delivery)
    before = scene.emit("t", "k")
    deep = b'{"a":' + nested(25000) + b"}"
    row = one_letter(scene, write(scene, "t", deep, b"{}"), before)
    assert row["headers"] == deep.decode() and row["aggregatetype"] == "t"
    assert dead_lettered(relay, "invalid_headers") + dead_lettered(relay, "too_large") == 1
    assert relay.running() and not relay.problems()


def test_a_payload_that_is_too_deep(scene):
    relay = start(scene)
    before = scene.emit("t", "k")
    deep = nested(40000)
    row = one_letter(scene, write(scene, "t", b"{}", deep), before)
    assert row["payload_bytes"] == deep and row["payload_text"] is None and row["headers"] == {}
    assert dead_lettered(relay, "too_large") == 1
    assert relay.running() and not relay.problems()


def test_a_message_whose_values_are_no_json(scene):
    """They are kept as they are."""
    relay = start(scene)
    ids = [write(scene, "t", b"{no json", b"[1]"), write(scene, "t", b"{}", b"no json" + b"x" * 20000)]
    last = scene.emit("t", "k")
    wait_ids(scene, [last])
    first, second = letters(scene)
    assert [str(first["id"]), str(second["id"])] == ids
    assert first["payload_bytes"] == b"[1]" and first["headers"] == "{no json"
    assert second["payload_bytes"].startswith(b"no jsonx") and second["headers"] == {}
    assert dead_lettered(relay, "invalid_headers") == dead_lettered(relay, "too_large") == 1


def fields(content):
    """As docs/sql.md says how they are kept."""
    found = []
    while content:
        length = int.from_bytes(content[:4], "big", signed=True)
        found.append(content[4:4 + length] if length >= 0 else None)
        content = content[4 + max(length, 0):]
    return found


def test_text_that_the_database_has_no_characters_for(scene):
    scene.source.query("postgres", f'DROP DATABASE "{scene.database}"')
    scene.source.query("postgres", f"CREATE DATABASE \"{scene.database}\" ENCODING 'LATIN1'"
                                   " TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    scene.sql("CREATE EXTENSION pg_outbox")
    relay = start(scene)
    before = scene.emit("t", "k")
    row = one_letter(scene, write(scene, EURO, b"{}", b"[1]"), before)
    assert row["aggregatetype"] is None and row["headers"] is None and row["payload_text"] is None
    kept = fields(row["payload_bytes"])
    assert kept[0] == EURO.encode() and kept[3:5] == [b"{}", b"[1]"] and len(kept) == 6, kept
    assert dead_lettered(relay, "invalid_topic") == 1
    assert relay.running() and not relay.problems()
    until(lambda: relay.metric("outbox_relay_dead_letter_waiting") == 0, "nothing waits")


@pytest.mark.parametrize("created_at", ["infinity", "-infinity", "294276-12-31 00:00:00+00", "4713-01-02 00:00:00+00 BC"])
def test_a_row_of_a_far_away_time(scene, created_at):
    """The letter has it as it is."""
    relay = start(scene)
    before = scene.emit("t", "k")
    [[event]] = scene.sql("INSERT INTO outbox.event (aggregatetype, aggregateid, type, payload, created_at)"
                          " VALUES ('t', 'k', 'T', to_json(repeat('x', 50000)), %s) RETURNING id::text", (created_at,))
    wait_ids(scene, [before, scene.emit("t", "k")])
    assert scene.sql("SELECT id::text, created_at = %s::timestamptz FROM outbox.dead_letter", (created_at,)) == [(event, True)]
    assert relay.running() and not relay.problems()
