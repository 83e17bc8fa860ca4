"""The application of outbox-compare alone: what its answers promise, path by path."""
import http.client
import json
import os
import signal
import subprocess
import threading
import uuid

import pytest

from harness import paths
from harness.attack import Attack, talk
from harness.ports import free_port
from harness.proxy import Proxy
from harness.wait import until

PROGRAM = os.path.join(paths.BIN, "outbox-compare")
# Bind of a prepared statement, as it stands in the protocol.
COMMIT, STORE = b"\0commit\0", b"\0store\0"


class Delayer(Proxy):
    """Holds back the one request that has these bytes, whoever hangs up meanwhile; the others pass."""

    def hold(self, at):
        self._at, self.held, self.release = at, threading.Event(), threading.Event()

    def _copy(self, source, sink, upward):
        try:
            while data := source.recv(65536):
                if upward and self._at is not None and self._at in data:
                    self._at = None
                    self.held.set()
                    self.release.wait()
                sink.sendall(data)
        except OSError:
            pass
        self._cut(source, sink)


class App:
    def __init__(self, base, name, reap, **settings):
        self.port = free_port()
        settings = {"listen.port": self.port, "timeout.statement": "2s", "timeout.client": "20s",
                    "pool.size": 2, "reconnect.min": "20ms", "reconnect.max": "100ms", **settings}
        self.config = os.path.join(base, f"{name}.ini")
        self.log_path = os.path.join(base, f"{name}.log")
        with open(self.config, "w", encoding="utf-8") as file:
            file.writelines(f"{key} = {value}\n" for key, value in settings.items())
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([*paths.RUNNER, PROGRAM, "ingest", "--config", self.config],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        reap.process(self.process.pid)

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def ask(self, method, page, body=None):
        """(status, JSON)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, page, body)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def wait_ready(self):
        def ready():
            assert self.process.poll() is None, self.log()
            try:
                return self.ask("GET", "/readyz")[0] == 200
            except OSError:
                return False
        until(ready, lambda: f"the application is ready: {self.log()}")
        return self

    def post(self, mode, driver="driver-0001", **changed):
        report = {"request_id": str(uuid.uuid4()), "driver_id": driver, "latitude": 52.5, "longitude": 13.4,
                  "heading": 1.5, "speed": 8.3, "accuracy": 5.1, "status": "on_trip",
                  "time": "2026-01-31T12:34:56.789Z", **changed}
        status, answer = self.ask("POST", f"/drivers/{driver}/location?mode={mode}", json.dumps(report))
        return status, answer, report["request_id"]

    def post_meanwhile(self, mode):
        """Starts a request; the function that is returned waits for its answer."""
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.post(mode)), daemon=True)
        thread.start()

        def finish():
            thread.join(30)
            assert answers, self.log()
            return answers[0]
        return finish


@pytest.fixture
def start_app(base, reap, request):
    apps = []

    def start(**settings):
        apps.append(App(base, f"ingest-{request.node.name[:30]}-{len(apps)}", reap,
                        **{key.replace("_", ".", 1): value for key, value in settings.items()}))
        return apps[-1].wait_ready()
    yield start
    for app in apps:
        app.process.kill()
        app.process.wait(30)


class Database:
    def __init__(self, server, name):
        self.server, self.name = server, name
        server.create_database(name)
        server.query(name, subprocess.run([PROGRAM, "ingest", "--print-schema"], check=True, timeout=30,
                                          stdout=subprocess.PIPE, text=True).stdout)

    def rows(self):
        return self.server.query(self.name, "SELECT mode, request_id::text, version FROM location_history ORDER BY n")

    def latest(self):
        return self.server.value(self.name, "SELECT version FROM driver_location")

    def waiting(self):
        return self.server.value(self.name, "SELECT count(*) FROM pg_locks WHERE NOT granted")


@pytest.fixture
def database(target):
    name = "ingest_" + uuid.uuid4().hex[:12]
    yield Database(target, name)
    target.drop_database(name)


@pytest.fixture
def proxy(target):
    front = Proxy(target.port)
    yield front
    front.close()


def test_answers(start_app, database, proxy):
    app = start_app(modes="direct", target_conninfo=proxy.conninfo(database.name), timeout_statement="30s")
    status, answer, request_id = app.post("direct")
    assert (status, answer) == (201, {"request_id": request_id, "version": 1})
    assert app.post("direct")[1]["version"] == 2
    assert [row[2] for row in database.rows()] == [1, 2]
    assert app.post("direct", latitude=91)[0] == 400
    assert app.post("direct", time="2026-02-30T12:34:56.789Z")[0] == 400    # the database's refusal
    assert app.post("outbox")[0] == 400
    assert app.post("direct", driver="driver-0002", driver_id="driver-0003")[0] == 400
    assert app.ask("GET", "/drivers/driver-0001/location")[0] == 405
    assert app.ask("GET", "/nowhere")[0] == 404
    assert app.ask("GET", "/state") == (200, {"paths": {"direct": {"connected": 2, "queued": 0, "breaker": None}}})
    app.process.terminate()
    assert app.process.wait(30) == 0


@pytest.mark.parametrize("mode", ["direct", "direct-retry"])
def test_refused_means_not_stored(start_app, database, proxy, mode):
    """Whatever was lost was lost before COMMIT."""
    app = start_app(modes=mode, target_conninfo=proxy.conninfo(database.name), timeout_client="5s")
    proxy.vanish(STORE)
    assert app.post(mode)[0] == 503
    proxy.heal()
    app.wait_ready()
    assert app.post(mode)[1]["version"] == 1
    assert len(database.rows()) == 1


def test_unknown_without_retries(start_app, database, proxy):
    app = start_app(modes="direct", target_conninfo=proxy.conninfo(database.name))
    proxy.mute(COMMIT)
    status, _, request_id = app.post("direct")
    assert status == 504
    assert database.rows() == [("direct", request_id, 1)]


def test_retry_finds_what_it_stored(start_app, database, proxy):
    """COMMIT arrives and its answer doesn't: the next try looks, and stores nothing twice."""
    app = start_app(modes="direct-retry", target_conninfo=proxy.conninfo(database.name))
    proxy.mute(COMMIT)
    finish = app.post_meanwhile("direct-retry")
    proxy.sprung.wait(30)
    until(lambda: app.ask("GET", "/state")[1]["paths"]["direct-retry"]["connected"] < 2, "it has given up waiting")
    proxy.heal()
    status, answer, request_id = finish()
    assert (status, answer["version"]) == (201, 1)
    assert database.rows() == [("direct-retry", request_id, 1)]
    assert database.latest() == 1


@pytest.mark.parametrize("known", [False, True], ids=["new driver", "known driver"])
def test_retry_waits_for_its_predecessor(start_app, database, target, known):
    """The first try's COMMIT comes to the server while the second try is on its way."""
    front = Delayer(target.port)
    front.hold(None)
    app = start_app(modes="direct-retry", target_conninfo=front.conninfo(database.name))
    before = 1 if known else 0
    if known:
        assert app.post("direct-retry")[0] == 201
    front.hold(COMMIT)
    finish = app.post_meanwhile("direct-retry")
    front.held.wait(30)
    until(database.waiting, "the second try waits for the first one's lock")
    front.release.set()
    status, answer, request_id = finish()
    front.close()
    assert (status, answer["version"]) == (201, before + 1)
    assert database.rows()[before:] == [("direct-retry", request_id, before + 1)]
    assert database.latest() == before + 1


def test_retry_stores_what_was_never_committed(start_app, database, proxy):
    """The server's end of the first try is gone: nobody will ever commit it."""
    app = start_app(modes="direct-retry", target_conninfo=proxy.conninfo(database.name))
    proxy.vanish(COMMIT)
    finish = app.post_meanwhile("direct-retry")
    proxy.sprung.wait(30)
    database.server.query("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                          (database.name,))
    until(lambda: app.ask("GET", "/state")[1]["paths"]["direct-retry"]["connected"] < 2, "it has given up waiting")
    proxy.heal()
    status, answer, request_id = finish()
    assert (status, answer["version"]) == (201, 1)
    assert database.rows() == [("direct-retry", request_id, 1)]


def test_patience_and_breaker(start_app, database, proxy):
    """Refusals come late at first, and at once when the breaker is open."""
    app = start_app(modes="direct-retry", target_conninfo=proxy.conninfo(database.name), timeout_client="500ms",
                    timeout_statement="400ms")
    breaker = lambda: app.ask("GET", "/state")[1]["paths"]["direct-retry"]["breaker"]
    assert breaker() == 0
    proxy.vanish()
    until(lambda: app.post("direct-retry")[0] in (503, 504) and breaker() == 2, "the breaker opens")
    proxy.heal()
    until(lambda: app.post("direct-retry")[0] == 201, "it stores again")
    until(lambda: breaker() == 0, "the breaker closes")
    assert len(database.rows()) == len({row[1] for row in database.rows()})


def test_kafka_first(start_app, own_broker):
    topic = "app.kafka-first"
    if topic not in own_broker.topics(topic):
        own_broker.create_topic(topic, 3)
    app = start_app(modes="kafka-first", kafka_bootstrap_servers=own_broker.servers)
    stored = [app.post("kafka-first", f"driver-000{n % 2}") for n in range(6)]
    assert [status for status, *_ in stored] == [202] * 6
    with own_broker.reader(topic) as reader:
        records = {record.id: record for record in reader.to_end()}
    for n, (_, answer, request_id) in enumerate(stored):
        record = records[request_id]
        payload = json.loads(record.value)
        assert record.key == f"driver-000{n % 2}".encode()
        assert (payload["request_id"], payload["version"]) == (request_id, answer["version"])
    for n in range(2, 6):
        assert stored[n][1]["version"] > stored[n - 2][1]["version"]


def test_kafka_first_without_answers(start_app, own_broker):
    """What a broker that hangs was given is no promise."""
    topic = "app.kafka-first"
    if topic not in own_broker.topics(topic):
        own_broker.create_topic(topic, 3)
    app = start_app(modes="kafka-first", timeout_client="1s", kafka_bootstrap_servers=own_broker.servers)
    until(lambda: app.post("kafka-first")[0] == 202, "it stores")
    own_broker.pause()
    try:
        assert app.post("kafka-first")[0] in (503, 504)
    finally:
        own_broker.resume()
    until(lambda: app.post("kafka-first")[0] == 202, "it stores again")


def test_dual_write_crashes_between(start_app, database, target, own_broker):
    """The client has its 202, the database its row, and Kafka nothing."""
    topic = "app.dual-write"
    if topic not in own_broker.topics(topic):
        own_broker.create_topic(topic, 3)
    app = start_app(modes="dual-write", source_conninfo=target.conninfo(database.name, tcp=True),
                    kafka_bootstrap_servers=own_broker.servers)
    first = app.post("dual-write")
    assert first[0] == 202
    until(lambda: app.ask("GET", "/state")[1]["paths"]["dual-write"]["queued"] == 0, "Kafka has it")
    accepted = []

    def dead():
        try:
            status, _, request_id = app.post("dual-write")
            assert status == 202
            accepted.append(request_id)
        except (OSError, http.client.HTTPException):
            pass    # it died before it could answer
        return app.process.poll() is not None
    own_broker.pause()
    try:
        app.process.send_signal(signal.SIGUSR1)
        until(dead, "it dies")
        assert app.process.wait() == -signal.SIGKILL
    finally:
        # Killed as it stands: what hung in its sockets is gone, too.
        own_broker.kill()
        own_broker.restart()
    assert accepted
    assert {first[2], *accepted} <= {row[1] for row in database.rows()}
    with own_broker.reader(topic) as reader:
        ids = {record.id for record in reader.to_end()}
    assert first[2] in ids
    assert not ids & set(accepted)


def test_clients_that_want_no_answer(start_app, database, proxy, seed):
    """Beside them what is answered with 201 is in the database once; another site's page gets nothing in."""
    other_site = "Host: evil.example:80\r\nOrigin: http://evil.example:80\r\n"
    app = start_app(modes="direct", target_conninfo=proxy.conninfo(database.name), timeout_statement="30s")
    attack = Attack(app.port, seed, slow=300).start()
    try:
        stored = [app.post("direct", f"driver-{n:04}") for n in range(100)]
        assert [status for status, _, _ in stored] == [201] * 100
        report = json.dumps({"request_id": str(uuid.uuid4()), "driver_id": "driver-0001", "latitude": 1, "longitude": 1, "heading": 1, "speed": 1,
                             "accuracy": 1, "status": "on_trip", "time": "2026-01-31T12:34:56.789Z"})
        for headers, expected in ((other_site, 403), ("Host: localhost\r\nOrigin: null\r\n", 403), ("Host: evil.example\r\n", 403),
                                  (f"Host: 127.0.0.1:{app.port}\r\nOrigin: http://127.0.0.1:{app.port}\r\n", 201)):
            answer = talk(app.port, f"POST /drivers/driver-0001/location?mode=direct HTTP/1.1\r\n{headers}Content-Type: text/plain\r\n"
                                    f"Content-Length: {len(report)}\r\nConnection: close\r\n\r\n{report}".encode())
            assert int(answer.split(None, 2)[1]) == expected, answer
        attack.check()
    finally:
        attack.stop()
    rows = [request_id for _, request_id, _ in database.rows()]
    assert len(rows) == len(set(rows)) == 101 and set(rows) >= {request_id for _, _, request_id in stored}
    assert app.process.poll() is None


def test_requests_that_are_none(start_app, database, proxy):
    """Bodies that are too long, lengths and chunks that are wrong, heads without an end: refused or cut off, and nothing is stored."""
    app = start_app(modes="direct", target_conninfo=proxy.conninfo(database.name))
    head = b"POST /drivers/driver-0001/location?mode=direct HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    for request, expected in ((head + b"Content-Length: 5000\r\n\r\n" + b"x" * 5000, 413),
                              (head + b"Content-Length: -1\r\n\r\n", 400), (head + b"Content-Length: x\r\n\r\n", 400),
                              (head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
                              (head + b"X-Large: " + b"x" * 300000 + b"\r\n\r\n", 431),
                              (head + b"Content-Length: 100000000\r\n\r\n" + b"x" * 3000000, None),
                              (head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 500, None)):
        try:
            answer = talk(app.port, request)
        except ConnectionError:
            answer = b""        # it had enough before all was sent
        assert (int(answer.split(None, 2)[1]) if answer else None) in (expected, None), (request[:200], answer[:200])
        assert app.ask("GET", "/state")[0] == 200
    assert database.rows() == [] and app.process.poll() is None
