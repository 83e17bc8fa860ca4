"""outbox-relay replay publishes retained events again, flagged, and fills a gap."""
import re
import signal
import time

import pytest

from harness.daemon import run_once
from harness.wait import until

QUICK = {"heartbeat.interval": "100ms"}


def replay(scene, *arguments, **options):
    return run_once(scene.relay(f"replay-{len(scene.daemons)}", command=("replay",) + arguments, **options), 120)


def number(command, what):
    found = re.findall(rf"^{what}: (\d+)$", command.output, re.M)
    assert len(found) == 1, command
    return int(found[0])


def replayed(scene, *arguments, **options):
    """A replay that must succeed; how many it sent."""
    command = replay(scene, *arguments, **options)
    assert command.status == 0, command
    assert number(command, "acknowledged") == number(command, "selected") and number(command, "dead letters") == 0
    return number(command, "acknowledged")


def flagged(records):
    return [record for record in records if record.header("outbox-replayed") is not None]


def published(scene, count=6, **options):
    """A running relay that has published some events, and their ids."""
    relay = scene.start_relay(**QUICK, **options)
    ids = [scene.emit("t", f"k{n}") for n in range(count)]
    scene.wait_known()
    return relay, ids


def check_copies(scene, ids, why, topic="t", started=None):
    """Each of the ids was published and replayed, and the two differ only in what they must."""
    records = scene.broker.read(scene.topic(topic))
    first = {record.id: record for record in records if record.header("outbox-replayed") is None}
    copies = flagged(records)
    assert sorted(record.id for record in copies) == sorted(ids)
    written = dict(scene.sql("SELECT id::text, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
                             " FROM outbox.event"))
    for copy in copies:
        original = first[copy.id]
        assert (copy.key, copy.value, copy.partition) == (original.key, original.value, original.partition)
        assert copy.header("outbox-replayed") == why and copy.header("outbox-position") is None
        assert copy.header("outbox-created-at") == written[copy.id]
        own = [header for header in copy.headers if not header[0].startswith("outbox-")]
        assert own == [header for header in original.headers if not header[0].startswith("outbox-")]
        assert started is None or copy.timestamp >= started


def test_it_replays_what_was_selected(scene):
    relay, ids = published(scene)
    nobody = scene.emit("t", None)
    other = scene.emit("u", "k0")
    scene.wait_known()
    started = int(time.time() * 1000) - 1
    command = replay(scene, "--since=-infinity", "--incomplete", "--dry-run")
    assert command.status == 0 and number(command, "selected") == 8 and number(command, "left to the relay") == 0 and "acknowledged" not in command.output
    assert replayed(scene, "--id", f"{ids[0]},{ids[1]}", f"--id={nobody}") == 3
    check_copies(scene, [ids[0], ids[1], nobody], "selected", started=started)
    assert replayed(scene, "--aggregate=t/k3") == 1
    assert replayed(scene, "--aggregate", "u") == 1
    check_copies(scene, [ids[0], ids[1], nobody, ids[3]], "selected", started=started)
    check_copies(scene, [other], "selected", topic="u", started=started)
    times = [row[0] for row in scene.sql("SELECT created_at::text FROM outbox.event WHERE aggregatetype = 't' ORDER BY created_at")]
    assert replayed(scene, f"--since={times[4]}", f"--until={times[6]}", "--aggregate=t") == 2
    check_copies(scene, [ids[0], ids[1], nobody, ids[3], ids[4], ids[5]], "selected")
    # The relay has noticed nothing, and starts again over what was replayed.
    assert relay.stop() == 0
    relay.start()
    after = scene.emit("t", "after")
    until(lambda: any(r.id == after for r in scene.broker.read(scene.topic("t"))), "the relay goes on")


def test_a_gap_of_a_young_registration(scene):
    """The slot is lost before anything was published: no row is from before the gap, and none was truncated."""
    scene.initialize()
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
    missed = [scene.emit("t", "k") for _ in range(3)]
    scene.initialize("--accept-gap")
    scene.relay(**QUICK).start()
    scene.emit("t", "after")
    scene.wait_known()
    assert replayed(scene, "--gap") == 3
    assert {r.id for r in flagged(scene.broker.read(scene.topic("t")))} == set(missed)


def lose_the_slot(scene, relay):
    """The ids of what nobody has published: the slot is gone, a new one is there."""
    scene.stop_relay(relay)
    missed = [scene.emit("t", f"k{n}") for n in range(5)] + [scene.emit("first", "k")]
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
    scene.initialize("--accept-gap")
    return missed


def test_it_fills_a_gap(scene, exits):
    relay, ids = published(scene)
    command = replay(scene, "--gap")
    assert command.status == exits["EXIT_CONFIG"] and "no gap is recorded" in command.output
    missed = lose_the_slot(scene, relay)
    # Everybody says so: init, the relay, status.
    assert "replay --gap" in scene.daemons[-1].log()
    # Messages are no events here.
    assert "storage = wal" not in scene.daemons[-1].log()
    relay.start()
    relay.wait_log("an accepted gap is open.*replay --gap")
    assert scene.sql("SELECT gap_open FROM outbox.status") == [(True,)]
    assert "replay --gap" in run_once(scene.relay("status", command=("status",))).output
    after = scene.emit("t", "after")
    scene.wait_known()
    # An interrupted one leaves the gap open.
    assert number(replay(scene, "--gap", "--dry-run"), "selected") == 6
    assert replayed(scene, "--gap") == 6
    records = scene.broker.read(scene.topic("t"), scene.topic("first"))
    assert sorted(r.id for r in records) == sorted(ids + missed + [after])
    assert sorted(r.id for r in flagged(records)) == sorted(missed)
    assert {r.header("outbox-replayed") for r in flagged(records)} == {"gap"}
    # In the order of insertion, within a partition.
    for partition in range(3):
        there = [r.id for r in flagged(records) if r.topic == scene.topic("t") and r.partition == partition]
        assert there == [i for i in missed if i in there]
    homes = {r.key: r.partition for r in records if r.topic == scene.topic("t") and r.id in ids}
    assert all(homes[r.key] == r.partition for r in flagged(records) if r.topic == scene.topic("t"))
    assert scene.sql("SELECT gap_snapshot FROM outbox.relay") == [(None,)]
    assert scene.sql("SELECT gap_open FROM outbox.status") == [(False,)]
    assert replay(scene, "--gap").status == exits["EXIT_CONFIG"]


def age_what_is_closed(scene):
    scene.sql("UPDATE outbox.partition SET closed_at = closed_at - interval '1 year' WHERE state = 'closed'")


def miss_the_retention(scene, relay):
    """The ids of what nobody has published: the slot is gone, and their partition is older than rows are kept."""
    scene.stop_relay(relay)
    missed = [scene.emit("t", f"k{n}") for n in range(5)]
    scene.sql("UPDATE outbox.rotation SET rotated_at = rotated_at - interval '1 year'")
    until(lambda: scene.sql("SELECT outbox.maintain() LIKE '%closed 0%'")[0][0], "their partition is closed")
    age_what_is_closed(scene)
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
    return missed


def test_rows_of_a_gap_outlive_the_relays_that_were_away(scene):
    """They were kept beyond their retention for a relay that had to publish them: that it goes on behind them lets none go."""
    # Nobody but this test maintains the table.
    relay, _ = published(scene, **{"maintain.interval": "0"})
    missed = miss_the_retention(scene, relay)
    scene.initialize("--accept-gap")
    relay.start()
    scene.emit("t", "after")
    scene.wait_known()
    assert scene.sql("SELECT outbox.maintain() LIKE '%truncated%', state FROM outbox.partition WHERE rot = 0") == [(False, "closed")]
    assert replayed(scene, "--gap") == len(missed)
    # From then on they have their retention.
    age_what_is_closed(scene)
    assert scene.sql("SELECT outbox.maintain() LIKE '%truncated 0%'") == [(True,)]


def test_who_may_not_keep_the_rows_of_a_gap_is_told_who_can(scene, roles):
    """The relay's role of docs/sql.md has no right to: the owner runs what init prints."""
    relay, _ = published(scene)
    missed = miss_the_retention(scene, relay)
    role = roles.make("relay", "outbox.heartbeat(name)", "LOGIN REPLICATION")
    done = scene.init("--accept-gap", **{"postgres.conninfo": scene.source.conninfo(scene.database, user=role)})
    assert done.status == 0, done
    statement = re.search(r"(?s)can't keep the rows of the gap.* run: (UPDATE outbox\.partition SET .*? WHERE state = 'closed')", done.output).group(1)
    scene.sql(statement)
    relay.start()
    scene.emit("t", "after")
    scene.wait_known()
    assert replayed(scene, "--gap") == len(missed)


def test_a_second_gap_while_the_first_is_replayed(scene, exits):
    """What it missed was no part of the first: the gap stays open, and the next replay has all of it."""
    relay, _ = published(scene)
    missed = lose_the_slot(scene, relay)
    daemon = scene.relay("replay-first", command=("replay", "--gap"))
    with scene.source.connect(scene.database, autocommit=False) as session:
        # It has looked at the rows, and waits to record the topic of one.
        session.execute("LOCK TABLE outbox.topic IN SHARE MODE")
        daemon.start(ready=False)
        until(lambda: scene.sql("SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'outbox.topic'::regclass AND NOT granted)")[0][0],
              "it waits")
        missed.append(scene.emit("t", "later"))
        scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
        scene.initialize("--accept-gap")
    assert daemon.wait_exit() == exits["EXIT_GAP"], daemon.log()
    assert "another gap was accepted" in daemon.log() and "replay --gap again" in daemon.log()
    assert scene.sql("SELECT gap_snapshot IS NULL FROM outbox.relay") == [(False,)]
    assert replayed(scene, "--gap") == len(missed)
    assert {r.id for r in flagged(scene.broker.read(scene.topic("t"), scene.topic("first")))} == set(missed)
    assert scene.sql("SELECT gap_snapshot FROM outbox.relay") == [(None,)]


def test_what_the_relay_will_publish_is_left_to_it(scene):
    relay, ids = published(scene, count=2)
    assert relay.stop() == 0
    late = scene.emit("t", "late")
    command = replay(scene, "--aggregate=t")
    assert command.status == 0 and number(command, "selected") == 2 and number(command, "left to the relay") == 1
    check_copies(scene, ids, "selected")
    relay.start()
    until(lambda: late in [r.id for r in scene.broker.read(scene.topic("t"))], "the relay brings it")
    check_copies(scene, ids, "selected")


def test_it_refuses_what_is_not_there_in_full(scene, exits):
    relay, ids = published(scene, count=3)
    gone = "01890000-0000-7000-8000-000000000001"
    command = replay(scene, f"--id={ids[0]},{gone}")
    assert command.status == exits["EXIT_GAP"] and "1 of the ids" in command.output and "--incomplete" in command.output
    # Nothing was ever truncated.
    assert number(replay(scene, "--since=2001-01-01", "--dry-run"), "selected") == 3
    scene.sql("TRUNCATE ONLY outbox.event_1")
    command = replay(scene, "--since=2001-01-01")
    assert command.status == exits["EXIT_GAP"] and "outbox.event_" in command.output
    assert flagged(scene.broker.read(scene.topic("t"))) == []
    assert replayed(scene, f"--id={ids[0]},{gone}", "--incomplete") == 1
    # A gap of which the partition was truncated.
    missed = lose_the_slot(scene, relay)
    relay.start()
    scene.emit("t", "after")
    scene.wait_known()
    scene.sql("DELETE FROM outbox.event WHERE NOT id = ANY (%s::uuid[])", (missed[2:],))
    command = replay(scene, "--gap")
    assert command.status == exits["EXIT_GAP"] and "before the gap" in command.output
    assert replayed(scene, "--gap", "--incomplete") == len(missed) - 2


@pytest.mark.parametrize("arguments, message", [
    ((), "no events are selected"), (("--gap", "--since=now"), "no other selection"),
    (("--id=1",), "no uuid"), (("--since=gestern",), "gestern"), (("--aggregate=/x",), "--aggregate")])
def test_a_bad_selection_is_refused(scene, exits, arguments, message):
    scene.initialize()
    command = replay(scene, *arguments)
    assert command.status == exits["EXIT_CONFIG"] and message in command.output, command


def by_the_producer(scene):
    return {"kafka.message.max.bytes": "5000"}


def by_the_topic(scene):
    """Only Kafka knows: the event is found among those that went with it."""
    scene.broker.configure_topic(scene.topic("t"), max_message_bytes=10000)
    return {}


TOO_LARGE = '"' + "x" * 20000 + '"'


def gap_with_poison(scene, limit):
    """Events of a gap in the middle of which one is too large; options under which it is."""
    relay, _ = published(scene, count=1)
    scene.stop_relay(relay)
    before = [scene.emit("t", f"k{n}") for n in range(20)]
    big = scene.emit("t", "big", TOO_LARGE)
    after = [scene.emit("t", f"k{n}") for n in range(20)]
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
    scene.initialize("--accept-gap")
    options = limit(scene)
    relay = scene.relay("again", **QUICK).start()
    scene.emit("t", "live")
    scene.wait_known()
    return before, big, after, options


@pytest.mark.parametrize("limit", (by_the_producer, by_the_topic))
def test_a_gap_with_an_event_that_cannot_be_published(scene, exits, limit):
    before, big, after, options = gap_with_poison(scene, limit)
    # It stops there, names it and the way on, and counts what Kafka has.
    command = replay(scene, "--gap", **options)
    assert command.status == exits["EXIT_POISON"] and big in command.output, command
    assert "poison.policy = dead-letter" in command.output
    copies = flagged(scene.broker.read(scene.topic("t")))
    assert number(command, "acknowledged") == len({r.id for r in copies}) and set(before) <= {r.id for r in copies}
    assert scene.sql("SELECT count(*) FROM outbox.dead_letter") == [(0,)]
    assert scene.sql("SELECT gap_snapshot IS NULL FROM outbox.relay") == [(False,)]
    # Or it becomes a dead letter, and the others follow.
    sent = len(copies)
    command = replay(scene, "--gap", **options, **{"poison.policy": "dead-letter"})
    assert command.status == 0 and big in command.output, command
    assert number(command, "acknowledged") == 40 and number(command, "dead letters") == 1
    copies = flagged(scene.broker.read(scene.topic("t")))
    assert {r.id for r in copies} == {*before, *after} and len(copies) - sent >= 40
    assert scene.sql("SELECT id::text, aggregateid, payload::text, errcode, topic, position FROM outbox.dead_letter") == [
        (big, "big", TOO_LARGE, "MSG_SIZE_TOO_LARGE", scene.topic("t"), f"replay/{big}/0")]
    assert scene.sql("SELECT gap_snapshot IS NULL FROM outbox.relay") == [(True,)]


def test_a_dead_letter_is_passed_by(scene, exits):
    """Under both policies, and once; when it was redriven and fails again it is another one."""
    options = {"kafka.message.max.bytes": "5000", "poison.policy": "dead-letter"}
    relay = scene.start_relay(**QUICK, **options)
    ids = [scene.emit("t", "a"), scene.emit("t", "big", TOO_LARGE), scene.emit("t", "b")]
    scene.wait_known()
    assert scene.sql("SELECT id::text FROM outbox.dead_letter") == [(ids[1],)]
    assert relay.stop() == 0
    for policy in ("stop", "dead-letter"):
        command = replay(scene, "--aggregate=t", **{**options, "poison.policy": policy})
        assert command.status == 0, command
        assert number(command, "acknowledged") == 2 and number(command, "dead letters") == 1
    assert scene.sql("SELECT count(*) FROM outbox.dead_letter") == [(1,)]
    scene.sql("UPDATE outbox.dead_letter SET redriven_at = now()")
    command = replay(scene, "--aggregate=t", **{**options, "poison.policy": "stop"})
    assert command.status == exits["EXIT_POISON"], command
    for _ in range(2):
        command = replay(scene, "--aggregate=t", **options)
        assert command.status == 0 and number(command, "dead letters") == 1, command
    assert scene.sql("SELECT count(*), count(redriven_at) FROM outbox.dead_letter") == [(2, 1)]
    # What replay wrote isn't a place of the stream: a relay goes on.
    relay = scene.relay("again", **QUICK, **options).start()
    late = scene.emit("t", "late")
    until(lambda: late in [r.id for r in scene.broker.read(scene.topic("t"))], "the relay goes on")


def many(scene, count):
    with scene.source.connect(scene.database) as session:
        session.execute("SELECT count(outbox.emit('many', (n %% 50)::text, 'x', to_json(repeat('x', 1000))))"
                        " FROM generate_series(1, %s) AS n", (count,))
    scene.wait_known()


def test_kafka_is_away_in_the_middle(make_scene, source, own_broker):
    scene = make_scene(source, None, own_broker)
    relay, _ = published(scene, count=1)
    many(scene, 4000)
    before = own_broker.count(scene.topic("many"))
    # Little in flight, and not at once: it takes a while.
    daemon = scene.relay("replay-slow", command=("replay", "--aggregate=many"),
                         **{"window.events": 20, "kafka.linger.ms": 30}).start(ready=False)
    until(lambda: own_broker.count(scene.topic("many")) > before + 100, "it has begun")
    # A broker takes a while to end, too.
    daemon.signal(signal.SIGSTOP)
    own_broker.stop()
    daemon.signal(signal.SIGCONT)
    assert daemon.running(), "it was too quick for this test"
    live = scene.emit("t", "meanwhile")
    own_broker.restart()
    assert daemon.wait_exit(120) == 0, daemon.log()
    assert daemon.log().count("acknowledged: 4000") == 1
    records = own_broker.read(scene.topic("many"))
    copies = flagged(records)
    assert len(copies) == len({r.id for r in copies}) == 4000
    # In order, as the first time.
    for partition in range(3):
        first = [r.id for r in records if r.partition == partition and r.header("outbox-replayed") is None]
        assert [r.id for r in copies if r.partition == partition] == first
    until(lambda: live in [r.id for r in own_broker.read(scene.topic("t"))], "the relay goes on")
    assert relay.running()


def test_killed_in_the_middle_it_can_be_run_again(scene):
    relay, _ = published(scene, count=1)
    many(scene, 20000)
    before = scene.broker.count(scene.topic("many"))
    # It would take a minute or two.
    daemon = scene.relay("replay-killed", command=("replay", "--aggregate=many"),
                         **{"window.events": 20, "kafka.linger.ms": 100}).start(ready=False)
    until(lambda: scene.broker.count(scene.topic("many")) > before + 100, "it has begun")
    peak = daemon.memory("VmHWM")
    assert daemon.running(), "it was too quick for this test"
    daemon.kill()
    assert peak < 64 << 20, f"{peak} bytes"
    until(lambda: scene.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%FROM ONLY outbox.event_%'"
                            " AND datname = current_database() AND pid <> pg_backend_pid()") == [(0,)], "its session is gone")
    assert replayed(scene, "--aggregate=many") == 20000
    ids = {r.id for r in flagged(scene.broker.read(scene.topic("many")))}
    assert len(ids) == 20000 and relay.running()


def test_what_is_not_acknowledged_is_a_failure(scene, exits):
    relay, ids = published(scene, count=3)
    scene.broker.configure_topic(scene.topic("t"), max_message_bytes=1)
    command = replay(scene, "--aggregate=t")
    assert command.status == exits["EXIT_POISON"], command
    assert number(command, "acknowledged") == 0 and "run the replay again" in command.output.lower()
    scene.broker.configure_topic(scene.topic("t"), max_message_bytes=1000000)
    assert replayed(scene, "--aggregate=t") == len(ids) and relay.running()


def test_it_works_with_the_sql_only_install(make_scene, source, broker):
    """As the role that owns the database, which is no superuser."""
    scene = make_scene(source, None, broker, managed=True)
    owner = {"postgres.conninfo": source.conninfo(scene.database, scene.id)}
    relay, ids = published(scene, count=3, **owner)
    scene.stop_relay(relay)
    missed = scene.emit("t", "missed")
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
    scene.initialize("--accept-gap", **owner)
    relay.start()
    assert replayed(scene, "--gap", **owner) == 1
    records = scene.broker.read(scene.topic("t"))
    assert [r.id for r in flagged(records)] == [missed] and {r.id for r in records} == {missed, *ids}
    for command in ("peek", "verify"):
        done = run_once(scene.relay(command, command=(command,), **owner), 120)
        assert done.status == 0, done
