"""outbox-consumer: partitions that move and answers that get lost while the target is away."""
import json

import pytest

from harness.proxy import Cutter
from harness.wait import until

FAST_BREAKER = {"breaker.reset": "300ms"}


@pytest.fixture
def stage(make_scene, source, own_target, broker):
    scene = make_scene(source, own_target, broker)
    scene.apply_all("load")
    scene.initialize()
    scene.truth = scene.ledger()
    scene.relay().start()
    with scene.load(1) as load:
        load.wait_committed(1)
        until(lambda: scene.broker.partitions(scene.topic("load")), "the topic is there")
    return scene


def close_the_books(scene):
    records = scene.truth.wait_in_topics()
    scene.truth.wait_in_target()
    scene.truth.check_target(records)


def test_partitions_move_while_the_breaker_is_open(stage, own_target, seed):
    first = stage.consumer("first", **FAST_BREAKER).start()
    with stage.load(seed, keys=40) as load:
        load.wait_committed(50)
        own_target.stop("immediate")
        until(lambda: first.metric("circuit_breaker_state") == 2, "the breaker opens")
        # Some of what the first one paused goes to the second.
        second = stage.consumer("second", **FAST_BREAKER).start(ready=False)
        until(lambda: first.metric("outbox_consumer_partitions") < 3, "partitions move")
        # It never learned where they are: its lag is not known, and not 0.
        until(lambda: second.http("/readyz")[0] == 503 and second.metric("circuit_breaker_state") == 2, "its breaker opens")
        until(lambda: json.loads(second.http("/status")[1])["partitions"], "it has partitions")
        status = json.loads(second.http("/status")[1])
        assert status["lag_seconds"] is None, status
        assert {(p["next_offset"], p["lag"]) for p in status["partitions"]} == {(None, None)}, status
        assert not [k for k in second.metrics() if k.startswith("outbox_consumer_lag_")]
        own_target.start()
        first.wait_ready()
        second.wait_ready()
        load.wait_committed(50)
        # And comes back.
        assert second.stop() == 0
        until(lambda: first.metric("outbox_consumer_partitions") == 3, "partitions come back")
        load.wait_committed(50)
    close_the_books(stage)
    until(lambda: sum(v for k, v in first.metrics().items()
                      if k.startswith("outbox_consumer_lag_records")) == 0, "there is no lag")
    assert not first.problems() and not second.problems()


def test_commits_without_an_answer(stage, own_target, seed):
    proxy = Cutter(own_target.port, seed)
    consumer = stage.consumer(**{"target.conninfo": proxy.conninfo(stage.database), **FAST_BREAKER}).start()
    with stage.load(seed, keys=40):
        # A cut hits a COMMIT only now and then.
        until(lambda: consumer.metric("outbox_consumer_unknown_commits_total") >= 3,
              "three commits are without an answer", 300, every=0.2)
    proxy.lossy.clear()
    close_the_books(stage)
    assert proxy.cuts > 0
    assert consumer.running() and not consumer.problems()
    assert consumer.stop() == 0
    proxy.close()


def test_a_rival_that_moves_the_progress(stage, exits, seed):
    """Twice in a short time may be a rebalance that isn't known here yet; on and on is none."""
    consumer = stage.consumer(**{"kafka.session.timeout.ms": "6000", "kafka.heartbeat.interval.ms": "500"}).start()
    until(lambda: stage.target_sql("SELECT 1 FROM outbox_inbox.progress"), "there is progress")
    count = len(stage.applied())

    def rival():
        until(lambda: stage.target_sql("UPDATE outbox_inbox.progress SET next_offset = next_offset - 1,"
                                       " last_offset = NULL WHERE next_offset > 1 RETURNING 1"), "there is progress to move")

    def fenced():
        return consumer.metrics()['outbox_consumer_retries_total{class="fenced"}']

    with stage.load(seed, keys=40) as load:
        for times in (1, 2):
            rival()
            until(lambda n=times: fenced() >= n, "the consumer sees it")
            load.wait_committed(60)
    close_the_books(stage)
    assert consumer.running()
    # What came again was known by its position.
    assert consumer.metric("outbox_consumer_duplicate_events_total") >= 1
    assert len(stage.applied()) > count
    with stage.load(seed + 1, keys=40):
        def ended():
            rival()
            return not consumer.running()
        until(ended, "the consumer gives up", 60, every=0.3)
        assert consumer.wait_exit() == exits["EXIT_FENCED"], consumer.log()
    assert len(consumer.problems()) == 1
    # Nothing was applied twice, and the next one goes on.
    stage.consumer("next").start()
    close_the_books(stage)
