"""outbox-consumer: its target fails over to a standby that lacks the last of what was applied.

Replication is asynchronous: what the primary had and the standby never got is applied again, from the
progress that the standby knows, for both are in the same database.
"""
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.feed import Feed
from harness.proxy import Proxy
from harness.wait import until

QUICK = {"breaker.reset": "300ms", "reconnect.max": "200ms", "target.probe_interval": "500ms"}


def hosts(stage, *servers, **words):
    listed = dict(host=",".join("127.0.0.1" for _ in servers),
                  port=",".join(str(server.port) for server in servers),
                  dbname=stage.database, user="postgres", **words)
    return " ".join(f"{key}={value}" for key, value in listed.items())


@pytest.fixture
def stage(make_scene, own_target, broker):
    scene = make_scene(None, own_target, broker)
    scene.apply_all("t")
    return scene


def count(server, stage):
    return server.value(stage.database, "SELECT count(*) FROM applied")


def wait_heard(consumer, applied):
    """It was told of its last COMMIT: whoever kills the server before leaves it in doubt about that."""
    until(lambda: consumer.metric("outbox_consumer_applied_events_total") >= applied, "the consumer has heard of its commits")


def cut_off(standby):
    """Nothing comes to it any more."""
    standby.query("postgres", "ALTER SYSTEM SET primary_conninfo = ''")
    standby.query("postgres", "SELECT pg_reload_conf()")
    until(lambda: standby.value("postgres", "SELECT count(*) FROM pg_stat_wal_receiver") == 0,
          "the standby receives nothing")


def test_a_standby_that_is_behind_is_promoted(stage, own, own_target):
    primary = own_target
    feed = Feed(stage)
    feed.send(60)
    standby = own.standby(primary)
    # The standby comes first: it isn't taken as long as it is one.
    consumer = stage.consumer(**QUICK, **{"target.conninfo": hosts(stage, primary, standby)}).start()
    feed.wait_applied()
    standby.wait_caught_up(primary)
    cut_off(standby)
    feed.send(90)
    feed.wait_applied()
    wait_heard(consumer, 150)
    had = count(standby, stage)
    lost = count(primary, stage) - had
    assert had == 60 and lost == 90
    primary.kill()
    standby.promote()
    stage.target = standby
    # Nothing more is sent: that the standby lacks something is seen without a new event.
    feed.wait_applied()
    assert consumer.metric("outbox_consumer_lost_progress_records_total") == lost
    # Each connection says so.
    servers = list(dict.fromkeys(e["server"] for e in consumer.entries() if e["msg"] == "connected to the target"))
    assert servers == [f'"127.0.0.1", port {primary.port}, timeline 1',
                       f'"127.0.0.1", port {standby.port}, timeline 2']
    assert "the target has gone back" in consumer.log()
    consumer.wait_ready()
    feed.send(60)
    feed.wait_applied()

    # The former primary comes back and takes writes; the new one is away.
    primary.start()
    standby.stop("immediate")
    feed.send(30)
    consumer.wait_log("it is a former primary, on timeline 1; events were applied on timeline 2")
    assert count(primary, stage) == had + lost
    standby.start()
    feed.wait_applied()
    assert count(primary, stage) == had + lost
    assert consumer.running() and not consumer.problems()


def test_a_second_fail_over_is_no_rival(stage, own, own_target):
    """Progress that goes back twice in one assignment, each time with the server."""
    primary, standby = own_target, own.standby(own_target)
    last = Proxy(own_target.port)       # the host that comes in place of the first one
    conninfo = hosts(stage, primary, standby, last)
    feed = Feed(stage, partitions=1)
    consumer = stage.consumer(**QUICK, **{"target.conninfo": conninfo}).start()
    try:
        # Of the second server 20 are applied again.
        for heard in (40, 40 + 20 + 40):
            feed.send(20)
            feed.wait_applied()
            standby.wait_caught_up(primary)
            cut_off(standby)
            feed.send(20)
            feed.wait_applied()
            wait_heard(consumer, heard)
            primary.kill()
            standby.promote()
            stage.target = standby
            feed.wait_applied()
            if primary is own_target:
                primary, standby = standby, own.standby(standby)
                last.ports = [standby.port]
    finally:
        last.close()
    assert consumer.metric("outbox_consumer_lost_progress_records_total") == 40
    assert consumer.running() and not consumer.problems()


def test_standbys_are_passed_over(stage, own, own_target):
    """By default: whoever writes nothing isn't the target.  init goes to the primary, too."""
    standby = own.standby(own_target)
    conninfo = hosts(stage, standby, own_target)
    feed = Feed(stage)
    feed.send(30)
    init = stage.consumer("init", command=("init",), **{"target.conninfo": conninfo}).start(ready=False)
    assert init.wait_exit() == 0, init.log()
    consumer = stage.consumer(**QUICK, **{"target.conninfo": conninfo}).start()
    feed.wait_applied()
    assert not consumer.problems()
    # Alone it is waited for: it may be promoted.
    waits = stage.consumer("waits", **QUICK, **{
        "target.conninfo": hosts(stage, standby), "consumer.group": "other"}).start(ready=False)
    waits.wait_log("could not connect to the target: .*read-only")
    assert waits.running() and not waits.problems()


def move(connection, count):
    """As one that applied so many of the feed's records in one partition leaves it."""
    connection.execute("UPDATE outbox_inbox.progress SET next_offset = %s, last_offset = %s", (count, count - 1))
    connection.execute("UPDATE outbox_inbox.position SET commit_lsn = %s::pg_lsn", (f"0/{count:X}",))


def test_progress_and_positions_are_of_one_moment(make_scene, target, broker):
    """Another consumer commits between the two, and a fail-over loses it before this one has come that far."""
    scene = make_scene(None, target, broker)
    scene.apply_all("t")
    feed = Feed(scene, partitions=1)
    first = scene.consumer("first").start()
    feed.send(10)
    feed.wait_applied()
    # It has a session, and no partition as long as the first one runs.
    consumer = scene.consumer("second", **QUICK, **{"batch.statement_timeout": "2min", "batch.timeout": "3min"}).start()

    def waits_for(table, pid):
        return scene.target_sql("SELECT pid FROM pg_locks WHERE relation = %s::regclass AND NOT granted AND pid = coalesce(%s, pid)", (table, pid))
    with (ThreadPoolExecutor(1) as thread, target.connect(scene.database, autocommit=False) as standby,
          target.connect(scene.database, autocommit=False) as other):
        other.execute("LOCK TABLE outbox_inbox.position IN ACCESS EXCLUSIVE MODE")
        move(other, 20)
        assert first.stop() == 0
        feed.send(10)
        (pid,), = until(lambda: waits_for("outbox_inbox.position", None), "it has read the progress, and waits for the positions")
        # Whoever takes the other one's work back comes before it moves the progress.
        locked = thread.submit(standby.execute, "LOCK TABLE outbox_inbox.progress IN EXCLUSIVE MODE")
        until(lambda: waits_for("outbox_inbox.progress", standby.info.backend_pid), "that is next")
        other.commit()
        locked.result(30)
        until(lambda: waits_for("outbox_inbox.progress", pid), "it moves the progress")
        move(standby, 10)
        standby.execute("SELECT pg_terminate_backend(%s)", (pid,))
        standby.commit()
    feed.wait_applied(20)
    assert consumer.running() and not consumer.problems()
