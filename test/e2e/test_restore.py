"""pg_dump, pg_restore and pg_upgrade of a database with events: what docs/sql.md says about them.

The statements of the section "Dump and restore" are run as they stand there.
"""
import os
import re
import shutil
import subprocess

import pytest

from harness import markdown, paths
from harness.wait import until

EVENTS = ("SELECT id::text, aggregatetype, aggregateid, type, payload::text, payload_bytes, headers::text, created_at,"
          " xid::text, tableoid::regclass::text FROM outbox.event ORDER BY id")
SETTINGS = ("SELECT to_jsonb(r) FROM outbox.relay AS r UNION ALL SELECT to_jsonb(t) FROM outbox.topic AS t"
            " UNION ALL SELECT to_jsonb(d) FROM outbox.dead_letter AS d ORDER BY 1")


def documented(beginning):
    """The block of "Dump and restore" that begins so."""
    with open(os.path.join(paths.TOP, "docs", "sql.md"), encoding="utf-8") as file:
        section = re.search(r"(?ms)^## Dump and restore$(.*?)^## ", file.read()).group(1)
    block, = [b for b in markdown.blocks(section) if b.startswith(beginning)]
    return block


def client(program, *arguments):
    done = subprocess.run([paths.pg_bin(program), *arguments], stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    assert done.returncode == 0, f"{program} {arguments}: {done.stdout}"
    return done.stdout


def write_events(scene):
    """In all three partitions, of all kinds, a redriven one among them."""
    for rot in range(3):
        scene.sql("UPDATE outbox.rotation SET current = %s", (rot,))
        scene.sql("SELECT outbox.emit('t', g::text, 'T', format('{\"n\" :  %s}', g)::json, '{\"tenant\": \"north\"}')"
                  " FROM generate_series(1, 20) AS g")
        scene.sql("SELECT outbox.emit('t', NULL, NULL, '\\x00ff'::bytea), outbox.emit('t', 'k', 'gone', NULL)")
    scene.sql("INSERT INTO outbox.dead_letter (slot_name, position, reason, id, aggregatetype, payload, created_at)"
              " SELECT %s, n::text, 'too large', outbox.uuid7(), 't', '[]', now() FROM generate_series(1, 3) AS n",
              (scene.slot,))
    scene.sql("SELECT outbox.redrive(ARRAY[(SELECT id FROM outbox.dead_letter WHERE position = '2')])")


def registered(scene):
    scene.initialize()
    scene.sql("INSERT INTO outbox.topic (slot_name, topic, partitions) VALUES (%s, 'some.topic', 7)", (scene.slot,))
    write_events(scene)


class Copy:
    """An empty database beside the scene's, or on another server, dropped at the end."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        server.create_database(name)

    def sql(self, statement, parameters=None):
        return self.server.query(self.name, statement, parameters)

    @property
    def conninfo(self):
        return self.server.conninfo(self.name)

    def finish(self):
        if self.server.running():
            self.server.drop_database(self.name)


@pytest.fixture
def make_copy():
    copies = []

    def make(server, name):
        copies.append(Copy(server, name))
        return copies[-1]
    yield make
    for copy in copies:
        copy.finish()


def plain(scene, copy, file):
    client("pg_dump", "-f", file, scene.source.conninfo(scene.database))
    client("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", copy.conninfo, "-f", file)


def inserts(scene, copy, file):
    client("pg_dump", "--inserts", "-f", file, scene.source.conninfo(scene.database))
    client("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-1", "-d", copy.conninfo, "-f", file)


def custom(scene, copy, file):
    client("pg_dump", "-Fc", "-f", file, scene.source.conninfo(scene.database))
    client("pg_restore", "--exit-on-error", "-1", "-d", copy.conninfo, file)


def via_root(scene, copy, file):
    client("pg_dump", "-Fc", "--load-via-partition-root", "-f", file, scene.source.conninfo(scene.database))
    client("pg_restore", "--exit-on-error", "-d", copy.conninfo, file)


def parallel(scene, copy, file):
    client("pg_dump", "-Fd", "-j2", "-f", file, scene.source.conninfo(scene.database))
    client("pg_restore", "--exit-on-error", "-j2", "-d", copy.conninfo, file)


def backwards(scene, copy, file):
    """The rows of tables in the reverse order: with -j any may come first, as pg_dump knows of no order between them."""
    client("pg_dump", "-Fc", "-f", file, scene.source.conninfo(scene.database))
    lines = subprocess.run(["pg_restore", "-l", file], check=True, capture_output=True, text=True).stdout.splitlines()
    data = [n for n, line in enumerate(lines) if " TABLE DATA outbox " in line]
    assert len(data) > 3
    for n, line in zip(data, [lines[m] for m in reversed(data)]):
        lines[n] = line
    with open(file + ".list", "w", encoding="utf-8") as listing:
        listing.write("\n".join(lines) + "\n")
    client("pg_restore", "--exit-on-error", "-L", file + ".list", "-d", copy.conninfo, file)


def clean(scene, copy, file):
    """Over what was there."""
    copy.sql("CREATE EXTENSION pg_outbox")
    copy.sql("SELECT outbox.emit('old', '1', 'T', '{}')")
    client("pg_dump", "-Fc", "-f", file, scene.source.conninfo(scene.database))
    client("pg_restore", "--exit-on-error", "--clean", "--if-exists", "-d", copy.conninfo, file)


def schema_then_data(scene, copy, file):
    client("pg_dump", "--schema-only", "-f", file, scene.source.conninfo(scene.database))
    client("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", copy.conninfo, "-f", file)
    assert copy.sql("SELECT count(*) FROM outbox.event") == [(0,)]
    assert copy.sql("SELECT count(*) FROM outbox.relay") == [(0,)]
    client("pg_dump", "--data-only", "-f", file, scene.source.conninfo(scene.database))
    client("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", copy.conninfo, "-f", file)


@pytest.mark.parametrize("way", [plain, inserts, custom, via_root, parallel, backwards, clean,
                                 schema_then_data])
def test_nothing_is_lost_whatever_the_format(scene, make_copy, way):
    registered(scene)
    copy = make_copy(scene.source, scene.database + "_copy")
    way(scene, copy, os.path.join(scene.base, "dump"))
    events, settings = scene.sql(EVENTS), scene.sql(SETTINGS)
    assert len(events) == 67 and len(settings) == 5
    assert copy.sql(EVENTS) == events
    assert copy.sql(SETTINGS) == settings
    # It can be written to, and numbers go on.
    copy.sql("SELECT outbox.emit('t', 'new', 'T', '{}')")
    number, = copy.sql("INSERT INTO outbox.dead_letter (slot_name, position, reason) VALUES ('x', 'x', 'x')"
                       " RETURNING number")[0]
    assert number > max(row["number"] for row, in settings if "number" in row)
    # The publication has lost its table, and the status says what there is of the slot.
    assert copy.sql("SELECT pubname FROM pg_publication") == [(scene.publication,)]
    assert copy.sql("SELECT count(*) FROM pg_publication_tables") == [(0,)]
    assert copy.sql("SELECT slot_state FROM outbox.status") == [("not ours",)]
    # One event trigger, one schema: nothing came twice.
    assert copy.sql("SELECT count(*) FROM pg_event_trigger") == [(1,)]


def test_restored_rows_go_with_their_partition_and_not_before(scene, make_copy):
    registered(scene)
    copy = make_copy(scene.source, scene.database + "_copy")
    plain(scene, copy, os.path.join(scene.base, "dump"))
    with copy.server.connect(copy.name) as connection:
        def maintain():
            return connection.execute("SELECT outbox.maintain()").fetchone()[0]

        def restored(leaf):
            return connection.execute(f"SELECT count(*) FROM outbox.event_{leaf} WHERE aggregateid IS DISTINCT"
                                      " FROM 'new'").fetchone()[0]
        connection.execute("SET pg_outbox.rotation_interval = 0")
        connection.execute("SET pg_outbox.retention = 0")
        assert connection.execute("SELECT state FROM outbox.partition ORDER BY rot").fetchall() \
            == [("current",), ("free",), ("free",)]
        before = [restored(leaf) for leaf in range(3)]
        assert all(before)
        # Nobody has published anything here: nothing goes.
        connection.execute("DELETE FROM outbox.relay")
        for _ in range(8):
            connection.execute("SELECT outbox.emit('t', 'new', 'T', '{}')")
            maintain()
        assert [restored(leaf) for leaf in range(3)] == before
        # With a relay that has, all of them have their turn, and none is in the way.
        connection.execute("INSERT INTO outbox.relay (slot_name, publication, source_id, state, mark_lsn)"
                           " VALUES ('s', 'p', 'i', 'ready', 'FFFFFFFF/0')")
        seen = ""
        for _ in range(12):
            connection.execute("SELECT outbox.emit('t', 'new', 'T', '{}')")
            seen += maintain() + "\n"
        assert [restored(leaf) for leaf in range(3)] == [0, 0, 0], seen
        for leaf in range(3):
            assert seen.count(f"rotated to {leaf}") >= 2, seen


def of(scene):
    """The settings of the scene's relay, for a relay of its copy."""
    return {"postgres.slot": scene.slot, "postgres.publication": scene.publication,
            "topics.pattern": scene.prefix + ".{aggregatetype}", "heartbeat.interval": "100ms"}


def burn(scene, count=3000):
    """Transaction ids that a fresh server doesn't reach."""
    scene.sql("DO $$ BEGIN FOR n IN 1.." + str(count) + " LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$")


def restored_on(other, scene):
    """other's database becomes a copy of the scene's."""
    file = os.path.join(scene.base, "dump")
    client("pg_dump", "-Fc", "-f", file, scene.source.conninfo(scene.database))
    other.source.drop_database(other.database)
    other.source.create_database(other.database)
    client("pg_restore", "--exit-on-error", "-d", other.source.conninfo(other.database), file)


def read_when(scene, topic, count):
    until(lambda: scene.broker.partitions(topic), f"{topic} is there")
    with scene.broker.reader(topic) as reader:
        return reader.some(count, timeout=60)


def heartbeat_covers(scene):
    return scene.sql("SELECT pg_visible_in_snapshot((SELECT max(xid) FROM outbox.event), heartbeat_snapshot)"
                     " FROM outbox.relay")[0][0]


def test_in_place_of_a_lost_server(make_scene, own, broker, exits):
    """The dump has events that were published, and ones that were not: all arrive, repetitions are flagged."""
    scene = make_scene(own.cluster("first"), None, broker)
    burn(scene)
    scene.initialize(**of(scene))
    relay = scene.relay(**of(scene)).start()
    published = [scene.emit("t", "k") for _ in range(5)]
    read_when(scene, scene.topic("t"), 5)
    until(lambda: heartbeat_covers(scene), "a heartbeat is confirmed")
    assert relay.stop() == 0
    unpublished = [scene.emit("t", "k") for _ in range(5)]

    other = make_scene(own.cluster("second"), None, broker)
    restored_on(other, scene)
    scene.source.stop("immediate")
    registration = other.sql("SELECT system_identifier FROM outbox.relay")[0][0]
    relay = other.relay(**of(scene)).start(ready=False)
    # Of the two things that are wrong the publication is looked at first; init mends it, and says the other.
    assert relay.wait_exit() in (exits["EXIT_PUBLICATION"], exits["EXIT_GAP"]), relay.log()
    command = other.init(**of(scene))
    assert command.status == exits["EXIT_GAP"], command
    relay.start(ready=False)
    assert relay.wait_exit() == exits["EXIT_GAP"], relay.log()
    assert registration in relay.log() or scene.slot in relay.log()
    assert "--accept-gap" in relay.log()

    other.sql(documented("CREATE TABLE restored"))
    other.initialize("--accept-gap", **of(scene))
    relay.start()
    other.sql(documented("WITH missing").replace("'pg_outbox'", f"'{scene.slot}'"))
    new = other.emit("t", "k")
    records = read_when(scene, scene.topic("t"), 11)
    until(lambda: scene.broker.count(scene.topic("t")) == 11, "nothing else came")
    assert [r.id for r in records] == published + unpublished + [new]
    assert [r.header("outbox-replayed") for r in records] == [None] * 5 + ["restored"] * 5 + [None]
    orders = [r.position.order for r in records]
    assert orders == sorted(set(orders)) and records[-1].position.epoch[0] == 2
    assert len({r.position.source for r in records}) == 1


def test_beside_the_old_server(make_scene, own, broker, exits):
    scene = make_scene(own.cluster("first"), None, broker)
    burn(scene)
    scene.initialize()
    old = [scene.emit("t", "k") for _ in range(5)]
    other = make_scene(own.cluster("second"), None, broker)
    restored_on(other, scene)
    other.sql(documented("DELETE FROM outbox.relay"))
    # What it can't do rightly it doesn't do by halves.
    command = other.init()
    assert command.status == exits["EXIT_NOT_INITIALIZED"], command
    assert "--existing=skip" in command.output
    assert other.sql("SELECT count(*) FROM pg_replication_slots") == [(0,)]
    other.sql(documented("WITH old"))
    other.initialize()
    other.relay().start()
    new = other.emit("t", "k")
    records = read_when(other, other.topic("t"), 6)
    assert [r.id for r in records] == old + [new]
    assert other.sql("SELECT source_id FROM outbox.relay") != scene.sql("SELECT source_id FROM outbox.relay")


def test_a_copy_on_the_same_server_leaves_the_slot_alone(scene, make_copy, exits):
    scene.initialize()
    scene.emit("t", "k")
    copy = make_copy(scene.source, scene.database + "_copy")
    plain(scene, copy, os.path.join(scene.base, "dump"))
    there = {"postgres.conninfo": copy.conninfo}
    before = scene.slot_row("slot_name", "database", "restart_lsn")
    command = scene.init("--accept-gap", **there)
    assert command.status == exits["EXIT_NOT_INITIALIZED"], command
    assert "another database" in command.output and "postgres.slot" in command.output
    assert scene.slot_row("slot_name", "database", "restart_lsn") == before
    copy.sql(documented("DELETE FROM outbox.relay"))
    there["postgres.slot"] = scene.slot + "_copy"
    scene.initialize("--existing=skip", **there)
    assert copy.sql("SELECT slot_name, state FROM outbox.relay") == [(there["postgres.slot"], "ready")]
    scene.start_relay()


def test_binary_upgrade(make_scene, own, broker, exits):
    """pg_upgrade to a new cluster of the same version: rows, registration and rotation are as they were."""
    if not os.path.exists(paths.pg_bin("pg_upgrade")):
        pytest.skip("this server has no pg_upgrade")
    first, second = own.cluster("first"), own.cluster("second", start=False)
    scene = make_scene(first, None, broker)
    scene.initialize(**of(scene))
    relay = scene.relay(**of(scene)).start()
    published = [scene.emit("t", "k") for _ in range(5)]
    read_when(scene, scene.topic("t"), 5)
    scene.sql("SET pg_outbox.rotation_interval = 0; SELECT outbox.maintain()")
    scene.sql("INSERT INTO outbox.dead_letter (slot_name, position, reason) VALUES (%s, 'p', 'r')", (scene.slot,))
    published.append(scene.emit("t", "k"))
    read_when(scene, scene.topic("t"), 6)
    assert relay.stop() == 0
    state = "SELECT to_jsonb(p) FROM outbox.partition AS p UNION ALL SELECT to_jsonb(r) FROM outbox.rotation AS r ORDER BY 1"
    before = [scene.sql(statement) for statement in (EVENTS, SETTINGS, state)]
    members = ("SELECT pg_describe_object(classid, objid, 0) FROM pg_depend WHERE refclassid = 'pg_extension'::regclass"
               " AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_outbox') ORDER BY 1")
    members_before = scene.sql(members)
    scene.wait_slot_free()
    # Slots of servers before 17 stay behind; with one the old server's is not let go.
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
    first.stop()
    work = os.path.join(second.base, "upgrade")
    os.mkdir(work)
    if second._as:
        os.chown(work, second._as["user"], second._as["group"])
    bin_directory = os.path.dirname(paths.pg_bin("pg_upgrade"))
    done = subprocess.run([paths.pg_bin("pg_upgrade"), "-b", bin_directory, "-B", bin_directory, "-d", first.data,
                           "-D", second.data, "-U", "postgres", "-s", second.base, "-p", str(first.port), "-P",
                           str(second.port)], cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=300, check=False, **second._as)
    assert done.returncode == 0, done.stdout
    scene.source = second.start()
    assert [scene.sql(statement) for statement in (EVENTS, SETTINGS, state)] == before
    assert scene.sql(members) == members_before
    relay = scene.relay("upgraded", **{**of(scene), "postgres.conninfo": second.conninfo(scene.database)})
    relay.start(ready=False)
    assert relay.wait_exit() == exits["EXIT_GAP"], relay.log()
    scene.initialize("--accept-gap", **of(scene))
    relay.start()
    new = scene.emit("t", "k")
    records = read_when(scene, scene.topic("t"), 7)
    assert [r.id for r in records] == published + [new]
    shutil.rmtree(work)
