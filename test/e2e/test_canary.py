"""Secrets are planted in every place that takes one, and looked for in everything that comes out."""
import os
import re
import resource
import secrets
import shutil
import signal
import subprocess

import pytest

from harness import paths
from harness.daemon import run_once
from harness.wait import until

DATABASE = {"relay": "postgres", "consumer": "target"}
# Everything that librdkafka takes for a secret, and its own log.
KAFKA = ("sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem", "sasl.oauthbearer.config")


class Canaries:
    """Unmistakable words, each for one place."""

    def __init__(self, directory):
        self.directory = directory
        self.places = {}

    def at(self, place):
        word = "Canary" + secrets.token_hex(8)
        self.places[word] = place
        return word

    def file(self, place, text="{}\n"):
        path = self.directory / secrets.token_hex(4)
        path.write_text(text.format(self.at(place)), encoding="utf-8")
        path.chmod(0o600)
        return str(path)

    def seen(self, *texts):
        """The places whose word is in a text, whatever became of upper and lower case, or in its hexadecimal digits."""
        text = "\n".join(texts).lower()
        return sorted({place for word, place in self.places.items() if word.lower() in text or word.encode().hex() in text})


def test_canaries_are_seen(tmp_path):
    canaries = Canaries(tmp_path)
    word = canaries.at("here")
    canaries.file("there")
    assert canaries.seen("no secret") == []
    assert canaries.seen("x" + word.upper()) == canaries.seen(word.encode().hex()) == ["here"]


class Way:
    """One of the ways in which a password comes to a program."""

    def __init__(self, options=None, variables=None, arguments=(), lines=""):
        self.options, self.variables, self.arguments, self.lines = options or {}, variables or {}, arguments, lines


def ways(canaries, section, server, database):
    plain = server.conninfo(database, tcp=True)
    at = f"127.0.0.1:{server.port}"
    password = f"{section}.password"
    return {
        "a URI": Way({f"{section}.conninfo": f"postgresql://postgres:{canaries.at('user:password@')}@{at}/{database}"
                                             f"?sslpassword={canaries.at('sslpassword=')}"}),
        "keywords": Way({f"{section}.conninfo": f"{plain} password = '{canaries.at('password=')} \\' x'"}),
        "a variable": Way({password: canaries.at("a variable")}),
        "a file": Way({password + "_file": canaries.file("a file")}),
        "a file with the string": Way({f"{section}.conninfo": None,
                                       f"{section}.conninfo_file": canaries.file("a file with the string",
                                                                                 plain + " password={}\n")}),
        "arguments": Way(arguments=(f"--{section}-password={canaries.at('an argument')}",
                                    "--kafka-sasl-password", canaries.at("the argument behind"))),
        "the configuration": Way(lines=f"[{section}]\npassword = {canaries.at('the configuration')}\n"
                                       f"[kafka]\nssl.keystore.password = {canaries.at('a property there')}\n"),
        "PGPASSWORD": Way(variables={"PGPASSWORD": canaries.at("PGPASSWORD")}),
        "PGPASSFILE": Way(variables={"PGPASSFILE": canaries.file("PGPASSFILE", "*:*:*:*:{}\n")}),
        "PGSERVICEFILE": Way({f"{section}.conninfo": "service=canary"}, {"PGSERVICEFILE": canaries.file(
            "PGSERVICEFILE", f"[canary]\nhost=127.0.0.1\nport={server.port}\ndbname={database}\nuser=postgres\npassword={{}}\n")}),
    }


def make(scene, kind, canaries, way, number, *command):
    section = DATABASE[kind]
    server = scene.source if kind == "relay" else scene.target
    options = {f"{section}.conninfo": server.conninfo(scene.database, tcp=True), "log.level": "debug", "kafka.debug": "all",
               **{f"kafka.{name}": canaries.at(name) for name in KAFKA}, **way.options}
    options = {key: value for key, value in options.items()
               if not (key == "kafka.sasl.password" and way.arguments) and not (key == "kafka.ssl.keystore.password" and way.lines)}
    daemon = getattr(scene, kind)(f"{kind}{number}-{command[0].strip('-')}", command=(*command, *way.arguments), **options)
    daemon.variables.update(way.variables)
    if kind == "relay" and way.lines:
        path = os.path.join(scene.base, f"{daemon.name}.ini")
        with open(path, "w", encoding="utf-8") as file:
            file.write(way.lines)
        os.chmod(path, 0o600)
        daemon.command += ["--config", path]
    elif way.lines:
        with open(daemon.config_path, "a", encoding="utf-8") as file:
            file.write(way.lines)
        os.chmod(daemon.config_path, 0o600)
    return daemon


def shown_by(daemon):
    """What a process that runs shows to others."""
    texts = [daemon.http(page)[1] for page in ("/status", "/metrics", "/readyz", "/healthz", "/breaker")]
    for name in ("cmdline", "comm", "stat", "status"):
        with open(f"/proc/{daemon.pid}/{name}", encoding="utf-8", errors="replace") as file:
            texts.append(file.read())
    return texts


def kept_by(server, database, *schemas):
    """What is in the tables of these schemas, what sessions say of themselves, and the server's log."""
    tables = server.query(database, "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables"
                                    " WHERE schemaname = ANY (%s)", (list(schemas),))
    views = [table for table, in tables] + ["pg_stat_activity", "pg_replication_slots", "pg_stat_replication", "pg_publication"]
    return [str(server.query(database, f"SELECT t::text FROM {view} AS t")) for view in views] + [server.log_tail(1 << 20)]


@pytest.mark.parametrize("kind, commands", [
    ("relay", ("--print-config", "--check-config", "doctor", "status")),
    ("consumer", ("--print-config", "--check-config", "check")),
])
def test_no_secret_comes_out(scene, tmp_path, exits, kind, commands):
    """By every way into a program and of each property of Kafka's client, at the most talkative level."""
    canaries = Canaries(tmp_path)
    scene.start_published()
    scene.apply_all("t")
    server = scene.source if kind == "relay" else scene.target
    scene.daemons[-1].stop()
    shown = []
    for number, (name, way) in enumerate(ways(canaries, DATABASE[kind], server, scene.database).items()):
        for command in commands:
            done = run_once(make(scene, kind, canaries, way, number, command))
            assert done.status in (0, exits["EXIT_FINDINGS"]), (name, command, done)
            shown.append(done.output)
            assert not canaries.seen(done.output), (name, command, canaries.seen(done.output))
        if name not in ("a URI", "arguments", "the configuration", "PGPASSWORD"):
            continue
        daemon = make(scene, kind, canaries, way, number, "run").start()
        scene.emit("t", name)
        shown += shown_by(daemon)
        assert daemon.stop() == 0, daemon.log()
        shown.append(daemon.log())
        assert len(daemon.log()) > 20000, "librdkafka's own log is there"
        assert not canaries.seen(*shown), (name, canaries.seen(*shown))
        if kind == "relay":
            scene.wait_slot_free()
    records = [repr((record.key, record.value, record.headers)) for topic in scene.broker.topics(scene.prefix)
               for record in scene.broker.read(topic)]
    assert records
    assert len(canaries.places) > 60 and len(shown) > 50
    assert not canaries.seen(*records, *kept_by(server, scene.database, "outbox", "outbox_inbox"))


@pytest.mark.parametrize("property, value", [
    ("ssl.key.pem", "-----BEGIN PRIVATE KEY-----{}"), ("ssl.key.pem", "{}"),
    ("sasl.oauthbearer.config", "{}=x"), ("sasl.oauthbearer.config", "principal={0} scope={0} what={0}"),
    ("sasl.oauthbearer.config", "principalClaimName={0} lifeSeconds={0}"),
])
@pytest.mark.parametrize("kind", ["relay", "consumer"])
def test_what_the_library_refuses_is_not_told(scene, tmp_path, kind, property, value):
    """Its complaints quote what they are about."""
    canaries = Canaries(tmp_path)
    canary = canaries.at(property)
    scene.initialize()
    scene.apply_all("t")
    protocol = {"kafka.security.protocol": "ssl"} if "ssl" in property else {
        "kafka.security.protocol": "sasl_plaintext", "kafka.sasl.mechanism": "OAUTHBEARER",
        "kafka.enable.sasl.oauthbearer.unsecure.jwt": "true"}
    daemon = getattr(scene, kind)(**{f"kafka.{property}": value.format(canary), "log.level": "debug", **protocol}).start(ready=False)
    until(lambda: not daemon.running() or re.search(r"(?i)oauth|ssl\.key", daemon.log()), "it complains", 40)
    daemon.finish()
    assert re.search(r"(?i)oauth|ssl", daemon.log()), daemon.log()
    assert not canaries.seen(daemon.log()), daemon.log()


def test_no_wrong_password_comes_out(scene, tmp_path, exits):
    """What is told of a password that was refused, by either side."""
    canaries = Canaries(tmp_path)
    scene.initialize()
    scene.apply_all("t")
    shown = []
    for kind, commands in (("relay", ("run", "init", "status", "doctor")), ("consumer", ("run", "init", "check"))):
        server = scene.source if kind == "relay" else scene.target
        for number, command in enumerate(commands):
            conninfo = server.conninfo(scene.database, user="locked", tcp=True)
            way = Way({f"{DATABASE[kind]}.conninfo": f"{conninfo} password={canaries.at(command)}"})
            done = run_once(make(scene, kind, canaries, way, number, command))
            assert done.status == exits["EXIT_FINDINGS" if command == "doctor" else "EXIT_PERMISSION"], done
            assert "locked" in done.output and "password" in done.output, done
            shown.append(done.output)
        shown.append(server.log_tail(1 << 20))
    assert not canaries.seen(*shown), canaries.seen(*shown)


# -- memory -----------------------------------------------------------------

class Crashing:
    """A program that waits for servers that aren't there, with room for a core file."""

    def __init__(self, directory, kind, canary, **options):
        self.directory = str(directory)
        self.program = shutil.copy(os.path.join(paths.BIN, f"outbox-{kind}"), self.directory)
        prefix = f"OUTBOX_{kind.upper()}_"
        section = DATABASE[kind]
        self.environment = {f"{prefix}{section.upper()}_CONNINFO": f"host=127.0.0.1 port=1 user=x password={canary}",
                            f"{prefix}KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", f"{prefix}HTTP_LISTEN": "",
                            f"{prefix}KAFKA_SASL_PASSWORD": canary, **{name: os.environ.get(name, "") for name in ("ASAN_OPTIONS", "TSAN_OPTIONS")},
                            **{prefix + name.replace(".", "_").upper(): value for name, value in options.items()}}
        arguments = [self.program, "run"]
        if kind == "consumer":
            with open(os.path.join(self.directory, "consumer.ini"), "w", encoding="utf-8") as file:
                file.write("[consumer]\ngroup = g\n[handler t]\nsql = SELECT 1 FROM batch\n")
            arguments += ["--config", "consumer.ini"]
        user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
        if user:
            shutil.chown(self.directory, "nobody")
        self.user = user
        self.log_path = os.path.join(self.directory, "log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(arguments, cwd=self.directory, env=self.environment, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, preexec_fn=allow_core_files, **user)
        try:
            until(self.tries, lambda: f"it looks for its servers: {self.log()}")
        except AssertionError:
            self.process.kill()
            raise

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def tries(self):
        assert self.process.poll() is None, self.log()
        return "could not connect" in self.log()

    def environ(self):
        """What another process of the same user reads of the environment; None: it may not."""
        done = subprocess.run(["cat", f"/proc/{self.process.pid}/environ"], check=False, capture_output=True, **self.user)
        return done.stdout.decode() if done.returncode == 0 else None

    def crash(self):
        """Whether it dumped core, and the bytes of the file; None: there is none here."""
        os.kill(self.process.pid, signal.SIGSEGV)
        _, status = os.waitpid(self.process.pid, 0)
        self.process.returncode = -os.WTERMSIG(status)
        assert os.WIFSIGNALED(status)
        found = [name for name in os.listdir(self.directory) if name.startswith("core")]
        if not found:
            return os.WCOREDUMP(status), None
        with open(os.path.join(self.directory, found[0]), "rb") as file:
            return os.WCOREDUMP(status), file.read()


def allow_core_files():
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


@pytest.fixture
def crashing(base):
    made = []

    def start(kind, canary, **options):
        directory = os.path.join(base, "crash" + secrets.token_hex(4))
        os.mkdir(directory)
        made.append(Crashing(directory, kind, canary, **options))
        return made[-1]
    yield start
    for one in made:
        if one.process.returncode is None:
            one.process.kill()
            one.process.wait(10)


@pytest.mark.skipif(paths.WATCHED, reason="the tool catches the signal")
@pytest.mark.parametrize("kind", ["relay", "consumer"])
def test_a_crash_leaves_no_core(crashing, tmp_path, kind):
    """Nor does the environment show to other processes of its user."""
    canary = Canaries(tmp_path).at("memory")
    default = crashing(kind, canary)
    assert default.environ() is None
    assert default.crash() == (False, None)
    # Where it was asked for there is one, with all of that in it.
    asked = crashing(kind, canary, **{"process.core_dumps": "on"})
    assert canary in asked.environ()
    dumped, core = asked.crash()
    if core is None:
        pytest.skip(f"this system leaves no core file beside a program (dumped: {dumped})")
    assert canary.encode() in core
