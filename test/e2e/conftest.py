"""Fixtures: servers of a test worker, and the scene of a test.

Servers are shared by the tests of a worker, each test with a database and a topic
prefix of its own.  A test that stops or kills a server asks for one of its own
(own_source, own_target, own_broker); the broker is used again by the next such test,
because it takes the longest to start.
"""
import os
import random
import re
import shutil
import signal
import tempfile

import pytest

from harness.cluster import Cluster
from harness import copies
from harness import failpoints  # noqa: F401, all workers of a run take the same
from harness.comparison import Comparison
from harness.kafka import Broker
from harness.paths import exit_codes
from harness.reaper import Reaper
from harness.roles import Roles
from harness.scene import Scene
from harness.secure_kafka import SecureBroker


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than ten seconds")
    # A terminated run ends like an interrupted one: fixtures are torn down.
    if not hasattr(config, "workerinput"):
        signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def reap():
    reaper = Reaper()
    yield reaper
    reaper.finish()


@pytest.fixture(scope="session")
def base(reap):
    """A directory that the user postgres can get through, with a short name for sockets."""
    directory = tempfile.mkdtemp(prefix="outbox-e2e-")
    os.chmod(directory, 0o755)
    reap.directory(directory)
    yield directory
    if os.environ.get("KEEP"):
        print(f"kept: {directory}")
        return
    shutil.rmtree(directory, ignore_errors=True)


class Servers:
    """Makes servers and ends them."""

    def __init__(self, base, reap):
        self.base, self.reap = base, reap
        self.made = []

    def cluster(self, name, settings=None, start=True):
        server = Cluster(self.base, f"{name}{len(self.made)}", self.reap, settings)
        self.made.append((server, lambda: server.stop("immediate")))
        return server.start() if start else server

    def standby(self, primary, name="standby", settings=None, slot=None):
        """Follows the primary, which has made that physical slot for it."""
        server = Cluster(self.base, f"{name}{len(self.made)}", self.reap, settings, primary, slot)
        self.made.append((server, lambda: server.stop("immediate")))
        return server.start()

    def broker(self, name="kafka"):
        server = Broker(self.base, f"{name}{len(self.made)}", self.reap)
        self.made.append((server, server.kill))
        return server

    def secure_broker(self):
        server = SecureBroker(self.base, f"secure{len(self.made)}", self.reap)
        self.made.append((server, server.kill))
        return server

    def finish(self):
        while self.made:
            self.made.pop()[1]()


@pytest.fixture(scope="session")
def shared(base, reap):
    directory = os.path.join(base, "shared")
    os.mkdir(directory)
    servers = Servers(directory, reap)
    yield servers
    servers.finish()


@pytest.fixture(scope="session")
def source(shared):
    return shared.cluster("source").keep_templates()


@pytest.fixture(scope="session")
def slot_copies(source):
    """Standbys copy logical slots here; the first fixture of a test that needs it, which is left out elsewhere."""
    if not copies.possible(source):
        pytest.skip("standbys copy slots since PostgreSQL 17 (make check-matrix runs this)")


@pytest.fixture(scope="session")
def target(shared):
    return shared.cluster("target", {"wal_level": "replica"}).keep_templates()


@pytest.fixture(scope="session")
def broker(shared):
    return shared.broker()


@pytest.fixture(scope="session")
def secure_broker(shared):
    return shared.secure_broker()


@pytest.fixture(scope="session")
def strict_broker(shared):
    """Its access lists count."""
    broker = shared.broker("strict")
    broker.require_acls()
    return broker


@pytest.fixture
def own(base, reap):
    """Servers of this test alone."""
    servers = Servers(tempfile.mkdtemp(prefix="own-", dir=base), reap)
    os.chmod(servers.base, 0o755)
    yield servers
    servers.finish()
    # What servers of hundreds of tests leave is more than memory may hold.
    if not os.environ.get("KEEP"):
        shutil.rmtree(servers.base, ignore_errors=True)


@pytest.fixture
def own_source(own):
    return own.cluster("source")


@pytest.fixture
def own_target(own):
    return own.cluster("target", {"wal_level": "replica"})


class Spare:
    """The one broker of a worker that tests may stop and kill; a new one after a test that failed."""

    def __init__(self, servers):
        self.servers, self._broker = servers, None

    def broker(self):
        if self._broker is None:
            self._broker = self.servers.broker("spare")
        return self._broker

    def back(self, failed):
        if failed:
            self._broker.kill()
            self._broker = None
        elif not self._broker.up:
            self._broker.restart()


@pytest.fixture(scope="session")
def spare(shared):
    return Spare(shared)


@pytest.fixture
def own_broker(request, spare):
    """Nobody else's while the test runs.  Its settings are to stay as they are: who changes them asks own for one."""
    yield spare.broker()
    spare.back(getattr(request.node, "has_failed", False))


@pytest.fixture
def make_scene(request, base, reap):
    """make_scene(source, target, broker); each may be None."""
    scenes = []
    request.node.scenes = scenes

    def make(source=None, target=None, broker=None, **how):
        scenes.append(Scene(base, request.node.name, reap, source, target, broker, **how))
        return scenes[-1]
    yield make
    for scene in scenes:
        scene.finish()


@pytest.fixture
def scene(make_scene, source, target, broker):
    return make_scene(source, target, broker)


@pytest.fixture
def roles(scene):
    made = Roles(scene)
    yield made
    for daemon in scene.daemons:
        daemon.finish()
    made.finish()


@pytest.fixture
def exits():
    return exit_codes()


@pytest.fixture
def seed():
    """Of everything random in a test: printed when it fails; SEED= repeats it."""
    value = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"SEED={value}")
    return value


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """The logs of all daemons, and of servers of its own, stand under a failed test."""
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    item.has_failed = True
    for scene in getattr(item, "scenes", []):
        for daemon in scene.daemons:
            report.sections.append((f"log of {daemon.name}", daemon.log(whole=True)[-6000:]))
        for server in (scene.source, scene.target):
            if server is not None and os.path.exists(server.log_path):
                report.sections.append((f"log of server {server.name}",
                                        server.log_tail(2500)))


@pytest.fixture
def scenario(base):
    """A file of one's own."""
    def write(name, text):
        path = os.path.join(base, f"{name}.scenario")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path
    return write


@pytest.fixture
def compare(base, reap, request):
    runs = []

    def start(*options):
        # Its servers' directory: there are characters that not all of them can take.
        name = re.sub(r"\W+", "-", request.node.name[:20])
        runs.append(Comparison(base, f"compare-{name}-{len(runs)}", reap, *options))
        return runs[-1]
    yield start
    for run in runs:
        if run.process.poll() is None:
            run.process.terminate()
            run.process.wait(30)
