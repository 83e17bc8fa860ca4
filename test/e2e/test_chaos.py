"""The whole pipeline under faults (make chaos): a short run, its schedules, its links and its campaigns."""
import argparse
import json
import os
import select
import socket
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

import anomalies
import disks
import mending
import nemeses
import pipeline
from campaign import Campaign
from chaos import Chaos
from clock import HOUR, Clock
from faults import Kind
from harness.paths import TOP
from harness.wait import until
from links import Links
from report import Report
from schedule import LEAD, SETTLE, Fault
from system import System

SECONDS = 12
# One of each part, and lines that are cut: what takes a dozen seconds in all.
SHORT = ("kill-relay", "kill-consumer", "walsenders", "link-relay-kafka")


@pytest.fixture
def stage(own, make_scene, reap):
    source, target = own.cluster("source", pipeline.SOURCE), own.cluster("target", pipeline.TARGET)
    broker = pipeline.broker(own.base, "kafka", reap, ())
    own.made.append((broker, broker.kill))
    return make_scene(source, target, broker)


def test_no_anomaly_whatever_fails(stage, seed):
    """And then a history that lacks one, has one twice, and one of nobody's."""
    schedule = nemeses.plan(seed, SECONDS, len(SHORT), SHORT)
    run = pipeline.Run(stage, schedule, seed, SECONDS, 60, print, large=(500, 1000))
    run.go()
    report = Report(argparse.Namespace(check=True), "chaos")
    run.judge(report)
    assert report.status() == 0, report.lines
    totals, history = run.totals, run.history
    assert totals["events"] == totals["applied"] > 100 and set(totals["anomalies"].values()) == {0}
    assert sum(totals["faults"].values()) == len(SHORT)
    assert totals["transactions"]["rollback"] > 0 and totals["transactions"]["plain"] > 10
    assert {event.topic for event in history.committed} >= {stage.topic(name) for name in ("order", "parcel", "stock")}
    lost = history.records.pop()
    history.records = [record for record in history.records if record.tag != lost.tag]
    history.applied.append(history.applied[0])
    history.applied.append(anomalies.Row("nobody", lost.topic, lost.partition))
    found = anomalies.find(history)
    assert {"topic/lost-write", "target/duplicate", "target/unexpected"} <= found.counts.keys(), found


# -- failovers of the source -----------------------------------------------------

@pytest.mark.slow
@pytest.mark.parametrize("delivery", pipeline.DELIVERIES)
def test_a_failover_with_the_slot(slot_copies, stage, own, seed, delivery):  # pylint: disable=unused-argument
    """Nobody stops, and what is lost with its server was never published; and then a history in which one of that was."""
    schedule = [Fault(1, 3, "failover-source", "caught-up", "source", 0.5), Fault(2, 14, "failover-source", "behind", "source", 1)]
    run = pipeline.Run(stage, schedule, seed, 25, 60, print, delivery, large=(500, 1000))
    own.made.append((run, run.finish))
    run.go()
    report = Report(argparse.Namespace(check=True), "chaos")
    run.judge(report)
    assert report.status() == 0, report.lines
    totals, history = run.totals, run.history
    assert totals["faults"] == {"failover-source behind": 1, "failover-source caught-up": 1}
    assert totals["lost_with_a_source"] >= mending.BEHIND and totals["events"] == totals["applied"] > 100
    assert totals["of_them_published"] == totals["stopped_as_expected"] == totals["replayed"] == 0
    assert {record.position[0] for record in history.records} == {(1, 1), (1, 2), (1, 3)}
    history.records.append(replace(history.records[-1], tag=next(iter(run.truth.lost))))
    assert anomalies.find(history).counts == {"topic/G1a": 1}


class Operated:
    """A run that writes down what is done to it."""

    def __init__(self, slot_is_copied):
        self.slot_is_copied, self.done, self.tolerated = slot_is_copied, [], set()
        self.relays, self.role = [self], "source"

    def __getattr__(self, name):
        return lambda *arguments: self.done.append((name, *arguments)) or True

    def tolerate(self, *statuses):
        self.tolerated.update(statuses)


@pytest.mark.parametrize("copied", (False, True))
def test_what_a_failover_takes(copied):
    """With a copy of the slot the standby is promoted, and that is all; without one relays stop, and the gap is filled."""
    run = Operated(copied)
    kind = nemeses.kinds(run)["failover-source"]
    kind.begin(run, "behind")
    assert kind.end(run, "behind")
    names = [name for name, *_ in run.done]
    assert run.done[:2] == [("lose", "source", True), ("fail_over", "source")]
    assert names[2:] == ([] if copied else ["accept_gap", "mended", "check", "start", "replay_gap"])
    assert run.tolerated == (set() if copied else {10, 16})


def test_a_schedule_is_the_same_on_each_server():
    for name, kind in nemeses.kinds().items():
        for copied in (False, True):
            other = nemeses.kinds(SimpleNamespace(slot_is_copied=copied))[name]
            assert (other.name, other.ways, other.shortest, other.longest) == (name, kind.ways, kind.shortest, kind.longest)


# -- schedules, links, clocks, disks ----------------------------------------------

@pytest.mark.parametrize("seconds", (20, 60))
def test_every_seed_has_a_schedule(seconds):
    """Each nemesis alone and each pair comes before any comes again, and each schedule keeps its rules."""
    count = len(nemeses.NAMES) * (len(nemeses.NAMES) + 1) // 2 - sum(len(some) * len(other) for some, other in nemeses.APART)
    kinds = nemeses.kinds()
    sets = set()
    for seed in range(1, count + 1):
        names = nemeses.chosen(seed)
        sets.add(names)
        faults = nemeses.plan(seed, seconds)
        assert faults == nemeses.plan(seed, seconds) and {f.kind for f in faults} == set(names)
        for fault in faults:
            kind = kinds[fault.kind]
            assert fault.subject in kind.ways[fault.way]
            assert LEAD <= fault.at and fault.at + fault.lasts + SETTLE <= seconds + 0.1
    assert len(sets) == count
    assert nemeses.chosen(count + 1) == nemeses.chosen(1)
    assert {nemeses.chosen(seed + 1) for seed in range(len(nemeses.NAMES))} == {(name,) for name in nemeses.NAMES}


def test_a_dry_run_says_what_is_going_to_happen():
    def dry_run(*options):
        return subprocess.run([os.path.join(TOP, "test", "chaos", "run"), "pipeline", "--dry-run", *options], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    first = dry_run("--seed=7").stdout
    assert first.splitlines() == [str(f) for f in nemeses.plan(7, 60)]
    assert dry_run("--seed=7", "--rate=10", "--delivery=exactly-once").stdout == first
    assert dry_run("--seed=8").stdout != first
    assert [line.split()[3] for line in dry_run("--nemeses=source,target", "--faults=2").stdout.splitlines()] in (
        ["source", "target"], ["target", "source"])
    unlike = dry_run("--nemeses=leader,limit")
    assert unlike.returncode == 2 and "leader can't go with broker" in unlike.stderr
    unlike = dry_run("--nemeses=disk-source,failover-source")
    assert unlike.returncode == 2 and "failover-source can't go with disk-source" in unlike.stderr
    bad = dry_run("--nemeses=earthquake")
    assert bad.returncode == 2 and "earthquake" in bad.stderr and "kill-relay" in bad.stderr


def passed(end, client, data, wanted):
    """What comes of it to the client, if that is as it is wanted."""
    end.sendall(data)
    found = client.recv(len(data))
    return found if wanted(found) else None


def test_a_link_can_be_cut_and_made_whole(reap):
    with socket.create_server(("127.0.0.1", 0)) as server:
        links = Links(reap, there=server.getsockname()[1])

        def connected():
            client = socket.create_connection(("127.0.0.1", links["there"].port), 10)
            return client, server.accept()[0]
        client, end = connected()
        client.sendall(b"whole")
        assert end.recv(10) == b"whole"
        links["there"].set(cut=1)
        # The proxy takes its orders a moment later.
        assert until(lambda: passed(end, client, b"12345678", lambda data: len(data) < 8), "the link is bad") == b"1234"
        assert client.recv(10) == b""
        links["there"].heal()

        def whole_again():
            client, end = connected()
            return passed(end, client, b"12345678", lambda data: len(data) == 8)
        until(whole_again, "the link is whole")
        for order in (("set", 0, "latency=x"), ("set", 7, "cut=1"), ("bend", 0), ("set", 0, "jitter=5")):
            with pytest.raises(AssertionError, match="can't be understood"):
                links.order(*order)
        links.finish()


class Hit(Kind):
    """Its first fault does nothing."""

    def __init__(self, name):
        super().__init__({"": ("it",)}, 0, 0)
        self.name, self.count = name, 0

    def begin(self, subject, way):
        self.count += 1

    def end(self, subject, way):
        return self.count > 1


def test_faults_that_nobody_felt_are_not_counted():
    faults = [Fault(1, 0, "one", "", "it", 0), Fault(2, 0, "one", "", "it", 0), Fault(3, 0, "other", "", "it", 0)]
    chaos = Chaos(faults, [Hit("one"), Hit("other")], {"it": None})
    chaos.go(0, lambda: None)
    assert [len(chaos.undone()), len(chaos.undone(effective=True))] == [3, 1]
    system = System.__new__(System)
    system.schedule, system.chaos, system.members, system.totals = faults, chaos, {}, {"drain_s": 0.1}
    assert system.undone() == {"one": 2, "other": 1} and system.effective() == {"one": 1, "other": 0}

    def felt():
        report = Report(argparse.Namespace(check=True), "chaos")
        system.judge_end(report)
        return [v["kept"] for v in report.verdicts if "were felt" in v["verdict"]]
    assert felt() == []
    system.schedule = faults[:2]
    assert felt() == [True]
    chaos = system.chaos = Chaos(faults[:1], [Hit("one")], {"it": None})
    chaos.go(0, lambda: None)
    assert felt() == [False]


# What a process sees of its clocks, whenever it is asked; before that, a wait of so many seconds for nobody.
CLOCKS = """
import ctypes, sys, time
libc = ctypes.CDLL(None)
libc.time.restype = ctypes.c_long
condition, mutex, at = ctypes.create_string_buffer(64), ctypes.create_string_buffer(64), (ctypes.c_long * 2)()
libc.cnd_init(condition)
libc.mtx_init(mutex, 0)
for line in sys.stdin:
    began = time.monotonic()
    if float(line) > 0:
        libc.timespec_get(at, 1)
        nsec = at[0] * 10**9 + at[1] + int(float(line) * 10**9)
        at[0], at[1] = nsec // 10**9, nsec % 10**9
        print("waits", flush=True)
        libc.mtx_lock(mutex)
        while libc.cnd_timedwait(condition, mutex, at) == 0:
            pass
        libc.mtx_unlock(mutex)
    libc.timespec_get(at, 1)
    print(libc.time(None) - at[0], at[0], time.time(), began, time.monotonic() - began, flush=True)
"""


class Watched:
    """A process with a clock that can be stepped, as a daemon is one."""

    def __init__(self, tmp_path, reap):
        self.name, self.variables = "watched", {}
        self.clock = Clock(self, str(tmp_path))
        self._process = subprocess.Popen([sys.executable, "-c", CLOCKS], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True, env={**os.environ, **self.variables})
        reap.process(self._process.pid)

    def say(self, seconds):
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()

    def out(self):
        return self._process.stdout

    def answer(self):
        return self.out().readline()

    def ask(self):
        """Seconds that time(), timespec_get() and clock_gettime() are ahead, and the monotonic clock."""
        self.say(0)
        differs, seconds, precise, mono, _ = map(float, self.answer().split())
        assert abs(differs) < 60 and abs(precise - seconds) < 60
        return round((precise - time.time()) / 60) * 60, mono

    def end(self):
        self._process.stdin.close()
        self._process.wait(30)


@pytest.fixture
def watched(tmp_path, reap):
    process = Watched(tmp_path, reap)
    yield process
    process.end()


def test_a_clock_that_is_stepped(watched):
    ahead, mono = watched.ask()
    assert ahead == 0 and abs(mono - time.monotonic()) < 60 and watched.clock.told() == 0
    for seconds in (HOUR, -HOUR):
        watched.clock.step(seconds)
        told = watched.clock.told()
        ahead, later = watched.ask()
        assert ahead == seconds and mono <= later < mono + 60 and watched.clock.told() > told
        mono = later
    watched.clock.step(0)
    told = watched.clock.told()
    assert watched.ask()[0] == 0 and watched.clock.told() == told


def test_a_wait_for_a_time_ends_with_a_step_ahead(watched):
    watched.say(600)
    assert watched.answer() == "waits\n"
    watched.clock.step(HOUR)
    assert float(watched.answer().split()[-1]) < 60


def test_a_wait_for_a_time_outlasts_a_step_back(watched):
    """And a step back to where it was ends it."""
    def stepped_in_time():
        watched.clock.step(HOUR)
        began = time.monotonic()
        watched.say(0.5)
        assert watched.answer() == "waits\n"
        watched.clock.step(0)
        if time.monotonic() - began < 0.5:
            return True
        # It may have ended before that.
        watched.clock.step(HOUR)
        watched.answer()
        return False
    until(stepped_in_time, "it is stepped back before the wait is over")
    assert not select.select([watched.out()], [], [], 1.5)[0]
    watched.clock.step(HOUR)
    assert 1.5 < float(watched.answer().split()[-1]) < 60


def test_a_disk_that_is_full(tmp_path, reap):
    try:
        disk = disks.Disk(str(tmp_path / "disk"), reap)
    except ValueError as error:
        pytest.skip(str(error))
    try:
        inside = tmp_path / "inside"
        inside.mkdir()
        (inside / "file").write_bytes(b"x" * 100000)
        disk.take(str(inside))
        disk.fill()
        with pytest.raises(OSError, match="No space left"):
            (inside / "other").write_bytes(b"x" * 100000)
        assert (inside / "file").stat().st_size == 100000
        disk.free()
        (inside / "other").write_bytes(b"x" * 100000)
    finally:
        disk.finish()


# -- campaigns ------------------------------------------------------------------

FAKE = """#!/usr/bin/python3
import json, os, sys
seed = int(sys.argv[2].partition("=")[2])
with open({ran!r}, "a", encoding="ascii") as file:
    file.write("%d\\n" % seed)
if seed == 3:
    sys.exit("broken early")
kept = seed != 2
totals = {{"delivery": "exactly-once", "events": 10, "faults": {{"source kill": 2, "target fast": seed}},
          "restarts": {{"relays": 1}}, "anomalies": {{"topic/lost-write": 0 if kept else 4, "topic/G1a": 0}}}}
with open(os.path.join({out!r}, "pipeline-%d.json" % seed), "w", encoding="ascii") as file:
    json.dump({{"totals": totals, "verdicts": [{{"verdict": "nothing is lost", "kept": kept}}]}}, file)
sys.exit(0 if kept else 1)
"""


class Fake:
    """A campaign over a program that runs nothing."""

    def __init__(self, tmp_path):
        self.out, self.ran, self.program = str(tmp_path / "out"), tmp_path / "ran", tmp_path / "run"
        self.program.write_text(FAKE.format(ran=str(self.ran), out=self.out))
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)
        self.said = []

    def campaign(self, time=60):
        return Campaign(self.out, {"time": time, "options": [], "programs": "abc"}, str(self.program), self.said.append)

    def seeds_run(self):
        found = [int(line) for line in self.ran.read_text().split()]
        self.ran.write_text("")
        return found

    def summary(self):
        with open(os.path.join(self.out, "summary.json"), encoding="utf-8") as file:
            return json.load(file)


def test_what_a_campaign_comes_to(tmp_path):
    fake = Fake(tmp_path)
    campaign = fake.campaign()
    campaign.go([1, 2, 3, 4], jobs=2)
    summary = fake.summary()
    assert sorted(fake.seeds_run()) == [1, 2, 3, 4]
    assert (summary["seeds"], summary["passed"], summary["events"]) == (4, 2, 30)
    assert summary["faults"] == {"source kill": 6, "target fast": 7} and summary["restarts"] == {"relays": 3}
    assert summary["anomalies"] == {"topic/lost-write": 4, "topic/G1a": 0} and summary["deliveries"] == {"exactly-once": 3}
    assert [(f["seed"], f["broken"]) for f in summary["failed"]] == [(2, ["nothing is lost"]), (3, ["broken early\n"])]
    assert summary["failed"][0]["once_more"] == f"{fake.program} pipeline --seed=2 --time=60"
    assert f"    once more: {fake.program} pipeline --seed=3 --time=60" in fake.said


def test_a_campaign_goes_on_where_it_stopped(tmp_path):
    fake = Fake(tmp_path)
    fake.campaign().go([1, 2])
    fake.seeds_run()
    # More seeds of the same; then all of them are done, and it begins anew; and so does another campaign.
    more = fake.campaign()
    assert more.remember([1, 2, 4, 5]) == [4, 5]
    more.go([4, 5])
    assert fake.seeds_run() == [4, 5] and fake.summary()["seeds"] == 4
    assert fake.campaign().remember([1, 2, 4]) == [1, 2, 4]
    assert fake.campaign(time=61).remember([1, 2, 6]) == [1, 2, 6]
    again = fake.campaign()
    again.go(again.remember([1]))
    assert fake.seeds_run() == [1] and fake.summary()["seeds"] == 1


def test_a_campaign_that_is_interrupted(tmp_path):
    """What was done before counts."""
    fake = Fake(tmp_path)
    campaign = fake.campaign()
    # The next one is run when the one before it was told: so it is known what was begun.
    told, run = threading.Semaphore(1), campaign._run   # pylint: disable=protected-access

    def run_next(seed):
        told.acquire(timeout=60)
        return run(seed)
    campaign._run = run_next                            # pylint: disable=protected-access

    def interrupt(text):
        told.release()
        if "seed 2" in text:
            raise KeyboardInterrupt
    campaign.say = interrupt
    with pytest.raises(KeyboardInterrupt):
        campaign.go([1, 2, 4, 5])
    assert 5 not in fake.seeds_run() and fake.summary()["seeds"] == 2
    rest = fake.campaign()
    assert rest.remember([1, 2, 4, 5]) == [4, 5]
    rest.go([4, 5])
    assert fake.seeds_run() == [4, 5] and fake.summary()["seeds"] == 4
