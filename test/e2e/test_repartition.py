"""outbox-relay repartition: another routing map, and no event is lost or doubled by it."""
import json
import re
import signal
from contextlib import closing

import pytest

from harness.daemon import run_once
from harness.murmur2 import partition as place
from harness.wait import until


def repartition(scene, *arguments, timeout=60, **options):
    return run_once(scene.relay(f"repartition-{len(scene.daemons)}",
                                command=("repartition",) + arguments, **options), timeout)


def generation(scene):
    return scene.sql("SELECT generation FROM outbox.relay WHERE slot_name = %s", (scene.slot,))[0][0]


def recorded(scene):
    """{topic: (partitions, generation)}"""
    return {topic: (count, since) for topic, count, since in scene.sql(
        "SELECT topic, partitions, generation FROM outbox.topic WHERE slot_name = %s", (scene.slot,))}


def routing(scene):
    text = scene.sql("SELECT routing FROM outbox.relay WHERE slot_name = %s", (scene.slot,))[0][0]
    return None if text is None else json.loads(text)


def grown(scene, partitions=6, **options):
    """A relay that was stopped, and its topic, which has grown from 3 partitions."""
    scene.broker.create_topic(scene.topic("t"), 3)
    relay = scene.start_relay(**options)
    ledger = scene.ledger()
    for key in range(12):
        scene.emit("t", f"k{key}")
    ledger.wait_in_topics()
    scene.stop_relay(relay)
    scene.broker.grow_topic(scene.topic("t"), partitions)
    return relay, ledger


def homes(records):
    return {record.key.decode(): record.partition for record in records}


def test_a_topic_that_grew(scene):
    relay, ledger = grown(scene)
    assert {r.partition for r in scene.broker.read(scene.topic("t"))} == {0, 1, 2}

    dry = repartition(scene, "--dry-run")
    assert dry.status == 0, dry
    assert f"topic {scene.topic('t')}: 3 -> 6 partitions" in dry.output
    assert "generation: 1 -> 2" in dry.output
    assert recorded(scene) == {scene.topic("t"): (3, 1)} and generation(scene) == 1

    # What is written while no relay runs is drained by the old map.
    drained = [scene.emit("t", f"k{key}") for key in range(12)]
    done = repartition(scene)
    assert done.status == 0, done
    assert recorded(scene) == {scene.topic("t"): (6, 2)} and generation(scene) == 2
    old = {r.id: r for r in scene.broker.read(scene.topic("t"))}
    assert len(old) == 24
    for event in drained:
        assert old[event].position.epoch[0] == 1 and old[event].partition == place(old[event].key, 3)

    new = {scene.emit("t", f"k{key}") for key in range(12)}
    relay.start()
    ledger.wait_in_topics()
    for record in scene.broker.read(scene.topic("t")):
        if record.id in new:
            assert record.position.epoch[0] == 2 and record.partition == place(record.key, 6)
    assert not relay.problems()

    # Again: there is nothing to do, and nothing is done.
    scene.stop_relay(relay)
    again = repartition(scene)
    assert again.status == 0 and "nothing is to be changed: generation 2 stays" in again.output
    assert generation(scene) == 2


def test_a_topic_that_grew_keeps_its_count_until_then(scene, exits):
    """Said once in the life of a relay, in a metric, at /status and by doctor."""
    relay, ledger = grown(scene)
    relay.start()
    warning = re.escape("the topic has more partitions than recorded")
    assert len(re.findall(warning, relay.log())) == 1
    # Connected anew, it doesn't say so again.
    sessions = relay.metric("outbox_relay_sessions_total")
    scene.sql("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s",
              (scene.slot,))
    until(lambda: relay.metric("outbox_relay_sessions_total") > sessions and relay.is_ready(),
          "another session")
    assert len(re.findall(warning, relay.log())) == 1
    assert relay.metric("outbox_relay_topics_grown") == 1
    assert json.loads(relay.http("/status")[1])["topics_grown"] == 1
    for key in range(12):
        scene.emit("t", f"n{key}")
    ledger.check_topics(ledger.wait_in_topics())
    for record in scene.broker.read(scene.topic("t")):
        assert record.partition == place(record.key, 3)
    doctor = run_once(scene.relay("doctor", command=("doctor",)))
    assert re.search(r"warning\s+topics: .* has 6 partitions, of which the 3 that are recorded", doctor.output), doctor
    assert "outbox-relay repartition" in doctor.output
    assert doctor.status in (0, exits["EXIT_FINDINGS"])


def test_one_topic_and_a_count_of_its_own(scene, exits):
    for name in ("t", "u"):
        scene.broker.create_topic(scene.topic(name), 2)
    relay = scene.start_relay()
    ledger = scene.ledger()
    scene.emit("t", "k")
    scene.emit("u", "k")
    ledger.wait_in_topics()
    scene.stop_relay(relay)
    for name in ("t", "u"):
        scene.broker.grow_topic(scene.topic(name), 8)

    t, u = scene.topic("t"), scene.topic("u")
    for wrong, status, what in (
            (f"{t}=9", "EXIT_ROUTING", "has 8 partitions, not 9"),
            (scene.topic("v"), "EXIT_ROUTING", "isn't recorded"),
            (f"{t}=0", "EXIT_CONFIG", "is no number of partitions"),
            (f"{t}=x", "EXIT_CONFIG", "is no number of partitions"),
            ("a/b", "EXIT_CONFIG", "is no name of a topic")):
        command = repartition(scene, "--topic", wrong)
        assert command.status == exits[status] and what in command.output, command
    assert f"kafka-topics.sh --alter --topic {t} --partitions 9" in repartition(scene, "--topic", f"{t}=9").output
    assert recorded(scene) == {t: (2, 1), u: (2, 1)}

    command = repartition(scene, f"--topic={t}=5")
    assert command.status == 0 and "stay unused" not in command.output, command
    assert f"topic {t}: 2 -> 5 partitions (Kafka has 8)" in command.output
    assert f"topic {u}: 2 partitions, as it is (Kafka has 8)" in command.output
    assert recorded(scene) == {t: (5, 2), u: (2, 1)}
    # Fewer again is as good as more.
    assert repartition(scene, "--topic", f"{t}=1", "--topic", u).status == 0
    assert recorded(scene) == {t: (1, 3), u: (8, 3)}
    relay.start()
    ids = {scene.emit(name, f"k{n}") for name in ("t", "u") for n in range(10)}
    ledger.wait_in_topics()
    for record in scene.broker.read(t, u):
        if record.id in ids:
            assert record.partition == place(record.key, 1 if record.topic == t else 8)


SETTINGS = [
    ("topics.pattern", {"topics.pattern": "PREFIX.new-{aggregatetype}"}),
    ("route.by.field", {"route.by.field": "type", "topics.pattern": "PREFIX.{routedByValue}"}),
    ("route.topic.regex", {"topics.pattern": None, "route.topic.regex": "(.*)",
                           "route.topic.replacement": "PREFIX.r-$1"}),
    ("table.field.event.key", {"table.field.event.key": "type"}),
    ("table.fields.additional.placement", {"table.fields.additional.placement": "shard:partition",
                                           "table.field.additional.missing": "ignore"}),
]


@pytest.mark.parametrize("name,settings", SETTINGS, ids=[name for name, _ in SETTINGS])
def test_settings_that_move_events(scene, exits, name, settings):
    """A relay with others refuses; repartition drains by the old ones and takes the new ones."""
    settings = {k: v and v.replace("PREFIX", scene.prefix) for k, v in settings.items()}
    relay = scene.start_relay()
    ledger = scene.ledger()
    for n in range(5):
        scene.emit("t", f"k{n}")
    ledger.wait_in_topics()
    before = routing(scene)
    relay.kill()
    scene.wait_slot_free()
    for n in range(5):
        scene.emit("t", f"k{n}")  # of these the old relay may have sent some

    other = scene.relay("other", **settings).start(ready=False)
    assert other.wait_exit() == exits["EXIT_ROUTING"], other.log()
    problem, = other.problems()
    assert name in problem["detail"] and "repartition" in problem["hint"], problem
    for command in (("doctor",), ("status",)):
        seen = run_once(scene.relay(command[0], command=command, **settings))
        assert name in seen.output, seen
    assert "not as recorded" in seen.output
    replay = run_once(scene.relay("replay", command=("replay", "--aggregate", "t"), **settings))
    assert replay.status == exits["EXIT_ROUTING"] and name in replay.output, replay
    assert len(scene.broker.read(scene.topic("t"))) >= 5

    done = repartition(scene, **settings)
    assert done.status == 0 and f"setting {name}: " in done.output, done
    assert generation(scene) == 2 and routing(scene)[name] != before[name]
    # All ten are where the old settings put them.
    records = ledger.first_occurrences(scene.broker.read(scene.topic("t")))
    assert len(records) == 10
    assert all(r.partition == place(r.key, 3) and r.position.epoch[0] == 1 for r in records)

    other.start()
    moved = scene.emit("t", "k0", event_type="Changed")
    topics = until(lambda: [t for t in scene.broker.topics(scene.prefix)
                            if any(r.id == moved for r in scene.broker.read(t))], "the new event")
    record, = [r for r in scene.broker.read(*topics) if r.id == moved]
    assert record.position.epoch[0] == 2
    # And now the old ones are the others.
    scene.stop_relay(other)
    relay.start(ready=False)
    assert relay.wait_exit() == exits["EXIT_ROUTING"], relay.log()


def test_settings_that_leave_events_where_they_are(scene):
    relay, _ = scene.start_published()
    scene.stop_relay(relay)
    other = scene.relay("other", **{
        "topics.pattern": scene.prefix + ".{routedByValue}", "message.profile": "cloudevents",
        "table.fields.additional.placement": "type:header:what,type:envelope",
        "table.expand.json.payload": "verbatim", "route.tombstone.on.empty.payload": "on",
        "table.field.additional.missing": "ignore", "route.by.field": "aggregatetype",
        "table.field.event.key": "aggregateid", "table.field.event.timestamp": "at"}).start()
    assert other.stop() == 0
    assert generation(scene) == 1


def test_it_needs_the_slot_to_itself(scene, exits):
    """Neither beside the relay that streams nor beside one that stands by; --dry-run may."""
    scene.broker.create_topic(scene.topic("t"), 3)
    relay = scene.start_relay()
    scene.emit("t", "k")
    until(lambda: recorded(scene), "the topic is recorded")
    scene.broker.grow_topic(scene.topic("t"), 4)
    command = repartition(scene)
    assert command.status == exits["EXIT_IN_USE"] and "Nothing was changed" in command.output, command
    assert repartition(scene, "--dry-run").status == 0
    assert relay.running() and relay.is_ready()
    # Stopped for a second instance alone: it takes over, or still stands by.
    standby = scene.relay("standby").start()
    assert relay.stop() == 0
    assert repartition(scene).status == exits["EXIT_IN_USE"]
    scene.stop_relay(standby)
    # A reader of the slot that holds no lock, as a relay of an early version.
    with closing(scene.source.connect(scene.database, replication="database")) as reader:
        reader.pgconn.exec_(f"START_REPLICATION SLOT \"{scene.slot}\" LOGICAL 0/0 (proto_version '1',"
                            f" publication_names '{scene.publication}')".encode())
        until(lambda: scene.slot_row("active")[0], "somebody reads the slot")
        command = repartition(scene)
    assert command.status == exits["EXIT_IN_USE"], command
    scene.wait_slot_free()
    assert generation(scene) == 1 and repartition(scene).status == 0 and generation(scene) == 2


def waits_for_the_lock(scene):
    return scene.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")[0][0] == 1


def test_relays_that_are_started_meanwhile_wait(scene, exits):
    """Until the map is changed, and see then that it isn't theirs."""
    relay, ledger = grown(scene)
    scene.emit("t", "k")
    command = scene.relay("repartition", command=("repartition",), **{"table.field.event.key": "type"})
    with scene.source.connect(scene.database, autocommit=False) as other:
        # It can't write its mark before it stands still.
        other.execute("SELECT FROM outbox.relay FOR UPDATE")
        command.start(ready=False)
        command.wait_log("publishing what the old map has begun")
        command.signal(signal.SIGSTOP)
        other.rollback()
    relay.start(ready=False)
    until(lambda: waits_for_the_lock(scene), "the relay waits")
    assert generation(scene) == 1
    command.signal(signal.SIGCONT)
    assert command.wait_exit() == 0, command.log()
    assert relay.wait_exit() == exits["EXIT_ROUTING"], relay.log()
    assert generation(scene) == 2
    ledger.check_topics(ledger.wait_in_topics())


def test_a_drain_that_is_not_marked_changes_nothing(scene, exits):
    """Somebody has the registration's row locked: what was sent isn't known to be confirmed."""
    relay, ledger = grown(scene)
    with scene.source.connect(scene.database, autocommit=False) as other:
        other.execute("SELECT FROM outbox.relay FOR UPDATE")
        scene.emit("t", "k")
        command = repartition(scene)
        assert command.status == exits["EXIT_BUG"], command
        assert "Kafka has not acknowledged everything that was sent" in command.output
        other.rollback()
    assert generation(scene) == 1
    assert repartition(scene).status == 0 and generation(scene) == 2
    relay.start()
    ledger.wait_in_topics()


def test_interrupted_and_killed_at_any_point(scene, seed):
    """Whenever it ends, the map is the old one or the new one, and it can be run again."""
    relay, ledger = grown(scene)
    counts = [4, 5, 6]
    for number, strike in enumerate((signal.SIGTERM, signal.SIGKILL, signal.SIGKILL)):
        scene.sql("SELECT count(outbox.emit('t', 'k' || g, 'T', '{}'::json)) FROM generate_series(1, 3000) g")
        command = scene.relay(f"struck-{number}", command=("repartition", f"--topic={scene.topic('t')}={counts[number]}"))
        command.start(ready=False)
        command.wait_log("publishing what the old map has begun" if number < 2 else "starting replication")
        command.signal(strike)
        status = command.wait_exit()
        before = generation(scene)
        changed = recorded(scene)[scene.topic("t")][0] == counts[number]
        # One that is killed may have changed it, and be dead before it could end.
        assert changed == (status == 0) or changed and strike == signal.SIGKILL, command.log()
        again = repartition(scene, f"--topic={scene.topic('t')}={counts[number]}")
        assert again.status == 0, again
        assert recorded(scene)[scene.topic("t")][0] == counts[number]
        assert generation(scene) == before + (not changed)
    relay.start()
    last = {scene.emit("t", f"k{n}") for n in range(20)}
    records = ledger.wait_in_topics()
    assert {r.id for r in records} == {e.id for e in ledger.committed()}
    for record in ledger.first_occurrences(records):
        if record.id in last:
            assert record.partition == place(record.key, 6)
    # No event has two places: what was sent again went where it was.


def test_killed_in_its_transaction(scene):
    """Settings and generation are written, the count waits for a lock: none of it is there afterwards."""
    relay, ledger = grown(scene)
    settings = {"table.field.event.key": "type", "drain.timeout": "0"}
    command = scene.relay("struck", command=("repartition",), **settings)
    with scene.source.connect(scene.database, autocommit=False) as other:
        other.execute("SELECT FROM outbox.topic FOR UPDATE")
        command.start(ready=False)
        until(lambda: scene.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                                " AND application_name = 'outbox-relay repartition' AND wait_event_type = 'Lock'")[0][0],
              "it waits in its transaction")
        command.kill()
        other.rollback()
    assert generation(scene) == 1 and recorded(scene) == {scene.topic("t"): (3, 1)}
    assert routing(scene)["table.field.event.key"] == "aggregateid"
    assert repartition(scene, **settings).status == 0
    assert generation(scene) == 2 and recorded(scene) == {scene.topic("t"): (6, 2)}
    scene.relay("after", **settings).start()
    scene.emit("t", "k")
    ledger.wait_in_topics()


def test_nothing_recorded_and_nothing_registered(scene, exits):
    command = repartition(scene)
    assert command.status == exits["EXIT_NOT_INITIALIZED"] and "init" in command.output
    scene.initialize()
    command = repartition(scene)
    assert command.status == exits["EXIT_NOT_INITIALIZED"], command
    assert "no relay has recorded its routing settings" in command.output
    assert routing(scene) is None


def test_a_topic_that_shrank_or_is_gone(scene, exits):
    relay, _ = grown(scene, 4)
    scene.broker.delete_topics([scene.topic("t")])
    until(lambda: scene.broker.partitions(scene.topic("t")) == 0, "the topic is gone")
    command = repartition(scene, **{"table.field.event.key": "type"})
    assert command.status == exits["EXIT_ROUTING"] and "is gone from Kafka" in command.output, command
    assert "outbox-relay verify" in command.output and "replay" in command.output, command
    scene.broker.create_topic(scene.topic("t"), 2)
    command = repartition(scene)
    assert command.status == exits["EXIT_ROUTING"], command
    assert "has 2 partitions, 3 are recorded" in command.output
    assert generation(scene) == 1


def test_an_event_that_the_old_settings_make_poison(scene, exits):
    """It would stop the drain; as a dead letter it doesn't, and can be redriven by the new ones."""
    options = {"topics.pattern": None, "route.topic.regex": "t(.*)",
               "route.topic.replacement": scene.prefix + ".t$1"}
    scene.initialize(**options)
    relay = scene.relay(**options).start()
    scene.emit("t", "k")
    until(lambda: recorded(scene), "the topic is recorded")
    poison = scene.emit("other", "k")
    assert relay.wait_exit() == exits["EXIT_POISON"]
    scene.wait_slot_free()
    changed = dict(options, **{"route.topic.regex": "(.*)", "route.topic.replacement": scene.prefix + ".$1"})
    command = repartition(scene, **changed)
    assert command.status == exits["EXIT_POISON"], command
    assert generation(scene) == 1
    command = repartition(scene, **dict(changed, **{"poison.policy": "dead-letter"}))
    assert command.status == 0, command
    assert scene.sql("SELECT id::text FROM outbox.dead_letter") == [(poison,)]
    scene.relay("changed", **changed).start()
    scene.sql("SELECT outbox.redrive(slot => %s)", (scene.slot,))
    until(lambda: scene.broker.partitions(scene.topic("other")) and
          [r.id for r in scene.broker.read(scene.topic("other"))] == [poison], "it is redriven")


def test_events_that_are_in_the_wal_alone(scene):
    """They are drained as rows are."""
    scene.broker.create_topic(scene.topic("t"), 3)
    relay = scene.start_relay("--wal-messages=on", **{"mark.interval": "3600s", "heartbeat.interval": "3600s"})
    # The mark of its start: there is no other in this hour.
    until(lambda: relay.metric("outbox_relay_marks_total") == 1, "the first mark")
    scene.sql(f"ALTER DATABASE \"{scene.database}\" SET pg_outbox.storage = 'wal'")
    old = {scene.emit("t", f"k{n}") for n in range(20)}
    until(lambda: scene.broker.count(scene.topic("t")) == 20, "the first ones")
    relay.kill()
    scene.wait_slot_free()
    old |= {scene.emit("t", f"k{n}") for n in range(20)}
    scene.broker.grow_topic(scene.topic("t"), 6)
    assert repartition(scene).status == 0
    relay.start()
    new = {scene.emit("t", f"k{n}") for n in range(20)}
    until(lambda: scene.broker.count(scene.topic("t")) == 80, "20 a second time, and 40 more")
    for record in scene.broker.read(scene.topic("t")):
        assert record.id in old | new
        assert record.partition == place(record.key, 3 if record.id in old else 6)
        assert record.position.epoch[0] == (1 if record.id in old else 2)


def test_each_relay_has_a_map_of_its_own(scene):
    """Of two in one database, one may run while the other's map is changed, and keeps its own."""
    scene.broker.create_topic(scene.topic("t"), 3)
    other_slot = {"postgres.slot": scene.slot + "_b"}
    relay = scene.start_relay()
    scene.initialize("--source-id=other", **other_slot)
    other = scene.relay("other", **other_slot).start()
    scene.emit("t", "k")
    until(lambda: scene.sql("SELECT count(*) FROM outbox.topic")[0][0] == 2, "both recorded it")
    scene.stop_relay(relay)
    scene.broker.grow_topic(scene.topic("t"), 6)
    assert repartition(scene).status == 0
    assert other.running() and other.is_ready()
    assert scene.sql("SELECT slot_name, partitions, generation FROM outbox.topic ORDER BY slot_name") == [
        (scene.slot, 6, 2), (scene.slot + "_b", 3, 1)]
    relay.start()
    events = {scene.emit("t", f"k{n}") for n in range(20)}
    until(lambda: scene.broker.count(scene.topic("t")) == 42, "from both")
    for record in scene.broker.read(scene.topic("t")):
        if record.id in events:
            assert record.partition == place(record.key, 3 if record.position.source == "other" else 6)


def test_an_extension_that_can_not_record_settings(scene, exits):
    """That of 0.1.0: the relay runs with it and says what is missing; after the update it records."""
    scene.sql("DROP EXTENSION pg_outbox CASCADE")
    scene.sql("DROP SCHEMA IF EXISTS outbox CASCADE")
    scene.sql("CREATE EXTENSION pg_outbox VERSION '0.1.0'")
    relay = scene.start_relay()
    assert "goes unnoticed: ALTER EXTENSION pg_outbox UPDATE" in relay.log()
    scene.emit("t", "k")
    until(lambda: recorded(scene), "the topic is recorded")
    scene.stop_relay(relay)
    command = repartition(scene, **{"table.field.event.key": "type"})
    assert command.status == exits["EXIT_NOT_INITIALIZED"] and "ALTER EXTENSION" in command.output, command
    scene.sql("ALTER EXTENSION pg_outbox UPDATE")
    command = repartition(scene, **{"table.field.event.key": "type"})
    assert command.status == exits["EXIT_NOT_INITIALIZED"] and "no relay has recorded" in command.output, command
    relay.start()
    assert routing(scene)["table.field.event.key"] == "aggregateid"
    assert "goes unnoticed" not in relay.log()
    scene.stop_relay(relay)
    assert repartition(scene, **{"table.field.event.key": "type"}).status == 0
