"""The SQL-only install: what is kept of the extension, what is said to be lost, and that the relay works with it."""
import datetime
import json
import os
import re
import subprocess
import uuid

import psycopg
import pytest

from harness import markdown, paths
from harness.wait import until

LOST = "Without the extension"
# What only the SQL-only install has.
OWN = {"outbox.setting", "outbox.limits"}


@pytest.fixture
def extension(make_scene, source):
    return make_scene(source=source)


@pytest.fixture
def managed(make_scene, source):
    return make_scene(source=source, managed=True)


def outcome(scene, statement, parameters=None):
    """(sqlstate, message), or "accepted"."""
    with scene.source.connect(scene.database, autocommit=False) as connection:
        try:
            connection.execute(statement, parameters)
        except psycopg.Error as error:
            diagnostic = error.diag
            for part in (diagnostic.message_detail, diagnostic.message_hint):
                assert part, f"{statement}: {diagnostic.message_primary}: no detail or hint"
            return diagnostic.sqlstate, diagnostic.message_primary
        finally:
            connection.rollback()
    return "accepted"


# ---------------------------------------------------------------------------
# what is there
# ---------------------------------------------------------------------------

FUNCTIONS = """
SELECT p.oid::regprocedure::text, pg_get_function_result(p.oid)
  FROM pg_proc AS p WHERE pronamespace = 'outbox'::regnamespace"""
COLUMNS = """
SELECT c.oid::regclass::text || '.' || attname, format_type(atttypid, atttypmod), attnotnull,
       pg_get_expr(adbin, adrelid), row_number() OVER (PARTITION BY c.oid ORDER BY attnum),
       col_description(c.oid, attnum)
  FROM pg_class AS c JOIN pg_attribute ON attrelid = c.oid
  LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = attnum
 WHERE relnamespace = 'outbox'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
   AND attnum > 0 AND NOT attisdropped"""
CONSTRAINTS = """
SELECT conrelid::regclass::text || '.' || conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = 'outbox'::regnamespace AND contype <> 'n'"""
TRIGGERS = """
SELECT tgrelid::regclass::text || '.' || tgname, pg_get_triggerdef(t.oid), tgenabled::text
  FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = tgrelid
 WHERE relnamespace = 'outbox'::regnamespace AND NOT tgisinternal"""


def lost():
    """What docs/sql.md says isn't there: functions and relations by name."""
    found = set()
    for table in markdown.tables(open(os.path.join(paths.TOP, "docs", "sql.md"),
                                      encoding="utf-8").read()):
        if table.heading == LOST:
            for row in table.rows:
                if row["without it"].startswith("not there"):
                    found |= set(re.findall(r"`(outbox\.\w+)[(`]", row["the extension's"]))
    return found


@pytest.mark.parametrize("question", [FUNCTIONS, COLUMNS, CONSTRAINTS, TRIGGERS])
def test_the_schema_is_the_extensions_but_for_what_is_said(extension, managed, question):
    gone = lost()

    def there(scene):
        return {name: rest for name, *rest in scene.sql(question)
                if re.match(r"outbox\.\w+", name).group() not in gone | OWN}
    assert there(managed) == there(extension)


def test_what_is_said_to_be_lost_is(extension, managed):
    names = """SELECT p.oid::regproc::text FROM pg_proc AS p WHERE pronamespace = 'outbox'::regnamespace
               UNION SELECT c.oid::regclass::text FROM pg_class AS c
                      WHERE relnamespace = 'outbox'::regnamespace"""
    has, had = ({name for name, in scene.sql(names)} for scene in (managed, extension))
    assert lost() <= had, "the extension hasn't got it either"
    assert not lost() & has, "but it is there"


def test_it_takes_no_superuser_and_leaves_public_nothing(managed):
    assert managed.sql("SELECT rolsuper FROM pg_roles WHERE rolname = %s", (managed.id,)) == [(False,)]
    assert managed.sql("""
        SELECT p.oid::regprocedure FROM pg_proc AS p
         WHERE pronamespace = 'outbox'::regnamespace
           AND EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) AS a
                        WHERE a.grantee = 0)""") == []
    assert managed.sql("""SELECT relname FROM pg_class WHERE relnamespace = 'outbox'::regnamespace
                             AND EXISTS (SELECT FROM aclexplode(relacl) AS a WHERE a.grantee = 0)""") == []
    # Nor does what runs with its owner's rights look anything up by the caller's search_path.
    assert managed.sql("""
        SELECT p.oid::regprocedure FROM pg_proc AS p
         WHERE pronamespace = 'outbox'::regnamespace
           AND NOT EXISTS (SELECT FROM unnest(proconfig) AS s
                            WHERE s LIKE 'search\\_path=pg_catalog, pg_temp')""") == []


def test_it_is_one_transaction(managed):
    """A second time it fails, and changes nothing."""
    before = managed.sql("SELECT count(*) FROM pg_depend")
    with pytest.raises(AssertionError, match='schema "outbox" already exists'):
        managed._load_file(managed.source, os.path.join("build", "sql", "pg_outbox-managed.sql"))
    assert managed.sql("SELECT count(*) FROM pg_depend") == before


# ---------------------------------------------------------------------------
# the same bad input, the same error
# ---------------------------------------------------------------------------

INSERT = "INSERT INTO outbox.event (aggregatetype, payload, payload_bytes, headers) VALUES (%s, %s, %s, %s)"
EMIT = "SELECT outbox.emit(%s, %s, %s, %s::json, %s)"
CASES = [
    (INSERT, ("ok", "{}", None, None)),
    (INSERT, ("a.b_c-D9", None, b"x", None)),
    (INSERT, (None, "{}", None, None)),
    (INSERT, ("", "{}", None, None)),
    (INSERT, ("two words", "{}", None, None)),
    (INSERT, ("../etc", "{}", None, None)),
    (INSERT, ("line\nbreak", "{}", None, None)),
    (INSERT, ("end\n", "{}", None, None)),
    (INSERT, ("café", "{}", None, None)),
    (INSERT, ("x" * 236, "{}", None, None)),
    (INSERT, ("x" * 237, "{}", None, None)),
    (INSERT, ("ok", "{}", b"x", None)),
    (INSERT, ("ok", "{}", None, "[]")),
    (INSERT, ("ok", "{}", None, '"text"')),
    (INSERT, ("ok", "{}", None, '{"a": {"b": 1}}')),
    (INSERT, ("ok", "{}", None, '{"a": [1]}')),
    (INSERT, ("ok", "{}", None, '{"a": {}}')),
    (INSERT, ("ok", "{}", None, '{"a": null, "b": 1, "c": true}')),
    (INSERT, ("ok", "{}", None, '{"id": "x"}')),
    (INSERT, ("ok", "{}", None, '{"type": {"a": 1}}')),
    (INSERT, ("ok", "{}", None, '{"outbox-position": "x"}')),
    # The tests are the owner of both.
    (INSERT, ("ok", "{}", None, '{"outbox-replayed": "x"}')),
    (INSERT, ("ok", "{}", None, json.dumps({f"h{i}": i for i in range(60)}))),
    (INSERT, ("ok", "{}", None, json.dumps({f"h{i}": i for i in range(61)}))),
    (INSERT, ("ok", json.dumps("x" * 921600), None, None)),
    (INSERT, ("ok", None, b"x" * 921598, None)),
    (INSERT, ("ok", None, b"x" * 921599, None)),
    *[(f"INSERT INTO outbox.event (aggregatetype, {column}) VALUES ('ok', NULL)", None)
      for column in ("id", "created_at", "xid")],
    (EMIT, ("ok", "1", "x", "{}", None)),
    (EMIT, ("o k", "1", "x", "{}", None)),
    (EMIT, (None, None, None, None, None)),
    (EMIT, ("ok", None, None, None, '{"id": 1}')),
    ("SELECT outbox.emit('ok', '1', 'x', NULL)", None),
    ("SELECT outbox.emit('ok', '1', 'x', '{\"a\":')", None),
    ("SELECT outbox.emit('ok', '1', 'x', '')", None),
    ("SELECT outbox.emit('ok', '1', 'x', '\\xff'::bytea)", None),
    ("SELECT outbox.emit('ok', '1', 'x', jsonb_build_object('a', repeat('x', 921600)))", None),
]


def test_bad_input_is_rejected_alike(extension, managed):
    seen = set()
    for statement, parameters in CASES:
        expected = outcome(extension, statement, parameters)
        assert outcome(managed, statement, parameters) == expected, (statement, str(parameters)[:100])
        seen.add(expected if expected == "accepted" else expected[0])
    assert seen == {"accepted", "23502", "22023", "23514", "54000", "42939", "22P02"}


@pytest.mark.parametrize("encoding, code", [("SQL_ASCII", "ff"), ("WIN1252", "81")])
def test_text_without_a_form_in_utf8_is_rejected_alike(source, encoding, code):
    """As a row it would stop the slot."""
    text = f"convert_from('\\x{code}', '{encoding}')"
    cases = [f"SELECT outbox.emit('ok', {text}, 'x', '{{}}')",
             f"SELECT outbox.emit('ok', '1', {text}, '{{}}')",
             f"SELECT outbox.emit('ok', '1', 'x', to_json({text}))",
             f"SELECT outbox.emit('ok', '1', 'x', '{{}}', jsonb_build_object('h', {text}))",
             f"INSERT INTO outbox.event (aggregatetype, aggregateid) VALUES ('ok', {text})"]
    script = os.path.join(paths.TOP, "build", "sql", "pg_outbox-managed.sql")
    answers = []
    for managed in (False, True):
        database = f"e2e_{encoding.lower()}_{uuid.uuid4().hex[:8]}"
        source.query("postgres", f"CREATE DATABASE {database} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
        try:
            if managed:
                subprocess.run([paths.pg_bin("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d",
                                source.conninfo(database), "-f", script], check=True, stdin=subprocess.DEVNULL)
            else:
                source.query(database, "CREATE EXTENSION pg_outbox")
            with source.connect(database, client_encoding="UTF8") as connection:
                for statement in cases:
                    with pytest.raises(psycopg.Error) as caught:
                        connection.execute(statement)
                    diagnostic = caught.value.diag
                    answers.append((managed, diagnostic.sqlstate, diagnostic.message_primary, diagnostic.message_detail,
                                    diagnostic.message_hint))
                connection.execute("SELECT outbox.emit('ok', '1', 'x', '{}', '{\"h\": \"v\"}')")
                connection.execute("SELECT outbox.emit('ok', '1', 'x', '\\xff81'::bytea)")
        finally:
            source.drop_database(database)
    half = len(cases)
    assert [a[1:] for a in answers[:half]] == [a[1:] for a in answers[half:]]
    assert {a[1] for a in answers} == {"22021"}


def test_updates_and_types_that_are_not_allowed(extension, managed):
    for scene in (extension, managed):
        scene.emit("ok", "1")
    update = "UPDATE outbox.event SET type = 'y'"
    assert outcome(managed, update) == outcome(extension, update)
    assert outcome(managed, update)[0] == "0A000"
    extension.sql(f"ALTER DATABASE {extension.database} SET pg_outbox.allowed_types = 'order, driver'")
    managed.sql("UPDATE outbox.setting SET allowed_types = '{order,driver}'")
    for name in ("order", "driver", "orde", "orders", "other"):
        answer = outcome(managed, EMIT, (name, "1", "x", "{}", None))
        assert answer == outcome(extension, EMIT, (name, "1", "x", "{}", None))
        assert (answer == "accepted") == (name in ("order", "driver"))


def test_read_only_transactions_write_nothing(extension, managed):
    for statement in ("SELECT outbox.emit('ok', '1', 'x', '{}')", "SELECT outbox.heartbeat('s')"):
        for scene in (extension, managed):
            with scene.source.connect(scene.database, autocommit=False) as connection:
                connection.read_only = True
                with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                    connection.execute(statement)


def test_a_rejected_payload_is_not_shown(managed):
    with managed.source.connect(managed.database) as connection:
        for statement in ("SELECT outbox.emit('ok', '1', 'x', '{\"secret')",
                          "INSERT INTO outbox.event (aggregatetype, payload) VALUES ('o k', '\"secret\"')"):
            with pytest.raises(psycopg.Error) as caught:
                connection.execute(statement)
            said = caught.value.diag
            for part in (said.message_primary, said.message_detail, said.message_hint):
                assert "secret" not in part


# ---------------------------------------------------------------------------
# who may
# ---------------------------------------------------------------------------

@pytest.mark.parametrize("which", ["extension", "managed"])
def test_only_the_owner_says_that_an_event_is_sent_again(request, which):
    scene = request.getfixturevalue(which)
    role = scene.id + "_app"
    limits = ", outbox.limits()" if which == "managed" else ""
    with scene.source.connect(scene.database, autocommit=False) as connection:
        connection.execute(f"""
            CREATE ROLE {role};
            GRANT USAGE ON SCHEMA outbox TO {role};
            GRANT INSERT (id, aggregatetype, aggregateid, type, payload, payload_bytes, headers) ON outbox.event TO {role};
            GRANT EXECUTE ON FUNCTION outbox.uuid7(), outbox.current_partition(),
                outbox.event_is_valid(uuid, text, text, text, json, bytea, jsonb, timestamptz, xid8) {limits} TO {role};
            GRANT EXECUTE ON FUNCTION outbox.emit(text, text, text, json, jsonb, uuid),
                outbox.emit(text, text, text, jsonb, jsonb, uuid), outbox.emit(text, text, text, text, jsonb, uuid),
                outbox.emit(text, text, text, bytea, jsonb, uuid) TO {role};
            INSERT INTO outbox.dead_letter (slot_name, position, reason, id, aggregatetype)
            VALUES ('s', 'p', 'r', outbox.uuid7(), 'ok');
            GRANT EXECUTE ON FUNCTION outbox.redrive(uuid[], name, timestamptz, timestamptz) TO {role};
            SET LOCAL ROLE {role}""")
        connection.execute("INSERT INTO outbox.event (aggregatetype, headers) VALUES ('ok', '{\"a\": 1}')")
        forged = "'{\"outbox-replayed\": \"x\"}'"
        for statement in (f"INSERT INTO outbox.event (aggregatetype, headers) VALUES ('ok', {forged})",
                          *(f"SELECT outbox.emit('ok', '1', 'x', '{{}}'::{kind}, {forged})"
                            for kind in ("json", "jsonb", "text", "bytea"))):
            with pytest.raises(psycopg.errors.ReservedName), connection.transaction():
                connection.execute(statement)
        # Its own right to redrive() is another matter: that knows where the event comes from.
        assert connection.execute("SELECT outbox.redrive(slot => 's')").fetchone() == (1,)
        connection.rollback()


def test_execute_on_emit_is_the_privilege(managed):
    role = managed.id + "_app"
    with managed.source.connect(managed.database, autocommit=False) as connection:
        connection.execute(f"""
            CREATE ROLE {role};
            GRANT USAGE ON SCHEMA outbox TO {role};
            GRANT EXECUTE ON FUNCTION outbox.emit(text, text, text, json, jsonb, uuid) TO {role};
            SET LOCAL ROLE {role}""")
        # Somebody's own operators and functions don't get into what is checked.
        connection.execute("SET LOCAL search_path = nowhere")
        assert connection.execute("SELECT outbox.emit('ok', '1', 'x', '{}'::json) IS NOT NULL").fetchone() == (True,)
        for statement in ("SELECT outbox.emit('ok', '1', 'x', '{}'::jsonb)", "SELECT outbox.maintain()",
                          "INSERT INTO outbox.event (aggregatetype) VALUES ('ok')",
                          "SELECT FROM outbox.event", "UPDATE outbox.setting SET allowed_types = '{}'"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(statement)
        connection.rollback()


# ---------------------------------------------------------------------------
# ids
# ---------------------------------------------------------------------------

def test_ids_are_version_7_and_rise(managed):
    before = datetime.datetime.now(datetime.timezone.utc)
    ids = [row[0] for row in managed.sql("SELECT outbox.uuid7() FROM generate_series(1, 2000)")]
    after = datetime.datetime.now(datetime.timezone.utc)
    assert len(set(ids)) == 2000 and ids == sorted(ids, key=lambda i: i.int >> 64)
    for each in ids:
        assert each.version == 7 and each.variant == uuid.RFC_4122
        assert before.timestamp() * 1000 - 1 <= each.int >> 80 <= after.timestamp() * 1000 + 1
    # 62 random bits: of 2000 ids each bit is set in about a half.
    for bit in range(62):
        assert 800 < sum(each.int >> bit & 1 for each in ids) < 1200


# ---------------------------------------------------------------------------
# with the relay
# ---------------------------------------------------------------------------

def test_the_relay_works_with_it(make_scene, source, broker):
    """Run by the role that owns the database: events in commit order, a rotation, a truncation, heartbeats."""
    scene = make_scene(source=source, broker=broker, managed=True)
    scene.sql("UPDATE outbox.setting SET rotation_interval = '0', retention = '0'")
    conninfo = source.conninfo(scene.database, scene.id)
    relay = scene.start_relay(**{"postgres.conninfo": conninfo, "heartbeat.interval": "100ms",
                                 "maintain.interval": "100ms"})
    ledger = scene.ledger()
    with source.connect(scene.database, autocommit=False) as connection:
        for number in range(300):
            emit = ("SELECT outbox.emit('order', %s, 'Changed', %s::json, '{\"n\": \"x\"}')",
                    "INSERT INTO outbox.event (aggregatetype, aggregateid, type, payload) VALUES ('order', %s, 'Changed', %s)",
                    "SELECT outbox.emit('order', %s, 'Changed', convert_to(%s, 'UTF8'))")[number % 3]
            connection.execute(emit, (str(number % 7), json.dumps({"n": number})))
            if number % 10 == 9:
                connection.rollback()
            elif number % 10 == 4:
                connection.commit()
    records = ledger.wait_in_topics()
    assert len(records) == 30 * 5
    ledger.check_topics(records)

    turned = "SELECT current FROM outbox.rotation"
    first = scene.sql(turned)
    scene.emit("order", "1")
    until(lambda: scene.sql(turned) != first, "the relay rotates the table")
    # What it has published is marked when more comes: the mark has to be behind the end of the partition.
    until(lambda: scene.emit("order", "1")
          and scene.sql("SELECT count(*) FROM outbox.event WHERE aggregateid = '2'") == [(0,)],
          "and truncates what is published")
    heartbeat = "SELECT heartbeat_at, heartbeat_snapshot::text FROM outbox.relay"
    last = scene.sql(heartbeat)
    scene.emit("order", "1")
    until(lambda: scene.sql(heartbeat) != last, "its heartbeats come back")
    assert relay.running()
    relay.stop()


# ---------------------------------------------------------------------------
# dumps
# ---------------------------------------------------------------------------

def test_a_dump_has_everything(managed, source):
    event = managed.emit("order", "1", '{"z":  1}')
    managed.sql("UPDATE outbox.setting SET allowed_types = '{order}', rotation_interval = '0'")
    managed.sql("SELECT outbox.maintain()")
    managed.sql("INSERT INTO outbox.relay (slot_name, publication, source_id, state) VALUES ('s', 'p', 's', 'ready')")
    path = os.path.join(managed.base, "dump.sql")
    subprocess.run([paths.pg_bin("pg_dump"), "-d", source.conninfo(managed.database), "-f", path], check=True)
    copy = managed.database + "_copy"
    source.create_database(copy)
    try:
        subprocess.run([paths.pg_bin("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", source.conninfo(copy),
                        "-f", path], check=True, stdout=subprocess.DEVNULL)
        for question in ("SELECT id::text, payload::text, rot FROM outbox.event",
                         "SELECT * FROM outbox.setting", "SELECT * FROM outbox.relay",
                         "SELECT * FROM outbox.rotation", "SELECT rot, state FROM outbox.partition ORDER BY rot",
                         FUNCTIONS + " ORDER BY 1", CONSTRAINTS + " ORDER BY 1", TRIGGERS + " ORDER BY 1"):
            assert source.query(copy, question) == managed.sql(question), question
        assert source.query(copy, "SELECT id::text, payload::text FROM outbox.event") == [(event, '{"z":  1}')]
        assert source.value(copy, "SELECT outbox.emit('order', '1', 'x', '{}') IS NOT NULL")
        assert source.value(copy, "SELECT rot FROM outbox.event WHERE type = 'x'") == 1
    finally:
        source.drop_database(copy)
