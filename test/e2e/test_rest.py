"""At rest: WAL may go, nothing is written, little is used."""
import os
import time

import pytest

from harness.wait import until

MB = 1 << 20


def busy(scene, database, goal, what):
    """Writes to a table that has nothing to do with the outbox until goal() holds."""
    scene.source.query(database, "CREATE TABLE IF NOT EXISTS busy (n int, t text)")
    with scene.source.connect(database) as connection:
        def step():
            connection.execute("INSERT INTO busy SELECT g, repeat('x', 500)"
                               " FROM generate_series(1, 500) AS g")
            # Decoding may restart at the last record of running transactions.
            connection.execute("SELECT pg_log_standby_snapshot()"
                               if connection.info.server_version >= 160000 else "CHECKPOINT")
            return goal()
        until(step, what, 60)


@pytest.mark.parametrize("where", ["same database", "other database"])
def test_an_idle_outbox_beside_a_busy_table_lets_wal_go(scene, source, where):
    relay = scene.start_relay(**{"feedback.interval": "200ms", "mark.interval": "100ms"})
    database = scene.database if where == "same database" else "postgres"
    began = scene.current_lsn()
    busy(scene, database, lambda: scene.current_lsn() > began + 4 * MB, "4 MB of WAL")
    written = scene.current_lsn()
    busy(scene, database, lambda: scene.slot_lsn("restart_lsn") > written,
         "the slot's restart_lsn moves")
    assert scene.slot_lsn() > written
    assert relay.running() and not relay.problems()
    # What was confirmed was marked before: a restart finds no gap.
    assert relay.stop() == 0
    relay.start()
    source.query("postgres", "DROP TABLE IF EXISTS busy")


def test_a_backlog_of_others_is_passed_with_an_event_at_its_end(scene):
    """WAL that piled up while the relay was away."""
    relay, ledger = scene.start_published()
    assert relay.stop() == 0
    scene.sql("CREATE TABLE busy (n int)")
    with scene.source.connect(scene.database) as connection:
        for _ in range(2000):
            connection.execute("INSERT INTO busy VALUES (1)")
    event = scene.emit("t", "k")
    relay.start()
    records = ledger.wait_in_topics()
    assert [r.id for r in records][-1] == event and len(records) == 2
    ledger.check_topics(records)


def test_a_relay_that_starts_again_says_what_the_last_one_had_no_time_for(scene):
    """Its predecessor ended between an event and the next heartbeat."""
    relay = scene.start_relay(**{"heartbeat.interval": "1h"})
    ledger = scene.ledger()
    for _ in range(2):
        scene.emit("t", "k")
        ledger.wait_in_topics()
    assert relay.stop() == 0
    lag = "SELECT lag_seconds FROM outbox.status"
    assert scene.sql(lag)[0][0] > 0
    relay.start()
    until(lambda: scene.sql(lag)[0][0] == 0, "nothing is behind")


def status_updates(scene, count, timeout=90):
    """Until the server heard from the relay that often."""
    heard = set()

    def step():
        rows = scene.sql("SELECT reply_time FROM pg_stat_replication WHERE pid = (SELECT"
                         " active_pid FROM pg_replication_slots WHERE slot_name = %s)",
                         (scene.slot,))
        heard.update(row[0] for row in rows if row[0] is not None)
        return len(heard) > count
    until(step, lambda: f"{count} status updates; there were {len(heard)}", timeout, every=0.05)


def test_idle_writes_nothing(make_scene, own, broker):
    """No record of a table, a transaction or a message while nobody writes."""
    server = own.cluster("source", {"autovacuum": "off"})
    scene = make_scene(server, None, broker)
    relay = scene.start_relay(**{"feedback.interval": "100ms", "mark.interval": "50ms",
                                 "heartbeat.interval": "100ms", "maintain.interval": "100ms"})
    scene.sql("CREATE EXTENSION pg_walinspect")
    ledger = scene.ledger()
    scene.emit("t", "k")
    ledger.wait_in_topics()
    end = ledger.events[-1].end_lsn
    until(lambda: scene.slot_lsn() >= end, "the event is confirmed")
    # The heartbeat after that event, and the mark for the heartbeat, are the last writes.
    until(lambda: scene.sql("SELECT heartbeat_at IS NOT NULL FROM outbox.relay")[0][0],
          "the heartbeat came through")

    def written():
        return scene.sql("SELECT pg_current_wal_insert_lsn()::text")[0][0]

    def at_rest():
        before = written()
        status_updates(scene, 10)
        return written() == before
    until(at_rest, "the last writes are done", 60)
    began = written()
    status_updates(scene, 30)
    ended = written()
    if ended != began:
        # The server itself may note its running transactions or a checkpoint.
        records = scene.sql("SELECT resource_manager, record_type, block_ref"
                            " FROM pg_get_wal_records_info(%s, %s)", (began, ended))
        assert {r[0] for r in records} <= {"Standby", "XLOG"}, records
    assert relay.running()


def test_the_relay_at_rest_uses_little(scene, record_property):
    """With the settings that it has by default."""
    relay = scene.start_relay()
    ledger = scene.ledger()
    for _ in range(20):
        scene.emit("t", "k")
    ledger.wait_in_topics()
    status_updates(scene, 1)
    used, began = relay.cpu_seconds(), time.monotonic()
    until(lambda: time.monotonic() - began > 8, "a while", 20)
    share = (relay.cpu_seconds() - used) / (time.monotonic() - began) * 100
    memory = relay.memory() / MB
    text = f"{share:.2f} % of a core, {memory:.1f} MB"
    record_property("rest", text)
    print(text)
    assert share < 1
    assert memory < 20


def test_the_server_compiles_nothing_for_the_relay(make_scene, source, broker):
    """That would take it a second of a core, each time outbox.maintain() is called."""
    scene = make_scene(source, None, broker)
    source.query("postgres", "".join(
        f'ALTER DATABASE "{scene.database}" SET {name} = {value};' for name, value in
        {"session_preload_libraries": "auto_explain", '"auto_explain.log_min_duration"': 0, '"auto_explain.log_analyze"': "on",
         '"auto_explain.log_nested_statements"': "on", '"auto_explain.log_level"': "warning", "jit": "on"}.items()))
    begin = os.path.getsize(source.log_path)
    scene.start_relay(**{"maintain.interval": "100ms", "heartbeat.interval": "100ms", "mark.interval": "50ms"})
    ledger = scene.ledger()
    scene.emit("t", "k")
    ledger.wait_in_topics()

    def plans():
        with open(source.log_path, encoding="utf-8", errors="replace") as file:
            file.seek(begin)
            return file.read()
    until(lambda: "outbox.partition AS p" in plans(), "it has seen to the partitions")
    # What would be compiled here is told there.
    scene.sql("SET enable_seqscan = off; SELECT count(*) FROM outbox.partition WHERE state = 'compiled'")
    until(lambda: "'compiled'" in plans(), "the plan is told")
    found = [plan for plan in plans().split(" plan:")[1:] if "\tJIT:" in plan]
    assert len(found) == 1 and "'compiled'" in found[0], found
