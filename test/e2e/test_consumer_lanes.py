"""outbox-consumer with several connections: each works on partitions of its own, behind one breaker."""
import itertools

import pytest

from harness.feed import Feed
from harness.illness import ILL_HANDLER, breaker, counted, failing
from harness.scene import HANDLER
from harness.wait import until

FOUR = {"target.connections": "4", "batch.max_records": "200"}
SHORT_SESSION = {"kafka.session.timeout.ms": "6000", "kafka.heartbeat.interval.ms": "500"}
# A transaction is under way most of the time.
SLOW = HANDLER.replace("FROM batch", "FROM batch CROSS JOIN (SELECT pg_sleep(0.03)) AS slow (x)")


@pytest.fixture
def stage(make_scene, target, broker):
    scene = make_scene(None, target, broker)
    scene.apply_all("t", sql=SLOW)
    return scene


def backends(stage):
    return [pid for pid, in stage.target_sql("SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                                             " AND application_name = 'outbox-consumer' ORDER BY pid")]


def partitions(consumer):
    return consumer.metric("outbox_consumer_partitions")


def test_as_many_connections_as_there_are_partitions_for(stage):
    feed = Feed(stage, partitions=2)
    consumer = stage.consumer(**FOUR).start()
    feed.send(100)
    feed.wait_applied()
    assert len(backends(stage)) == 2
    assert '"connections":2' in consumer.http("/status")[1]
    assert consumer.stop() == 0
    until(lambda: backends(stage) == [], "they are gone")


def test_kills_under_load(stage):
    """Of the consumer, and of single connections; twelve partitions stay in order."""
    feed = Feed(stage, partitions=12)
    consumer = stage.consumer(**FOUR, **SHORT_SESSION, **{"consumer.instance_id": "a",
                                                          "breaker.failures": "50"}).start()
    feed.start()
    for turn in range(3):
        until(lambda: len(backends(stage)) == 4, "four connections")
        for pid in backends(stage)[turn % 2::2]:
            stage.target_sql("SELECT pg_terminate_backend(%s)", (pid,))
        feed.wait_sent(500)
        consumer.kill()
        feed.wait_sent(200)
        consumer.start()
        feed.wait_sent(500)
    feed.stop()
    feed.wait_applied(300)
    assert not consumer.problems()


def test_partitions_move_between_consumers_with_several_connections(stage):
    feed = Feed(stage, partitions=12)
    feed.start()
    first = stage.consumer("first", **FOUR, **SHORT_SESSION).start()
    second = stage.consumer("second", **FOUR, **SHORT_SESSION).start()
    until(lambda: partitions(first) == partitions(second) == 6, "each has half")
    feed.wait_sent(500)
    assert first.stop() == 0
    until(lambda: partitions(second) == 12, "the second one has all", 60)
    feed.wait_sent(500)
    first.start()
    second.kill()
    until(lambda: partitions(first) == 12, "the first one has all", 60)
    feed.wait_sent(500)
    feed.stop()
    feed.wait_applied(300)
    assert not first.problems() and not second.problems()


def test_a_half_open_breaker_lets_one_connection_try(stage):
    """Each attempt takes a lock and fails; two at a time would see each other."""
    stage.target_sql("CREATE SEQUENCE tries")
    stage.target_sql("CREATE SEQUENCE meetings")
    stage.target_sql("""
        CREATE FUNCTION alone() RETURNS boolean LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM nextval('tries');
            IF NOT pg_try_advisory_xact_lock(hashtext(current_database())) THEN
                PERFORM nextval('meetings');
            END IF;
            PERFORM pg_sleep(0.05);
            RETURN true;
        END $$""")
    failing(stage, "53100")
    stage.handlers[stage.topic("t")]["sql"] = ILL_HANDLER.replace("SELECT ill()", "SELECT alone() AND ill()")
    feed = Feed(stage, partitions=12)
    feed.send(600)
    consumer = stage.consumer(**FOUR, **{"breaker.failures": "3", "breaker.reset": "100ms",
                                         "breaker.probe_records": "5"}).start(ready=False)
    consumer.wait_log('"to":"open"')
    probes = ("open", "half-open")
    until(lambda: counted(consumer).get(probes, 0) >= 2, "it is tried")
    opened = stage.target_sql("SELECT clock_timestamp()")[0][0]
    until(lambda: not stage.target_sql("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND xact_start < %s"
                                       " AND application_name = 'outbox-consumer'", (opened,)),
          "what was under way when it opened is over")
    stage.target_sql("SELECT setval('meetings', 1, false), setval('tries', 1, false)")
    before = counted(consumer)[probes]
    until(lambda: counted(consumer)[probes] >= before + 8, "it is tried again and again", 60)
    used = dict(itertools.chain.from_iterable(
        stage.target_sql(f"SELECT '{name}', CASE WHEN is_called THEN last_value ELSE 0 END FROM {name}")
        for name in ("tries", "meetings")))
    assert used["meetings"] == 0 and used["tries"] >= 7, used
    failing(stage, None)
    feed.wait_applied()
    until(lambda: breaker(consumer) == 0, "it is closed")
    assert not consumer.problems()


def test_one_connection_that_waits_does_not_hold_up_the_others(stage):
    """A lock that somebody else has stops one partition's rows, not those of the others."""
    stage.target_sql("CREATE TABLE locks (partition int PRIMARY KEY)")
    stage.target_sql("INSERT INTO locks SELECT generate_series(0, 3)")
    stage.target_sql("""
        CREATE FUNCTION held(place int) RETURNS boolean LANGUAGE sql AS
        $$ SELECT true FROM locks WHERE partition = place FOR UPDATE $$""")
    stage.handlers[stage.topic("t")]["sql"] = HANDLER.replace("FROM batch", "FROM batch WHERE held(partition)")
    feed = Feed(stage, partitions=4)
    consumer = stage.consumer(**FOUR, **{"batch.statement_timeout": "50s", "batch.timeout": "60s"}).start()
    feed.send(40)
    feed.wait_applied()
    with stage.target.connect(stage.database, autocommit=False) as connection:
        connection.execute("SELECT FROM locks WHERE partition = 2 FOR UPDATE")
        feed.send(400)

        def applied():
            return dict(stage.target_sql("SELECT partition, count(*) FROM applied GROUP BY partition"))
        until(lambda: [applied()[n] for n in (0, 1, 3)] == [110] * 3, lambda: f"the others are applied: {applied()}")
        assert applied()[2] == 10
        connection.rollback()
    feed.wait_applied()
    assert not consumer.problems()
