"""A heartbeat records what is in Kafka for sure, also of what other sessions see late."""
import threading

from harness.wait import until

AWAY = {"synchronous_standby_names": "nobody", "synchronous_commit": "local"}


def test_a_commit_that_others_see_late(own, make_scene, broker):
    """With synchronous replication an event is in Kafka long before its transaction is over for others."""
    scene = make_scene(own.cluster("source", AWAY), None, broker)
    broker.create_topic(scene.topic("late"), 1)
    scene.start_relay(**{"heartbeat.interval": "100ms"})

    def write():
        with scene.source.connect(scene.database) as connection:
            connection.execute("SET synchronous_commit = on")
            connection.execute("SELECT outbox.emit('late', 'k', 'T', '{}'::json)")

    writer = threading.Thread(target=write)
    writer.start()
    waits = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    pid, xid = until(lambda: scene.sql(f"SELECT pid, backend_xid::text {waits}"), "the writer waits for a standby")[0]
    until(lambda: broker.count(scene.topic("late")) == 1, "its event is in Kafka")
    now = scene.sql("SELECT now()")[0][0]
    until(lambda: scene.sql("SELECT NOT pg_visible_in_snapshot(%s::text::xid8, heartbeat_snapshot) AND heartbeat_at > %s"
                            " FROM outbox.relay", (xid, now))[0][0], "a heartbeat after that doesn't see it")
    assert scene.sql("SELECT count(*) FROM outbox.event") == [(0,)]
    # It gives up waiting for the standby.
    scene.sql("SELECT pg_cancel_backend(%s)", (pid,))
    writer.join()
    scene.wait_known()
    assert scene.sql("SELECT count(*) FROM outbox.event") == [(1,)]
