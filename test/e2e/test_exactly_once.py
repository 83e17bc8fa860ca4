"""delivery = exactly-once through crashes: whoever reads committed records sees each transaction
whole or not at all, and once, whatever is killed and when."""
import random
import signal
import time
from contextlib import contextmanager

from harness.wait import stays, until
from harness.whole import check_complete, check_whole, exactly, position, state

FIRST = 2000


class Story:
    """A load, a relay, and something that strikes."""

    def __init__(self, scene, seed, **options):
        self.scene = scene
        self.dice = random.Random(seed)
        self.options = exactly(scene, **options)
        self.relay = scene.start_relay(**self.options)
        self.ledger = scene.ledger()
        self.load = scene.load(seed)
        with self.load:
            self.load.wait_committed(1)
            until(lambda: scene.broker.partitions(scene.topic("load")), "the topic is there")
        self.load = scene.load(seed + 1)

    def play(self, strike, rounds):
        with self.load:
            for _ in range(rounds):
                self.load.wait_committed(self.dice.randint(20, 400))
                strike()
            self.load.wait_committed(self.dice.randint(20, 200))
        self.ledger.check_source(self.load)
        return check_complete(self.ledger, self.load.rolled_back)


def big(scene, count, aggregate_type="load"):
    """One transaction with that many events."""
    scene.sql("SELECT count(outbox.emit(%s, 'b' || (g %% 30), 'T', json_build_object('n', g)))"
              " FROM generate_series(1, %s) AS g", (aggregate_type, count))


def written(scene):
    """How many records the topic has, whoever may see them."""
    return scene.broker.count(scene.topic("load"))


@contextmanager
def held_amid(scene, relay):
    """The relay, when it has written the larger part of a transaction: the rest has to wait for a topic."""
    before = written(scene)
    with scene.source.connect(scene.database) as lock:
        lock.execute("BEGIN; LOCK TABLE outbox.topic IN EXCLUSIVE MODE")
        with scene.source.connect(scene.database, autocommit=False) as connection:
            # What waits is small: a walsender that can't send doesn't end when it is told to.
            for aggregate_type, count in (("load", FIRST), (f"late{before}", 10), ("load", 10)):
                connection.execute("SELECT count(outbox.emit(%s, 'b' || (g %% 30), 'T', json_build_object('n', g)))"
                                   " FROM generate_series(1, %s) AS g", (aggregate_type, count))
            connection.commit()
        if not relay.running():
            relay.start(ready=False)
        until(lambda: written(scene) >= before + FIRST, "the first part is written", 60)
        yield
        lock.execute("ROLLBACK")


END_WALSENDER = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s AND active"


def end_walsender(scene):
    scene.sql(END_WALSENDER, (scene.slot,))


def test_each_event_once(scene, seed):
    story = Story(scene, seed)
    records = story.play(lambda: None, 3)
    text, count = position(scene)
    # Whole transactions, and far fewer of Kafka's than of PostgreSQL's; the position is behind the last.
    assert count < len(story.ledger.events)
    last = max(record.position.order for record in records)
    assert text.startswith(records[0].position.source + "/")
    assert int(text.split("/")[2], 16) << 32 | int(text.split("/")[3], 16) > last[1]
    assert story.relay.metric("outbox_relay_kafka_commits_total") >= 3
    assert story.relay.metric("outbox_relay_transactions_split_total") == 0
    assert story.relay.stop() == 0 and not story.relay.problems()
    # A restart finds its place and sends nothing again.
    story.relay.start()
    scene.emit("load", "k")
    check_complete(story.ledger)


def test_kill_the_relay(scene, seed):
    story = Story(scene, seed, **{"mark.interval": "3s"})

    def strike():
        story.relay.kill()
        check_whole(scene, story.ledger, "load")
        story.relay.start(ready=story.dice.random() < 0.7)
    story.play(strike, 8)


def test_kill_the_relay_within_milliseconds(scene, seed):
    """Before, in and after each step of a start, and of commits."""
    story = Story(scene, seed, **{"transaction.interval": "5ms"})

    def strike():
        story.relay.kill()
        story.relay.start(ready=False)
        try:
            story.relay.wait_exit(story.dice.uniform(0.01, 0.6))
        except AssertionError:
            pass
    story.play(strike, 20)


def test_kill_the_broker(make_scene, source, own_broker, seed):
    scene = make_scene(source, None, own_broker)
    story = Story(scene, seed)

    def strike():
        own_broker.kill()
        story.load.wait_committed(story.dice.randint(20, 200))
        own_broker.restart()
    story.play(strike, 2)
    assert story.relay.running()


def test_kill_the_broker_and_the_relay(make_scene, source, own_broker, seed):
    scene = make_scene(source, None, own_broker)
    story = Story(scene, seed)

    def strike():
        first, second = story.dice.sample([own_broker.kill, story.relay.kill], 2)
        first()
        story.load.wait_committed(story.dice.randint(1, 50))
        second()
        own_broker.restart()
        check_whole(scene, story.ledger, "load")
        story.relay.start()
    story.play(strike, 2)


def test_kill_the_source(make_scene, own_source, broker, seed):
    scene = make_scene(own_source, None, broker)
    story = Story(scene, seed)

    def strike():
        own_source.kill()
        if story.dice.random() < 0.5:
            story.relay.kill()
        own_source.start()
        if not story.relay.running():
            story.relay.start()
    story.play(strike, 3)


def test_the_mark_is_behind_kafka(scene, seed):
    """The usual state after a crash: nothing of it is sent again."""
    story = Story(scene, seed, **{"mark.interval": "1h"})
    with story.load:
        story.load.wait_committed(300)
    first = check_complete(story.ledger, story.load.rolled_back)
    mark = scene.sql("SELECT mark_lsn - '0/0'::pg_lsn FROM outbox.relay")[0][0]
    assert mark < first[-1].position.commit_lsn
    story.relay.kill()
    scene.wait_slot_free()
    story.relay.start()
    scene.emit("load", "k")
    assert len(check_complete(story.ledger, story.load.rolled_back)) == len(first) + 1
    assert story.relay.metric("outbox_relay_events_suppressed_total") >= len(first) // 2


def test_a_transaction_that_is_half_out_is_never_seen(scene, seed):
    """Killed in the middle of it: aborted records are in the topic, and nobody sees them."""
    story = Story(scene, seed)
    seen = len(check_complete(story.ledger))
    with held_amid(scene, story.relay):
        story.relay.kill()
    assert len(check_whole(scene, story.ledger, "load")) == seen
    scene.wait_slot_free()
    story.relay.start()
    records = check_complete(story.ledger)
    everything = scene.broker.read(scene.topic("load"), isolation="read_uncommitted")
    assert len(everything) >= sum(record.topic == scene.topic("load") for record in records) + FIRST


def test_the_stream_breaks_within_a_transaction(scene, seed):
    """The walsender goes, the producer stays: what was begun is aborted and comes whole."""
    # A relay that waits hears of it when it reports.
    story = Story(scene, seed, **{"feedback.interval": "200ms"})
    check_complete(story.ledger)
    with held_amid(scene, story.relay):
        for number in range(1, 4):
            before = written(scene)
            end_walsender(scene)
            until(lambda: story.relay.log().count("the rest of a transaction doesn't come") == number, "it is aborted")
            until(lambda: written(scene) >= before + FIRST, "it is there again")
    check_complete(story.ledger)


def test_a_zombie_is_fenced(scene, seed):
    story = Story(scene, seed)
    second = scene.relay("second", **story.options)
    with story.load:
        for old, new in ((story.relay, second), (second, story.relay)):
            story.load.wait_committed(100)
            pid = scene.slot_row("active_pid")[0]
            with scene.source.connect(scene.database) as connection:
                # At once: one that can't send, as nobody reads, doesn't end when it is told to.
                old.signal(signal.SIGSTOP)
                connection.execute(END_WALSENDER, (scene.slot,))
            if new.running():
                until(lambda: scene.slot_row("active_pid")[0] not in (None, pid), "another one has the slot")
            else:
                scene.wait_slot_free()
            if not new.running():
                new.start(ready=False)
            until(lambda: state(new) == "streaming", "the other one streams")
            story.load.wait_committed(100)
            old.signal(signal.SIGCONT)
            until(lambda: state(old) == "standing by", "the old one stands by")
            assert old.running() and not old.problems()
    check_complete(story.ledger, story.load.rolled_back)


def test_a_zombie_with_an_open_transaction_says_so(scene, seed):
    """It goes on where it was stopped: in the middle of a transaction that is aborted by then."""
    story = Story(scene, seed)
    check_complete(story.ledger)
    first, second = story.relay, scene.relay("second", **story.options)
    with held_amid(scene, first):
        first.signal(signal.SIGSTOP)
        end_walsender(scene)
        scene.wait_slot_free()
    second.start()
    check_complete(story.ledger)
    first.signal(signal.SIGCONT)
    until(lambda: state(first) == "standing by", "the old one stands by")
    first.wait_log("another relay with the same transactional id has taken over|the rest of a transaction doesn't come")
    check_complete(story.ledger)
    # And it can take over again.
    second.kill()
    until(lambda: state(first) == "streaming", "it streams")
    scene.emit("load", "k")
    check_complete(story.ledger)


def check_split(scene, options, count):
    relay = scene.start_relay(**options)
    ledger = scene.ledger()
    scene.emit("load", "k")
    big(scene, count)
    scene.emit("load", "k")
    check_complete(ledger)
    assert relay.metric("outbox_relay_transactions_split_total") == 1
    assert relay.metric("outbox_relay_kafka_commits_total") > 3
    assert relay.log().count("is published in parts") == 1
    return relay, ledger


def test_a_transaction_that_is_too_much_is_split(scene):
    """It is said once and counted; the parts carry positions, so that nothing is there twice."""
    relay, ledger = check_split(scene, exactly(scene, **{"transaction.split.events": "500"}), 20000)
    # Not even when it is killed between the parts.
    seen = len(scene.broker.read(scene.topic("load")))
    with held_amid(scene, relay):
        until(lambda: len(scene.broker.read(scene.topic("load"))) > seen, "a part is there")
        relay.kill()
    scene.wait_slot_free()
    relay.start()
    check_complete(ledger)
    assert relay.metric("outbox_relay_events_suppressed_total") > 0


def test_a_transaction_that_takes_too_long_is_split(scene):
    """Held for longer than half of transaction.timeout: what there is of it is committed in time."""
    relay = scene.start_relay(**exactly(scene, **{"transaction.timeout": "8s"}))
    ledger = scene.ledger()
    scene.emit("load", "k")
    check_complete(ledger)
    with held_amid(scene, relay):
        until(lambda: len(scene.broker.read(scene.topic("load"))) == 1 + FIRST, "a part is there")
        assert relay.metric("outbox_relay_transactions_split_total") == 1
    check_complete(ledger)
    assert relay.metric("outbox_relay_transactions_split_total") == 1
    assert relay.metric("outbox_relay_fenced_total") == 0


def test_small_transactions_are_not_split(scene):
    """However many wait: a limit of events ends a Kafka transaction between two of PostgreSQL's."""
    options = exactly(scene, **{"transaction.events": "10"})
    scene.initialize(**options)
    ledger = scene.ledger()
    for _ in range(40):
        big(scene, 25)
    relay = scene.relay(**options).start()
    check_complete(ledger)
    assert relay.metric("outbox_relay_transactions_split_total") == 0
    until(lambda: relay.metric("outbox_relay_kafka_commits_total") >= 40, "each has one of its own")


def test_kafka_is_away_for_longer_than_a_transaction_lives(make_scene, source, own_broker, seed):
    """The coordinator gives the transaction up; a new producer sends it again."""
    scene = make_scene(source, None, own_broker)
    story = Story(scene, seed, **{"transaction.timeout": "1s"})
    with story.load:
        for how in (own_broker.kill, own_broker.stop):
            story.load.wait_committed(100)
            how()
            # Longer than it lives; and the relay answers all the time.
            done, over = story.load.committed, time.monotonic() + 3
            stays(lambda: story.relay.running() and story.relay.http("/healthz")[0] == 200,
                  lambda: time.monotonic() > over and story.load.committed > done, "its loop turns")
            own_broker.restart()
    check_complete(story.ledger, story.load.rolled_back)


def test_kafka_is_away_when_the_relay_starts(make_scene, source, own_broker):
    scene = make_scene(source, None, own_broker)
    options = exactly(scene)
    scene.initialize(**options)
    ledger = scene.ledger()
    big(scene, 100, "t")
    own_broker.stop()
    relay = scene.relay(**options).start(ready=False)
    until(lambda: relay.http("/healthz")[0] == 200, "its loop turns")
    relay.wait_log("(?i)kafka|broker")
    assert not relay.problems()
    own_broker.restart()
    relay.wait_ready()
    check_complete(ledger)
    # And when it is stopped before it ever met Kafka.
    assert relay.stop() == 0
    own_broker.stop()
    relay.start(ready=False)
    until(lambda: relay.http("/healthz")[0] == 200, "its loop turns")
    assert relay.stop() == 0
    own_broker.restart()
