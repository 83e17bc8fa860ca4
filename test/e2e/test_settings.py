"""Settings and command lines: what is wrong is said with what would be right, and a secret is nowhere."""
import os
import re
import secrets
import subprocess

import pytest

from harness import markdown, paths
from harness.daemon import run_once
from harness.wait import until

PREFIX = {"outbox-relay": "OUTBOX_RELAY", "outbox-consumer": "OUTBOX_CONSUMER"}


def run(program, *arguments, **environment):
    """Exit status and both streams, with these variables and no other settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "OUTBOX_", "KAFKA"))}
    done = subprocess.run([os.path.join(paths.BIN, program), *arguments], env={**kept, **environment},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, timeout=60)
    return done.returncode, done.stdout


def refuses(exits, program, arguments, *words, **environment):
    status, text = run(program, *arguments, **environment)
    assert status == exits["EXIT_CONFIG"], (arguments, text)
    assert len(text.splitlines()) == 1, text
    for word in words:
        assert word in text.replace('\\"', '"'), (arguments, word, text)


@pytest.mark.parametrize("arguments, words", [
    (["init", "--existing=foo"], ['"--existing"', '"foo"', "It is publish or skip."]),
    (["init", "--existing"], ['"--existing" needs a value', "It is publish or skip."]),
    (["init", "--wal-messages", "maybe"], ["It is on or off."]),
    (["run", "--accept-gap"], ['"--accept-gap" is an option of "init"', 'The command is "run"']),
    (["doctor", "--since=now"], ['is an option of "replay", "verify"', 'The command is "doctor"']),
    (["--accept-gap", "init"], ["It stands behind the command"]),
    (["init", "--acept-gap"], ['Did you mean "--accept-gap"?']),
    (["run", "--postgres-slto=x"], ['Did you mean "--postgres-slot"?']),
    (["run", "--conifg", "x"], ['Did you mean "--config"?']),
    (["teardown", "--yes=1"], ['"--yes" takes no value']),
    (["statsu"], ['unrecognized command "statsu"', 'Did you mean "status"?']),
    (["fly"], ['unrecognized command "fly"', "The commands are init, run, "]),
    (["run", "init"], ['unrecognized argument "init"', 'The command is "run"']),
    ([], ["no command was given"]),
])
def test_a_wrong_command_line_of_the_relay(exits, arguments, words):
    refuses(exits, "outbox-relay", arguments, *words)


@pytest.mark.parametrize("arguments, words", [
    (["rnu"], ['unrecognized command "rnu"', "It is init, check, run or redrive"]),
    (["run", "--consumer-gruop=x"], ['Did you mean "--consumer-group"?']),
    (["run", "--print-confg"], ['Did you mean "--print-config"?']),
    (["--target-conninfo"], ['needs a value']),
])
def test_a_wrong_command_line_of_the_consumer(exits, arguments, words):
    refuses(exits, "outbox-consumer", arguments, *words)


def without_a_certificate(tmp_path, prefix):
    return {f"{prefix}_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", f"{prefix}_KAFKA_SECURITY_PROTOCOL": "ssl",
            f"{prefix}_KAFKA_SSL_CA_LOCATION": str(tmp_path / "ca.crt")}


@pytest.mark.parametrize("command", ["run", "--check-config", "init"])
def test_a_certificate_that_is_missing(tmp_path, exits, command):
    refuses(exits, "outbox-relay", [command], str(tmp_path / "ca.crt"), "kafka.ssl.ca.location",
            "No such file or directory", **without_a_certificate(tmp_path, "OUTBOX_RELAY"))


@pytest.mark.parametrize("command", ["status", "teardown"])
def test_what_never_asks_kafka_needs_no_certificate(tmp_path, command):
    status, text = run("outbox-relay", command, "--postgres-conninfo=host=/nowhere",
                       **without_a_certificate(tmp_path, "OUTBOX_RELAY"))
    assert status != 0 and "/nowhere" in text and "ca.crt" not in text, text


def test_a_certificate_that_the_consumer_misses(tmp_path, exits):
    (tmp_path / "consumer.ini").write_text("[consumer]\ngroup = g\n[handler t]\nsql = SELECT 1 FROM batch\n",
                                           encoding="utf-8")
    refuses(exits, "outbox-consumer", ["run", "--config", str(tmp_path / "consumer.ini"), "--http-listen=",
                                       "--target-conninfo=host=/nowhere"],
            str(tmp_path / "ca.crt"), "kafka.ssl.ca.location", "No such file or directory",
            **without_a_certificate(tmp_path, "OUTBOX_CONSUMER"))


def test_doctor_looks_at_the_rest_when_a_certificate_is_missing(tmp_path, exits):
    status, text = run("outbox-relay", "doctor", "--postgres-conninfo=host=/nowhere",
                       **without_a_certificate(tmp_path, "OUTBOX_RELAY"))
    assert status == exits["EXIT_FINDINGS"], text
    assert re.search(r"(?m)^error +connection: .*/nowhere", text), text
    assert re.search(rf'(?m)^error +kafka: .*{tmp_path}/ca.crt.*"kafka.ssl.ca.location".*No such file', text), text
    assert "to do: Put the file there, or name another one." in text


def test_every_argument_of_help_is_known():
    """A misspelt one is recognized, so that the list of what was meant is whole."""
    help_text = run("outbox-relay", "--help")[1].split("--postgres-conninfo")[0]
    names = sorted(set(re.findall(r"--[a-z][a-z-]+", help_text)) - {"--print-markdown"})
    assert len(names) > 20
    for name in names:
        _, text = run("outbox-relay", "run", name + "z")
        assert f'Did you mean \\"{name}\\"?' in text, (name, text)


@pytest.mark.parametrize("program", PREFIX)
def test_variables(exits, program):
    prefix = PREFIX[program]
    refuses(exits, program, ["run"], f'unrecognized environment variable "{prefix}_FOO"', **{f"{prefix}_FOO": "1"})
    refuses(exits, program, ["run"], f'Did you mean "{prefix}_LOG_LEVEL"?', **{f"{prefix}_LOG_LEVL": "1"})
    status, text = run(program, "--print-config", **{f"{prefix}_KAFKA_SSL_CA_LOCATION": "/ca.pem"})
    assert status == 0 and f"kafka.ssl.ca.location = /ca.pem  # environment {prefix}_KAFKA_SSL_CA_LOCATION" in text


@pytest.mark.parametrize("program", PREFIX)
def test_help_is_printed_in_lines_for_a_terminal(program):
    status, text = run(program, "--help")
    assert status == 0
    too_long = [line for line in text.splitlines() if len(line) > 110]
    assert not too_long
    assert not any(line != line.rstrip() for line in text.splitlines())


@pytest.mark.parametrize("program", PREFIX)
def test_the_sample_file_is_a_file_that_works(program, tmp_path):
    """Every setting of it is one that --help has, and with all of them on, nothing changes."""
    status, sample = run(program, "--print-sample")
    assert status == 0
    path = tmp_path / "sample.ini"
    # What has no default stays out: an empty value isn't none.
    lines = [re.sub(r"^#(?=[a-z_.]+ = |\t)", "", line) for line in sample.splitlines()
             if not re.match(r"#\[", line)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    path.chmod(0o600)
    status, set_all = run(program, "--print-config", "--config", str(path))
    assert status == 0, set_all
    status, defaults = run(program, "--print-config")

    def values(text):
        return [line.split("  # ")[0] for line in text.splitlines()]
    assert values(set_all) == values(defaults)
    assert sum(f"file {path}:" in line for line in set_all.splitlines()) > 20
    reference = {row["option"].strip("`") for table in markdown.tables(run(program, "--print-markdown")[1])
                 for row in table.rows}
    # The group stands in the section's line, the setting in a line of its own.
    section, named = "", set()
    for line in sample.splitlines():
        if re.fullmatch(r"\[[a-z_]+\]", line):
            section = line[1:-1] + "."
        match = re.match(r"#([a-z_.]+) =", line)
        if match:
            named.add(section + match.group(1))
    assert named == {name for name in reference if "<" not in name}


def three_lines():
    """What README shows for the relay."""
    with open(os.path.join(paths.TOP, "README.md"), encoding="utf-8") as file:
        text = file.read()
    block, = [b for b in markdown.blocks(text[text.index("`relay.conf`:") - 1:])
              if b.startswith("postgres.conninfo")]
    return block.split("\n\n")[0].strip().splitlines()


@pytest.mark.parametrize("program, name", [("outbox-relay", "relay.conf"), ("outbox-consumer", "consumer.conf")])
def test_an_example_can_be_copied_with_its_margin(tmp_path, program, name):
    """Out of README's text, where four blanks stand before each line."""
    with open(os.path.join(paths.TOP, "README.md"), encoding="utf-8") as file:
        text = file.read()
    lines = text[text.index(f"`{name}`:"):].splitlines()[2:]
    example = lines[:lines.index("")]
    assert len(example) >= 3 and all(line.startswith("    ") for line in example)
    (tmp_path / name).write_text("\n".join(example) + "\n", encoding="utf-8")
    status, printed = run(program, "--print-config", "--config", str(tmp_path / name))
    assert status == 0 and f"file {tmp_path / name}:" in printed, printed


def test_a_file_of_three_lines_is_enough(scene, tmp_path):
    lines = three_lines()
    assert len(lines) == 3
    path = tmp_path / "relay.conf"
    here = {"postgres.conninfo": scene.source.conninfo(scene.database), "kafka.bootstrap.servers": scene.broker.servers}
    keys = [line.split(" = ")[0] for line in lines]
    assert set(here) < set(keys)
    path.write_text("".join(f"{key} = {here.get(key, line.split(' = ')[1])}\n" for key, line in zip(keys, lines)),
                    encoding="utf-8")
    nothing = dict.fromkeys(["postgres.conninfo", "postgres.slot", "postgres.publication", "kafka.bootstrap.servers",
                             "topics.pattern", "reconnect.max", "log.format"])
    # Slots are the whole server's: only the name can't be that of the file here.
    nothing["postgres.slot"] = scene.slot
    done = run_once(scene.relay("three-init", command=("init", "--config", str(path)), **nothing))
    assert done.status == 0, done
    kind = "three" + secrets.token_hex(4)
    topic = f"outbox.event.{kind}"
    relay = scene.relay("three", command=("run", "--config", str(path)), **nothing).start()
    try:
        event = scene.emit(kind, "k")
        until(lambda: scene.broker.partitions(topic), "the topic is there")
        with scene.broker.reader(topic) as reader:
            assert reader.some(1)[0].id == event
        assert relay.stop() == 0 and not relay.problems()
    finally:
        scene.broker.delete_topics([topic])


def test_what_init_can_not_do_any_more_is_said(scene):
    scene.initialize()
    done = scene.init("--existing", "skip", "--accept-gap")
    assert done.status == 0, done
    assert "--existing changes nothing" in done.output and "--accept-gap changes nothing" in done.output


def test_a_database_that_is_not_there(make_scene, source, target, broker, exits):
    scene = make_scene(source, target, broker)
    scene.apply_all("t")
    for daemon in (scene.relay(**{"postgres.conninfo": source.conninfo("no_such_database")}),
                   scene.relay("doctor", command=("status",), **{"postgres.conninfo": source.conninfo("no_such_database")}),
                   *(scene.consumer(command, command=(command,), **{"target.conninfo": target.conninfo("no_such_database")})
                     for command in ("init", "check", "run"))):
        done = run_once(daemon)
        assert done.status == exits["EXIT_CONFIG"], done
        assert "no_such_database" in done.output and "conninfo" in done.output and "dbname" in done.output, done


def test_a_role_that_is_not_there(scene, exits):
    """As without user=, where libpq takes the system's user."""
    scene.initialize()
    relay = scene.relay(**{"postgres.conninfo": scene.source.conninfo(scene.database, user="not_there")})
    relay.start(ready=False)
    assert relay.wait_exit() == exits["EXIT_PERMISSION"]
    (error,) = relay.problems()
    assert 'role "not_there" does not exist' in error["msg"] and "user=" in error["hint"]


def test_a_wrong_password_ends_every_command_of_the_consumer(make_scene, target, broker, exits):
    scene = make_scene(None, target, broker)
    scene.apply_all("t")
    conninfo = target.conninfo(scene.database, user="locked", tcp=True, password="wrong")
    for command in ("init", "check", "run"):
        done = run_once(scene.consumer(command, command=(command,), **{"target.conninfo": conninfo}))
        assert done.status == exits["EXIT_PERMISSION"] and "locked" in done.output, done


# -- secrets ----------------------------------------------------------------

def everything_of(daemon):
    """What a daemon shows: its log, its pages, its title."""
    texts = [daemon.log(whole=True)]
    if daemon.running():
        texts += [daemon.http(page)[1] for page in ("/status", "/metrics", "/readyz")]
        with open(f"/proc/{daemon.pid}/cmdline", encoding="utf-8") as file:
            texts.append(file.read())
    return texts


def test_a_secret_is_shown_nowhere(scene, tmp_path, exits):
    """In a file, in the environment and on the command line, with librdkafka's own log on."""
    secret = "Sesame" + secrets.token_hex(6)
    role = scene.id + "_pw"
    scene.sql(f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{secret}'")
    path = tmp_path / "password"
    path.write_text(secret + "\n", encoding="utf-8")
    path.chmod(0o600)
    conninfo = scene.source.conninfo(scene.database, user=role, tcp=True)
    ways = [{"postgres.password_file": str(path)}, {"postgres.password": secret},
            {"postgres.conninfo": f"{conninfo} password={secret}"}]
    shown = []
    try:
        scene.initialize()
        for number, way in enumerate(ways):
            options = {"postgres.conninfo": conninfo, "kafka.sasl.password": secret, "kafka.sasl.username": "nobody",
                       "kafka.debug": "security,broker,feature", "log.level": "debug", **way}
            for command in ("--print-config", "--check-config", "doctor", "status"):
                done = run_once(scene.relay(f"{command.strip('-')}{number}", command=(command,), **options))
                assert done.status in (0, 18), done
                shown.append(done.output)
            relay = scene.relay(f"relay{number}", command=("run", f"--kafka-ssl-key-password={secret}"), **options)
            relay.start()
            shown += everything_of(relay)
            assert relay.stop() == 0
            shown.append(relay.log(whole=True))
        # And when it is wrong, or in a string that can't be parsed.
        for bad in (f"{conninfo} password=x {secret}", f"postgresql://u:{secret}@x@{secret}:1/d",
                    f"postgresql://u:p@h:{secret}/d?password=x", f"{conninfo} password='{secret}"):
            done = run_once(scene.relay(f"bad{len(shown)}", **{"postgres.conninfo": bad}))
            assert done.status == exits["EXIT_CONFIG"], done
            shown.append(done.output)
    finally:
        for daemon in scene.daemons:
            daemon.finish()
        scene.sql(f"DROP ROLE {role}")
    assert len(shown) > 20
    for text in shown:
        assert secret not in text, text


@pytest.mark.parametrize("conninfo, word", [
    ("host=h sslmode=foo", "sslmode"), ("service=nowhere", "nowhere"), ("host=h port=x", "port"), ("nonsense=1", "nonsense"),
    ("host=h channel_binding=maybe", "channel_binding"), ("postgresql://u:p@s@h/d", "%40"),
    ("postgresql://u:p/w@h/d", "%2F"), ("host=h passwort=x y", "invalid connection option"),
])
def test_a_connection_string_that_can_not_be_tried(exits, conninfo, word):
    refuses(exits, "outbox-relay", ["run"], "postgres.conninfo", word, OUTBOX_RELAY_POSTGRES_CONNINFO=conninfo,
            OUTBOX_RELAY_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    refuses(exits, "outbox-consumer", ["init"], "target.conninfo", word, OUTBOX_CONSUMER_TARGET_CONNINFO=conninfo)


def test_a_secret_file_that_is_not_right(scene, tmp_path, exits):
    ini = tmp_path / "relay.ini"
    ini.write_text("[kafka]\nbootstrap.servers = 127.0.0.1:1\n[postgres]\npassword_file = /no/such/file\n",
                   encoding="utf-8")
    refuses(exits, "outbox-relay", ["run", "--config", str(ini)], f"{ini}:4", "/no/such/file", "No such file",
            "postgres.password")
    empty = tmp_path / "empty"
    empty.write_text("\n", encoding="utf-8")
    refuses(exits, "outbox-consumer", ["run"], "OUTBOX_CONSUMER_TARGET_PASSWORD_FILE", "is empty",
            OUTBOX_CONSUMER_TARGET_PASSWORD_FILE=str(empty))
    readable = tmp_path / "readable"
    readable.write_text("sesame\n", encoding="utf-8")
    readable.chmod(0o644)
    status, text = run("outbox-relay", "--check-config", OUTBOX_RELAY_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1",
                       OUTBOX_RELAY_POSTGRES_PASSWORD_FILE=str(readable))
    assert status == 0 and "may be read by everybody" in text and "sesame" not in text, text
