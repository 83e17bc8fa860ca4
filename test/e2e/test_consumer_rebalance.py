"""outbox-consumer: partitions that move, are lost, or have two owners for a while."""
import signal

import pytest

from harness.feed import Feed
from harness.scene import HANDLER
from harness.wait import until

FAST = {"breaker.reset": "300ms", "breaker.failures": "3"}
SHORT_SESSION = {"kafka.session.timeout.ms": "6000", "kafka.heartbeat.interval.ms": "500"}


def partitions(consumer):
    return consumer.metric("outbox_consumer_partitions")


def breaker(consumer):
    return consumer.metric("circuit_breaker_state")


@pytest.fixture
def stage(make_scene, own_target, broker):
    scene = make_scene(None, own_target, broker)
    scene.apply_all("t")
    return scene


def test_partitions_lost_while_the_breaker_is_open(make_scene, own_target, own_broker):
    """Target away, then the broker for longer than the session lasts; then both come back."""
    scene = make_scene(None, own_target, own_broker)
    scene.apply_all("t")
    feed = Feed(scene)
    first = scene.consumer("first", **FAST, **SHORT_SESSION).start()
    second = scene.consumer("second", **FAST, **SHORT_SESSION).start()
    feed.send(300)
    feed.wait_applied()
    # One that has none yet has nothing that it could fail to apply, or lose.
    until(lambda: sorted((partitions(first), partitions(second))) == [1, 2], "partitions are shared")
    own_target.stop("immediate")
    feed.send(300)
    for consumer in (first, second):
        until(lambda c=consumer: breaker(c) == 2, "the breaker opens")
    own_broker.kill()
    # The members' sessions end with the broker that knew of them only once it is back: what
    # they lose, they lose by themselves after the session's time.
    for consumer in (first, second):
        consumer.wait_log("partitions were revoked.*lost|was_lost|lost", 40)
    own_target.start()
    own_broker.restart()
    feed.send(300)
    for consumer in (first, second):
        consumer.wait_ready(90)
    feed.wait_applied(90)
    assert not first.problems() and not second.problems()
    assert first.stop() == 0
    until(lambda: partitions(second) == 3, "the second one has all")
    feed.send(30)
    feed.wait_applied()


def test_partitions_move_before_they_began(stage, own_target):
    """The target is away from the start: what was assigned has never begun and moves on."""
    feed = Feed(stage)
    feed.send(90)
    own_target.stop("immediate")
    first = stage.consumer("first", **FAST).start(ready=False)
    first.wait_log("partitions were assigned")
    second = stage.consumer("second", **FAST).start(ready=False)
    second.wait_log("partitions were assigned")
    third = stage.consumer("third", **FAST).start(ready=False)
    third.wait_log("partitions were assigned")
    assert second.stop() == 0
    own_target.start()
    for consumer in (first, third):
        consumer.wait_ready()
    feed.send(90)
    feed.wait_applied()
    until(lambda: partitions(first) + partitions(third) == 3, "all partitions are read")
    assert not first.problems() and not third.problems()


def test_consumers_come_and_go_under_load(stage):
    """Each leaves in another way; a transaction is under way most of the time."""
    stage.handlers[stage.topic("t")]["sql"] = HANDLER.replace(
        "FROM batch", "FROM batch CROSS JOIN (SELECT pg_sleep(0.05)) AS slow (x)")
    feed = Feed(stage, partitions=6)
    feed.start()
    first = stage.consumer("first", **SHORT_SESSION).start()
    second = stage.consumer("second", **SHORT_SESSION).start()
    for _ in range(2):
        third = stage.consumer(f"third{len(stage.daemons)}", **SHORT_SESSION).start()
        feed.wait_sent(1000)
        second.kill()
        feed.wait_sent(1000)
        assert third.stop() == 0
        second.start()
        feed.wait_sent(1000)
        assert first.stop() == 0
        first.start()
    feed.stop()
    feed.wait_applied(90)
    assert not first.problems() and not second.problems()


@pytest.mark.parametrize("where", ["handler", "commit"])
def test_a_consumer_that_wakes_too_late_commits_nothing(stage, where):
    """Stopped past its session in the middle of a batch; somebody else takes over."""
    feed = Feed(stage, partitions=1)
    feed.send(20)
    late = stage.consumer("late", **SHORT_SESSION, **FAST).start()
    feed.wait_applied()
    # What the stopped one does waits for a lock that we hold: in the handler, or in COMMIT.
    if where == "commit":
        stage.target_sql("""
            CREATE FUNCTION wait_for_lock() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END $$""")
        stage.target_sql("CREATE CONSTRAINT TRIGGER late AFTER INSERT ON applied DEFERRABLE"
                         " INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_for_lock()")
    with stage.target.connect(stage.database, autocommit=False) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(1)" if where == "commit"
                           else "LOCK TABLE applied IN SHARE MODE")
        feed.send(10)
        until(lambda: stage.target_sql("SELECT count(*) FROM pg_locks WHERE NOT granted"
                                       " AND database = (SELECT oid FROM pg_database"
                                       " WHERE datname = current_database())")[0][0] > 0,
              "the consumer waits for the lock")
        late.signal(signal.SIGSTOP)
        # Its statement must not end before the other one takes over: it is ended.
        stage.target_sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                         " WHERE application_name = 'outbox-consumer'")
        connection.rollback()
    other = stage.consumer("other", **SHORT_SESSION).start(ready=False)
    feed.wait_applied()
    feed.send(10)
    feed.wait_applied()
    late.signal(signal.SIGCONT)
    feed.send(200)
    feed.wait_applied()
    late.wait_ready()
    until(lambda: partitions(late) + partitions(other) == 1, "one of them has the partition")
    feed.send(20)
    feed.wait_applied()
    assert late.running() and other.running()
    assert not late.problems() and not other.problems()


def test_a_broker_killed_again_and_again(make_scene, target, own_broker):
    """Under load; the second time for longer than the session lasts, after which a static member isn't its own rival."""
    scene = make_scene(None, target, own_broker)
    scene.apply_all("t")
    feed = Feed(scene)
    first = scene.consumer("first", **SHORT_SESSION, **{"consumer.instance_id": "first"}).start()
    second = scene.consumer("second", **SHORT_SESSION).start()
    feed.start()
    for away in (False, True, False):
        feed.wait_sent(500)
        if away:
            # A member that is still joining loses nothing: both have to be in the group.
            until(lambda: sorted((partitions(first), partitions(second))) == [1, 2], "both read")
        own_broker.kill()
        if away:
            first.wait_log('"lost":"yes"', 40)
        own_broker.restart()
        feed.wait_sent(500)
    feed.stop()
    feed.wait_applied(120)
    for consumer in (first, second):
        consumer.wait_ready()
    until(lambda: partitions(first) + partitions(second) == 3, "all partitions are read")
    assert not first.problems() and not second.problems()
