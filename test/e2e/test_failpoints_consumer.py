"""Each failpoint of outbox-consumer, with each of its actions: everything is applied once and in order.

The program says which failpoints there are; one that no play comes to is a failure.  make check takes a crash at each of
them, and of error and pause a third, another one each day; make check-failpoints takes everything.
"""
import os
import random
import signal
import uuid

import pytest

from harness import failpoints
from harness.failpoints import ACTIONS, Lanes, arm, chosen, hit, listed, wait_fired
from harness.feed import Feed
from harness.scene import Scene
from harness.wait import until

PROGRAM = "outbox-consumer"
SOUND = "ALTER TABLE applied ADD CONSTRAINT sound CHECK (payload NOT LIKE '%bad%')"
OPTIONS = {"kafka.session.timeout.ms": "1000", "kafka.heartbeat.interval.ms": "200", "reconnect.min": "10ms",
           "reconnect.max": "100ms", "retry.min": "10ms", "retry.max": "100ms", "breaker.reset": "100ms",
           "batch.max_records": "20", "drain.timeout": "2s"}

# Where a failpoint is come to; without a line it is a topic that is read and applied.
PLAYS = {
    "ids": ("ids-sent", "ids-judged", "ids-recorded"),
    "letter": ("letter-due", "letter-produced", "letter-stored", "letter-written", "letter-settled"),
    "stop": ("group-left", "partitions-released"),
}
PLAY_OF = {name: play for play, names in PLAYS.items() for name in names}
# Passes that are sure to come in its play; else one.
PASSES = {"record-fetched": 30, "record-copied": 30, "begin-queued": 2, "handler-queued": 2, "commit-due": 2,
          "commit-sent": 2, "begin-answered": 2, "progress-moved": 2, "handler-run": 2, "positions-moved": 2,
          "commit-answered": 2, "batch-settled": 2, "offset-due": 2}


def cases():
    names = listed(PROGRAM) if os.path.exists(failpoints.BIN) else ["none"]
    return [(name, action) for number, name in enumerate(names) for action in ACTIONS if chosen(number, action)]


def new_id():
    return str(uuid.uuid4())


class Stage:
    """A topic as a relay writes it, one of records by id, one that is not looked at, and one with bad events."""

    def __init__(self, scene):
        self.scene = scene
        scene.apply_all("t", "ids", "all", "bad", payload="text")
        scene.handlers[scene.topic("all")]["dedupe"] = "none"
        scene.target_sql(SOUND)
        self.feed = Feed(scene, "t")
        self.by_id = Feed(scene, "ids", partitions=1)
        self.all = Feed(scene, "all", partitions=1)
        self.bad = Feed(scene, "bad", partitions=1)
        self.ids, self.bad_ids, self.good_ids = [], [], []

    def consumer(self, name, instance):
        """A static member is back at once after a crash: nobody waits for the end of its session."""
        return self.scene.consumer(f"{name}{len(self.scene.daemons)}", **{"consumer.instance_id": instance, **OPTIONS})

    def write(self, play, count=60):
        self.feed.send(count)
        self.all.put(0, b"all", id=new_id())
        if play == "ids":
            for _ in range(4):
                self.ids.append(new_id())
                for _ in range(2):
                    self.by_id.put(0, b"by id", id=self.ids[-1])
            # One that was applied by its position is judged by its id, too, when it comes once more.
            self.feed.put(0, b"again", id=self.feed.sent[0][-1], headers=[("outbox-replayed", b"r/1")])
        if play == "letter":
            for value, ids in ((b"good", self.good_ids), (b"bad", self.bad_ids), (b"good", self.good_ids)):
                ids.append(new_id())
                self.bad.put(0, value, id=ids[-1])
        for feed in (self.by_id, self.bad, self.feed, self.all):
            feed.flush()

    def applied(self, feed):
        return [row[0] for row in self.scene.target_sql("SELECT id FROM applied WHERE topic = %s ORDER BY n",
                                                        (feed.topic,))]

    def letters(self):
        return [row[0] for row in self.scene.target_sql("SELECT event_id FROM outbox_inbox.dead_letter ORDER BY number")]

    def check(self):
        self.feed.wait_applied(40)
        until(lambda: len(self.letters()) >= len(self.bad_ids), "dead letters are written")
        until(lambda: len(self.applied(self.bad)) >= len(self.good_ids), "good events are applied")
        until(lambda: len(self.applied(self.by_id)) >= len(self.ids), "events by id are applied")
        assert self.applied(self.by_id) == self.ids
        assert self.applied(self.bad) == self.good_ids
        assert self.letters() == self.bad_ids
        # Whoever produces a letter may do so twice; none is missing.
        if self.bad_ids:
            stored = [record.id for record in self.scene.broker.read(self.scene.letters())]
            assert set(stored) == set(self.bad_ids)

    def finish(self):
        self.scene.finish()


class Stages:
    """One for each lane, and a new one after a case that failed."""

    def __init__(self, make):
        self.make = make
        self.kept = []

    def take(self):
        return self.kept.pop() if self.kept else Stage(self.make())

    def give_back(self, stage, failed):
        for daemon in stage.scene.daemons:
            daemon.finish()
        if failed:
            stage.finish()
        else:
            stage.scene.daemons.clear()
            self.kept.append(stage)

    def finish(self):
        for stage in self.kept:
            stage.finish()


@pytest.fixture(scope="module")
def seed():
    return int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))


@pytest.fixture(scope="module")
def lanes(request, base, reap, target, broker, seed):
    stages = Stages(lambda: Scene(base, "failpoints", reap, None, target, broker))
    made = Lanes(request, lambda *about, **of: play_case(stages, *about, **of), seed)
    yield made
    made.finish()
    stages.finish()


def take_over(stage, zombie, play):
    """Another member gets the partitions when its session is over; then it goes on where it stood still."""
    other = stage.consumer("other", "other").start(ready=False)
    stage.write(play)
    stage.check()
    zombie.signal(signal.SIGCONT)
    stage.write(play)
    stage.check()
    assert other.stop() == 0, other.log()
    return zombie


def play_case(stages, seed, name, action):
    """What went wrong in it, and its scene."""
    play = PLAY_OF.get(name, "stream")
    stage = error = None
    try:
        stage = stages.take()
        consumer = stage.consumer("armed", "one")
        arm(consumer, name, action, hit(seed, name, action, PASSES.get(name, 1)))
        stage.write(play)
        consumer.start(ready=play == "stop")
        if play == "stop":
            consumer.signal(signal.SIGTERM)
        wait_fired(consumer, name, action)
        if action == "pause":
            consumer = take_over(stage, consumer, play)
        stage.write(play)
        if play == "stop" and action != "pause":
            consumer.wait_exit()
        if not consumer.running():
            consumer = stage.consumer("next", "one").start(ready=False)
        until(lambda: not consumer.running() or all_there(stage), "all is applied, or it has ended", 40)
        # An error may be one that ends it.
        if not consumer.running():
            consumer = stage.consumer("last", "one").start(ready=False)
        stage.check()
        assert consumer.stop() == 0, consumer.log()
        stage.check()
    except Exception as went_wrong:  # pylint: disable=broad-except
        error = went_wrong
    if stage is None:
        return error, None
    stages.give_back(stage, error is not None)
    return error, stage.scene


def all_there(stage):
    sent = sum(len(ids) for ids in stage.feed.sent.values())
    return (len(stage.applied(stage.feed)) >= sent and len(stage.letters()) >= len(stage.bad_ids)
            and len(stage.applied(stage.by_id)) >= len(stage.ids) and len(stage.applied(stage.bad)) >= len(stage.good_ids))


@pytest.mark.xdist_group("failpoints-consumer")
@pytest.mark.parametrize("name,action", cases())
def test_failpoint(request, lanes, seed, name, action):
    assert name in listed(PROGRAM) and action in ACTIONS
    print(f"SEED={seed}")
    lanes.result(request.node)
