"""outbox-compare: its verdict, its books when somebody tampers with the target, and
that it leaves nothing behind.
"""
import json
import os
import signal
import subprocess

import psycopg
import pytest

from harness import paths
from harness.wait import until


def processes_of(directory):
    """Those whose command line names the directory."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    command = file.read().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if directory in command:
                found.append(command)
    return found


class Comparison:
    """A run in a directory of its own."""

    def __init__(self, base, name, reap, *options):
        self.dir = os.path.join(base, name)
        self.report_path = os.path.join(base, name + ".json")
        self.log_path = os.path.join(base, name + ".log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [os.path.join(paths.BIN, "outbox-compare"), "run", f"--dir={self.dir}",
                 f"--report={self.report_path}", *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        reap.process(self.process.pid)

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def wait_log(self, text, timeout=60):
        def said():
            assert self.process.poll() is None, self.log()
            return text in self.log()
        until(said, f"it says \"{text}\"", timeout)

    def finish(self, status, timeout=120):
        try:
            assert self.process.wait(timeout) == status, self.log()
        finally:
            self.process.kill()
        until(lambda: not processes_of(self.dir), lambda: f"gone: {processes_of(self.dir)}", 10)
        assert not os.path.exists(self.dir)

    def report(self):
        with open(self.report_path, encoding="utf-8") as file:
            return json.load(file)

    def target(self):
        with open(os.path.join(self.dir, "target", "data", "postmaster.pid"),
                  encoding="ascii") as file:
            port = file.read().splitlines()[3]
        return psycopg.connect(host="127.0.0.1", port=port, dbname="target", user="outbox",
                               passfile=os.path.join(self.dir, "pgpass"), autocommit=True)


@pytest.fixture
def compare(base, reap, request):
    runs = []

    def start(*options):
        runs.append(Comparison(base, f"compare-{request.node.name[:20]}-{len(runs)}", reap,
                               *options))
        return runs[-1]
    yield start
    for run in runs:
        if run.process.poll() is None:
            run.process.terminate()
            run.process.wait(30)


@pytest.mark.slow
def test_verdict_and_report(compare):
    run = compare("--duration=15s", "--seed=3")
    run.finish(0)
    report = run.report()
    direct, outbox = report["modes"]["direct"], report["modes"]["outbox"]

    assert outbox["offered"] == outbox["accepted"] == outbox["in_target"] == 750
    assert outbox["lost"] == outbox["duplicates"] == outbox["order_violations"] == 0
    assert outbox["drain_s"] is not None
    assert direct["offered"] == 750
    assert direct["offered"] == direct["accepted"] + direct["rejected"] + direct["unknown"]
    # It loses what comes during the outage, and is back as soon as the target is.
    down = (report["run"]["target_back_s"] - report["run"]["target_down_s"]) / 15
    assert down == pytest.approx((direct["rejected"] + direct["unknown"]) / 750, abs=0.04)
    assert direct["recovery_s"] < 1

    for mode in ("direct", "outbox"):
        for what in ("offered", "accepted", "rejected", "unknown"):
            total = sum(row["modes"][mode][what] for row in report["timeline"])
            assert total == report["modes"][mode][what], (mode, what)
    phases = [row["phase"] for row in report["timeline"]]
    assert phases == sorted(phases, key=["calm", "outage", "recovery", "drain"].index)
    assert {"calm", "outage", "recovery"} <= set(phases)
    breaker = [row["breaker"] for row in report["timeline"]]
    assert breaker[2] == "closed" and "open" in breaker and breaker[-1] == "closed"


@pytest.mark.slow
@pytest.mark.parametrize("member, statement", [
    ("lost", "DELETE FROM location_history WHERE n ="
             " (SELECT min(n) FROM location_history WHERE mode = 'outbox')"),
    ("duplicates", "INSERT INTO location_history (mode, request_id, driver_id, version, latitude,"
                   " longitude, heading, speed, accuracy, status, reported_at)"
                   " SELECT mode, request_id, driver_id, version, latitude, longitude, heading,"
                   " speed, accuracy, status, reported_at FROM location_history"
                   " WHERE mode = 'outbox' ORDER BY n LIMIT 1"),
    ("invented", "INSERT INTO location_history (mode, request_id, driver_id, version, latitude,"
                 " longitude, heading, speed, accuracy, status, reported_at)"
                 " SELECT mode, gen_random_uuid(), driver_id, version, latitude, longitude,"
                 " heading, speed, accuracy, status, reported_at FROM location_history"
                 " WHERE mode = 'outbox' ORDER BY n LIMIT 1"),
    # The last of those that are there gets a number that its followers don't reach.
    ("order_violations", "UPDATE location_history SET version = version + 100000"
                         " WHERE n = (SELECT min(n) FROM location_history WHERE mode = 'outbox')"),
])
def test_books_notice(compare, member, statement):
    run = compare("--duration=6s", "--outage-start=0s", "--outage-end=0s", "--drain-timeout=1s")
    run.wait_log("calm")
    with run.target() as target:
        until(lambda: target.execute("SELECT count(*) > 20 FROM location_history"
                                     " WHERE mode = 'outbox'").fetchone()[0], "rows arrive")
        assert target.execute(statement).rowcount == 1
    run.finish(30)
    report = run.report()
    wrong = {name: report["modes"]["outbox"][name]
             for name in ("lost", "pending", "duplicates", "order_violations", "invented")}
    assert wrong.pop(member) > 0
    assert set(wrong.values()) == {0}
    assert report["run"]["passed"] is False
    # The other mode's books are as they were, however many a busy machine let through.
    direct = report["modes"]["direct"]
    assert direct["in_target"] > 0
    assert {direct[name] for name in ("lost", "duplicates", "order_violations", "invented")} == {0}


@pytest.mark.parametrize("moment", ["starting two", "starting outbox-relay", "calm"])
@pytest.mark.parametrize("signals", [1, 2])
def test_interrupted(compare, moment, signals):
    run = compare("--duration=60s")
    run.wait_log(moment)
    for _ in range(signals):
        run.process.send_signal(signal.SIGINT)
    run.finish(130, 20)


def test_killed(compare):
    """kill -9 of what the user sees: the rest ends by itself."""
    run = compare("--duration=60s", "--modes=direct")
    run.wait_log("calm")
    run.process.kill()
    run.finish(-signal.SIGKILL, 20)


def test_refused_settings(compare):
    for option in ("--outage-start=61s", "--modes=indirect", "--rate=0", "--timeout-client=1s",
                   "--nonsense=1"):
        run = compare(option)
        run.finish(2)
        assert "outbox-compare: " in run.log()
