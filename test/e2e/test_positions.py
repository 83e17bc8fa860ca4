"""One comparison for each partition gives every event once: what a reader relies on, and each thing that keeps it so.

test/mutants takes the rules out one by one; these tests and those of the units that it names must fail then.
"""
import random
import signal
from collections import Counter

import pytest

from harness.daemon import run_once
from harness.murmur2 import partition as place
from harness.wait import until

# No mark is written: after a crash everything comes again.
UNMARKED = {"mark.interval": "3600s", "heartbeat.interval": "3600s"}


def applied_by_position(records):
    """Ids in the order in which a reader applies them that knows docs/protocol.md, and no more than positions."""
    highest = {}
    ids = []
    for record in records:
        home = (record.position.source, record.topic, record.partition)
        if home in highest and record.position.order <= highest[home]:
            continue
        highest[home] = record.position.order
        ids.append(record.id)
    return ids


def check_once(ledger, records):
    """Nothing is lost, and nothing doubled."""
    times = Counter(applied_by_position(records))
    doubled = [event for event, count in times.items() if count > 1]
    lost = [event.id for event in ledger.committed() if event.id not in times]
    assert not lost and not doubled, f"{len(lost)} lost, {len(doubled)} doubled"


def emit_many(scene, count, aggregate_type="t", keys=40):
    scene.sql("SELECT count(outbox.emit(%s, CASE WHEN g %% 10 = 0 THEN NULL ELSE 'k' || g %% %s END, 'T',"
              " json_build_object('n', g))) FROM generate_series(1, %s) g", (aggregate_type, keys, count))


def crash_behind(scene, relay, ledger, count):
    """So many events are out, and the relay is dead before it marked any of them."""
    emit_many(scene, count)
    ledger.wait_in_topics()
    relay.kill()
    scene.wait_slot_free()


def sent_again(scene, topic, count):
    """All records, once there are so many."""
    until(lambda: scene.broker.count(topic) >= count, f"{count} records")
    return scene.broker.read(topic)


def test_where_an_event_goes(scene):
    """By its key, or its id without one, over the recorded count; where Java clients put it."""
    topics = [scene.topic(name) for name in ("one", "three", "seven")]
    for topic, partitions in zip(topics, (1, 3, 7)):
        scene.broker.create_topic(topic, partitions)
    scene.start_relay()
    ledger = scene.ledger()
    for name in ("one", "three", "seven"):
        emit_many(scene, 100, name)
        for key in ("", "Zürich", "x" * 300, None):
            scene.emit(name, key)
    for record in ledger.wait_in_topics():
        count = (1, 3, 7)[topics.index(record.topic)]
        key = record.key if record.key is not None else record.id.encode()
        assert record.partition == place(key, count), record


def test_a_topic_that_grows_between_a_crash_and_the_next_start(scene):
    """What comes again comes where it was, although Kafka has more partitions by then."""
    topic = scene.topic("t")
    scene.broker.create_topic(topic, 3)
    relay = scene.start_relay(**UNMARKED)
    ledger = scene.ledger()
    crash_behind(scene, relay, ledger, 300)
    scene.broker.grow_topic(topic, 7)
    relay.start()
    emit_many(scene, 100)
    records = sent_again(scene, topic, 700)
    check_once(ledger, records)
    assert {record.partition for record in records} == {0, 1, 2}
    ledger.check_topics(records)


def test_the_first_recorded_count_stays(scene):
    """Whoever recorded it: also while this relay was about to."""
    topic = scene.topic("t")
    scene.broker.create_topic(topic, 5)
    relay = scene.start_relay(**UNMARKED)
    ledger = scene.ledger()
    scene.sql("INSERT INTO outbox.topic (slot_name, topic, partitions) VALUES (%s, %s, 2)", (scene.slot, topic))
    crash_behind(scene, relay, ledger, 100)
    relay.start()
    records = sent_again(scene, topic, 200)
    check_once(ledger, records)
    assert {record.partition for record in records} == {0, 1}


@pytest.mark.parametrize("change", ["key", "partition", "count"])
def test_repartition_between_a_crash_and_the_next_start(scene, exits, change):
    """All that was sent by the old map comes again by the old map, and nothing of it by the new one."""
    topic = scene.topic("t")
    scene.broker.create_topic(topic, 3)
    relay = scene.start_relay(**UNMARKED)
    ledger = scene.ledger()
    crash_behind(scene, relay, ledger, 300)
    emit_many(scene, 100)
    settings = {"key": {"table.field.event.key": "type"},
                "partition": {"table.fields.additional.placement": "p:partition",
                              "table.field.additional.missing": "ignore"},
                "count": {}}[change]
    if change == "count":
        scene.broker.grow_topic(topic, 7)
    else:
        other = scene.relay("other", **settings).start(ready=False)
        assert other.wait_exit() == exits["EXIT_ROUTING"], other.log()
    command = run_once(scene.relay("repartition", command=("repartition",), **settings))
    assert command.status == 0, command
    scene.relay("after", **settings).start()
    emit_many(scene, 100)
    # Drained: 300 a second time, and the 100 that nobody had sent.
    records = sent_again(scene, topic, 800)
    check_once(ledger, records)
    assert {r.position.epoch[0] for r in records} == {1, 2}
    old = {r.id: r.partition for r in records if r.position.epoch[0] == 1}
    assert len(old) == 400
    for record in records:
        if record.id in old:
            assert record.partition == old[record.id], "an event has two places"
    new = [r for r in records if r.position.epoch[0] == 2]
    assert len(new) == 100
    if change == "key":
        assert all(r.partition == place(b"T", 3) for r in new)
    if change == "count":
        assert {r.partition for r in new} > {0, 1, 2}


def test_a_message_that_is_refused_in_the_middle_leaves_no_hole(scene, exits):
    """Of a producer with many batches under way: nothing behind the refused one gets in before it."""
    topic = scene.topic("t")
    scene.broker.create_topic(topic, 1)
    scene.broker.configure_topic(topic, max_message_bytes="20000")
    options = dict(UNMARKED, **{"kafka.batch.num.messages": "50", "reconnect.min": "10ms", "reconnect.max": "50ms"})
    scene.initialize(**options)
    ledger = scene.ledger()
    scene.sql("SELECT count(outbox.emit('t', 'k', 'T', json_build_object('n', g, 'x',"
              " repeat('x', CASE WHEN g = 701 THEN 30000 ELSE 20 END)))) FROM generate_series(1, 2000) g")
    relay = scene.relay(**options)
    for _ in range(2):
        relay.start(ready=False)
        assert relay.wait_exit() == exits["EXIT_POISON"], relay.log()
        assert {r.position.ordinal for r in scene.broker.read(topic)} == set(range(700))
    scene.broker.configure_topic(topic, max_message_bytes="1000000")
    relay.start()
    ledger.wait_in_topics()
    check_once(ledger, scene.broker.read(topic))


def test_late_output_of_a_relay_that_was_replaced(scene, seed):
    """It stands still, another takes over, and what it had in hand comes after that."""
    dice = random.Random(seed)
    topic = scene.topic("t")
    scene.broker.create_topic(topic, 3)
    first = scene.start_relay()
    second = scene.relay("second").start()
    ledger = scene.ledger()
    for _ in range(3):
        target = scene.broker.count(topic) + dice.randint(1, 200)
        emit_many(scene, 500)
        until(lambda: scene.broker.count(topic) >= target, "it is in the middle of it", every=0.001)
        first.signal(signal.SIGSTOP)
        pid = scene.slot_row("active_pid")[0]

        # A walsender that is told to end tells its client first; one whose client reads no more waits there until it is told again.
        def taken_over():
            scene.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s", (pid,))
            return "streaming" in second.http("/status")[1]

        until(taken_over, "the other one took over")
        emit_many(scene, 500)
        ledger.wait_in_topics()
        first.signal(signal.SIGCONT)
        until(first.is_ready, "the first one stands by")
        first, second = second, first
    emit_many(scene, 100)
    ledger.wait_in_topics()
    records = scene.broker.read(topic)
    check_once(ledger, records)
    print(f"{len(records)} records of {len(ledger.committed())} events")


def test_an_event_that_is_left_out_keeps_its_number(scene):
    """A dead letter has an ordinal as well, and so the others have theirs whatever becomes of it."""
    scene.initialize()
    options = dict(UNMARKED, **{"poison.policy": "dead-letter", "kafka.message.max.bytes": "4000"})
    relay = scene.relay(**options).start()
    ledger = scene.ledger()
    with scene.source.connect(scene.database, autocommit=False) as connection:
        for size in (1, 9000, 1, 9000, 1, 1):
            connection.execute("SELECT outbox.emit('t', 'k', 'T', to_json(repeat('x', %s)))", (size,))
        connection.commit()
    until(lambda: scene.broker.partitions(scene.topic("t")) and scene.broker.count(scene.topic("t")) >= 4, "the others")
    relay.kill()
    scene.wait_slot_free()
    relay.start()
    last = scene.emit("t", "k")
    until(lambda: scene.broker.read(scene.topic("t"))[-1].id == last, "the last one")
    records = scene.broker.read(scene.topic("t"))[:-1]
    letters = scene.sql("SELECT position FROM outbox.dead_letter ORDER BY number")
    assert [text.rsplit("/", 1)[1] for text, in letters] == ["1", "3"]
    ids = [event.id for event in ledger.committed()]
    for record in records:
        assert record.position.ordinal == ids.index(record.id)
    assert {r.position.ordinal for r in records} == {0, 2, 4, 5}


def check_sources(scenes, ledgers, consumer_scene):
    """Each event of each source was applied once, and those of a source in its order."""
    applied = consumer_scene.applied()
    times = Counter(event for event, _, _ in applied)
    for ledger in ledgers:
        events = [event.id for event in ledger.committed()]
        number = {event: n for n, event in enumerate(events)}
        assert all(times[event] == 1 for event in events), \
            f"{sum(times[e] == 0 for e in events)} lost, {sum(times[e] > 1 for e in events)} doubled"
        last = {}
        for event, topic, partition in applied:
            if event in number:
                home = (topic, partition)
                assert number[event] > last.get(home, -1), f"{event} is out of order in {home}"
                last[home] = number[event]
    assert len(times) == sum(len(ledger.committed()) for ledger in ledgers)
    assert len({scene.sql("SELECT source_id FROM outbox.relay")[0][0] for scene in scenes}) == len(scenes)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["one cluster", "two clusters"])
def test_several_databases_into_the_same_topics(make_scene, own, source, target, broker, seed, where):
    """Relays are killed and a consumer restarted under load: by positions it applies each event once."""
    dice = random.Random(seed)
    here = make_scene(source, target, broker)
    there = make_scene(source if where == "one cluster" else own.cluster("second"), None, broker)
    scenes = (here, there)
    same = {"topics.pattern": here.prefix + ".{aggregatetype}"}
    broker.create_topic(here.topic("load"), 3)
    here.apply_all("load")
    relays, ledgers = [], []
    for scene in scenes:
        scene.initialize(**same)
        ledgers.append(scene.ledger())
        relays.append(scene.relay(**same, **{"mark.interval": "2s"}).start())
    consumer = here.consumer().start()
    # The same keys from both: their events share partitions.
    loads = [scene.load(seed + n) for n, scene in enumerate(scenes)]
    with loads[0], loads[1]:
        for _ in range(4):
            for load in loads:
                load.wait_committed(dice.randint(20, 200))
            for relay in dice.sample(relays, 2):
                relay.kill()
            # What it applied before stands in its target alone now.
            assert consumer.stop() == 0
            consumer.start(ready=False)
            for relay in dice.sample(relays, 2):
                relay.start(ready=False)
        for load in loads:
            load.wait_committed(50)
    for relay in relays:
        relay.wait_ready()
    until(lambda: {event.id for ledger in ledgers for event in ledger.committed()} <=
          {event for event, _, _ in here.applied()}, "every event of both is applied", 90, every=0.2)
    # Repetitions may still be on their way: after two more events, which were applied, they aren't.
    for scene in scenes:
        scene.emit("load", "last")
    until(lambda: sum(len(ledger.committed()) for ledger in ledgers) <= len(here.applied()), "the last ones", 60)
    check_sources(scenes, ledgers, here)
    records = broker.read(here.topic("load"))
    print(f"{len(records)} records of {sum(len(l.committed()) for l in ledgers)} events")
    assert len(records) > sum(len(ledger.committed()) for ledger in ledgers), "nothing came twice: this showed nothing"
    assert consumer.running() and not consumer.problems()
