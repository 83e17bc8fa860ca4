"""Kafka that demands TLS, client certificates, passwords and access lists, and what is said when they are wrong."""
import os
import re
import subprocess

import pytest
from confluent_kafka import Producer

from harness import markdown, paths
from harness.certificates import Authority
from harness.daemon import run_once
from harness.wait import until
from harness.whole import check_once, exactly, position

pytestmark = pytest.mark.xdist_group("secure_kafka")


def library():
    """librdkafka's version that the programs run with, as numbers."""
    text = subprocess.run([os.path.join(paths.BIN, "outbox-relay"), "--version"], check=True, capture_output=True,
                          text=True).stdout
    return tuple(int(n) for n in re.search(r"librdkafka (\d+)\.(\d+)\.(\d+)", text).groups())


def operations():
    with open(os.path.join(paths.TOP, "docs", "operations.md"), encoding="utf-8") as file:
        return file.read()


def documented_acls(user):
    """(operation, resource, name, pattern) of each line of kafka-acls for this principal."""
    found = []
    for line in re.findall(r"(?m)^    kafka-acls .*$", operations()):
        words = dict(re.findall(r"--([a-z-]+) ([^-\s]\S*)", line))
        if words["allow-principal"] == f"User:{user}":
            resource = "Topic" if "topic" in words else "Group"
            name = words[resource.lower()]
            letters = "dead-letter " if name.startswith("outbox.dead-letter.") else ""
            found.append((words["operation"], letters + resource, name,
                          words.get("resource-pattern-type", "literal")))
    assert len(found) >= 2, user
    return found


def of_scene(scene, acl):
    operation, resource, _, pattern = acl
    if resource == "dead-letter Topic":
        return operation, "Topic", scene.letters(), pattern
    return operation, resource, scene.prefix + ("." if resource == "Topic" else ""), pattern


def grant(scene, user, acls):
    for acl in acls:
        scene.broker.grant(user, *of_scene(scene, acl))


@pytest.fixture
def scene(make_scene, source, target, secure_broker):
    made = make_scene(source, target, secure_broker)
    yield made
    for daemon in made.daemons:
        daemon.finish()
    for user in ("relay", "consumer"):
        secure_broker.revoke(user)


@pytest.fixture(scope="session")
def stranger(base):
    """An authority that no broker trusts, and that no client should."""
    return Authority(base, "stranger")


def tls(broker, at="SSL", **more):
    return {"kafka.bootstrap.servers": broker.at[at], "kafka.security.protocol": "ssl",
            "kafka.ssl.ca.location": broker.authority.ca, **more}


def login(broker, mechanism, user="relay", at="PASSWORD", password=None):
    options = {"kafka.bootstrap.servers": broker.at[at], "kafka.security.protocol": "sasl_plaintext",
               "kafka.sasl.mechanism": mechanism, "kafka.sasl.username": user,
               "kafka.sasl.password": password or broker.passwords[user]}
    if at == "BOTH":
        options.update({"kafka.security.protocol": "sasl_ssl", "kafka.ssl.ca.location": broker.authority.ca})
    return options


def client_certificate(broker, name, password=None, authority=None):
    """CN is the principal's name."""
    certificate, key = (authority or broker.authority).issue(name, password=password)
    options = tls(broker, "MTLS", **{"kafka.ssl.certificate.location": certificate, "kafka.ssl.key.location": key})
    if password is not None:
        path = key + ".password"
        with open(path, "w", encoding="ascii") as file:
            file.write(password + "\n")
        os.chmod(path, 0o600)
        options["kafka.ssl.key.password_file"] = path
    return options


def ways(broker, user):
    return {"tls": tls(broker), "certificate": client_certificate(broker, user),
            "certificate, key with password": client_certificate(broker, user, password="open sesame"),
            "plain": login(broker, "PLAIN", user), "plain over tls": login(broker, "PLAIN", user, "BOTH"),
            "scram 256": login(broker, "SCRAM-SHA-256", user),
            "scram 512 over tls": login(broker, "SCRAM-SHA-512", user, "BOTH")}


def test_the_settings_of_the_documentation_are_right(stranger, tmp_path):
    """With the files that they name put elsewhere."""
    section = re.search(r"(?ms)^## Security$(.*?)^## ", operations()).group(1)
    text = "".join(b for b in markdown.blocks(section) if b.startswith("["))
    assert text.count("[") == 2 and "password_file" in text
    for name in set(re.findall(r"/run/secrets/(\S+)", text)):
        path = tmp_path / name
        path.write_text("secret\n", encoding="utf-8")
        path.chmod(0o600)
    text = re.sub(r"/run/secrets/", f"{tmp_path}/", re.sub(r"/etc/ssl/\S+\.crt", stranger.ca, text))
    (tmp_path / "relay.conf").write_text(text, encoding="utf-8")
    done = subprocess.run([os.path.join(paths.BIN, "outbox-relay"), "--config", str(tmp_path / "relay.conf"),
                           "--check-config"], check=False, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr


def test_every_way_in(scene, exits):
    """Relay and consumer, each with just the documented access lists."""
    grant(scene, "relay", documented_acls("relay"))
    grant(scene, "consumer", documented_acls("consumer"))
    scene.apply_all("t")
    scene.initialize("--existing=skip")
    ids = []
    for name, options in ways(scene.broker, "relay").items():
        if "scram" in name and library() < (2, 6, 1):
            relay = scene.relay(f"relay-{name}".replace(" ", "-"), **options).start(ready=False)
            assert relay.wait_exit(40) == exits["EXIT_PERMISSION"], relay.log()
            assert "2.6.1" in relay.log() and len(relay.problems()) == 1
            continue
        relay = scene.relay(f"relay-{name}".replace(" ", "-"), **options).start()
        ids.append(scene.emit("t", name))
        until(lambda: scene.broker.partitions(scene.topic("t")), "the topic is there")
        with scene.broker.reader(scene.topic("t")) as reader:
            assert ids[-1] in [r.id for r in reader.some(len(ids))], name
        done = run_once(scene.relay(f"doctor-{len(ids)}", command=("doctor",), **options))
        assert "error    kafka" not in done.output and "error    topics" not in done.output, done
        done = run_once(scene.relay(f"verify-{len(ids)}", command=("verify",), **options))
        assert "missing: 0" in done.output, done
        assert relay.stop() == 0 and not relay.problems(), relay.problems()
        scene.wait_slot_free()
    assert len(ids) >= 5
    applied = 0
    for name, options in ways(scene.broker, "consumer").items():
        consumer = scene.consumer(f"consumer-{name}".replace(" ", "-"), **options).start(ready=False)
        if "scram" in name and library() < (2, 6, 1):
            assert consumer.wait_exit(40) == exits["EXIT_PERMISSION"], consumer.log()
            assert "2.6.1" in consumer.log()
            continue
        consumer.wait_ready(60)
        applied += len(ids) if applied == 0 else 0
        until(lambda: len(scene.applied()) == applied, "everything is applied")
        assert consumer.stop() == 0 and not consumer.problems(), consumer.problems()
    assert sorted(event for event, _, _ in scene.applied()) == sorted(ids)


WRONG = {
    "no ca": (lambda b, s: tls(b, **{"kafka.ssl.ca.location": None}), ["can't be trusted", "ssl.ca.location"]),
    "another ca": (lambda b, s: tls(b, **{"kafka.ssl.ca.location": s.ca}), ["its CA isn't", "ssl.ca.location"]),
    "another host": (lambda b, s: tls(b, "ELSEWHERE"), ["another (host name|address)", "advertised.listeners"]),
    "expired": (lambda b, s: tls(b, "EXPIRED"), ["has expired", "new certificate"]),
    "no client certificate": (lambda b, s: tls(b, "MTLS"), ["client's certificate", "ssl.certificate.location"]),
    "a stranger's certificate": (lambda b, s: client_certificate(b, "relay", authority=s),
                                 ["client's certificate", "ssl.certificate.location"]),
    "wrong password": (lambda b, s: login(b, "PLAIN", password="wrong"), ["refused the login", "sasl.password"]),
    "wrong scram password": (lambda b, s: login(b, "SCRAM-SHA-256", password="wrong"),
                             ["refused the login", "sasl.password"]),
    "no such user": (lambda b, s: login(b, "PLAIN", password="x") | {"kafka.sasl.username": "nobody"},
                     ["refused the login", "sasl.username"]),
    "no login there": (lambda b, s: login(b, "PLAIN") | {"kafka.bootstrap.servers": b.servers},
                       ["refused the login", "sasl.mechanism"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said(scene, stranger, exits, case):
    make, words = WRONG[case]
    options = make(scene.broker, stranger)
    scene.apply_all("t")

    def init_knows():
        done = scene.init(**options)
        assert done.status == 0, done   # PostgreSQL is all that it needs; it warns
        return done if all(re.search(word, done.output) for word in words) else None
    # It asks Kafka for some seconds only.
    done = until(init_knows, "init says it", 60)
    relay = scene.relay(**options).start(ready=False)
    assert relay.wait_exit(40) == exits["EXIT_PERMISSION"], relay.log()
    assert len(relay.problems()) == 1, relay.problems()
    consumer = scene.consumer(**options).start(ready=False)
    assert consumer.wait_exit(40) == exits["EXIT_PERMISSION"], consumer.log()
    check = run_once(scene.consumer("check", command=("check",), **options))
    assert check.status == exits["EXIT_PERMISSION"], check
    doctor = run_once(scene.relay("doctor", command=("doctor",), **options))
    assert doctor.status == exits["EXIT_FINDINGS"], doctor
    for text in (done.output, relay.log(), consumer.log(), check.output, doctor.output):
        for word in words:
            assert re.search(word, text), (case, word, text)
        assert "wrong" not in text and scene.broker.passwords["relay"] not in text


@pytest.mark.slow
def test_a_password_that_changes_later_is_waited_for(make_scene, source, own, exits):
    """Brokers are changed one by one: a relay that has worked says what is wrong, and goes on when it is mended."""
    broker = own.secure_broker()
    scene = make_scene(source, None, broker)
    grant(scene, "relay", documented_acls("relay"))
    relay = scene.start_relay(**login(broker, "PLAIN"))
    first = scene.emit("t", "k")
    until(lambda: broker.partitions(scene.topic("t")) and broker.count(scene.topic("t")) == 1, "it is published")
    properties = os.path.join(broker.base, "server.properties")

    def restart_with(old, new):
        broker.stop()
        with open(properties, encoding="ascii") as file:
            text = file.read()
        assert old in text
        with open(properties, "w", encoding="ascii") as file:
            file.write(text.replace(old, new))
        broker.restart()
    restart_with(broker.passwords["relay"], "another")
    second = scene.emit("t", "k")
    relay.wait_log("refused the login.*sasl.password", 60)
    assert relay.running() and broker.count(scene.topic("t")) == 1
    restart_with("another", broker.passwords["relay"])
    until(lambda: broker.count(scene.topic("t")) == 2, "the second is published", 60)
    assert [r.id for r in broker.read(scene.topic("t"))] == [first, second]
    assert relay.stop() == 0


# -- access lists -----------------------------------------------------------

def without():
    """{(principal, operation, resource): (status, words)} as the documentation has it."""
    table, = [t for t in markdown.tables(operations()) if t.columns[:2] == ["principal", "ACL"]]
    found = {}
    for row in table.rows:
        operation, resource = row["ACL"].split(" ", 1)
        found[(row["principal"], operation, resource)] = row["without it"]
    return found


def test_every_documented_acl_is_in_the_table():
    for user in ("relay", "consumer"):
        lines = {(user, operation, resource) for operation, resource, _, _ in documented_acls(user)}
        assert lines == {key for key in without() if key[0] == user}


@pytest.mark.parametrize("operation", ["Write", "Create", "Read"])
def test_a_relay_without_one_acl(scene, exits, operation):
    """With Read taken away it is the next start that says so: the tails are read then."""
    acls = documented_acls("relay")
    assert operation in [acl[0] for acl in acls]
    options = login(scene.broker, "PLAIN")
    if operation == "Read":
        grant(scene, "relay", acls)
        relay = scene.start_relay(**options)
        scene.emit("t", "k")
        until(lambda: scene.broker.partitions(scene.topic("t")) and scene.broker.count(scene.topic("t")) == 1, "it is out")
        assert relay.stop() == 0
        scene.broker.revoke("relay", *of_scene(scene, [acl for acl in acls if acl[0] == "Read"][0]))
        scene.wait_slot_free()
    else:
        grant(scene, "relay", [acl for acl in acls if acl[0] != operation])
        scene.initialize(**options)
    relay = scene.relay("relay-2", **options).start(ready=False)
    event = scene.emit("t", "k")
    status = relay.wait_exit(60)
    check_refusal(relay, status, exits, "relay", operation, "Topic")
    # And with it, the same event goes out.
    grant(scene, "relay", acls)
    relay.start()
    until(lambda: scene.broker.partitions(scene.topic("t")) > 0, "its topic is there", 60)
    until(lambda: event in {r.id for r in scene.broker.read(scene.topic("t"))}, "it is out", 60)
    assert relay.stop() == 0


def check_refusal(daemon, status, exits, user, operation, resource):
    said = without()[(user, operation, resource)]
    assert f"status {status}" in said, (status, said, daemon.log())
    assert len(daemon.problems()) == 1, daemon.problems()
    assert f"ACL {operation}" in daemon.log(), daemon.log()


def test_write_that_is_revoked_from_a_streaming_relay(scene, exits):
    acls = documented_acls("relay")
    grant(scene, "relay", acls)
    relay = scene.start_relay(**login(scene.broker, "PLAIN"))
    first = scene.emit("t", "k")
    until(lambda: scene.broker.partitions(scene.topic("t")) and scene.broker.count(scene.topic("t")) == 1, "it is out")
    scene.broker.revoke("relay", *of_scene(scene, [acl for acl in acls if acl[0] == "Write"][0]))
    second = scene.emit("t", "k")
    status = relay.wait_exit(60)
    assert status in (exits["EXIT_POISON"], exits["EXIT_PERMISSION"]), relay.log()
    assert "ACL Write" in relay.log() and len(relay.problems()) == 1
    grant(scene, "relay", acls)
    relay.start()
    until(lambda: scene.broker.count(scene.topic("t")) == 2, "it is out", 60)
    assert [r.id for r in scene.broker.read(scene.topic("t"))] == [first, second]
    assert relay.stop() == 0


def start_exactly_once(scene):
    """With the documented access lists, and those of its transactions; a relay of transactions that has worked."""
    grant(scene, "relay", documented_acls("relay"))
    for operation in ("Write", "Describe"):
        scene.broker.grant("relay", operation, "TransactionalId", "pg_outbox.", "prefixed")
    relay = scene.start_relay(**exactly(scene), **login(scene.broker, "PLAIN"))
    event = scene.emit("t", "k")
    until(lambda: scene.broker.partitions(scene.topic("t")) and scene.broker.count(scene.topic("t")) > 0, "it is out", 60)
    return relay, event


def test_exactly_once_without_any_right_on_groups(scene):
    """Its position is read at each start, by a client that asks for its group's coordinator in vain."""
    relay, event = start_exactly_once(scene)
    # Of others, with more than one look has to pass over: the refusal comes before the end.
    producer = Producer({"bootstrap.servers": scene.broker.servers})
    for number in range(20000):
        producer.produce(scene.prefix + ".position", b"x" * 100, f"other{number}".encode(), 0)
        producer.poll(0)
    assert producer.flush(60) == 0
    ids = [event]
    for _ in range(3):
        assert relay.stop() == 0 and not relay.problems(), relay.log()
        scene.wait_slot_free()
        relay.start()
        ids.append(scene.emit("t", "k"))
        until(lambda: {r.id for r in scene.broker.read(scene.topic("t"))} == set(ids), "they are out", 60)
    records = scene.broker.read(scene.topic("t"))
    check_once(records)
    assert [r.id for r in records] == ids and position(scene)[0] is not None
    assert relay.stop() == 0 and not relay.problems(), relay.log()


def test_exactly_once_that_may_not_read_its_position(scene, exits):
    """Which right is missing, of which topic; nothing is published before it is back."""
    relay, event = start_exactly_once(scene)
    scene.stop_relay(relay)
    read, = [acl for acl in documented_acls("relay") if acl[0] == "Read"]
    scene.broker.revoke("relay", *of_scene(scene, read))
    later = scene.emit("t", "k")
    relay.start(ready=False)
    assert relay.wait_exit(60) == exits["EXIT_PERMISSION"], relay.log()
    assert len(relay.problems()) == 1 and "ACL Read" in relay.log() and scene.prefix + ".position" in relay.log()
    grant(scene, "relay", [read])
    relay.start()
    until(lambda: [r.id for r in scene.broker.read(scene.topic("t"))] == [event, later], "both are out, once", 60)
    assert relay.stop() == 0


@pytest.mark.parametrize("resource", ["Topic", "Group"])
@pytest.mark.parametrize("when", ["start", "later"])
def test_a_consumer_without_one_acl(scene, exits, resource, when):
    acls = documented_acls("consumer")
    scene.apply_all("t")
    grant(scene, "relay", documented_acls("relay"))
    scene.broker.create_topic(scene.topic("t"), 1)
    relay = scene.start_relay(**login(scene.broker, "PLAIN"))
    taken = [acl for acl in acls if acl[1] == resource][0]
    grant(scene, "consumer", [acl for acl in acls if when == "later" or acl != taken])
    consumer = scene.consumer(**login(scene.broker, "PLAIN", "consumer")).start(ready=when == "later")
    if when == "later":
        scene.emit("t", "k")
        until(lambda: len(scene.applied()) == 1, "it is applied")
        scene.broker.revoke("consumer", *of_scene(scene, taken))
    event = scene.emit("t", "k")
    status = consumer.wait_exit(60)
    check_refusal(consumer, status, exits, "consumer", "Read", resource)
    grant(scene, "consumer", acls)
    consumer.start()
    until(lambda: event in [row[0] for row in scene.applied()], "it is applied", 60)
    assert relay.stop() == 0 and consumer.stop() == 0
