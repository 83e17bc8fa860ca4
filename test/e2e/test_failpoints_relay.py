"""Each failpoint of outbox-relay, with each of its actions: nothing is lost, reordered or invented, and
with delivery = exactly-once nothing is there twice or in part.

The program says which failpoints there are; one that no play comes to is a failure.  make check takes a crash at each of
them, and of error and pause a third, another one each day; make check-failpoints takes everything, in both modes.
"""
import os
import random
import signal

import pytest

from harness import failpoints
from harness.failpoints import ACTIONS, TAKEN, Lanes, arm, chosen, hit, listed, wait_fired
from harness.ledger import Ledger
from harness.poison import emit
from harness.scene import Scene
from harness.wait import until
from harness.whole import check_once, exactly, state, torn

PROGRAM = "outbox-relay"
MODES = ("at-least-once", "exactly-once")
LIMIT = 5000
OPTIONS = {"reconnect.min": "10ms", "reconnect.max": "100ms", "mark.interval": "20ms", "heartbeat.interval": "100ms",
           "feedback.interval": "100ms", "transaction.interval": "50ms", "poison.policy": "dead-letter",
           "kafka.message.max.bytes": str(LIMIT)}

# Where a failpoint is come to; without a line it is the stream of a relay that has published before.
PLAYS = {
    "topic": ("topic-made", "topic-sent", "topic-committed", "topic-opened"),
    "poison": ("letter-due", "letter-sent", "letter-committed", "letter-settled"),
    "backfill": ("row-fetched", "backfill-published", "backfill-sent", "backfill-committed"),
    "first": ("delivery-sent", "delivery-committed", "routing-sent", "routing-committed"),
    "torn": ("kafka-abort", "kafka-aborted"),
    "stop": ("stop-drained", "stop-marked"),
}
PLAY_OF = {name: play for play, names in PLAYS.items() for name in names}
# What only one of the modes comes to.
AT_LEAST_ONCE = {"event-settled"}
EXACTLY_ONCE = {"kafka-init", "kafka-initialized", "kafka-commit", "kafka-committed", "kafka-begun", "kafka-abort",
                "kafka-aborted", "position-written", "position-read", "event-written", "transaction-settled",
                "commit-told", "delivery-sent", "delivery-committed"}
# Passes that are sure to come in its play; else one.
PASSES = {"frame-read": 30, "frame-decoded": 30, "event-assembled": 20, "event-routed": 20, "event-in-window": 20,
          "event-offered": 20, "event-given": 20, "message-handed-over": 20, "report-taken": 20, "event-settled": 20,
          "event-written": 20, "row-fetched": 20, "mark-due": 2, "mark-sent": 2, "mark-committed": 2, "mark-taken": 2,
          "status-due": 3, "status-sent": 3, "kafka-commit": 2, "kafka-committed": 2, "position-written": 2,
          "commit-told": 2, "transaction-settled": 2}


def modes(name):
    """The first of them is the one that make check takes."""
    if name in EXACTLY_ONCE:
        return ("exactly-once",)
    if name in AT_LEAST_ONCE or TAKEN != "all":
        return ("at-least-once",)
    return MODES


def cases():
    found = []
    names = listed(PROGRAM) if os.path.exists(failpoints.BIN) else ["none"]
    for number, name in enumerate(names):
        found += [(name, action, mode) for action in ACTIONS if chosen(number, action) for mode in modes(name)]
    return found


class Books(Ledger):
    """What is committed and what a reader finds; each case adds to them."""

    def __init__(self, scene):
        super().__init__(scene)
        self.given_up = set()
        self.records = []
        self._reader = None
        self._types = set()

    def committed(self):
        return [event for event in super().committed() if event.id not in self.given_up]

    def read(self, timeout=40):
        """Until all is in the topics."""
        expected = self.committed()
        types = {event.type for event in expected}
        broker = self.scene.broker
        if not types <= self._types:
            self.close()
            self._types |= types
            topics = [self.scene.topic(t) for t in sorted(self._types)]
            until(lambda: all(broker.partitions(t) for t in topics), f"{topics} are there", timeout)
            self.records = []
            self._reader = broker.reader(*topics)
        missing = {event.id for event in expected} - {record.id for record in self.records}

        def step():
            record = self._reader.poll()
            if record is not None:
                self.records.append(record)
                missing.discard(record.id)
            return not missing
        until(step, lambda: f"{len(missing)} events are still not in Kafka", timeout, every=0)
        self.records += self._reader.to_end()

    def close(self):
        if self._reader is not None:
            self._reader.__exit__()
        self._reader = None


class Stage:
    """A source with a relay, for one case after the other."""

    def __init__(self, make, mode, old_rows=0):
        self.scene = make()
        self.once = mode == "exactly-once"
        self.options = dict(OPTIONS, **(exactly(self.scene) if self.once else {}))
        self.books = Books(self.scene)
        self.count = 0
        self.write(old_rows)
        self.scene.initialize("--existing=publish", **self.options)

    def warm_up(self):
        """The topic is there, and so is all that a relay records once."""
        relay = self.relay().start()
        self.write(4)
        self.books.read()
        assert relay.stop() == 0, relay.log()
        return self

    def relay(self, name=None):
        return self.scene.relay(name or f"relay{len(self.scene.daemons)}", **self.options)

    def write(self, count, aggregate_type="t", together=5):
        """So many events, some in each transaction, of several keys."""
        with self.scene.source.connect(self.scene.database, autocommit=False) as connection:
            for number in range(count):
                self.count += 1
                emit(connection, aggregate_type, f"k{self.count % 7}", f'{{"n": {self.count}}}')
                if number % together == together - 1:
                    connection.commit()
            connection.commit()

    def write_poison(self):
        """In the middle of a transaction."""
        with self.scene.source.connect(self.scene.database, autocommit=False) as connection:
            emit(connection, "t", "k1", '{"n": "before"}')
            self.books.given_up.add(emit(connection, "t", "k1", f'"{"x" * (4 * LIMIT)}"'))
            emit(connection, "t", "k1", '{"n": "behind"}')
            connection.commit()

    def end_walsender(self):
        self.scene.sql("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots"
                       " WHERE slot_name = %s AND active", (self.scene.slot,))

    def check(self):
        """All that was committed is in the topics, and as it should be."""
        books = self.books
        books.read()
        assert len(books.check_topics(books.records)) == len(books.committed())
        if self.once:
            check_once(books.records)
            assert not torn(books, books.records)
        letters = [str(row[0]) for row in self.scene.sql("SELECT id FROM outbox.dead_letter")]
        assert sorted(letters) == sorted(books.given_up)

    def finish(self):
        self.books.close()
        self.scene.finish()


class Stages:
    """One for each mode, and a new one after a case that failed."""

    def __init__(self, make):
        self.make = make
        self.kept = {mode: [] for mode in MODES}

    def take(self, play, mode):
        if play in ("backfill", "first"):
            return Stage(self.make, mode, old_rows=30 if play == "backfill" else 0)
        return self.kept[mode].pop() if self.kept[mode] else Stage(self.make, mode).warm_up()

    def give_back(self, play, mode, stage, failed):
        for daemon in stage.scene.daemons:
            daemon.finish()
        if failed or play in ("backfill", "first"):
            stage.finish()
        else:
            stage.scene.daemons.clear()
            self.kept[mode].append(stage)

    def finish(self):
        for stage in sum(self.kept.values(), []):
            stage.finish()


@pytest.fixture(scope="module")
def seed():
    return int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))


@pytest.fixture(scope="module")
def lanes(request, base, reap, source, broker, seed):
    stages = Stages(lambda: Scene(base, "failpoints", reap, source, None, broker))
    made = Lanes(request, lambda *about, **of: play_case(stages, *about, **of), seed)
    yield made
    made.finish()
    stages.finish()


def bring_there(stage, play, relay, number):
    """The relay is started and meets the failpoint; what may be needed besides to get there."""
    if play == "topic":
        relay.start(ready=False)
        stage.write(12, f"new{number}", together=4)
    elif play == "poison":
        stage.write_poison()
        relay.start(ready=False)
    elif play == "torn":
        stage.write(600, together=600)
        relay.start(ready=False)
    elif play == "stop":
        relay.start()
        stage.write(20)
        relay.signal(signal.SIGTERM)
        return lambda: None
    else:
        stage.write(40)
        relay.start(ready=False)
    return lambda: stage.write(2)


def take_over(stage, zombie):
    """Another relay gets the slot and goes on; then the one that stood still does, too."""
    other = stage.relay("other").start(ready=False)
    stage.end_walsender()
    stage.write(10)
    stage.books.read()
    until(lambda: state(other) == "streaming", "the other one streams")
    zombie.signal(signal.SIGCONT)
    until(lambda: not zombie.running() or state(zombie) == "standing by", "the one that stood still stands by", 40)
    stage.write(10)
    stage.books.read()
    assert other.stop() == 0, other.log()
    if zombie.running():
        until(lambda: state(zombie) == "streaming" or not zombie.running(), "it takes over again")
    return zombie


def play_case(stages, seed, name, action, mode):
    """What went wrong in it, and its scene."""
    play = PLAY_OF.get(name, "stream")
    stage = error = None
    try:
        stage = stages.take(play, mode)
        relay = stage.relay()
        besides = ["frame-read=error@400"] if play == "torn" else []
        arm(relay, name, action, hit(seed, name, action, PASSES.get(name, 1)), besides)
        meanwhile = bring_there(stage, play, relay, stage.count)
        wait_fired(relay, name, action, meanwhile)
        if action == "pause":
            relay = take_over(stage, relay)
        stage.write(10)
        if not relay.running():
            relay = stage.relay("next").start(ready=False)
        stage.check()
        # At the end of it all nothing is left to be sent.
        if state(relay) == "streaming":
            assert relay.stop() == 0, relay.log()
        stage.check()
    except Exception as went_wrong:  # pylint: disable=broad-except
        error = went_wrong
    if stage is None:
        return error, None
    stages.give_back(play, mode, stage, error is not None)
    return error, stage.scene


@pytest.mark.xdist_group("failpoints-relay")
@pytest.mark.parametrize("name,action,mode", cases())
def test_failpoint(request, lanes, seed, name, action, mode):
    assert name in listed(PROGRAM) and action in ACTIONS and mode in MODES
    print(f"SEED={seed}")
    lanes.result(request.node)
