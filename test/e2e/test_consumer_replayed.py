"""outbox-consumer and flagged events: it stops before them, and docs/operations.md has the ways on."""
import os
import re

from harness.daemon import run_once
from harness.paths import TOP
from harness.wait import until

QUICK = {"heartbeat.interval": "100ms"}


def statement(heading, containing):
    """The one statement under a heading of docs/operations.md that has these words."""
    with open(os.path.join(TOP, "docs", "operations.md"), encoding="utf-8") as file:
        section = re.search(rf"(?ms)^### {heading}$(.*?)^##", file.read()).group(1)
    found, = [block for block in re.findall(r"(?m)((?:^       .*\n)+)", section) if containing in block]
    return found


def command(scene, *arguments):
    return run_once(scene.relay(f"{arguments[0]}-{len(scene.daemons)}", command=arguments, **QUICK), 120)


def applied_ids(scene):
    return sorted(str(row[0]) for row in scene.target_sql("SELECT id FROM applied"))


def stopped(consumer, exits):
    """(partition, offset) of the record that it stopped at."""
    assert consumer.wait_exit(60) == exits["EXIT_DATA"], consumer.log()
    problem, = consumer.problems()
    assert "is a replayed event" in problem["msg"]
    assert "A consumer that a replayed event stopped" in problem["hint"]
    return tuple(int(n) for n in re.search(r"partition (\d+), offset (\d+) ", problem["msg"]).groups())


def test_the_way_on_of_one_that_stopped(scene, exits):
    """Past the flagged record, and nothing else is left out or applied twice; a new group is none."""
    scene.apply_all("t")
    scene.start_relay(**QUICK)
    ids = [scene.emit("t", "k") for _ in range(3)]
    scene.wait_known()
    assert command(scene, "replay", f"--id={ids[1]}").status == 0
    assert command(scene, "replay", f"--id={ids[2]}").status == 0
    ids.append(scene.emit("t", "k"))
    scene.wait_known()
    topic = scene.topic("t")
    consumer = scene.consumer().start(ready=False)
    partition, offset = stopped(consumer, exits)
    assert offset == 3 and applied_ids(scene) == sorted(ids[:3])
    (group,), = scene.target_sql("SELECT group_name FROM outbox_inbox.progress")
    passing = statement("A consumer that a replayed event stopped", "UPDATE outbox_inbox.progress")
    for passed in (3, 4):
        sql = passing.replace("43", str(passed + 1)).replace("42", str(passed)).replace("'orders'", f"'{group}'")
        sql = sql.replace("'outbox.order'", f"'{topic}'").replace('"partition" = 0', f'"partition" = {partition}')
        assert scene.target_sql(sql.rstrip().rstrip(";") + " RETURNING next_offset") == [(passed + 1,)]
        consumer.start(ready=False)
        if passed == 3:
            assert stopped(consumer, exits) == (partition, 4)
    until(lambda: applied_ids(scene) == sorted(ids), lambda: f"the next event is applied: {applied_ids(scene)}")
    assert consumer.stop() == 0
    # It goes on there like any other.
    consumer.start()
    ids.append(scene.emit("t", "k"))
    until(lambda: applied_ids(scene) == sorted(ids), "and the one behind it")
    assert stopped(scene.consumer("anew", **{"consumer.group": f"{group}_anew"}).start(ready=False), exits) == (partition, 3)


def test_a_gap_is_filled_beside_a_consumer(scene):
    """What is missing is written again, unflagged, and applied once; nothing else is."""
    scene.apply_all("t")
    relay = scene.start_relay(**QUICK)
    ids = [scene.emit("t", f"k{n}") for n in range(4)]
    scene.wait_known()
    consumer = scene.consumer().start()
    until(lambda: applied_ids(scene) == sorted(ids), "all are applied")
    assert relay.stop() == 0
    scene.wait_slot_free()
    missed = [scene.emit("t", f"k{n}") for n in range(3)]
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
    scene.initialize("--accept-gap")
    relay.start()
    after = scene.emit("t", "after")
    scene.wait_known()
    found = re.findall(r"(?m)^missing ([0-9a-f-]{36})", command(scene, "verify").output)
    assert sorted(found) == sorted(missed)
    again = statement("A gap of topics that outbox-consumer reads", "INSERT INTO outbox.event")
    scene.sql(again.replace("{…}", "{" + ",".join(found) + "}"))
    until(lambda: applied_ids(scene) == sorted(ids + missed + [after]), lambda: f"each is applied once: {applied_ids(scene)}")
    scene.wait_known()
    done = command(scene, "verify")
    assert "missing: 0" in done.output and done.status == 0, done
    scene.sql(statement("A gap of topics that outbox-consumer reads", "gap_snapshot = NULL").replace("'pg_outbox'", f"'{scene.slot}'"))
    assert scene.sql("SELECT gap_open FROM outbox.status") == [(False,)]
    assert "no gap is recorded" in command(scene, "replay", "--gap").output
    assert consumer.running() and not consumer.problems()
