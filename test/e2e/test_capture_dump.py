"""Captured tables in a dump: what the restore makes, what it doesn't send, and what goes on afterwards."""
import os
import subprocess

import pytest

from harness import paths

EVENTS = "SELECT id::text, aggregateid, type, payload::text FROM outbox.event ORDER BY id"
TRIGGERS = ("SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger"
            " WHERE NOT tgisinternal AND tgname LIKE '\\_outbox\\_capture%' ORDER BY 1")
TABLES = """
    CREATE TABLE orders (id int PRIMARY KEY, "Odd" text);
    SELECT outbox.attach('orders', columns => '{"Odd",id}', update_type => 'it''s', when_update => 'NEW."Odd" <> OLD."Odd"');
    ALTER TABLE orders ENABLE ALWAYS TRIGGER _outbox_capture_insert;
    CREATE TABLE items (gone int, id int PRIMARY KEY, v text);
    ALTER TABLE items DROP gone;
    SELECT outbox.attach('items', level => 'statement');
    CREATE TABLE trips (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
    CREATE TABLE trips_0 PARTITION OF trips FOR VALUES FROM (0) TO (10);
    SELECT outbox.attach('trips', payload => 'row');
"""


def client(name, *arguments, **options):
    subprocess.run([paths.pg_bin(name), *arguments], check=True, stdout=subprocess.DEVNULL, **options)


def restore(server, database, file, **environment):
    client("psql", "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", server.conninfo(database), "-f", file,
           env=dict(os.environ, **environment))


@pytest.fixture
def copied(make_scene, source, tmp_path):
    """(server, database with events, an empty one, a path of a dump)"""
    scene = make_scene(source=source)
    copy = scene.database + "_copy"
    source.query(scene.database, TABLES)
    for table in ("orders", "items", "trips"):
        source.query(scene.database, f"INSERT INTO {table} SELECT i, 'v' FROM generate_series(1, 3) AS i")
    source.create_database(copy)
    yield source, scene.database, copy, str(tmp_path / "dump.sql")
    source.drop_database(copy)


def test_a_restore_sends_nothing_again(copied):
    server, original, copy, file = copied
    before = server.query(original, EVENTS)
    assert len(before) == 9
    client("pg_dump", "-f", file, server.conninfo(original))
    restore(server, copy, file)
    assert server.query(copy, EVENTS) == before
    assert server.query(copy, TRIGGERS) == server.query(original, TRIGGERS)
    # the captured tables go on where they were, dropped columns or not
    for database in (original, copy):
        server.query(database, "UPDATE orders SET \"Odd\" = 'w' WHERE id = 1; UPDATE items SET v = 'w' WHERE id = 2;"
                               " INSERT INTO trips VALUES (4, 'w'); DELETE FROM trips WHERE id = 3")
    new = [[row[1:] for row in server.query(database, EVENTS)][len(before):] for database in (original, copy)]
    assert len(new[0]) == 4 and new[0] == new[1]


def test_data_alone_is_captured_unless_triggers_are_off(copied):
    server, original, copy, file = copied
    client("pg_dump", "-Fc", "-f", file, server.conninfo(original))
    client("pg_restore", "--exit-on-error", "--schema-only", "-d", server.conninfo(copy), file)
    client("pg_restore", "--exit-on-error", "--data-only", "--table=items", "-d", server.conninfo(copy), file)
    assert [row[1] for row in server.query(copy, EVENTS)] == ["1", "2", "3"]
    client("pg_restore", "--exit-on-error", "--data-only", "--disable-triggers", "--table=trips_0", "-d",
           server.conninfo(copy), file)
    assert server.value(copy, "SELECT count(*) FROM trips") == 3
    assert len(server.query(copy, EVENTS)) == 3
