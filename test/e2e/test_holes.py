"""A producer's run through a partition has no hole, wherever it begins and whatever is refused."""


def emit_many(scene, count, size):
    scene.sql("SELECT count(outbox.emit('t', (g %% 40)::text, 'T', json_build_object('n', g, 'x',"
              " repeat('x', %s)))) FROM generate_series(1, %s) g", (size, count))


def test_the_first_message_of_a_producer_is_refused(scene, exits):
    """A broker that knows nothing of a producer takes any sequence number from it: also the next."""
    topic = scene.topic("t")
    scene.broker.create_topic(topic, 2)
    scene.broker.configure_topic(topic, max_message_bytes="20000")
    # Long enough for a producer that failed to be replaced meanwhile.
    options = {"kafka.batch.size": "8192", "reconnect.min": "500ms", "reconnect.max": "2s"}
    scene.initialize(**options)
    ledger = scene.ledger()
    scene.sql("SELECT count(outbox.emit('t', (g % 40)::text, 'T', json_build_object('n', g, 'x',"
              " repeat('x', CASE WHEN g = 701 THEN 30000 ELSE 20 END))))"
              " FROM generate_series(1, 1000) g")
    relay = scene.relay(**options)
    for _ in range(4):
        relay.start(ready=False)
        assert relay.wait_exit(60) == exits["EXIT_POISON"], relay.log()
        assert "/700." in relay.log(), "it isn't the large event that is named"
        # What is unsettled is found in a few steps, not by chance; on a slow machine one may find the old producer still.
        assert relay.log().count('"starting replication"') <= 4, relay.log()
        there = scene.broker.read(topic)
        home = {r.key: r.partition for r in there}[b"21"]
        assert max(r.position.ordinal for r in there if r.partition == home) < 700
    scene.broker.configure_topic(topic, max_message_bytes="1000000")
    relay.start()
    ledger.check_topics(ledger.wait_in_topics())


def test_a_topic_that_takes_small_batches_alone(scene):
    """Its max.message.bytes counts for a batch: no event is too large, and soon no batch is."""
    topic = scene.topic("t")
    scene.broker.create_topic(topic, 2)
    scene.broker.configure_topic(topic, max_message_bytes="30000")
    relay = scene.start_relay(**{"reconnect.min": "10ms", "reconnect.max": "50ms"})
    ledger = scene.ledger()
    for _ in range(12):
        before = relay.metric("outbox_relay_producers_total")
        emit_many(scene, 1000, 200)
        ledger.wait_in_topics()
        if relay.metric("outbox_relay_producers_total") == before > 1:
            break
    else:
        raise AssertionError("every 1000 events cost a producer")
    assert not relay.problems()
    ledger.check_topics(ledger.wait_in_topics())
