"""outbox-compare: scenarios with their verdicts, its books when somebody tampers with the
target, what it refuses, and that it mends what it broke and leaves nothing behind.
"""
import os
import re
import signal
import subprocess
import time

import pytest

from harness import paths
from harness.comparison import Comparison, processes_of
from harness.wait import until


CLEAN = "lost = 0, duplicates = 0, order = 0, invented = 0, pending = 0"
WRONG = ("lost", "pending", "duplicates", "order_violations", "invented")


def only_run(report):
    """Of the only scenario that was played."""
    (played,) = [scenario for scenario in report["scenarios"] if scenario["skipped"] is None]
    (run,) = played["runs"]
    return run


def wrong(path):
    """What is amiss in a path's books, by name."""
    return {name: path[name] for name in WRONG if path[name] != 0}


@pytest.mark.slow
def test_verdict_and_report(compare):
    # A rate and connections with which no request waits for half a second, with other tests beside this one.
    run = compare("target-crash", "--duration=10s", "--rate=25", "--seed=3", "--pool-size=16", "--timeout-statement=5s",
                  "--timeout-client=6s")
    until(lambda: len(run.passwords()) == 2, "its servers have a password", 180)
    assert not [line for line in processes_of("").values() if any(word in line for word in run.passwords())]
    run.finish(0)
    report = run.report()
    assert report["version"] == 2 and report["passed"] and not report["interrupted"]
    assert all(report["versions"].values()) and report["machine"]["cpus"] > 0
    played = only_run(report)
    assert all(term["held"] for term in played["expectations"]) and played["seed"] == 3

    paths = played["paths"]
    assert set(paths) == {path["name"] for path in report["paths"]} and len(paths) == 6
    for name in ("outbox", "outbox-wal"):
        assert paths[name]["offered"] == paths[name]["accepted"] == paths[name]["in_target"] == 250
        assert wrong(paths[name]) == {} and paths[name]["drain_s"] is not None
    # It loses what comes during the outage, and is back as soon as the target is.
    direct = paths["direct"]
    (fault,) = played["faults"]
    down = (min(fault["until_s"], 10) - fault["from_s"]) / 10
    assert down == pytest.approx((direct["rejected"] + direct["unknown"]) / 250, abs=0.1)

    for name, path in paths.items():
        assert path["closes"]
        assert path["offered"] == path["accepted"] + path["rejected"] + path["unknown"]
        assert sum(path["rejected_because"].values()) == path["rejected"]
        for what in ("offered", "accepted", "rejected", "unknown"):
            total = sum(row["paths"][name][what] for row in played["timeline"])
            assert total == path[what], (name, what)
    assert set(direct["rejected_because"]) <= {"away", "busy"} and direct["rejected_because"]["away"] > 0
    assert re.search(r"\n  direct rejected: [^\n]*times what it would be stored in was away", run.log())
    breaker = [row["breaker"] for row in played["timeline"]]
    assert breaker[2] == "closed" and breaker[-1] == "closed"
    assert breaker.index("open") < breaker.index("half_open")
    assert [0] in [row["faults"] for row in played["timeline"]]
    cpu, wal = played["cost"]["cpu_s"], played["cost"]["wal_bytes"]
    assert all(seconds > 0 for seconds in cpu.values()), cpu
    assert wal["source"] > 50000 and wal["target"] > 50000


@pytest.mark.slow
def test_every_kind_of_fault(compare, scenario):
    """One after the other on one stage, in two scenarios; nothing is lost, and all is mended."""
    network = scenario("network", f"""
title = Networks
duration = 6s
at 0.5s latency target 30ms jitter 30ms until 2s
at 0.5s bandwidth relay-source 64kB/s until 2s
at 2s reset source until 3s
at 2s blackhole consumer-target until 3.5s
at 4s refuse target until 5s
expect direct outbox {CLEAN}
expect direct rejected + unknown >= 5%
expect direct-retry duplicates = 0, lost = 0
""")
    parts = scenario("parts", f"""
title = Parts
duration = 9s
at 0.5s pause broker until 2s
at 1s crash relay until 2s
at 2s disk-full target until 3.5s
at 4s connections target until 5.5s
at 6.5s crash consumer until 7.5s
at 6.5s pause target until 8s
expect outbox {CLEAN}
expect direct rejected + unknown >= 10%, lost = 0
""")
    run = compare(network, parts, "--paths=direct,direct-retry,outbox", "--breaker-reset=500ms")
    run.finish(0)
    report = run.report()
    assert [played["name"] for played in report["scenarios"]] == ["network", "parts"]
    for played in report["scenarios"]:
        happened = played["runs"][0]["faults"]
        for plan, fault in zip(played["faults"], happened, strict=True):
            assert fault["text"] == plan["text"]
            # A crashed part takes its time to come back, and the machine may be busy.
            assert plan["from_s"] - 0.1 <= fault["from_s"] <= plan["from_s"] + 60
            assert fault["until_s"] >= plan["until_s"] - 0.1
        # Rows of the first run aren't the second one's.
        assert played["runs"][0]["paths"]["outbox"]["offered"] == 50 * played["duration_s"]


@pytest.mark.slow
def test_books_notice(compare):
    """Each path's rows are tampered with in another way, and each book shows that and no more."""
    tampering = {
        "outbox": ("lost", "DELETE FROM location_history WHERE n = {first}"),
        "outbox-wal": ("duplicates", "INSERT INTO location_history ({columns})"
                                     " SELECT {columns} FROM location_history WHERE n = {first}"),
        "kafka-first": ("invented", "INSERT INTO location_history (request_id, {others})"
                                    " SELECT gen_random_uuid(), {others} FROM location_history"
                                    " WHERE n = {first}"),
        # The first of those that are there gets a number that its followers don't reach.
        "dual-write": ("order_violations", "UPDATE location_history SET version = version + 100000"
                                           " WHERE n = {first}")}
    others = ("mode, driver_id, version, latitude, longitude, heading, speed, accuracy, status,"
              " reported_at")
    # Long enough for all of it, on a machine that has other things to do.
    run = compare("calm", "--duration=15s")
    run.wait_log("s calm ")
    with run.target() as target:
        for mode, (_, statement) in tampering.items():
            first = f"(SELECT min(n) FROM location_history WHERE mode = '{mode}')"
            until(lambda: target.execute("SELECT count(*) > 20 FROM location_history"
                                         " WHERE mode = %s", (mode,)).fetchone()[0], "rows arrive")
            assert target.execute(statement.format(
                first=first, others=others, columns="request_id, " + others)).rowcount == 1
    run.finish(30)
    report = run.report()
    paths = only_run(report)["paths"]
    for mode, (member, _) in tampering.items():
        assert set(wrong(paths[mode])) == {member}, mode
    for mode in ("direct", "direct-retry"):
        assert paths[mode]["in_target"] > 0 and wrong(paths[mode]) == {}
    assert report["passed"] is False
    assert "NOT HELD  outbox: lost = 0; it was 1" in run.log()


@pytest.mark.slow
def test_interrupted_in_a_fault(compare, scenario):
    """What is broken is mended, what was measured is written, and nothing is judged."""
    path = scenario("long", """
title = Long
duration = 600s
at 1s crash target until 500s
at 1s pause consumer until 500s
expect outbox lost = 0
""")
    run = compare(path, "calm", "--paths=direct,outbox")
    run.wait_log("fault")
    run.wait_log("s fault ")
    run.process.send_signal(signal.SIGINT)
    run.finish(130, 200)
    report = run.report()
    assert report["interrupted"] and not report["passed"]
    played = only_run(report)
    assert played["interrupted"] and not played["passed"] and played["expectations"] == []
    for fault in played["faults"]:
        assert 0.9 <= fault["from_s"] < fault["until_s"] < 500
    for name in ("direct", "outbox"):
        assert played["paths"][name]["closes"] and played["paths"][name]["offered"] > 10
    assert played["paths"]["outbox"]["durable"] > 10
    assert report["scenarios"][1]["name"] == "calm" and "interrupted" in report["scenarios"][1]["skipped"]


@pytest.mark.parametrize("moment, signals", [("starting two", 1), ("starting outbox-relay", 2)])
def test_interrupted(compare, moment, signals):
    run = compare("calm", "--duration=10min", "--paths=direct,outbox")
    run.wait_log(moment)
    run.process.send_signal(signal.SIGINT)
    if signals > 1:
        # What comes within a second is the same wish.
        time.sleep(1.1)
        run.process.send_signal(signal.SIGINT)
    run.finish(130, 200)


def test_one_wish(compare):
    """timeout(1) signals the process and its group: the report is there nevertheless."""
    def wished_once():
        run = compare("calm", "--duration=10min", "--paths=direct")
        run.wait_log("s calm ")
        began = time.monotonic()
        for signo in (signal.SIGTERM, signal.SIGCONT, signal.SIGHUP, signal.SIGTERM):
            run.process.send_signal(signo)
            time.sleep(.05)
        if time.monotonic() - began < 0.9:
            return run
        # What came later was another wish.
        run.process.wait(200)
        return None
    run = until(wished_once, "the signals come within a second", 300)
    run.finish(130, 200)
    assert only_run(run.report())["interrupted"]


def test_a_part_ends(compare):
    """The comparison ends with an error; the report says so, and what it lacks."""
    run = compare("calm", "target-crash", "--duration=10min", "--paths=direct")
    run.wait_log("s calm ")
    (app,) = run.pids("ingest")
    os.kill(app, signal.SIGKILL)
    run.finish(paths.exit_codes()["EXIT_SERVER"], 200)
    report = run.report()
    assert report["passed"] is False and report["interrupted"] is False
    assert report["error"] == "outbox-compare ingest could not be started or was killed"
    assert [(played["runs"], played["skipped"]) for played in report["scenarios"]] == [
        ([], "The comparison ended with an error before.")] * 2
    assert "It ended with an error: outbox-compare ingest" in run.page()


def test_nothing_to_play(compare):
    """A fault of what isn't there can't come, and who has shown nothing hasn't passed."""
    run = compare("source-blackhole", "source-crash", "--paths=direct", "--duration=2s")
    run.finish(30)
    assert "0 passed, 0 failed, 2 skipped" in run.log()
    report = run.report()
    assert report["passed"] is False and [played["runs"] for played in report["scenarios"]] == [[], []]
    assert "link" in report["scenarios"][0]["skipped"] and "part" in report["scenarios"][1]["skipped"]


def test_surroundings(base, reap, monkeypatch):
    """Whatever the user's shell says of other servers, and whatever a directory's name has that can be used."""
    for name, value in (("PGHOSTADDR", "192.0.2.1"), ("PGPASSWORD", "wrong"), ("PGSSLMODE", "require"),
                        ("PGOPTIONS", "-c nonsense=1"), ("LC_ALL", "de_DE.UTF-8")):
        monkeypatch.setenv(name, value)
    # What all is well with is accepted, however slow the machine is.
    run = Comparison(base, "compare=in-a~strange+place@home", reap, "calm", "--paths=direct,outbox",
                     "--duration=2s", "--pool-wait=5s", "--timeout-statement=10s", "--timeout-client=20s")
    run.finish(0)
    assert run.report()["passed"]


def test_killed(compare):
    """kill -9 of what the user sees: the rest ends by itself."""
    run = compare("calm", "--duration=60s", "--paths=direct")
    run.wait_log("s calm ")
    run.process.kill()
    run.finish(-signal.SIGKILL, 20)


def test_refused(compare, scenario):
    wrong_file = scenario("wrong", "title = T\nduration = 9s\nat 5s melt target until 7s\n")
    for arguments, message in (
            ((), "no scenario is given"),
            (("nonsense",), 'there is no scenario "nonsense"'),
            (("calm", "calm"), 'scenario "calm" is given twice'),
            (("missing.scenario",), 'could not open "missing.scenario"'),
            ((wrong_file,), f'{wrong_file}:3:7: unknown fault "melt"'),
            (("calm", "--paths=indirect"), 'invalid paths "indirect"'),
            (("ramp", "--rate=5"), '"ramp" has a ramp'),
            (("calm", "--rate=0"), "rate"),
            (("calm", "--timeout-client=1s"), "timeout.client"),
            (("bursts", "--rate=5000"), "more than 5000 requests a second"),
            (("calm", "--rate=5000", "--duration=24h"), "more than 10000000 requests"),
            (("calm", "--report=/proc/nowhere/report.json"), 'could not make "/proc/nowhere"'),
            (("calm", "--dir=/proc/nowhere/dir"), 'could not make the servers\' directory "/proc/nowhere/dir": No such'),
            (("calm", "--dir=" + scenario("a 'quote'", "").replace(".scenario", "")), "has other characters in its name"),
            (("calm", "--nonsense=1"), "nonsense")):
        run = compare(*arguments)
        run.finish(2)
        assert "outbox-compare: " in run.log() and message in run.log(), run.log()


def test_list():
    """Every scenario of the tree is in the program, and can be read."""
    done = subprocess.run([os.path.join(paths.BIN, "outbox-compare"), "list"], check=True,
                          stdout=subprocess.PIPE, text=True)
    files = os.listdir(os.path.join(paths.TOP, "compare", "scenarios"))
    assert [line.split()[0] for line in done.stdout.splitlines()] == sorted(
        name.removesuffix(".scenario") for name in files)
    assert len(files) >= 15
