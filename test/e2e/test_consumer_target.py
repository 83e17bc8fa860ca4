"""outbox-consumer: a target that is ill, and the circuit breaker in front of it."""
import os
import shutil
import signal
import subprocess
import tempfile

import psycopg
import pytest

from harness import reaper
from harness.cluster import server_user
from harness.feed import Feed
from harness.illness import ILL_HANDLER, breaker, changes, counted, failing, transitions
from harness.scene import HANDLER
from harness.wait import until

FAST = {"breaker.reset": "1s", "batch.timeout": "2s", "batch.statement_timeout": "1s"}


@pytest.fixture
def stage(make_scene, own_target, broker):
    scene = make_scene(None, own_target, broker)
    scene.apply_all("t")
    return scene


def test_the_breaker_goes_its_way_by_the_book(stage):
    """Five failures open it, one small batch is tried, three successes close it."""
    failing(stage, None)
    stage.handlers[stage.topic("t")]["sql"] = HANDLER.replace("FROM batch", "FROM batch WHERE ill()")
    feed = Feed(stage, partitions=1)
    feed.send(5)
    consumer = stage.consumer(**{"breaker.reset": "2s", "breaker.probe_records": "7"}).start()
    feed.wait_applied()
    # The sixth is that of the probe.
    failing(stage, "53100", times=6)
    feed.send(500)
    until(lambda: len(transitions(consumer)) >= 5, "the breaker opens, a probe fails, and it closes")
    feed.wait_applied()
    assert consumer.metrics()['outbox_consumer_retries_total{class="infrastructure"}'] == 6
    assert breaker(consumer) == 0
    assert transitions(consumer) == [
        ("closed", "open", "failures in a row"), ("open", "half-open", "wait is over"),
        ("half-open", "open", "probe failed"), ("open", "half-open", "wait is over"),
        ("half-open", "closed", "successes")]
    assert counted(consumer) == {("closed", "open"): 1, ("open", "half-open"): 2,
                                 ("half-open", "open"): 1, ("half-open", "closed"): 1}
    # What was tried while it was half-open were small batches, each a transaction; one may be
    # smaller: what a first fetch brought, or what was left of the batch that failed.
    sizes = [row[0] for row in stage.target_sql(
        "SELECT count(*) FROM applied GROUP BY xmin ORDER BY min(n)")]
    assert max(sizes[1:4]) == 7, sizes
    opened, *_, closed = changes(consumer)
    assert opened["retry_in_ms"] == 2000 and "made up" in opened["last_error"]
    assert opened["failures"] == opened["window_failures"] == 5
    assert closed["successes"] == 3


@pytest.mark.parametrize("code", ["53100", "53200", "58030", "57014", "XX000", "08006", "40P01",
                                  "25006"])
def test_an_error_that_passes_skips_nothing(stage, code):
    failing(stage, code)
    stage.handlers[stage.topic("t")]["sql"] = HANDLER.replace("FROM batch", "FROM batch WHERE ill()")
    feed = Feed(stage)
    feed.send(50)
    consumer = stage.consumer(**{"breaker.reset": "300ms", "retry.attempts": "3"}).start(ready=False)
    consumer.wait_log('"to":"open"')
    assert stage.applied() == []
    failing(stage, None)
    feed.wait_applied()
    assert not consumer.problems()


def test_a_target_that_is_read_only_for_a_while(stage):
    feed = Feed(stage)
    feed.send(50)
    consumer = stage.consumer(**FAST).start()
    feed.wait_applied()
    stage.target.query("postgres", "ALTER SYSTEM SET default_transaction_read_only = on")
    stage.target.query("postgres", "SELECT pg_reload_conf()")

    def opens():
        feed.send(3)        # sessions hear of it a moment later
        return breaker(consumer) == 2
    until(opens, "the breaker opens")
    with stage.target.connect("postgres") as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
        connection.execute("SELECT pg_reload_conf()")
    feed.wait_applied()
    assert not consumer.problems()


def test_no_connection_is_left_for_a_while(stage):
    stage.target_sql("CREATE ROLE plain LOGIN")
    stage.target_sql("GRANT USAGE ON SCHEMA outbox_inbox TO plain")
    stage.target_sql("GRANT ALL ON ALL TABLES IN SCHEMA outbox_inbox, public TO plain")
    stage.target_sql("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox_inbox TO plain")
    stage.target_sql("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO plain")
    feed = Feed(stage)
    feed.send(50)
    stage.target_sql("ALTER ROLE plain CONNECTION LIMIT 0")
    consumer = stage.consumer(**FAST, **{
        "target.conninfo": stage.target.conninfo(stage.database, "plain")}).start(ready=False)
    consumer.wait_log('"to":"open"')
    assert "53300" in consumer.log()
    stage.target_sql("ALTER ROLE plain CONNECTION LIMIT -1")
    feed.wait_applied()
    assert not consumer.problems()


def test_a_target_that_stands_still(stage):
    """Every process of it stopped in the middle of batches: no answer, no hang-up."""
    feed = Feed(stage)
    feed.send(50)
    consumer = stage.consumer(**FAST, **{"target.connect_timeout": "1s"}).start()
    feed.wait_applied()
    for _ in range(3):
        feed.start()
        feed.wait_sent(200)
        postmaster = int(stage.target_sql("SELECT pg_read_file('postmaster.pid')")[0][0].split()[0])
        # It first: then nobody comes, and who goes stays there as a zombie.
        os.kill(postmaster, signal.SIGSTOP)
        stopped = [postmaster] + reaper.children(postmaster)
        try:
            for pid in stopped[1:]:
                os.kill(pid, signal.SIGSTOP)
            until(lambda: breaker(consumer) == 2, "the breaker opens", 60)
            assert consumer.http("/healthz")[0] == 200
        finally:
            for pid in reversed(stopped):
                os.kill(pid, signal.SIGCONT)
        feed.stop()
        feed.wait_applied()
    assert not consumer.problems()


def test_only_the_session_of_the_consumer_stands_still(stage):
    """Its transaction goes on later, beside the one that took its place."""
    feed = Feed(stage, partitions=1)
    feed.send(50)
    consumer = stage.consumer(**{"breaker.reset": "500ms", "batch.timeout": "2s",
                                 "batch.statement_timeout": "2s"}).start()
    feed.wait_applied()

    def the_only_one():
        """The one that stood still may be at its end yet."""
        pids = stage.target_sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'outbox-consumer'")
        return pids[0] if len(pids) == 1 else None
    for _ in range(4):
        pid, = until(the_only_one, "one session")
        count = consumer.metric("outbox_consumer_connects_total")
        os.kill(pid, signal.SIGSTOP)
        feed.send(100)
        until(lambda c=count: consumer.metric("outbox_consumer_connects_total") > c,
              "it connects again", 60)
        os.kill(pid, signal.SIGCONT)
        feed.send(100)
        feed.wait_applied()
        consumer.wait_ready()
    assert not consumer.problems()


def test_a_session_that_forgot_what_was_prepared(stage):
    """As behind a pooler: it is set up again, once the breaker lets it."""
    stage.target_sql("CREATE TABLE illness (code text)")
    stage.target_sql("CREATE FUNCTION forget() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN"
                     " IF EXISTS (SELECT FROM illness) THEN DEALLOCATE ALL; END IF;"
                     " RETURN true; END $$")
    stage.handlers[stage.topic("t")]["sql"] = HANDLER.replace("FROM batch",
                                                              "FROM batch WHERE forget()")
    feed = Feed(stage, partitions=1)
    feed.send(3)
    consumer = stage.consumer(**{"breaker.reset": "300ms"}).start()
    feed.wait_applied()
    stage.target_sql("INSERT INTO illness VALUES ('forgets')")
    feed.send(3)
    consumer.wait_log("26000")
    stage.target_sql("DELETE FROM illness")
    feed.wait_applied()
    assert consumer.metric("outbox_consumer_connects_total") > 1
    assert not consumer.problems()


def test_a_table_is_altered_whose_rows_a_handler_returns(stage):
    """What was prepared returns what it no longer has: the server refuses it (0A000) for as long as the session lives."""
    stage.handlers[stage.topic("t")]["sql"] = HANDLER + "RETURNING *"
    feed = Feed(stage, partitions=1)
    feed.send(3)
    consumer = stage.consumer(**{"reconnect.max": "200ms"}).start()
    feed.wait_applied()
    stage.target_sql("ALTER TABLE applied ADD COLUMN more int")
    feed.send(3)
    feed.wait_applied()
    consumer.wait_log("cached plan must not change result type")
    assert consumer.metric("outbox_consumer_connects_total") == 2
    assert not consumer.problems()


@pytest.fixture
def small_disk(base, reap):
    """A file system of 16 MB of its own."""
    path = tempfile.mkdtemp(prefix="disk-", dir=base)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "outbox-e2e", path], check=False,
                          capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    reap.mount(path)
    yield path
    subprocess.run(["umount", "--lazy", path], check=True)


def test_a_disk_that_is_full(small_disk, stage):
    """Really full, not an error that is raised: the next page of a table has no room."""
    os.makedirs(f"{small_disk}/space", mode=0o700)
    shutil.chown(f"{small_disk}/space", server_user().get("user", os.getuid()))
    stage.target_sql(f"CREATE TABLESPACE small LOCATION '{small_disk}/space'")
    stage.target_sql("ALTER TABLE applied SET TABLESPACE small")
    stage.target_sql("CREATE TABLE filler (x text) TABLESPACE small")
    with pytest.raises(psycopg.errors.DiskFull):
        while True:
            stage.target_sql("INSERT INTO filler SELECT repeat('x', 2000) FROM generate_series(1, 500)")
    feed = Feed(stage)
    feed.send(600, size=400)
    # No other error comes first: that one would be in the log instead.
    consumer = stage.consumer(**{"breaker.reset": "1s"}).start(ready=False)
    consumer.wait_log('"to":"open"')
    assert '"sqlstate":"53100"' in consumer.log()
    assert "No space left on device" in consumer.log()
    stage.target_sql("DROP TABLE filler")
    feed.wait_applied()
    assert consumer.running() and not consumer.problems()


def test_a_statement_that_takes_too_long_for_the_server(stage):
    failing(stage, None)
    stage.handlers[stage.topic("t")]["sql"] = ILL_HANDLER
    feed = Feed(stage)
    feed.send(30)
    consumer = stage.consumer(**{"breaker.reset": "300ms", "batch.statement_timeout": "250ms"}).start()
    feed.wait_applied()
    connects = consumer.metric("outbox_consumer_connects_total")
    failing(stage, "slow")
    feed.send(30)
    consumer.wait_log('"sqlstate":"57014"')
    until(lambda: breaker(consumer) != 0, "the breaker opens")
    failing(stage, None)
    feed.wait_applied()
    assert consumer.metric("outbox_consumer_connects_total") == connects
    assert not consumer.problems()


def test_a_lock_that_is_not_to_be_had(stage):
    """55P03: tried again after short delays, and a failure of the target after retry.attempts."""
    stage.target_sql(f'ALTER DATABASE "{stage.database}" SET lock_timeout = \'20ms\'')
    feed = Feed(stage)
    feed.send(30)
    consumer = stage.consumer(**{"breaker.reset": "300ms", "breaker.failures": "2", "retry.max": "50ms",
                                 "retry.attempts": "3"}).start()
    feed.wait_applied()
    with stage.target.connect(stage.database, autocommit=False) as connection:
        connection.execute("LOCK TABLE applied")
        feed.send(30)
        until(lambda: breaker(consumer) != 0, "the breaker opens")
        connection.rollback()
    feed.wait_applied()
    assert 'could not run handler' in consumer.log() and '"sqlstate":"55P03"' in consumer.log()
    assert consumer.metrics()['outbox_consumer_retries_total{class="transient"}'] >= 3
    assert not consumer.problems()


def test_deadlocks_with_others(stage):
    stage.target_sql("CREATE TABLE state (key text PRIMARY KEY, n int)")
    stage.target_sql("INSERT INTO state VALUES ('0', 0), ('1', 0), ('2', 0)")
    stage.target_sql("ALTER SYSTEM SET deadlock_timeout = '10ms'")
    stage.target_sql("SELECT pg_reload_conf()")
    topic = stage.topic("t")
    stage.handlers["state"] = {"sql": "UPDATE state SET n = state.n + b.c FROM (SELECT key,"
                               " count(*) AS c FROM batch GROUP BY key) AS b"
                               " WHERE b.key = state.key", "topic": topic}
    feed = Feed(stage)
    consumer = stage.consumer().start()
    feed.start(rate=300)
    transient = 'outbox_consumer_retries_total{class="transient"}'
    with stage.target.connect(stage.database, autocommit=False) as connection:
        # Whoever looks first is the one that has to give way.
        connection.execute("SET deadlock_timeout = '1min'")
        connection.commit()
        number = 0
        while consumer.metrics()[transient] < 3:
            for key in (str(n % 3) for n in range(number, number - 3, -1)):
                connection.execute("UPDATE state SET n = n WHERE key = %s", (key,))
            connection.commit()
            number += 1
            assert number < 30000, "no deadlock"
    feed.stop()
    feed.wait_applied()
    assert stage.target_sql("SELECT sum(n) FROM state")[0][0] == feed.total
    assert not consumer.problems()


def test_what_the_server_knows_of_a_host_that_is_gone(stage):
    stage.handlers[stage.topic("t")]["sql"] = (
        "INSERT INTO applied (id, topic, partition, payload) SELECT id::text, topic, partition,"
        " current_setting('tcp_keepalives_idle') || ' '"
        " || current_setting('tcp_keepalives_interval') || ' '"
        " || current_setting('tcp_keepalives_count') || ' '"
        " || current_setting('tcp_user_timeout') FROM batch ORDER BY ordinality")
    stage.consumer(**{
        "target.conninfo": stage.target.conninfo(stage.database, tcp=True)}).start()
    feed = Feed(stage)
    feed.send(1)
    feed.wait_applied()
    assert stage.target_sql("SELECT payload FROM applied")[0][0] == "10 5 3 25000"


def test_progress_that_moves_while_the_breaker_is_open(stage):
    """Somebody else applied a part; what waits in memory is of no use, paused or not."""
    failing(stage, None)
    stage.handlers[stage.topic("t")]["sql"] = HANDLER.replace("FROM batch", "FROM batch WHERE ill()")
    feed = Feed(stage, partitions=1)
    feed.send(50)
    consumer = stage.consumer(**{"breaker.reset": "1s"}).start()
    feed.wait_applied()
    failing(stage, "53100")
    feed.send(200)
    until(lambda: breaker(consumer) == 2, "the breaker opens")
    # As a consumer of the same group would: its events, its progress, its position.
    stage.target_sql("INSERT INTO applied (id, topic, partition) SELECT e, %s, 0 FROM"
                     " unnest(%s::text[]) AS e", (feed.topic, feed.sent[0][50:130]))
    stage.target_sql("UPDATE outbox_inbox.progress SET next_offset = 130, last_offset = NULL"
                     " WHERE group_name = %s", (stage.prefix,))
    stage.target_sql("UPDATE outbox_inbox.position SET commit_lsn = '0/82'"
                     " WHERE group_name = %s", (stage.prefix,))
    failing(stage, None)
    feed.wait_applied()
    feed.send(50)
    feed.wait_applied()
    assert consumer.running() and not consumer.problems()


def test_a_target_killed_again_and_again(stage, own_target):
    """At any moment of a transaction, COMMIT among them."""
    feed = Feed(stage)
    consumer = stage.consumer(**{"breaker.reset": "300ms", "batch.max_records": "20"}).start()
    feed.start(rate=2000)
    for _ in range(6):
        feed.wait_sent(300)
        own_target.kill()
        own_target.start()
    feed.stop()
    # All that came while it was started again.
    feed.wait_applied(300)
    assert not consumer.problems()
