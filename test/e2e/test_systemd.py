"""What a service manager is told, and the unit files."""
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from harness.paths import BIN, TOP
from harness.wait import until

UNITS = ("outbox-relay", "outbox-consumer")


class Manager:
    """Listens as systemd does on NOTIFY_SOCKET."""

    def __init__(self, address):
        self.name = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.setblocking(False)
        self.heard = []

    def listen(self):
        while True:
            try:
                self.heard.append((time.monotonic(), self.socket.recv(8192).decode()))
            except BlockingIOError:
                return self.lines()

    def lines(self):
        return [line for _, text in self.heard for line in text.split("\n")]

    def wait(self, line, timeout=40):
        until(lambda: line in self.listen(), lambda: f"{line}; heard {self.lines()}", timeout)

    def of(self, name):
        return [line.partition("=")[2] for line in self.listen() if line.startswith(name + "=")]


@pytest.fixture
def managed(monkeypatch):
    """managed(address, daemon, **environment): starts it below a manager."""
    managers = []

    def start(address, daemon, **environment):
        manager = Manager(address)
        managers.append(manager)
        for name, value in dict(environment, NOTIFY_SOCKET=address).items():
            monkeypatch.setenv(name, str(value))
        daemon.start(ready=False)
        return manager
    yield start
    for manager in managers:
        manager.socket.close()


def test_a_relay_s_life(make_scene, own_source, broker, managed):
    scene = make_scene(own_source, None, broker)
    scene.initialize()
    relay = scene.relay()
    manager = managed(os.path.join(scene.base, "notify"), relay, WATCHDOG_USEC=400000)
    manager.wait("READY=1")
    manager.wait("STATUS=streaming")
    # The loop turns at rest often enough, and in an outage.
    beats = len(manager.of("WATCHDOG"))
    until(lambda: len(manager.of("WATCHDOG")) > beats + 5, "signs of life")
    own_source.stop("immediate")
    until(lambda: any(s.startswith("waiting: could not connect") for s in manager.of("STATUS")), "it says why")
    beats = len(manager.of("WATCHDOG"))
    until(lambda: len(manager.of("WATCHDOG")) > beats + 5, "signs of life")
    own_source.start()
    relay.wait_ready()
    # Again only when the manager had no room for something.
    assert set(manager.of("READY")) == {"1"}
    assert relay.stop() == 0
    assert set(manager.of("STOPPING")) == {"1"}
    assert manager.lines().index("READY=1") < manager.lines().index("STOPPING=1")


def test_a_loop_that_stands_still_gives_no_sign(scene, managed):
    scene.initialize()
    relay = scene.relay()
    manager = managed("@" + os.path.basename(scene.base), relay, WATCHDOG_USEC=200000)
    manager.wait("READY=1")
    relay.signal(signal.SIGSTOP)
    try:
        # Signs that were on their way come first; then there is silence for many intervals.
        heard = [None]

        def silent():
            heard.append(len(manager.of("WATCHDOG")))
            return heard[-1] == heard[-2]
        until(silent, "silence", every=1)
    finally:
        relay.signal(signal.SIGCONT)
    beats = len(manager.of("WATCHDOG"))
    until(lambda: len(manager.of("WATCHDOG")) > beats, "it goes on")


def test_a_standby_is_ready(scene, managed):
    scene.start_relay()
    manager = managed(os.path.join(scene.base, "notify"), scene.relay("standby"))
    manager.wait("READY=1")
    manager.wait(f"STATUS=standing by for slot {scene.slot}")


def test_a_relay_without_kafka_is_not_ready_yet(make_scene, source, own_broker, managed):
    scene = make_scene(source, None, own_broker)
    relay, _ = scene.start_published()
    assert relay.stop() == 0
    own_broker.stop()
    manager = managed(os.path.join(scene.base, "notify"), scene.relay("later"))
    until(lambda: any("omparing" in s or "Kafka" in s or "waiting" in s for s in manager.of("STATUS")), "it says so")
    assert manager.of("READY") == []
    own_broker.restart()
    manager.wait("READY=1", 60)


def test_a_wrong_address_is_said_and_nothing_else(scene, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", "nowhere")
    relay = scene.start_relay()
    assert any("NOTIFY_SOCKET" in e["msg"] and e["level"] == "warning" for e in relay.entries())


def test_a_consumer_s_life(make_scene, source, target, broker, managed):
    scene = make_scene(source, target, broker)
    scene.start_published()
    scene.apply_all("t")
    consumer = scene.consumer()
    manager = managed(os.path.join(scene.base, "notify"), consumer, WATCHDOG_USEC=400000)
    manager.wait("READY=1")
    manager.wait("STATUS=applying events")
    until(lambda: len(manager.of("WATCHDOG")) > 5, "signs of life")
    assert consumer.stop() == 0
    assert set(manager.of("STOPPING")) == {"1"}


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_takes_the_unit(unit, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    with open(os.path.join(TOP, "deploy", "systemd", unit + ".service"), encoding="utf-8") as file:
        text = file.read()
    path = tmp_path / f"{unit}.service"
    path.write_text(text.replace("/usr/bin/" + unit, os.path.join(BIN, unit)), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(path)], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("unit", UNITS)
def test_units_do_not_restart_what_somebody_has_to_mend(unit, exits):
    with open(os.path.join(TOP, "deploy", "systemd", unit + ".service"), encoding="utf-8") as file:
        text = file.read()
    listed = {int(n) for n in re.search(r"(?m)^RestartPreventExitStatus=(.*)$", text).group(1).split()}
    daemons = {v for v in exits.values() if v not in (0, 1) and v < 30}
    assert daemons <= listed and not {0, 1} & listed
