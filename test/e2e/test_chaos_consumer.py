"""outbox-consumer: a short run of test/chaos, and the schedule that it follows."""
import argparse
import os
import subprocess

import pytest

import consumer as chaos_consumer
from harness.paths import TOP
from report import Report
from schedule import LEAD, SETTLE, draw

PROGRAM = os.path.join(TOP, "test", "chaos", "run")
SECONDS, RATE = 20, 300


def judged(run):
    report = Report(argparse.Namespace(check=True), "chaos")
    run.judge(report)
    return report


def test_the_ledger_closes_whatever_fails(make_scene, own_target, own_broker, seed):
    """One fault of each kind; and then the same ledger with a record lost, doubled, and out of order."""
    kinds = chaos_consumer.kinds()
    run = chaos_consumer.Run(make_scene(None, own_target, own_broker), draw(seed, SECONDS, len(kinds), kinds),
                             SECONDS, RATE, print)
    run.go()
    report = judged(run)
    assert report.status() == 0, report.lines
    assert run.totals["offered"] == run.totals["applied"] > 0
    assert run.totals["restarts"] == {"consumers": run.totals["restarts"]["consumers"], "target": 1, "broker": 1}
    # What the writer repeated was dropped; an applied one is counted by the one that lived to say so.
    assert run.totals["written_again"] > 0 and run.totals["duplicates_dropped"] > 0
    for statement, mistakes in (
            ("UPDATE applied SET n = -1 WHERE n = (SELECT max(n) FROM applied WHERE partition = 5)",
             {"partition_disorder", "key_disorder"}),
            ("INSERT INTO applied (id, topic, partition) SELECT id, topic, partition FROM applied WHERE n = -1", {"twice"}),
            ("DELETE FROM applied WHERE id = (SELECT id FROM applied WHERE n = -1)", {"lost"})):
        run.scene.target_sql(statement)
        run.books = run.feed.books()
        found = {kind for kind, number in run.books.mistakes().items() if number}
        assert mistakes <= found, (mistakes, run.books)
        assert judged(run).status() == 1


@pytest.mark.parametrize("seconds, count", [(300, 20), (SECONDS, 5), (60, 8)])
def test_a_schedule_keeps_its_rules(seconds, count, seed):
    kinds = chaos_consumer.kinds()
    for number in range(seed, seed + 50):
        faults = draw(number, seconds, count, kinds)
        assert faults == draw(number, seconds, count, chaos_consumer.kinds())
        assert [f.number for f in faults] == list(range(1, count + 1))
        assert [f.at for f in faults] == sorted(f.at for f in faults)
        by_kind = [sum(f.kind == kind.name for f in faults) for kind in kinds]
        assert sum(by_kind) == count and max(by_kind) - min(by_kind) <= 1
        for kind in kinds:
            for fault in (f for f in faults if f.kind == kind.name):
                assert fault.subject in kind.ways[fault.way]
                assert round(kind.shortest, 1) <= fault.lasts <= round(kind.longest, 1)
                assert LEAD <= fault.at and fault.at + fault.lasts + SETTLE <= seconds + 0.1
        for one in faults:
            for other in faults[one.number:]:
                assert one.subject != other.subject or one.at + one.lasts + SETTLE <= other.at + 1e-6
    assert len({tuple(draw(n, seconds, count, kinds)) for n in range(seed, seed + 50)}) == 50


def test_more_faults_than_the_time_has_room_for():
    for seconds, count in ((5, 5), (30, 60)):
        with pytest.raises(ValueError):
            draw(1, seconds, count, chaos_consumer.kinds())
        done = subprocess.run([PROGRAM, "consumer", f"--time={seconds}", f"--faults={count}"], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.returncode == 2 and done.stderr.startswith("run: ") and not done.stdout


def test_the_same_seed_is_the_same_schedule():
    def dry_run(*options):
        return subprocess.run([PROGRAM, "consumer", "--dry-run", *options], check=True, stdout=subprocess.PIPE,
                              text=True, timeout=60).stdout
    first = dry_run("--seed=7")
    assert first.splitlines() == [str(f) for f in draw(7, 300, 20, chaos_consumer.kinds())]
    assert dry_run("--seed=7", "--rate=10") == first
    assert dry_run("--seed=8") != first
