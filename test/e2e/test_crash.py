"""kill -9 of each part at a random moment under load: the books close every time."""
import random

from harness.wait import until

# The breaker of the consumer, and the group's patience with one that was killed, at a pace for tests.
FAST_CONSUMER = {"breaker.reset": "500ms", "kafka.session.timeout.ms": "3000", "kafka.heartbeat.interval.ms": "500"}


class Story:
    """A load from the source to the target, and something that strikes it."""

    def __init__(self, scene, seed, relay_options=None, consumer_options=None, **load):
        self.scene = scene
        self.dice = random.Random(seed)
        scene.apply_all("load")
        scene.initialize(**(relay_options or {}))
        self.ledger = scene.ledger()
        self.relay = scene.relay(**(relay_options or {})).start()
        self.load = scene.load(seed, **load)
        with self.load:
            self.load.wait_committed(1)
            until(lambda: scene.broker.partitions(scene.topic("load")), "the topic is there")
        self.consumer = scene.consumer(**dict(FAST_CONSUMER, **(consumer_options or {}))).start()
        self.load = scene.load(seed + 1, **load)

    def play(self, strike, rounds):
        with self.load:
            for _ in range(rounds):
                self.load.wait_committed(self.dice.randint(20, 400))
                strike()
            self.load.wait_committed(self.dice.randint(20, 200))
        self.close()

    def close(self):
        self.ledger.check_source(self.load)
        records = self.ledger.wait_in_topics()
        self.ledger.check_topics(records, self.load.rolled_back)
        self.ledger.wait_in_target()
        # The relay may have sent again what it had sent: read to the end once more.
        records = self.scene.broker.read(self.scene.topic("load"))
        first = self.ledger.check_topics(records, self.load.rolled_back)
        self.ledger.check_target(records)
        print(f"{len(first)} events, {len(records) - len(first)} repetitions in the topic, "
              f"{len(self.load.rolled_back)} rolled back, {len(self.load.errors)} lost connections")


class Restart:
    """The source is back and the relay isn't: what the mark says, where the slot begins, and where the topic ends."""

    def __init__(self, scene):
        self.mark, self.slot = (int(lsn) for lsn in scene.sql(
            "SELECT r.mark_lsn - '0/0'::pg_lsn, s.confirmed_flush_lsn - '0/0'::pg_lsn"
            "  FROM outbox.relay r JOIN pg_replication_slots s USING (slot_name)")[0])
        with scene.broker.reader(scene.topic("load")) as reader:
            self.ends = {place[-1]: high for place, (_, high) in reader.watermarks().items()}

    def suppressed(self, ends):
        """Events that the slot gives again, and that the mark says are in Kafka."""
        return [event for event, end_lsn in ends.items() if self.slot < end_lsn <= self.mark]

    def check(self, records, ends):
        """ends: where the transaction of each event ends."""
        later = [record for record in records if record.offset >= self.ends[record.partition]]
        again = [record for record in later if ends[record.id] <= self.mark]
        assert later and not again, f"{len(again)} events at or before the mark were sent again: {again[:5]}"


def test_without_a_crash(scene, seed):
    story = Story(scene, seed)
    story.play(lambda: None, 3)
    assert len(scene.broker.read(scene.topic("load"))) == len(story.ledger.events)


def test_kill_the_relay(scene, seed):
    story = Story(scene, seed)

    def strike():
        story.relay.kill()
        story.relay.start()
    story.play(strike, 5)


def test_kill_the_consumer(scene, seed):
    story = Story(scene, seed)

    def strike():
        story.consumer.kill()
        story.consumer.start()
    story.play(strike, 5)


def test_kill_the_relay_and_the_consumer_without_waiting_for_them(scene, seed):
    story = Story(scene, seed)

    def strike():
        for daemon in (story.relay, story.consumer):
            daemon.kill()
            daemon.start(ready=False)
    story.play(strike, 8)
    story.relay.wait_ready()
    story.consumer.wait_ready()


def test_kill_the_broker(make_scene, source, target, own_broker, seed):
    scene = make_scene(source, target, own_broker)
    story = Story(scene, seed)

    def strike():
        own_broker.kill()
        story.load.wait_committed(story.dice.randint(20, 200))
        own_broker.restart()
    story.play(strike, 2)


def test_kill_the_broker_and_the_relay(make_scene, source, target, own_broker, seed):
    scene = make_scene(source, target, own_broker)
    story = Story(scene, seed)

    def strike():
        own_broker.kill()
        story.load.wait_committed(story.dice.randint(20, 200))
        story.relay.kill()
        own_broker.restart()
        story.relay.start()
    story.play(strike, 1)


def test_kill_the_source(make_scene, own_source, target, broker, seed):
    scene = make_scene(own_source, target, broker)
    story = Story(scene, seed)

    def strike():
        own_source.kill()
        own_source.start()
    story.play(strike, 3)
    assert story.load.errors, "nobody noticed that the server was away"


def test_kill_the_source_and_the_relay(make_scene, own_source, target, broker, seed):
    scene = make_scene(own_source, target, broker)
    story = Story(scene, seed)

    restarts = []

    def strike():
        # The server forgets the position that it wrote down last, the relay everything.
        own_source.kill()
        story.relay.kill()
        own_source.start()
        restarts.append(Restart(scene))
        story.relay.start()
    story.play(strike, 3)
    ends = {event.id: event.end_lsn for event in story.ledger.events}
    records = scene.broker.read(scene.topic("load"))
    for restart in restarts:
        restart.check(records, ends)
    assert any(restart.suppressed(ends) for restart in restarts), "the slot had all that the mark has: nothing is shown"


def test_kill_the_target(make_scene, source, own_target, broker, seed):
    scene = make_scene(source, own_target, broker)
    story = Story(scene, seed)

    def strike():
        own_target.kill()
        story.load.wait_committed(story.dice.randint(20, 200))
        own_target.start()
    story.play(strike, 3)


def test_the_target_is_away_until_the_breaker_opens(make_scene, source, own_target, broker, seed):
    scene = make_scene(source, own_target, broker)
    story = Story(scene, seed)

    def strike():
        own_target.stop("immediate")
        until(lambda: story.consumer.metric("circuit_breaker_state") == 2, "the breaker opens")
        story.load.wait_committed(200)
        assert story.consumer.running()
        own_target.start()
    story.play(strike, 1)
    until(lambda: story.consumer.metric("circuit_breaker_state") == 0, "the breaker closes")
