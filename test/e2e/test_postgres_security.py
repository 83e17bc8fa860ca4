"""PostgreSQL that demands TLS, SCRAM and a pg_hba.conf that names who may come in."""
import os
import re
import secrets

import pytest

from harness import markdown, paths
from harness.certificates import Authority
from harness.cluster import server_user
from harness.daemon import run_once
from harness.wait import until

pytestmark = pytest.mark.xdist_group("secure_postgres")


class Secured:
    """A cluster that takes TLS and SCRAM or a certificate over TCP, nothing else."""

    def __init__(self, base, servers):
        self.authority = Authority(base, "postgres-ca")
        self.stranger = Authority(base, "postgres-stranger")
        certificate, key = self.authority.issue("server", hosts=["DNS:localhost"])
        owner = server_user()
        if owner:
            os.chown(key, owner["user"], owner["group"])
        self.server = servers.cluster("secured", {
            "ssl": "on", "ssl_cert_file": certificate, "ssl_key_file": key, "ssl_ca_file": self.authority.ca,
            "password_encryption": "scram-sha-256"})
        self.hba = os.path.join(self.server.data, "pg_hba.conf")
        self.rules("local all all trust", "hostssl all +by_certificate 127.0.0.1/32 cert",
                   "hostssl all +by_password 127.0.0.1/32 scram-sha-256")
        self.server.query("postgres", "CREATE ROLE by_password; CREATE ROLE by_certificate")

    def rules(self, *lines):
        with open(self.hba, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        self.server.query("postgres", "SELECT pg_reload_conf()") if self.server.running() else None

    def rule_lines(self):
        with open(self.hba, encoding="utf-8") as file:
            return file.read().splitlines()


@pytest.fixture(scope="session")
def secured(base, shared):
    return Secured(base, shared)


def relay_block():
    with open(os.path.join(paths.TOP, "docs", "sql.md"), encoding="utf-8") as file:
        section = re.search(r"(?ms)^## Privileges$(.*?)^## ", file.read()).group(1)
    block, = [b for b in markdown.blocks(section) if "outbox.heartbeat(name)" in b]
    return block


class Role:
    """A role with the block of the documentation, and a password."""

    def __init__(self, scene, group="by_password", block=None):
        self.scene, self.name = scene, f"{scene.id}_{secrets.token_hex(2)}"
        self.password = "Pw" + secrets.token_hex(8)
        membership = f" IN ROLE {group}" if group else ""
        scene.sql(f"CREATE ROLE {self.name} LOGIN REPLICATION PASSWORD '{self.password}'{membership}")
        for statement in (block or relay_block()).split(";"):
            if statement.strip():
                scene.sql(re.sub(r"\bTO relay\s*$", f"TO {self.name}", statement.strip()))

    def drop(self):
        self.scene.sql(f"DROP OWNED BY {self.name}; DROP ROLE {self.name}")


@pytest.fixture
def make_role():
    made = []

    def make(scene, **how):
        made.append(Role(scene, **how))
        return made[-1]
    yield make
    for role in made:
        for daemon in role.scene.daemons:
            daemon.finish()
        role.drop()


@pytest.fixture
def scene(make_scene, secured, broker):
    return make_scene(secured.server, secured.server, broker)


def conninfo(scene, secured, role, **more):
    words = {"host": "localhost", "hostaddr": "127.0.0.1", "port": scene.source.port, "dbname": scene.database,
             "user": role.name, "sslmode": "verify-full", "sslrootcert": secured.authority.ca, **more}
    return " ".join(f"{key}={value}" for key, value in words.items() if value is not None)


def private_file(path, text):
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return str(path)


def certificate_words(secured, role):
    certificate, key = secured.authority.issue(role.name)
    return {"sslcert": certificate, "sslkey": key}


def ways(scene, secured, role, tmp_path):
    """{name: (options, variables)}"""
    plain = conninfo(scene, secured, role)
    entry = f"localhost:{scene.source.port}:*:{role.name}:{role.password}\n"
    service = (f"[outbox]\nhost=localhost\nhostaddr=127.0.0.1\nport={scene.source.port}\ndbname={scene.database}\n"
               f"user={role.name}\npassword={role.password}\nsslmode=verify-full\nsslrootcert={secured.authority.ca}\n")
    return {
        "password file": ({"postgres.conninfo": plain,
                           "postgres.password_file": private_file(tmp_path / "pw", role.password + "\n")}, {}),
        "channel binding": ({"postgres.conninfo": plain + " channel_binding=require",
                             "postgres.password": role.password}, {}),
        "PGPASSWORD": ({"postgres.conninfo": plain}, {"PGPASSWORD": role.password}),
        "PGPASSFILE": ({"postgres.conninfo": plain}, {"PGPASSFILE": private_file(tmp_path / "pass", entry)}),
        "passfile=": ({"postgres.conninfo": f"{plain} passfile={private_file(tmp_path / 'pass2', entry)}"}, {}),
        "service file": ({"postgres.conninfo": "service=outbox"},
                         {"PGSERVICEFILE": private_file(tmp_path / "service", service)}),
        "conninfo file": ({"postgres.conninfo": None, "postgres.conninfo_file": private_file(
            tmp_path / "dsn", f"postgresql://{role.name}:{role.password}@localhost:{scene.source.port}/{scene.database}"
            f"?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={secured.authority.ca}\n")}, {}),
    }


def with_variables(daemon, variables):
    daemon.variables.update(variables)
    return daemon


def tls_of(scene, role):
    return scene.sql("SELECT s.ssl, a.backend_type FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid)"
                     " WHERE a.usename = %s ORDER BY 2", (role.name,))


def publishes(scene, relay, role, count):
    """An event goes out, and both connections have TLS."""
    relay.start()
    event = scene.emit("t", "k")
    until(lambda: scene.broker.partitions(scene.topic("t")), "the topic is there")
    with scene.broker.reader(scene.topic("t")) as reader:
        assert event == reader.some(count)[-1].id
    # Of those who were here before the server takes a moment to let go.
    until(lambda: len(tls_of(scene, role)) == 2, lambda: f"nobody else is there: {tls_of(scene, role)}")
    assert tls_of(scene, role) == [(True, "client backend"), (True, "walsender")]
    assert relay.stop() == 0 and not relay.problems(), relay.problems()
    scene.wait_slot_free()


def of_consumer(options):
    return {key.replace("postgres.", "target."): value for key, value in options.items()}


def test_every_way_in(scene, secured, make_role, tmp_path):
    scene.broker.create_topic(scene.topic("t"), 1)
    scene.initialize()
    role = make_role(scene)
    scene.sql(f"GRANT USAGE ON SCHEMA outbox_inbox TO {role.name};"
              f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox_inbox TO {role.name};"
              f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA outbox_inbox TO {role.name};"
              f"GRANT INSERT ON applied TO {role.name}; GRANT USAGE ON SEQUENCE applied_n_seq TO {role.name}")
    scene.apply_all("t")
    count = 0
    for name, (options, variables) in ways(scene, secured, role, tmp_path).items():
        count += 1
        relay = with_variables(scene.relay(f"relay{count}", **options), variables)
        publishes(scene, relay, role, count)
        check = with_variables(scene.consumer(f"check{count}", command=("check",), **of_consumer(options)), variables)
        assert run_once(check).status == 0, (name, check.log())
        assert role.password not in relay.log(whole=True) + check.log()
    consumer = scene.consumer("last", **of_consumer({"postgres.conninfo": conninfo(scene, secured, role),
                                                     "postgres.password": role.password})).start()
    until(lambda: len(scene.applied()) == count, "all is applied")
    assert all(ssl for ssl, _ in tls_of(scene, role))
    assert consumer.stop() == 0
    by_certificate = make_role(scene, group="by_certificate")
    options = {"postgres.conninfo": conninfo(scene, secured, by_certificate, **certificate_words(secured, by_certificate))}
    publishes(scene, scene.relay("certificate", **options), by_certificate, count + 1)


def exposed_key(scene, secured, role):
    words = certificate_words(secured, role)
    os.chmod(words["sslkey"], 0o644)
    return conninfo(scene, secured, role, **words)


WRONG = {
    "no ca": (lambda s, p, r: conninfo(s, p, r, sslrootcert="/no/such/ca.crt"), ["sslrootcert"]),
    "another ca": (lambda s, p, r: conninfo(s, p, r, sslrootcert=p.stranger.ca), ["certificate verify failed", "sslrootcert"]),
    "another host": (lambda s, p, r: conninfo(s, p, r, host="127.0.0.1", hostaddr=None), ["does not match host name", "host="]),
    "no tls": (lambda s, p, r: conninfo(s, p, r, sslmode="disable", sslrootcert=None), ["no encryption", "pg_hba.conf"]),
    "channel binding without tls": (lambda s, p, r: conninfo(s, p, r, sslmode="disable", sslrootcert=None, host=s.source.base, hostaddr=None,
                                                             channel_binding="require"), ["channel.binding", "TLS"]),
    "an exposed key": (exposed_key, ["group or world access", "chmod"]),
    "wrong password": (lambda s, p, r: conninfo(s, p, r, password="wrong"), ["password authentication failed", "password_file"]),
    "no password": (conninfo, ["no password supplied", "password_file"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said(scene, secured, make_role, exits, case):
    make, words = WRONG[case]
    scene.initialize()
    scene.apply_all("t")
    role = make_role(scene)
    text = make(scene, secured, role)
    relay = scene.relay(**{"postgres.conninfo": text}).start(ready=False)
    assert relay.wait_exit(30) == exits["EXIT_PERMISSION"], relay.log()
    assert len([p for p in relay.problems() if "raw" not in p]) == 1, relay.problems()
    said = [relay.log()]
    for command in ("check", "run"):
        done = run_once(scene.consumer(f"consumer-{command}", command=(command,), **{"target.conninfo": text}))
        assert done.status == exits["EXIT_PERMISSION"], done
        said.append(done.output)
    done = run_once(scene.relay("doctor", command=("doctor",), **{"postgres.conninfo": text}))
    assert done.status == exits["EXIT_FINDINGS"], done
    for text in said:
        for word in words:
            assert re.search(word, text), (case, word, text)
    assert re.search(words[0], done.output), done


def test_a_server_without_tls(make_scene, source, target, broker, exits):
    scene = make_scene(source, target, broker)
    text = source.conninfo(scene.database, tcp=True, sslmode="require")
    done = run_once(scene.relay(**{"postgres.conninfo": text}))
    assert done.status == exits["EXIT_PERMISSION"] and "does not support SSL" in done.output and "sslmode" in done.output, done


@pytest.mark.parametrize("rule", ["reject", "no rule"])
def test_the_line_for_pg_hba_is_the_one_that_helps(scene, secured, make_role, exits, rule):
    """Copied from the message to the top of the file, it lets both connections in."""
    scene.initialize()
    role = make_role(scene, group=None)
    before = secured.rule_lines()
    lines = [f"host {scene.database} {role.name} 127.0.0.1/32 reject"] if rule == "reject" else []
    options = {"postgres.conninfo": conninfo(scene, secured, role), "postgres.password": role.password}
    try:
        secured.rules(*lines, *before)
        relay = scene.relay(**options).start(ready=False)
        assert relay.wait_exit(30) == exits["EXIT_PERMISSION"], relay.log()
        hint = [e["hint"] for e in relay.entries() if "hint" in e][-1]
        line = hint.split("reload: ")[1]
        assert scene.database in line and role.name in line, hint
        doctor = run_once(scene.relay("doctor", command=("doctor",), **options))
        assert line in doctor.output, doctor
        secured.rules(line, *lines, *before)
        publishes(scene, relay, role, 1)
    finally:
        secured.rules(*before)


# -- privileges, one by one ---------------------------------------------------

def single_grants():
    """(statement for one privilege on one object) of the block, whatever it has."""
    found = []
    for statement in re.sub("--.*", "", relay_block()).split(";"):
        match = re.fullmatch(r"GRANT ([\w, ]+?) ON ((?:SCHEMA|FUNCTION) )?(.+) TO relay", " ".join(statement.split()))
        if match:
            privileges, kind, objects = match.groups()
            found += [f"GRANT {privilege} ON {kind or ''}{thing} TO relay" for privilege in privileges.split(", ")
                      for thing in re.split(r", (?![^()]*\))", objects)]
    assert len(found) >= 15, found
    return found


# The table of docs/operations.md, by what its rows begin with.
ROWS = {"REPLICATION": "ends", "USAGE on the schema": "ends", "SELECT, UPDATE on `outbox.relay`": "ends",
        "SELECT, INSERT on `outbox.topic`": "ends", "SELECT, INSERT on `outbox.dead_letter`": "ends",
        "SELECT on `outbox.event`": "later", "SELECT on `outbox.rotation`": "later",
        "SELECT on `outbox.status`": "status",
        "EXECUTE on `rotation_settings`": "status", "EXECUTE on `oldest_unpublished`": "status",
        "EXECUTE on `failover_problem`": "status", "EXECUTE on `heartbeat`": "warns", "EXECUTE on `maintain`": "warns",
        "INSERT on `outbox.relay`": "other", "UPDATE on `outbox.topic`": "other"}


def row_of(grant):
    """The row of the table that a GRANT is in."""
    privilege, thing = re.fullmatch(r"GRANT (\w+) ON (?:SCHEMA |FUNCTION )?(.+) TO relay", grant).groups()
    if thing == "outbox":
        return "USAGE on the schema"
    name = re.sub(r"_[012]$", "", thing.split("(")[0])
    found = [row for row in ROWS if privilege in row.split(" on ")[0].split(", ")
             and re.search(rf"`(outbox\.)?{name.removeprefix('outbox.')}`", row)]
    assert len(found) == 1, (grant, found)
    return found[0]


def test_the_table_of_privileges_has_every_grant():
    with open(os.path.join(paths.TOP, "docs", "operations.md"), encoding="utf-8") as file:
        table, = [t for t in markdown.tables(file.read()) if t.columns[0] == "taken from the relay's role"]
    documented = {row["taken from the relay's role"] for row in table.rows}
    assert documented == set(ROWS)
    assert {row_of(grant) for grant in single_grants()} | {"REPLICATION"} == documented


@pytest.mark.parametrize("taken", single_grants() + ["REPLICATION"])
def test_one_privilege_is_missing(scene, make_role, exits, taken):
    kind = ROWS[row_of(taken) if taken != "REPLICATION" else taken]
    if kind == "later":
        scene.emit("t", "before")
    scene.initialize()
    role = make_role(scene, group=None, block=";".join(grant for grant in single_grants() if grant != taken))
    if taken == "REPLICATION":
        scene.sql(f"ALTER ROLE {role.name} NOREPLICATION")
    options = {"postgres.conninfo": scene.source.conninfo(scene.database, role.name), "mark.interval": "50ms",
               "heartbeat.interval": "100ms", "maintain.interval": "100ms", "poison.policy": "dead-letter"}
    relay = scene.relay(**options).start(ready=False)
    scene.emit("t", "k")
    name = re.sub(r".*(\.|SCHEMA |ON )(\w+)[( ].*", r"\2", taken).lower()
    refusal = rf"permission denied for \w+ {name}|{name} can't be"
    if taken == "REPLICATION":
        refusal = rf"ALTER ROLE .*{role.name}.* REPLICATION"
    published = scene.topic("t")
    until(lambda: not relay.running() or scene.broker.partitions(published) and scene.broker.count(published) > 0,
          "it is published, or the relay ends", 60)
    if kind == "ends":
        assert relay.wait_exit(40) == exits["EXIT_PERMISSION"], relay.log()
        assert len(relay.problems()) == 1 and re.search(refusal, relay.log()), relay.log()
        assert any(re.search("GRANT|ALTER ROLE", e.get("hint", "")) for e in relay.entries()), relay.log()
    elif kind == "warns":
        relay.wait_log(refusal)
        assert relay.running()
    elif kind == "status":
        assert relay.running() and not relay.problems()
        done = run_once(scene.relay("status", command=("status",), **options))
        assert done.status == exits["EXIT_PERMISSION"] and re.search(refusal, done.output), done
    elif kind == "other":
        assert relay.running() and not relay.problems() and "permission denied" not in relay.log()
    elif not relay.running():
        # Rows from before the slot are in this partition.
        assert relay.wait_exit(1) == exits["EXIT_PERMISSION"] and re.search(refusal, relay.log()), relay.log()
    else:
        done = [run_once(scene.relay(c[0], command=c, **options)) for c in (("replay", "--aggregate=t"), ("verify",))]
        assert exits["EXIT_PERMISSION"] in [d.status for d in done], done
        assert any(re.search(refusal, d.output) for d in done), done


def test_the_relay_s_role_can_do_no_more(scene, make_role):
    """Not read another table, not write an event, not touch another's slot."""
    role = make_role(scene, group=None)
    scene.initialize()
    scene.sql("CREATE TABLE private (x int)")
    with scene.source.connect(scene.database, user=role.name) as connection:
        for statement in ("SELECT * FROM private", "INSERT INTO outbox.event (aggregatetype) VALUES ('t')",
                          "DELETE FROM outbox.relay", "DELETE FROM outbox.dead_letter", "TRUNCATE outbox.event",
                          "CREATE TABLE outbox.mine (x int)", "SELECT outbox.redrive(slot => 'x')",
                          "ALTER PUBLICATION " + scene.publication + " SET (publish = 'update')"):
            with pytest.raises(Exception, match="permission denied|must be owner"):
                connection.execute(statement)
