"""outbox-relay verify tells what outbox.event and the topics have that the other has not."""
import re
import subprocess
import sys

import pytest
from confluent_kafka import Producer

from harness import paths
from harness.daemon import run_once
from harness.wait import until

QUICK = {"heartbeat.interval": "100ms"}

# Runs its arguments and adds their peak in kB.  A child's peak counts from its fork on, so that the parent has to be small.
PEAK_OF = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss, flush=True)
os._exit(os.waitstatus_to_exitcode(status))
"""


def once(scene, *command, **options):
    return run_once(scene.relay(f"{command[0]}-{len(scene.daemons)}", command=command, **options), 120)


def verify(scene, *arguments, **options):
    """(status, {what: ids or count})"""
    command = once(scene, "verify", *arguments, **options)
    found = {what: set(re.findall(rf"^{what} ([0-9a-f-]{{36}})\b", command.output, re.M))
             for what in ("missing", "doubled", "unexpected")}
    for what in ("events", "records", "replayed", "dead letters", "missing", "doubled", "unexpected"):
        number = re.findall(rf"^{what}: (\d+)$", command.output, re.M)
        assert len(number) == 1, command
        if what in found:
            assert len(found[what]) == int(number[0]), command
        else:
            found[what] = int(number[0])
    return command.status, found


def published(scene, count=10, **options):
    relay = scene.start_relay(**QUICK, **options)
    ids = [scene.emit("t", f"k{n}") for n in range(count)]
    scene.wait_known()
    return relay, ids


def nothing(**counts):
    return {"missing": set(), "doubled": set(), "unexpected": set(), "replayed": 0, "dead letters": 0, **counts}


def forge(scene, *records):
    producer = Producer({"bootstrap.servers": scene.broker.servers})
    for key, headers in records:
        producer.produce(scene.topic("t"), b"{}", key, 0, headers=[(k, v.encode()) for k, v in headers])
    assert producer.flush(30) == 0


def test_a_lost_slot_shows_and_a_replay_mends_it(scene, exits):
    relay, ids = published(scene)
    assert verify(scene) == (0, nothing(events=10, records=10))
    scene.stop_relay(relay)
    missed = {scene.emit("t", f"k{n}") for n in range(4)}
    # As long as the slot is there, the relay will publish them.
    assert verify(scene) == (0, nothing(events=10, records=10))
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
    # Without it nobody will.
    command = once(scene, "verify")
    assert command.status == exits["EXIT_GAP"] and "missing: 0" in command.output, command
    assert "note: the replication slot" in command.output and "left to the relay: 4" in command.output
    assert "storage = wal" not in command.output
    scene.initialize("--accept-gap")
    relay.start()
    scene.emit("t", "after")
    scene.wait_known()
    assert verify(scene) == (1, nothing(events=15, records=11) | {"missing": missed})
    assert once(scene, "replay", "--gap").status == 0
    assert verify(scene) == (0, nothing(events=15, records=15) | {"replayed": 4})
    # Replayed once more: on purpose, so it is no double.
    assert once(scene, "replay", "--aggregate=t").status == 0
    assert verify(scene) == (0, nothing(events=15, records=30) | {"replayed": 19})
    assert relay.running() and len(ids) == 10


def test_it_finds_what_is_doubled_unexpected_and_missing(scene):
    _, ids = published(scene)
    records = {record.id: record for record in scene.broker.read(scene.topic("t"))}
    position = records[ids[3]].position
    forged = "01890000-0000-7000-8000-000000000001"
    forge(scene,
          (b"k3", [("id", ids[3]), ("outbox-position", position.text)]),
          (b"x", [("id", forged), ("outbox-position", position.text)]),
          # Not ours to judge: another source, no position, no id.
          (b"x", [("id", forged[:-1] + "2"), ("outbox-position", "other" + position.text)]),
          (b"x", [("id", forged[:-1] + "3")]),
          (b"x", []))
    status, found = verify(scene)
    assert (status, found) == (1, nothing(events=10, records=12, doubled={ids[3]}, unexpected={forged}))
    # What retention took is missing.
    scene.broker.delete_records(scene.topic("t"), records[ids[0]].partition, -1)
    there = {record.id for record in scene.broker.read(scene.topic("t"))}
    status, found = verify(scene)
    assert status == 1 and ids[0] not in there
    assert found["missing"] == set(ids) - there


def test_many_differences_bury_nothing(scene, exits):
    """The first ones of each kind, how many more, notes, counts; a program gets all."""
    _, ids = published(scene, 130)
    records = {record.id: record for record in scene.broker.read(scene.topic("t"))}
    forged = [f"01890000-0000-7000-8000-{n:012}" for n in range(3)]
    forge(scene, *[(b"x", [("id", i), ("outbox-position", records[ids[0]].position.text)]) for i in forged])
    for number in range(3):
        scene.broker.delete_records(scene.topic("t"), number, sum(r.partition == number for r in records.values()))
    scene.sql("DELETE FROM outbox.event WHERE id = %s", (ids[7],))

    def lines(*arguments):
        command = once(scene, "verify", *arguments)
        assert command.status == 1, command
        said = [line for line in command.output.splitlines() if re.match(r"(missing|unexpected|and|events)\b", line)]
        assert re.findall(r"^missing: (\d+)$", command.output, re.M) == ["129"], command
        return [line.split()[0] for line in said if not re.match("(missing|unexpected):", line)], command.output

    words, output = lines()
    assert words.count("missing") == 100 and words.count("unexpected") == 3 and "and 29 more missing" in output
    # Nothing but counts is behind what is left out.
    assert words[-2:] == ["and", "events:"] and "more unexpected" not in output
    words, output = lines("--limit", "2")
    assert words.count("missing") == words.count("unexpected") == 2
    assert "and 127 more missing" in output and "and 1 more unexpected" in output
    words, output = lines("--limit=0")
    assert words.count("missing") == 129 and words.count("and") == 0
    assert once(scene, "verify", "--limit=-1").status == exits["EXIT_CONFIG"]


def test_a_double_alone_is_another_status(scene, exits):
    """As a crash leaves it: consumers drop it, and nobody has to be woken."""
    _, ids = published(scene)
    position = next(r for r in scene.broker.read(scene.topic("t")) if r.id == ids[3]).position
    forge(scene, (b"k3", [("id", ids[3]), ("outbox-position", position.text)]))
    assert verify(scene) == (exits["EXIT_DOUBLED"], nothing(events=10, records=11, doubled={ids[3]}))


def test_both_profiles_are_compared_and_replayed(scene):
    """Ids are in ce_id; what is replayed is flagged and keeps the time when it happened."""
    options = {"message.profile": "cloudevents", "table.field.event.key": "type"}
    relay, ids = published(scene, **options)
    assert verify(scene, **options) == (0, nothing(events=10, records=10))
    assert once(scene, "replay", "--aggregate=t/k3", **options).status == 0
    assert verify(scene, **options) == (0, nothing(events=10, records=11) | {"replayed": 1})
    first, copy = [record for record in scene.broker.read(scene.topic("t")) if record.header("ce_id") == ids[3]]
    assert copy.header("outbox-replayed") == "selected" and copy.header("outbox-position") is None
    assert copy.header("id") is None and copy.header("ce_time")[:23] + "Z" == copy.header("outbox-created-at")
    assert (copy.key, copy.value, copy.partition) == (first.key, first.value, first.partition)
    assert {record.key for record in scene.broker.read(scene.topic("t"))} == {first.key}
    # The other profile's go by their own header.
    assert relay.stop() == 0
    relay.options["message.profile"] = "debezium"
    relay.start()
    scene.emit("t", "k")
    scene.wait_known()
    assert verify(scene) == (0, nothing(events=11, records=12) | {"replayed": 1})


def test_timestamps_of_a_field_say_nothing_of_the_window(scene):
    """Records look as if they were of 1970; those of before the window aren't unexpected."""
    options = {"table.field.event.timestamp": "at"}
    scene.start_relay(**QUICK, **options)
    for n in range(4):
        scene.sql("SELECT outbox.emit('t', %s, 'T', '1'::json, '{\"at\": 1000}'::jsonb)", (f"k{n}",))
    scene.wait_known()
    since = scene.sql("SELECT max(created_at)::text FROM outbox.event")[0][0]
    assert verify(scene, **options) == (0, nothing(events=4, records=4))
    assert verify(scene, f"--since={since}", **options) == (0, nothing(events=1, records=1))
    assert {record.timestamp for record in scene.broker.read(scene.topic("t"))} == {1000}


def test_a_dead_letter_is_not_missing(scene):
    options = {"poison.policy": "dead-letter", "kafka.message.max.bytes": "5000"}
    _, ids = published(scene, count=3, **options)
    large = str(scene.sql("SELECT outbox.emit('t', 'k', 'T', to_json(repeat('x', 20000)))")[0][0])
    scene.emit("t", "k")
    scene.wait_known()
    assert scene.sql("SELECT id::text FROM outbox.dead_letter") == [(large,)] and len(ids) == 3
    assert verify(scene) == (0, nothing(events=5, records=4) | {"dead letters": 1})


def test_a_window_is_compared_alone(scene, exits):
    _, ids = published(scene)
    times = [row[0] for row in scene.sql("SELECT created_at::text FROM outbox.event ORDER BY created_at")]
    forged = "01890000-0000-7000-8000-000000000001"
    position = scene.broker.read(scene.topic("t"))[0].position.text
    forge(scene, (b"x", [("id", forged), ("outbox-position", position)]))
    assert verify(scene, "--since", times[3], "--until", times[7]) == (0, nothing(events=4, records=verify_records(scene, times)))
    status, found = verify(scene, f"--since={times[3]}")
    assert status == 1 and found["unexpected"] == {forged} and found["events"] == 7
    command = once(scene, "verify", "--max-events=9")
    assert command.status == exits["EXIT_CONFIG"] and "--max-events" in command.output
    assert verify(scene, "--max-events=11")[0] == 1
    for wrong in ("--since=gestern", "--max-events=0", "--gap"):
        assert once(scene, "verify", wrong).status == exits["EXIT_CONFIG"]
    assert len(ids) == 10


def verify_records(scene, times):
    """Records of the window by the events' commit times, which are a moment later than created_at."""
    ids = {row[0] for row in scene.sql("SELECT id::text FROM outbox.event WHERE created_at >= %s AND created_at < %s",
                                       (times[3], times[7]))}
    low, high = scene.sql("SELECT floor(extract(epoch FROM %s::timestamptz) * 1000)::int8,"
                          " ceil(extract(epoch FROM %s::timestamptz) * 1000)::int8", (times[3], times[7]))[0]
    return sum(1 for r in scene.broker.read(scene.topic("t"))
               if r.id in ids or (low <= r.timestamp < high and r.header("type") is not None))


def test_brokers_may_be_away_for_a_moment(make_scene, source, own_broker):
    scene = make_scene(source, None, own_broker)
    published(scene)
    own_broker.stop()
    daemon = scene.relay("verify-away", command=("verify",)).start(ready=False)
    until(lambda: scene.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                            " AND query LIKE '%%outbox.event_%%' AND pid <> pg_backend_pid()") == [(0,)], "it has read the table")
    own_broker.restart()
    assert daemon.wait_exit(120) == 0, daemon.log()
    assert "missing: 0" in daemon.log()


@pytest.mark.slow
def test_its_memory_is_that_of_the_ids(scene):
    published(scene, count=1)
    with scene.source.connect(scene.database) as session:
        session.execute("SELECT count(outbox.emit('many', n::text, 'x', to_json(repeat('x', 2000)))) FROM generate_series(1, 50000) AS n")
    scene.wait_known()
    relay = scene.relay("verify-many", command=("verify", "--max-events=60000"))
    with open(relay.log_path, "ab") as log:
        process = subprocess.Popen([sys.executable, "-S", "-c", PEAK_OF, *relay.arguments()], env=relay.environment(),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
    scene.reap.process(process.pid)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, relay.log()
    *found, peak_kb = output.splitlines()
    assert "events: 50001" in found and "records: 50001" in found
    # The rows and records that it went through are more than 100 MB.
    assert paths.WATCHED or int(peak_kb) << 10 < 64 << 20, f"{peak_kb} kB"


def test_a_transaction_longer_than_the_window_is_open(scene):
    """Its event was written before the window and committed within: a record of that time, and no row of it."""
    published(scene, count=1)
    with scene.source.connect(scene.database, autocommit=False) as session:
        session.execute("SELECT outbox.emit('t', 'early', 'x', '{}'::json)")
        since = scene.sql("SELECT clock_timestamp()::text")[0][0]
        session.commit()
    scene.emit("t", "later")
    scene.wait_known()
    status, found = verify(scene, "--since", since)
    assert (status, found) == (0, nothing(events=1, records=2))


def test_a_dead_letter_that_was_redriven_has_a_record(scene):
    """It excuses nothing any more, once its new row was published."""
    options = {"poison.policy": "dead-letter", "kafka.message.max.bytes": "6000"}
    relay, _ = published(scene, count=1, **options)
    large = str(scene.sql("SELECT outbox.emit('t', 'large', 'T', to_json(repeat('x', 20000)))")[0][0])
    scene.emit("t", "k")
    scene.wait_known()
    scene.stop_relay(relay)
    assert scene.sql("SELECT outbox.redrive(slot => %s)", (scene.slot,))[0][0] == 1
    # Its row waits for the relay.
    assert verify(scene) == (0, nothing(events=3, records=2) | {"dead letters": 1})
    del relay.options["kafka.message.max.bytes"]
    relay.start()
    scene.wait_known()
    again = [record for record in scene.broker.read(scene.topic("t")) if record.id == large]
    assert len(again) == 1 and verify(scene) == (0, nothing(events=4, records=3) | {"replayed": 1})
    # Kafka loses it.
    scene.broker.delete_records(scene.topic("t"), again[0].partition, -1)
    status, found = verify(scene)
    assert status == 1 and large in found["missing"] and found["dead letters"] == 0
