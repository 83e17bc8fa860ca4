"""A source id that was used before: its dead letters, and its records in Kafka, are of another life."""
from harness.daemon import run_once
from harness.wait import until


def write_wal(scene):
    """So that a new server's positions are below this one's."""
    for _ in range(4):
        scene.sql("SELECT pg_logical_emit_message(false, 'x', 'x')")
        scene.sql("SELECT pg_switch_wal()")


def torn_down_and_moved(scene, server, make_scene):
    """What is left after teardown, on another server, by pg_dump; its names are the same."""
    command = run_once(scene.relay("teardown", command=("teardown", "--yes")))
    assert command.status == 0, command
    return scene.moved(server, make_scene)


def in_topic(scene, name, count):
    until(lambda: scene.broker.partitions(scene.topic(name)) and scene.broker.count(scene.topic(name)) >= count,
          f"{count} events are in {name}")


def test_dead_letters_of_an_earlier_registration(make_scene, own, broker):
    """The relay doesn't go on behind one of them, where nothing would ever be published."""
    scene = make_scene(own.cluster("old"), None, broker)
    write_wal(scene)
    scene.initialize("--source-id", "shop")
    relay = scene.relay(**{"poison.policy": "dead-letter", "kafka.message.max.bytes": "5000"}).start()
    scene.emit("first", "k")
    scene.emit("first", "k", '{"n": "' + "x" * 20000 + '"}')
    until(lambda: scene.sql("SELECT count(*) FROM outbox.dead_letter") == [(1,)], "a dead letter")
    in_topic(scene, "first", 1)
    assert relay.stop() == 0
    other = torn_down_and_moved(scene, own.cluster("new"), make_scene)
    assert other.sql("SELECT count(*) FROM outbox.dead_letter") == [(1,)]
    other.initialize("--source-id", "shop", "--existing", "skip")
    assert other.sql("SELECT generation FROM outbox.relay") == [(2,)]
    other.relay("moved").start()
    events = [other.emit("second", "k") for _ in range(5)]
    in_topic(other, "second", 5)
    assert [r.id for r in broker.read(other.topic("second"))] == events


def test_a_dead_letter_ahead_of_the_server_is_a_gap(scene, exits):
    """As an init of an earlier version registered it."""
    scene.initialize("--source-id", "shop_" + scene.id)
    scene.sql("INSERT INTO outbox.dead_letter (slot_name, position, reason) VALUES (%s, %s, 'r')",
              (scene.slot, f"shop_{scene.id}/1.1/F/0/0"))
    relay = scene.relay().start(ready=False)
    assert relay.wait_exit() == exits["EXIT_GAP"], relay.log()
    assert "dead letter" in relay.log()
    scene.initialize("--accept-gap")
    assert scene.sql("SELECT generation FROM outbox.relay") == [(2,)]
    relay.start()
    event = scene.emit("t", "k")
    in_topic(scene, "t", 1)
    assert [r.id for r in scene.broker.read(scene.topic("t"))] == [event]


def test_records_of_an_earlier_registration(make_scene, own, broker, exits):
    """Consumers would drop what comes: the relay says so before it publishes the first event."""
    scene = make_scene(own.cluster("old"), None, broker)
    write_wal(scene)
    scene.initialize("--source-id", "shop")
    relay = scene.relay().start()
    old = [scene.emit("t", "k") for _ in range(5)]
    in_topic(scene, "t", 5)
    assert relay.stop() == 0
    other = torn_down_and_moved(scene, own.cluster("new"), make_scene)
    other.initialize("--source-id", "shop", "--existing", "skip")
    new = [other.emit("t", "k") for _ in range(5)]
    relay = other.relay("moved").start(ready=False)
    assert relay.wait_exit() == exits["EXIT_GAP"], relay.log()
    assert [r.id for r in broker.read(other.topic("t"))] == old
    other.initialize("--accept-gap")
    relay.start()
    last = other.emit("t", "k")
    in_topic(other, "t", 6)
    # What was in the lost slot is what replay is for.
    command = run_once(other.relay("replay", command=("replay", "--gap", "--incomplete")))
    assert command.status == 0, command
    records = broker.read(other.topic("t"))
    assert {r.id for r in records} >= {*old, *new, last}
    assert records[5].id == last and records[5].position.epoch[0] == 2
