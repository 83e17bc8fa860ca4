"""The role of a consumer has what the documentation says, needs each of it, and can do no more."""
import os
import re
import secrets

import psycopg
import pytest

from harness import markdown
from harness.daemon import run_once
from harness.feed import Feed
from harness.paths import TOP
from harness.wait import until


def documented():
    """(privilege, kind, object) of each GRANT in consumer/README.md, one by one."""
    with open(os.path.join(TOP, "consumer", "README.md"), encoding="utf-8") as file:
        block, = [b for b in markdown.blocks(file.read()) if b.lstrip().startswith("GRANT USAGE ON SCHEMA outbox_inbox")]
    found = []
    for statement in block.split(";"):
        match = re.fullmatch(r"GRANT ([\w, ]+?) ON ((?:SCHEMA|ALL FUNCTIONS IN SCHEMA) )?(.+) TO outbox_consumer", " ".join(statement.split()))
        if match:
            privileges, kind, objects = match.groups()
            found += [(privilege, kind or "", thing) for privilege in privileges.split(", ") for thing in objects.split(", ")]
    assert len(found) >= 11, found
    return found


class Role:
    """With these rights, and those that the handler needs."""

    def __init__(self, scene, grants):
        self.scene, self.name = scene, f"{scene.id}_{secrets.token_hex(3)}"
        scene.target_sql(f"CREATE ROLE {self.name} LOGIN; GRANT INSERT ON applied TO {self.name};"
                         f"GRANT USAGE ON SEQUENCE applied_n_seq TO {self.name}")
        for privilege, kind, thing in grants:
            scene.target_sql(f"GRANT {privilege} ON {kind}{thing} TO {self.name}")

    def drop(self):
        self.scene.target_sql(f"DROP OWNED BY {self.name}; DROP ROLE {self.name}")


@pytest.fixture
def stage(make_scene, target, broker):
    """A topic with an event that is applied, one of another program, one that isn't applied and a replayed one."""
    scene = make_scene(None, target, broker)
    scene.apply_all("t", payload="text")
    scene.handlers[scene.topic("t")]["replayed"] = "apply"
    scene.target_sql("ALTER TABLE applied ADD CONSTRAINT sound CHECK (payload NOT LIKE '%bad%')")
    feed = Feed(scene, partitions=1)
    feed.send(2)
    feed.put(0, b"other", id="other")
    feed.put(0, b"bad", id="bad")
    feed.put(0, b"replayed", id="again", headers=[("outbox-replayed", b"gap")])
    feed.send(1)
    return scene


def work(scene, role, number):
    """Everything that a consumer does: the logs and statuses of what was run, to the first that failed."""
    options = {"target.conninfo": scene.target.conninfo(scene.database, user=role.name), "consumer.group": f"{scene.prefix}.{number}",
               "dead_letter.topic": ""}
    seen = []
    done = run_once(scene.consumer(f"check{number}", command=("check",), **options))
    seen.append((done.status, done.output))
    consumer = scene.consumer(f"run{number}", **options).start(ready=False)

    def passed():
        rows = scene.target_sql("SELECT next_offset FROM outbox_inbox.progress WHERE group_name = %s", (options["consumer.group"],))
        return not consumer.running() or rows == [(6,)]
    until(passed, lambda: f"all is passed, or it ends: {consumer.log()[-2000:]}", 40)
    seen.append((consumer.stop() if consumer.running() else consumer.wait_exit(), consumer.log()))
    scene.target_sql("ALTER TABLE applied DROP CONSTRAINT sound")
    done = run_once(scene.consumer(f"redrive{number}", command=("redrive",), **options))
    scene.target_sql("ALTER TABLE applied ADD CONSTRAINT sound CHECK (payload NOT LIKE '%bad%') NOT VALID")
    seen.append((done.status, done.output))
    return seen


def test_they_are_enough_and_no_more(stage):
    role = Role(stage, documented())
    stage.target_sql("CREATE TABLE private (x int)")
    try:
        seen = work(stage, role, 0)
        assert [status for status, _ in seen] == [0, 0, 0], seen
        assert sorted(stage.payloads()[-3:]) == sorted(["replayed", stage.payloads()[-2], "bad"]) and len(stage.payloads()) == 6
        with stage.target.connect(stage.database, user=role.name) as connection:
            for statement in ("SELECT * FROM private", "SELECT * FROM applied", "DELETE FROM outbox_inbox.progress", "DELETE FROM outbox_inbox.dead_letter",
                              "DELETE FROM outbox_inbox.position", "TRUNCATE outbox_inbox.position", "SELECT * FROM outbox_inbox.applied_id",
                              "INSERT INTO outbox_inbox.applied_id_0 VALUES (0, 0, 'x')", "UPDATE outbox_inbox.scope SET retention = '1 s'",
                              "UPDATE outbox_inbox.rotation SET current = 1", "SELECT outbox_inbox.open_scope('g', 't', '1 day')",
                              "CREATE TABLE outbox_inbox.mine (x int)", "ALTER TABLE outbox_inbox.progress ADD x int",
                              "CREATE OR REPLACE FUNCTION outbox_inbox.version() RETURNS int LANGUAGE sql AS 'SELECT 3'"):
                with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidSchemaName)) as refusal:
                    connection.execute(statement)
                assert re.search("permission denied|must be owner", str(refusal.value)), statement
    finally:
        role.drop()


def test_init_needs_to_create_a_schema_and_no_more(make_scene, target, broker, exits):
    """And whoever ran it may grant the rest, and run it again; another one may not."""
    scene = make_scene(None, target, broker)
    scene.target_sql("DROP SCHEMA outbox_inbox CASCADE")
    names = {name: f"{scene.id}_{name}" for name in ("owner", "stranger", "consumer")}
    for name in names.values():
        scene.target_sql(f"CREATE ROLE {name} LOGIN")

    def init(name):
        return run_once(scene.consumer(f"init-{len(scene.daemons)}", command=("init",),
                                       **{"target.conninfo": target.conninfo(scene.database, user=names[name])}))
    try:
        done = init("owner")
        assert done.status == exits["EXIT_PERMISSION"] and re.search("GRANT CREATE ON DATABASE", done.output), done
        scene.target_sql(f"GRANT CREATE ON DATABASE {scene.database} TO {names['owner']}")
        done = init("owner")
        assert done.status == 0 and "was created" in done.output, done
        done = init("owner")
        assert done.status == 0 and "already" in done.output, done
        owners = {row[0] for row in scene.target_sql(
            "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'outbox_inbox'::regnamespace UNION"
            " SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE pronamespace = 'outbox_inbox'::regnamespace UNION"
            " SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'outbox_inbox'")}
        assert owners == {names["owner"]}
        assert init("stranger").status == exits["EXIT_PERMISSION"]
        with target.connect(scene.database, user=names["owner"]) as connection:
            for privilege, kind, thing in documented():
                connection.execute(f"GRANT {privilege} ON {kind}{thing} TO {names['consumer']}")
        with target.connect(scene.database, user=names["consumer"]) as connection:
            # What runs with its owner's rights has them.
            assert connection.execute("SELECT outbox_inbox.rotate()").fetchone() == (False,)
    finally:
        for name in names.values():
            scene.target_sql(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}")


def test_each_is_needed(stage, exits):
    """One of them taken away: some command ends with the status for that, and names the object and the GRANT."""
    for number, taken in enumerate(documented(), 1):
        role = Role(stage, [grant for grant in documented() if grant != taken])
        try:
            seen = work(stage, role, number)
            failed = [text for status, text in seen if status == exits["EXIT_PERMISSION"]]
            assert failed and all(status in (0, exits["EXIT_PERMISSION"], exits["EXIT_DATA"]) for status, _ in seen), (taken, seen)
            name = "function" if "FUNCTIONS" in taken[1] else taken[2].rsplit(".", 1)[-1]
            for text in failed:
                assert re.search("permission denied", text) and re.search(rf"GRANT [^\n]*{re.escape(name)}", text, re.I), (taken, text)
        finally:
            role.drop()


# Operators and a function that fit better than the server's own, for what was said without a schema.
TRAPS = ("FUNCTION trap(numeric, int4) RETURNS numeric", "RETURN $1 OPERATOR(pg_catalog.*) $2::numeric",
         "OPERATOR public.* (LEFTARG = numeric, RIGHTARG = int4, FUNCTION = public.trap)",
         "FUNCTION trap(int8, interval) RETURNS interval", "RETURN '7 days'",
         "OPERATOR public.* (LEFTARG = int8, RIGHTARG = interval, FUNCTION = public.trap)",
         "FUNCTION trap(oid, regclass) RETURNS bool", "RETURN $1 OPERATOR(pg_catalog.=) $2::oid",
         "OPERATOR public.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = public.trap)",
         "FUNCTION trap(oid, regnamespace) RETURNS bool", "RETURN $1 OPERATOR(pg_catalog.=) $2::oid",
         "OPERATOR public.= (LEFTARG = oid, RIGHTARG = regnamespace, FUNCTION = public.trap)",
         "FUNCTION unnest(int8[]) RETURNS SETOF int8", "RETURN QUERY SELECT u FROM pg_catalog.unnest($1) AS u", None)


def test_what_others_create_on_the_search_path_is_not_used(stage):
    """public is as it was before PostgreSQL 15: everybody may create there what programs would come to."""
    stage.handlers["one column"] = {"topic": stage.topic("t"), "sql": "SELECT pg_catalog.count(*) FROM batch"}
    role = Role(stage, [])
    other = f"{stage.id}_other"
    stage.target_sql(f"DROP SCHEMA outbox_inbox CASCADE; CREATE ROLE {other}; GRANT CREATE ON SCHEMA public TO {other};"
                     "CREATE TABLE caught (who name, what text); GRANT INSERT ON caught TO PUBLIC")
    try:
        for function, returns, operator in zip(*[iter(TRAPS)] * 3):
            head, result = function.split(" RETURNS ")
            stage.target_sql(f"SET ROLE {other}; CREATE {head.replace('FUNCTION ', 'FUNCTION public.')} RETURNS {result} LANGUAGE plpgsql AS"
                             f" $$BEGIN INSERT INTO public.caught VALUES (current_user, '{head}'); {returns}; END$$;"
                             + (f"CREATE {operator}" if operator else ""))
        done = run_once(stage.consumer("init", command=("init",)))
        assert done.status == 0, done
        for privilege, kind, thing in documented():
            stage.target_sql(f"GRANT {privilege} ON {kind}{thing} TO {role.name}")
        seen = work(stage, role, 0)
        assert [status for status, _ in seen] == [0, 0, 0], seen
        assert len(stage.payloads()) == 6
        assert stage.target_sql("SELECT * FROM caught") == []
        # It is a trap.
        with stage.target.connect(stage.database, user=role.name) as connection:
            connection.execute("SELECT 2::int8 * interval '1 s'")
        assert stage.target_sql("SELECT * FROM caught") == [(role.name, "FUNCTION trap(int8, interval)")]
    finally:
        role.drop()
        stage.target_sql(f"DROP OWNED BY {other} CASCADE; DROP ROLE {other}")
