"""What docs/operations.md and docs/runbooks.md have somebody do in the databases: each order works for the roles that it names, and for no other."""
import os
import re

import psycopg
import pytest

from harness import markdown
from harness.daemon import run_once
from harness.markdown import code
from harness.paths import TOP
from harness.roles import Roles

# The words that tell the GRANT block of a role from the others.
SOURCE = {"writer": "outbox.emit(", "inserter": "INSERT (id, aggregatetype", "relay": "outbox.heartbeat(name)",
          "monitor": "outbox.partition TO monitor", "operator": "outbox.redrive("}
TARGET = {"consumer": "ON SCHEMA outbox_inbox"}
SHAPE = re.compile(r"\b(SELECT|UPDATE|DELETE FROM|INSERT INTO)\s(?:[^`|;]*?\bFROM\s|[^`|;.(]*?)((?:outbox|outbox_inbox|pg_catalog)\.\w+|pg_\w*slot)\b")


def read(name):
    with open(os.path.join(TOP, "docs", name), encoding="utf-8") as file:
        return file.read()


def documented():
    """[(statement, database, those who may)]"""
    table, = [t for t in markdown.tables(read("operations.md")) if t.columns == ["order", "database", "who may"]]
    return [(code(row["order"]), row["database"], set(row["who may"].split(", ")) - {"owner"}) for row in table.rows]


def shape(statement):
    """What it does to which object: ("UPDATE", "outbox.relay")."""
    found = SHAPE.search(" ".join(statement.split()))
    return found and found.groups()


def test_every_order_of_the_pages_is_in_the_table():
    listed = {shape(statement) for statement, _, _ in documented()}
    assert None not in listed
    shown = set()
    for page in ("operations.md", "runbooks.md"):
        text = read(page)
        text = text.replace(re.search(r"(?s)\| order \| database \|.*?\n\n", text).group(0), "") if page == "operations.md" else text
        pieces = markdown.blocks(text) + re.findall(r"`([^`]+)`", re.sub(r"(?m)^    .*$", "", text))
        shown |= {shape(statement) for piece in pieces for statement in piece.split(";")} - {None}
    assert len(shown) >= 12, shown
    assert shown <= listed, shown - listed


@pytest.fixture
def stage(make_scene, source, target, broker):
    scene = make_scene(source, target, broker)
    scene.initialize()
    scene.sql("INSERT INTO outbox.dead_letter (slot_name, position, reason, id, aggregatetype)"
              " VALUES (%s, 'p', 'too large', outbox.uuid7(), 't')", (scene.slot,))
    scene.target_sql("INSERT INTO outbox_inbox.progress (group_name, topic, \"partition\", next_offset) VALUES ('reports', 't', 0, 10)")
    roles = Roles(scene)
    scene.roles = {name: roles.make(name, words, "LOGIN REPLICATION" if name == "relay" else "LOGIN") for name, words in SOURCE.items()}
    scene.roles |= {name: roles.make(name, words, server=target) for name, words in TARGET.items()}
    yield scene
    roles.finish()


def tried(scene, server, role, statement):
    """"done", or the SQLSTATE; nothing is left of it."""
    with server.connect(scene.database, user=role, autocommit=False) as connection:
        try:
            connection.execute(statement)
            return "done"
        except psycopg.Error as error:
            return error.sqlstate
        finally:
            connection.rollback()


def slots_as_before(scene):
    """What is done to slots isn't rolled back."""
    scene.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'standby_slot'")
    scene.sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')"
              " WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = %s)", (scene.slot, scene.slot))


def test_each_works_for_those_who_may_and_for_nobody_else(stage):
    for statement, database, may in documented():
        server, names = {"source": (stage.source, SOURCE), "target": (stage.target, TARGET)}[database]
        assert may <= set(names), (statement, may)
        here = statement.replace("'pg_outbox'", f"'{stage.slot}'")
        for name in names:
            slots_as_before(stage)
            got = tried(stage, server, stage.roles[name], here)
            assert got == ("done" if name in may else "42501"), (statement, name, got)
        slots_as_before(stage)
        assert tried(stage, server, "postgres", here) == "done", statement
    slots_as_before(stage)


def test_what_an_operator_looks_at_and_sends_again(stage):
    """The way through a dead letter of the relay, as that role alone."""
    with stage.source.connect(stage.database, user=stage.roles["operator"]) as connection:
        assert connection.execute("SELECT dead_letters FROM outbox.status").fetchone() == (1,)
        assert connection.execute("SELECT reason FROM outbox.dead_letter WHERE redriven_at IS NULL").fetchone() == ("too large",)
        assert connection.execute("SELECT outbox.redrive(slot => %s)", (stage.slot,)).fetchone() == (1,)
        assert connection.execute("SELECT dead_letters FROM outbox.status").fetchone() == (0,)
        assert connection.execute("SELECT redriven_by FROM outbox.dead_letter").fetchone() == (stage.roles["operator"],)


@pytest.mark.parametrize("name", ["relay", "monitor", "operator"])
def test_who_sees_the_status_by_the_command(stage, name):
    conninfo = stage.source.conninfo(stage.database, user=stage.roles[name])
    done = run_once(stage.relay("status", command=("status",), **{"postgres.conninfo": conninfo}))
    assert done.status == 0 and stage.slot in done.output, done
