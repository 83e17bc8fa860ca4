"""outbox-consumer: SIGTERM in every state, and what it costs while nothing can be done."""
import signal
import time

import pytest

from harness.feed import Feed
from harness.wait import until

# A batch that waits for a lock waits as long as the test does.
PATIENT = {"batch.statement_timeout": "3min", "batch.timeout": "4min", "drain.timeout": "2min"}
BUSY = 0.5      # of a processor; a loop without rest takes a whole one


def breaker(consumer):
    return consumer.metric("circuit_breaker_state")


def cpu_share(consumer, seconds=4):
    """Processor time per second of the clock."""
    spent, began = consumer.cpu_seconds(), time.monotonic()
    until(lambda: time.monotonic() - began > seconds, "time passes", seconds + 30, every=0.2)
    return (consumer.cpu_seconds() - spent) / (time.monotonic() - began)


def wait_locked(connection):
    until(lambda: connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'applied'::regclass")
          .fetchone()[0] > 0, "the consumer waits for the lock")


@pytest.fixture
def stage(make_scene, own_target, broker):
    scene = make_scene(None, own_target, broker)
    scene.apply_all("t")
    return scene


def test_sigterm_while_the_breaker_is_open(stage, own_target):
    feed = Feed(stage)
    feed.send(30)
    consumer = stage.consumer(**{"breaker.failures": "2"}).start()
    feed.wait_applied()
    own_target.stop("immediate")
    feed.send(3000)
    until(lambda: breaker(consumer) == 2, "the breaker opens")
    assert consumer.stop(20) == 0
    own_target.start()
    consumer.start()
    feed.wait_applied()


def test_sigterm_before_the_first_assignment(stage):
    consumer = stage.consumer(**{"kafka.bootstrap.servers": "127.0.0.1:1"}).start(ready=False)
    until(lambda: consumer.http("/healthz")[0] == 200, "it runs")
    assert consumer.stop(20) == 0


def test_sigterm_with_a_target_that_does_not_answer(stage, own_target):
    """What is under way is waited for, but not for ever."""
    feed = Feed(stage)
    feed.send(30)
    consumer = stage.consumer(**{"drain.timeout": "2s"}).start()
    feed.wait_applied()
    with stage.target.connect(stage.database, autocommit=False) as connection:
        connection.execute("LOCK TABLE applied IN SHARE MODE")
        feed.send(30)
        wait_locked(connection)
        assert consumer.stop(20) == 0
        connection.rollback()
    consumer.start()
    feed.send(30)
    feed.wait_applied()


def test_a_batch_under_way_is_finished(stage):
    feed = Feed(stage, partitions=1)
    feed.send(1)
    consumer = stage.consumer(**PATIENT).start()
    feed.wait_applied()
    with stage.target.connect(stage.database, autocommit=False) as connection:
        connection.execute("LOCK TABLE applied IN SHARE MODE")
        feed.send(1)
        wait_locked(connection)
        consumer.signal(signal.SIGTERM)
        consumer.wait_log('"stopping"')
        connection.rollback()
    assert consumer.wait_exit() == 0
    feed.check()


def test_a_second_sigterm_ends_it_at_once(stage):
    feed = Feed(stage, partitions=1)
    consumer = stage.consumer(**PATIENT).start()
    with stage.target.connect(stage.database, autocommit=False) as connection:
        connection.execute("LOCK TABLE applied IN SHARE MODE")
        feed.send(1)
        wait_locked(connection)
        consumer.signal(signal.SIGTERM)
        consumer.wait_log('"stopping"')
        assert consumer.running()
        consumer.signal(signal.SIGTERM)
        assert consumer.wait_exit(30) == 0


def test_it_rests_while_nothing_can_be_done(make_scene, own_target, own_broker):
    """No loop without rest: while the breaker is open, without Kafka, and while it leaves."""
    scene = make_scene(None, own_target, own_broker)
    scene.apply_all("t")
    feed = Feed(scene)
    feed.send(30)
    consumer = scene.consumer(**{"breaker.failures": "2", "breaker.reset": "1s",
                                 "drain.timeout": "7s", "batch.max_records": "10"}).start()
    feed.wait_applied()
    own_target.stop("immediate")
    feed.send(3000)
    until(lambda: breaker(consumer) == 2, "the breaker opens")
    assert cpu_share(consumer) < BUSY, "while the breaker is open"
    own_broker.kill()
    assert cpu_share(consumer) < BUSY, "without Kafka and target"
    own_target.start()
    until(lambda: breaker(consumer) == 0, "the breaker closes")
    assert cpu_share(consumer) < BUSY, "without Kafka"
    own_target.stop("immediate")
    until(lambda: breaker(consumer) == 2, "the breaker opens again")
    consumer.signal(signal.SIGTERM)
    consumer.wait_log('"stopping"')
    assert cpu_share(consumer, 5) < BUSY, "while it leaves"
    assert consumer.wait_exit(20) == 0
    assert not consumer.problems()


def test_memory_over_many_events_and_reconnects(stage):
    feed = Feed(stage)
    feed.send(20000, size=200)
    consumer = stage.consumer(**{"breaker.mode": "disabled"}).start()
    feed.wait_applied(120)

    def cut():
        stage.target_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                         " WHERE application_name = 'outbox-consumer'")
        count = consumer.metric("outbox_consumer_connects_total")
        until(lambda: consumer.metric("outbox_consumer_connects_total") > count
              or consumer.is_ready(), "it connects again")

    for _ in range(10):
        cut()
    before = consumer.memory()
    for _ in range(6):
        feed.send(20000, size=200)
        for _ in range(6):
            cut()
    feed.wait_applied(120)
    grown = consumer.memory() - before
    assert grown < 40 * 1024 * 1024, f"{grown} bytes more after 120000 events and 36 reconnects"
    assert not consumer.problems()
