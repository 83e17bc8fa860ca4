"""docs/sql.md has what the catalogs and pg_settings have: nothing less, nothing else.

Tables are known by their first columns, wherever they stand in the file (CONTRIBUTING.md):

    function | returns | volatility | parallel …       each function of the schema outbox
    column | type | default …                          under a heading "outbox.x": that table, in its order
    column | type …                                    the same for a view
    setting | type | unit | default | range | context …
    SQLSTATE | condition …                             what the sources raise
"""
import glob
import os
import re
import subprocess

import psycopg
import pytest

from harness import markdown
from harness.markdown import code
from harness.paths import TOP


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as file:
        return file.read()


TEXT = read("docs", "sql.md")
TABLES = markdown.tables(TEXT)


def documented(first, once=True):
    """{first cell: row} of all tables whose first column is called that."""
    found = {}
    for table in TABLES:
        if table.columns[0] == first:
            for row in table.rows:
                key = code(row[first])
                assert not once or key not in found, f"{key} is there twice"
                found[key] = row
    assert found, f"no table begins with a column \"{first}\""
    return found


@pytest.fixture
def db(make_scene, source):
    scene = make_scene(source=source)
    with source.connect(scene.database) as connection:
        connection.execute("SELECT outbox.uuid7()")
        yield connection


def rows(db, statement, *parameters):
    return db.execute(statement, parameters).fetchall()


def canonical_type(db, name):
    """The server's spelling of a type's name: int4 is integer."""
    return rows(db, "SELECT coalesce(to_regtype(%s)::text, %s)", name, name)[0][0]


# ---------------------------------------------------------------------------
# functions
# ---------------------------------------------------------------------------

def test_functions(db):
    there = {signature: facts for signature, *facts in rows(db, """
        SELECT p.oid::regprocedure::text, pg_get_function_result(p.oid),
               CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
               CASE proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END
          FROM pg_proc AS p WHERE pronamespace = 'outbox'::regnamespace""")}
    said = {}
    for signature, row in documented("function").items():
        known = rows(db, "SELECT to_regprocedure(%s)::text", signature)[0][0]
        said[known or signature] = [canonical_type(db, code(row["returns"])),
                                    row["volatility"], row["parallel"]]
    assert said == there


# ---------------------------------------------------------------------------
# tables and views
# ---------------------------------------------------------------------------

def relations(db):
    """{name: [(column, type, default)]}, partitions left out: they are as their root is."""
    found = {}
    for name, kind, column, kind_of, default in rows(db, """
            SELECT c.oid::regclass::text, relkind, attname, format_type(atttypid, atttypmod),
                   pg_get_expr(adbin, adrelid)
              FROM pg_class AS c JOIN pg_attribute ON attrelid = c.oid
              LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = attnum
             WHERE relnamespace = 'outbox'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
               AND NOT relispartition AND attnum > 0 AND NOT attisdropped
             ORDER BY c.oid, attnum"""):
        is_view = kind in (b"v", b"m", "v", "m")
        found.setdefault(name, []).append(
            (column, kind_of) if is_view else (column, kind_of, default or ""))
    return found


def documented_relations(db):
    found = {}
    for table in TABLES:
        if table.columns[0] != "column":
            continue
        name = table.heading.strip("`")
        assert re.fullmatch(r"outbox\.\w+", name), f"columns under \"{table.heading}\": of what?"
        assert name not in found, f"{name} is there twice"
        found[name] = [
            (code(row["column"]), canonical_type(db, code(row["type"])))
            + ((code(row["default"]),) if "default" in row else ())
            for row in table.rows]
    return found


def test_tables_and_views(db):
    there, said = relations(db), documented_relations(db)
    assert sorted(said) == sorted(there)
    for name in there:
        assert said[name] == there[name], name


# ---------------------------------------------------------------------------
# settings
# ---------------------------------------------------------------------------

def in_base_unit(db, name, value):
    """What the server makes of a value that a reader would write."""
    with db.transaction(force_rollback=True):
        db.execute("SELECT set_config(%s, %s, true)", (name, value))
        return rows(db, "SELECT setting FROM pg_settings WHERE name = %s", name)[0][0]


def documented_range(db, name, row):
    """(smallest, largest, [words]), as pg_settings has it."""
    if row["type"] in ("integer", "real"):
        low, high = (in_base_unit(db, name, code(v)) for v in row["range"].split(" to "))
        return low, high, None
    if row["type"] == "enum":
        return None, None, [code(word) for word in row["range"].split(", ")]
    return None, None, None


def test_settings(db):
    there = {name: facts for name, *facts in rows(db, """
        SELECT name, vartype, coalesce(unit, ''), boot_val, context, min_val, max_val, enumvals
          FROM pg_settings WHERE name LIKE 'pg\\_outbox.%%'""")}
    said = {}
    for name, row in documented("setting").items():
        assert name in there, f"there is no setting {name}"
        said[name] = [row["type"], code(row["unit"]),
                      in_base_unit(db, name, code(row["default"])), row["context"],
                      *documented_range(db, name, row)]
    assert said == there


# ---------------------------------------------------------------------------
# SQLSTATEs
# ---------------------------------------------------------------------------

# What these raise.
RAISED_BY = {
    "PreventCommandIfReadOnly": "ERRCODE_READ_ONLY_SQL_TRANSACTION",
    "PreventCommandIfParallelMode": "ERRCODE_INVALID_TRANSACTION_STATE",
}


def errcodes():
    """{macro: (sqlstate, condition)} of the server."""
    shared = subprocess.run([os.environ.get("PG_CONFIG", "pg_config"), "--sharedir"], check=True,
                            stdout=subprocess.PIPE, text=True).stdout.strip()
    with open(os.path.join(shared, "errcodes.txt"), encoding="utf-8") as file:
        return {macro: (state, name) for state, macro, name in re.findall(
            r"(?m)^([0-9A-Z]{5})\s+[ESW]\s+(ERRCODE_\w+)\s+(\w+)", file.read())}


def raised():
    """SQLSTATEs that the sources name."""
    codes = errcodes()
    by_condition = {name: state for state, name in codes.values()}
    found = set()
    for path in glob.glob(os.path.join(TOP, "extension", "*.[ch]")):
        source = read(path)
        # A code that is caught isn't raised.
        for macro in re.findall(r"errcode\((ERRCODE_\w+)\)", source):
            found.add(codes[macro][0])
        for macro in re.findall(r"\?\s*(ERRCODE_\w+)|:\s*(ERRCODE_\w+)\)", source):
            found.add(codes[macro[0] or macro[1]][0])
        for call, macro in RAISED_BY.items():
            if f"{call}(" in source:
                found.add(codes[macro][0])
        for state in re.findall(r"MAKE_SQLSTATE\(([^)]*)\)", source):
            found.add("".join(re.findall(r"'(.)'", state)))
    for path in glob.glob(os.path.join(TOP, "sql", "parts", "*.sql")) \
            + glob.glob(os.path.join(TOP, "sql", "managed", "*.sql")):
        source = read(path)
        for name in re.findall(r"(?i)ERRCODE\s*=\s*'(\w+)'", source):
            found.add(by_condition.get(name, name))
        for statement in re.findall(r"(?is)\bRAISE\s+(?:EXCEPTION\b)(.*?);", source):
            if not re.search(r"(?i)ERRCODE|SQLSTATE", statement):
                found.add("P0001")
    return found


def test_sqlstates():
    states = {state: name for state, name in errcodes().values()}
    # Several sections may have one in their tables.
    said = documented("SQLSTATE", once=False)
    for table in TABLES:
        for row in table.rows:
            # A state of our own has a name of our own.
            if table.columns[0] == "SQLSTATE" and code(row["SQLSTATE"]) in states:
                assert row["condition"] == states[code(row["SQLSTATE"])], row
    assert sorted(said) == sorted(raised())


# ---------------------------------------------------------------------------
# privileges
# ---------------------------------------------------------------------------

def test_the_grants_can_be_had(db):
    """As they stand there, in one transaction; \"app\", \"relay\" … are the reader's."""
    statements = [s for s in markdown.blocks(TEXT) if s.lstrip().startswith(("GRANT", "REVOKE", "DO"))]
    assert len(statements) >= 5
    with db.transaction(force_rollback=True):
        for role in ("app", "relay", "monitor", "operator"):
            db.execute(f"CREATE ROLE {role}")
        for statement in statements:
            try:
                db.execute(statement)
            except psycopg.Error as error:
                raise AssertionError(f"{error}\n{statement}") from error
