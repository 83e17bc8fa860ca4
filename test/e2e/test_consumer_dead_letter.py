"""outbox-consumer: events that can't be applied, their letters, and applying them after all.

The books: what the feed sent is applied once and in order (Feed.check), and each bad
event is either a row of outbox_inbox.dead_letter that waits, or applied once.
"""
import json
import random
import re
import uuid

import pytest

from harness.daemon import run_once
from harness.feed import Feed
from harness.wait import until

SOUND = "ALTER TABLE applied ADD CONSTRAINT sound CHECK (payload NOT LIKE '%bad%')"
MENDED = "ALTER TABLE applied DROP CONSTRAINT sound"
ERRORS = "__connect.errors."


def bad_id(number):
    return str(uuid.UUID(int=(0x7 << 76) | (0x8 << 60) | (1 << 40) | number))


@pytest.fixture
def stage(make_scene, target, broker):
    scene = make_scene(None, target, broker)
    scene.apply_all("t", payload="text")
    scene.target_sql(SOUND)
    return scene


def rows(stage, *columns):
    return stage.target_sql(f"SELECT {', '.join(columns)} FROM outbox_inbox.dead_letter"
                            " ORDER BY number")


def wait_rows(stage, count):
    until(lambda: len(rows(stage, "1")) >= count,
          lambda: f"{count} dead letters, not {len(rows(stage, '1'))}", 60)
    assert len(rows(stage, "1")) == count


def wait_counted(consumer, applied, dead):
    """It counts, and says, what it was told that is committed: a moment after everybody sees that."""
    until(lambda: consumer.metric("outbox_consumer_applied_events_total") >= applied
          and consumer.metric("outbox_consumer_dead_lettered_events_total") >= dead, "it has heard of its commits")


def applied_bad(stage):
    """Ids of the bad events that are applied, each as often as it is."""
    return sorted(row[0] for row in stage.target_sql(
        "SELECT id FROM applied WHERE payload LIKE '%%bad%%'"))


def check_good(stage, feed):
    """The feed's books without what was redriven."""
    bad = set(applied_bad(stage))
    kept = stage.applied
    stage.applied = lambda: [row for row in kept() if row[0] not in bad]
    try:
        feed.check()
    finally:
        stage.applied = kept


def put_bad(feed, number, partition=0, value=None, **more):
    feed.put(partition, value or b"bad %d" % number, id=bad_id(number), **more)


def redrive(stage, **options):
    return run_once(stage.consumer(f"redrive-{len(stage.daemons)}", command=("redrive",),
                                   **options))


def test_one_bad_event_holds_nobody_up(stage, exits):
    feed = Feed(stage)
    feed.send(200)
    headers = [("own", b"\xff"), ("own", None), (ERRORS + "topic", b"an older one"), ("", b"")]
    put_bad(feed, 1, key=b"the key", headers=headers, timestamp=1234567890123)
    feed.send(200)
    consumer = stage.consumer().start()
    feed.wait_applied()
    wait_rows(stage, 1)

    record, = stage.broker.read(stage.letters())
    assert (record.key, record.value, record.timestamp) == (b"the key", b"bad 1", 1234567890123)
    own = [*headers, ("id", bad_id(1).encode())]
    assert record.headers[:len(own)] == own
    told = dict(record.headers[len(own):])
    partition, offset = stage.target_sql('SELECT "partition", kafka_offset'
                                         " FROM outbox_inbox.dead_letter")[0]
    message = told.pop(ERRORS + "exception.message").decode()
    assert "violates check constraint" in message and "bad 1" not in message
    assert told == {ERRORS + "topic": feed.topic.encode(),
                    ERRORS + "partition": str(partition).encode(),
                    ERRORS + "offset": str(offset).encode(),
                    ERRORS + "connector.name": stage.prefix.encode(),
                    ERRORS + "task.id": b"0", ERRORS + "stage": b"TASK_PUT",
                    ERRORS + "class.name": b"outbox-consumer",
                    ERRORS + "exception.class.name": b"sqlstate.23514",
                    "outbox-error-sqlstate": b"23514", "outbox-error-handler": feed.topic.encode()}
    assert rows(stage, "topic", "event_id", "handler", "sqlstate", "letter_topic",
                "letter_partition", "letter_offset", "key", "value", "redriven_at") == [
        (feed.topic, bad_id(1), feed.topic, "23514", stage.letters(), record.partition,
         record.offset, None, None, None)]

    wait_counted(consumer, 400, 1)
    assert consumer.metrics()[
        f'outbox_consumer_dead_lettered_events_total{{handler="{feed.topic}"}}'] == 1
    assert consumer.metric("outbox_consumer_dead_letter_waiting") == 0
    page = json.loads(consumer.http("/status")[1])
    assert (page["applied"], page["dead_lettered"], page["dead_letter_waiting"]) == (400, 1, False)
    assert consumer.metric("outbox_consumer_applied_events_total") == 400
    line, = [e for e in consumer.entries() if "became a dead letter" in e.get("msg", "")]
    assert line["level"] == "warning" and line["event_id"] == bad_id(1)
    assert "bad 1" not in consumer.log() and not consumer.problems()

    # While it can't be applied still, it stays.
    command = redrive(stage)
    assert command.status == exits["EXIT_DATA"], command
    assert "stay: 1" in command.output and "23514" in command.output
    number, = stage.target_sql("SELECT number FROM outbox_inbox.dead_letter")[0]
    assert f'"number":{number}' in command.output and "WHERE number = " in command.output
    assert rows(stage, "redriven_at") == [(None,)]
    # Then it is, with all that it was; and again: nothing.
    stage.target_sql(MENDED)
    stage.handlers[feed.topic]["sql"] = stage.handlers[feed.topic]["sql"].replace(
        "payload::text", "payload || headers::text || extract(epoch FROM event_time)")
    command = redrive(stage)
    assert command.status == 0 and "applied: 1," in command.output, command
    assert "applied: 0," in redrive(stage).output
    got, = stage.target_sql("SELECT id, topic, partition, kafka_offset, key, payload FROM applied"
                            " WHERE payload LIKE '%%bad%%'")
    assert got[:5] == (bad_id(1), feed.topic, partition, offset, "the key")
    assert '"own": null' in got[5] and "an older one" in got[5] and "1234567890.123" in got[5]
    check_good(stage, feed)


def test_many_of_them_in_every_partition(stage):
    feed = Feed(stage)
    for number in range(60):
        feed.send(number % 7)
        put_bad(feed, number, number % 3)
    feed.send(10)
    consumer = stage.consumer().start()
    feed.wait_applied()
    wait_rows(stage, 60)
    assert stage.broker.count(stage.letters()) == 60
    # In the order of their partition.
    for partition in range(3):
        numbers = stage.target_sql("SELECT event_id FROM outbox_inbox.dead_letter"
                                   ' WHERE "partition" = %s ORDER BY number', (partition,))
        assert [row[0] for row in numbers] == [bad_id(n) for n in range(partition, 60, 3)]
    assert consumer.stop() == 0
    stage.target_sql(MENDED)
    # By two at once, each letter by one of them.
    pair = [stage.consumer(f"redrive-{n}", command=("redrive",)).start(ready=False)
            for n in range(2)]
    assert [one.wait_exit() for one in pair] == [0, 0], [one.log() for one in pair]
    assert applied_bad(stage) == sorted(bad_id(n) for n in range(60))
    check_good(stage, feed)


def test_a_record_that_is_too_large_for_its_topic(stage):
    stage.broker.create_topic(stage.letters(), 1)
    stage.broker.configure_topic(stage.letters(), max_message_bytes="2000")
    feed = Feed(stage, partitions=1)
    put_bad(feed, 1, value=b"bad" + b"x" * 1500)
    put_bad(feed, 2, value=b"bad" + b"y" * 3000, headers=[("a", b"\xff"), ("a", None), ("b", b"")])
    feed.send(20)
    consumer = stage.consumer().start()
    feed.wait_applied()
    wait_rows(stage, 2)
    record, = stage.broker.read(stage.letters())
    assert record.value == b"bad" + b"x" * 1500
    assert [name for name, _ in record.headers] == [
        "id", ERRORS + "topic", ERRORS + "partition", ERRORS + "offset", "outbox-error-sqlstate"]
    first, second = rows(stage, "letter_topic", "refusal", "value", "header_names", "header_values")
    assert first == (stage.letters(), None, None, [], [])
    assert second[0] is None and "too large" in second[1]
    assert second[2] == b"bad" + b"y" * 3000
    assert second[3:] == ([b"a", b"a", b"b", b"id"], [b"\xff", None, b"", bad_id(2).encode()])
    assert not consumer.problems()
    stage.target_sql(MENDED)
    assert "applied: 2," in redrive(stage).output
    assert applied_bad(stage) == [bad_id(1), bad_id(2)]
    check_good(stage, feed)


@pytest.mark.parametrize("options, reason", [
    ({"dead_letter.topic": ""}, "is empty"),
    ({"dead_letter.create": "off"}, "no topic"),
    ({"dead_letter.replication_factor": "7"}, "can't be made"),
])
def test_no_topic_for_letters(stage, options, reason):
    """Then they are in the target, and nobody waits."""
    feed = Feed(stage, partitions=1)
    put_bad(feed, 1)
    feed.send(20)
    consumer = stage.consumer(**options).start()
    feed.wait_applied()
    wait_rows(stage, 1)
    (refusal, value), = rows(stage, "refusal", "value")
    assert reason in refusal and value == b"bad 1"
    assert stage.broker.topics(stage.letters()) == [] and not consumer.problems()
    stage.target_sql(MENDED)
    assert "applied: 1," in redrive(stage).output
    assert applied_bad(stage) == [bad_id(1)]
    check_good(stage, feed)


@pytest.mark.parametrize("case", ["rolled back", "mended", "committed"])
def test_kill_between_the_letter_and_the_progress(stage, case):
    """A letter too many, and nothing else: whether the event is applied, its row says."""
    feed = Feed(stage, partitions=1)
    # Nothing but the test ends the wait for the lock.
    consumer = stage.consumer(**{"batch.statement_timeout": "2min", "batch.timeout": "3min"}).start()
    waits = ("SELECT pid FROM pg_locks WHERE NOT granted AND relation ="
             " 'outbox_inbox.dead_letter'::regclass")
    with stage.target.connect(stage.database, autocommit=False) as connection:
        connection.execute("LOCK TABLE outbox_inbox.dead_letter IN EXCLUSIVE MODE")
        put_bad(feed, 1)
        feed.send(20)
        until(lambda: connection.execute(waits).fetchall(), "its row waits for the lock")
        consumer.kill()
        if case != "committed":
            connection.execute(f"SELECT pg_terminate_backend(pid, 10000) FROM ({waits}) AS w")
        connection.rollback()
    assert stage.broker.count(stage.letters()) == 1
    until(lambda: not stage.target_sql(
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'outbox-consumer'"
        " AND datname = current_database()"), "its session is gone")
    assert len(rows(stage, "1")) == (case == "committed")
    if case == "mended":
        stage.target_sql(MENDED)
    consumer.start()
    until(lambda: len(stage.applied()) >= 20 + (case == "mended"), "the others are applied")
    assert applied_bad(stage) == ([bad_id(1)] if case == "mended" else [])
    assert len(rows(stage, "1")) == (case != "mended")
    assert stage.broker.count(stage.letters()) == (2 if case == "rolled back" else 1)
    if case != "mended":
        stage.target_sql(MENDED)
    command = redrive(stage)
    assert command.status == 0, command
    assert applied_bad(stage) == [bad_id(1)]
    check_good(stage, feed)


def test_kills_under_load(stage):
    chance = random.Random(20)
    feed = Feed(stage)
    consumer = stage.consumer()
    number = 0
    for _ in range(6):
        for _ in range(40):
            feed.send(chance.randrange(12), flush=False)
            put_bad(feed, number, number % 3)
            number += 1
        feed.flush()
        goal = len(rows(stage, "1")) + chance.randrange(10, 30)
        consumer.start(ready=False)
        until(lambda g=goal: len(rows(stage, "1")) >= g, "some are dead", 60)
        consumer.kill()
    consumer.start()
    feed.wait_applied()
    wait_rows(stage, number)
    assert sorted(row[0] for row in rows(stage, "event_id")) == sorted(
        bad_id(n) for n in range(number))
    assert applied_bad(stage) == []
    # Each row's letter is there; at most some more were written: one of each connection by a kill.
    letters = {(r.partition, r.offset): r.id for r in stage.broker.read(stage.letters())}
    for event, partition, offset in rows(stage, "event_id", "letter_partition", "letter_offset"):
        assert letters[(partition, offset)] == event
    assert number <= len(letters) <= number + 6 * 2
    stage.target_sql(MENDED)
    assert f"applied: {number}," in redrive(stage).output
    assert applied_bad(stage) == sorted(bad_id(n) for n in range(number))
    check_good(stage, feed)


def test_a_letter_that_is_gone_stays(stage, exits):
    feed = Feed(stage, partitions=1)
    for number in range(3):
        put_bad(feed, number)
    feed.send(5)
    stage.consumer().start()
    feed.wait_applied()
    wait_rows(stage, 3)
    stage.broker.delete_records(stage.letters(), 0, 1)
    stage.target_sql(MENDED)
    command = redrive(stage)
    assert command.status == exits["EXIT_DATA"], command
    assert "applied: 2, applied by others meanwhile: 0, stay: 1" in command.output
    assert "isn't where it was" in command.output
    assert applied_bad(stage) == [bad_id(1), bad_id(2)]
    # Given up.
    stage.target_sql("DELETE FROM outbox_inbox.dead_letter WHERE redriven_at IS NULL")
    assert redrive(stage).status == 0
    check_good(stage, feed)


def test_a_missing_row_is_waited_for(stage):
    stage.target_sql("CREATE TABLE parent (id int PRIMARY KEY)")
    stage.target_sql("CREATE TABLE child (id int, parent int REFERENCES parent)")
    feed = Feed(stage, partitions=1)
    stage.handlers[feed.topic] = {
        "sql": "INSERT INTO child SELECT (payload->>'n')::int, (payload->>'n')::int FROM batch"
               " ORDER BY ordinality", "payload": "json", "on_foreign_key": "retry"}
    stage.target_sql("INSERT INTO parent SELECT n FROM generate_series(0, 9) n WHERE n <> 4")
    feed.send(10)
    consumer = stage.consumer(**{"retry.attempts": "100000", "retry.max": "50ms"}).start()
    failures = 'outbox_consumer_retries_total{class="data"}'
    until(lambda: consumer.metrics()[failures] > 10, "it is tried again")
    assert stage.target_sql("SELECT id FROM child ORDER BY id") == [(n,) for n in range(4)]
    stage.target_sql("INSERT INTO parent VALUES (4)")
    until(lambda: len(stage.target_sql("SELECT 1 FROM child")) == 10, "all are applied")
    assert rows(stage, "1") == []
    assert consumer.stop() == 0
    # And with an end.
    feed.send(2)
    stage.target_sql("INSERT INTO parent VALUES (11)")
    stage.consumer("impatient", **{"retry.attempts": "3", "retry.max": "20ms"}).start()
    wait_rows(stage, 1)
    until(lambda: len(stage.target_sql("SELECT 1 FROM child")) == 11, "the last one is applied")
    assert rows(stage, "sqlstate") == [("23503",)]


def test_rights_of_the_role(stage, exits):
    """check says which are missing, in statements that give them; of who makes no letters it asks none for them."""
    def check(status):
        command = run_once(stage.consumer(f"check-{len(stage.daemons)}", command=("check",), **limited))
        assert command.status == exits[status], command
        return command.output

    role = f'"{stage.prefix}"'
    stage.target_sql(f"CREATE ROLE {role} LOGIN")
    stage.target_sql(f"GRANT USAGE ON SCHEMA outbox_inbox TO {role}")
    limited = {"target.conninfo": stage.target.conninfo(stage.database, stage.prefix)}
    feed = Feed(stage, partitions=1)
    put_bad(feed, 1)
    feed.send(5)
    told = check("EXIT_PERMISSION")
    grants = re.findall("GRANT [^;.]* ON [^;]* TO " + role.strip('"').replace(".", "[.]"), told.replace('"', ""))
    assert len(grants) == 4, told
    letters, = [grant for grant in grants if "dead_letter" in grant]
    for grant in grants:
        if grant is not letters:
            stage.target_sql(grant.replace(stage.prefix, role))
    stage.handlers[feed.topic]["on_error"] = "stop"
    assert "permission denied for table applied" in check("EXIT_HANDLER")
    stage.target_sql(f"GRANT INSERT ON applied TO {role}; GRANT USAGE ON SEQUENCE applied_n_seq TO {role}")
    check("EXIT_OK")
    stage.handlers[feed.topic]["on_error"] = "dead-letter"
    assert "outbox_inbox.dead_letter" in check("EXIT_PERMISSION")
    consumer = stage.consumer(**limited).start(ready=False)
    assert consumer.wait_exit(60) == exits["EXIT_PERMISSION"], consumer.log()
    assert stage.applied() == [] and rows(stage, "1") == []
    stage.target_sql(letters.replace(stage.prefix, role))
    check("EXIT_OK")
    stage.consumer("again", **limited).start()
    feed.wait_applied()
    wait_rows(stage, 1)


@pytest.mark.parametrize("dedupe", ["position", "id"])
def test_one_that_is_sent_again_is_applied_once(stage, dedupe):
    """Before it is redriven, and after."""
    stage.handlers[stage.topic("t")]["dedupe"] = dedupe
    feed = Feed(stage, partitions=1)
    for number in range(2):
        put_bad(feed, number, position=f"other/1.1/0/{number + 1:X}/0")
    feed.send(5)
    consumer = stage.consumer().start()
    feed.wait_applied()
    wait_rows(stage, 2)
    stage.target_sql(MENDED)
    stage.target_sql("UPDATE outbox_inbox.dead_letter SET redriven_at = now() WHERE event_id = %s",
                     (bad_id(1),))
    again = [("outbox-replayed", b"selected")]
    put_bad(feed, 0, headers=again)
    feed.flush()
    until(lambda: applied_bad(stage) == [bad_id(0)], "it is applied")
    command = redrive(stage)
    assert command.status == 0 and "applied: 0, applied by others meanwhile: 1" in command.output
    stage.target_sql("UPDATE outbox_inbox.dead_letter SET redriven_at = NULL WHERE event_id = %s",
                     (bad_id(1),))
    command = redrive(stage)
    assert command.status == 0 and "applied: 1," in command.output
    put_bad(feed, 1, headers=again)
    feed.flush()
    until(lambda: consumer.metric("outbox_consumer_duplicate_events_total") == 1,
          "what was redriven isn't applied again")
    assert applied_bad(stage) == [bad_id(0), bad_id(1)]
    assert stage.target_sql("SELECT count(*) FROM outbox_inbox.dead_letter"
                            " WHERE redriven_at IS NULL") == [(0,)]
    check_good(stage, feed)


def test_redrive_has_bad_luck(stage, exits):
    """Deadlocks: it tries as often as the consumer does."""
    feed = Feed(stage, partitions=1)
    put_bad(feed, 1)
    feed.send(5)
    stage.consumer().start()
    feed.wait_applied()
    wait_rows(stage, 1)
    stage.target_sql(MENDED)
    stage.target_sql("""
        CREATE SEQUENCE tries;
        CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('tries') <= 4 THEN
                RAISE 'a deadlock' USING ERRCODE = '40P01';
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER collide BEFORE INSERT ON applied FOR EACH ROW EXECUTE FUNCTION collide()""")
    command = redrive(stage, **{"retry.attempts": "2"})
    assert command.status == exits["EXIT_BUG"] and "a deadlock" in command.output, command
    assert rows(stage, "redriven_at") == [(None,)]
    command = redrive(stage)
    assert command.status == 0 and "applied: 1," in command.output, command
    assert stage.target_sql("SELECT last_value FROM tries") == [(5,)]
    assert applied_bad(stage) == [bad_id(1)]


def test_letters_are_not_read(stage, exits):
    stage.handlers["letters"] = {"topic": stage.letters(), "sql": stage.handlers[
        stage.topic("t")]["sql"]}
    command = run_once(stage.consumer(command=("--check-config",)))
    assert command.status == exits["EXIT_CONFIG"] and "where dead letters go" in command.output
    command = run_once(stage.consumer(command=("--check-config",),
                                      **{"dead_letter.topic": "other.{group}"}))
    assert command.status == 0, command
    command = run_once(stage.consumer(command=("--check-config",),
                                      **{"dead_letter.topic": "no topic"}))
    assert command.status == exits["EXIT_CONFIG"] and "no legal topic" in command.output


def test_a_topic_that_begins_with_one(stage):
    """It is known that none was applied before: one that is sent again is judged, whatever its age."""
    feed = Feed(stage, partitions=1)
    put_bad(feed, 1, position="s/1.1/0/1/0")
    feed.flush()
    stage.consumer().start()
    wait_rows(stage, 1)
    stage.target_sql(MENDED)
    for created in (b"2026-01-01T00:00:00.000Z", b"no time \xff"):
        put_bad(feed, 1, headers=[("outbox-replayed", b"selected"), ("outbox-created-at", created)])
    feed.flush()
    until(lambda: stage.target_sql("SELECT next_offset::int FROM outbox_inbox.progress") == [(3,)], "all are dealt with")
    assert applied_bad(stage) == [bad_id(1)]
    assert len(rows(stage, "1")) == 1
    command = redrive(stage)
    assert command.status == 0 and "applied: 0, applied by others meanwhile: 1" in command.output, command
    assert applied_bad(stage) == [bad_id(1)]


RAISES = """CREATE FUNCTION raises() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.payload = 'raise 2F005 bad' THEN
        EXECUTE 'SELECT returns_nothing()';
    ELSIF NEW.payload LIKE 'raise%' THEN
        RAISE 'no' USING ERRCODE = split_part(NEW.payload, ' ', 2);
    END IF;
    RETURN NEW;
END
$$;
CREATE FUNCTION returns_nothing() RETURNS int LANGUAGE plpgsql AS 'BEGIN END';
CREATE TRIGGER raises BEFORE INSERT ON applied FOR EACH ROW EXECUTE FUNCTION raises()"""


def test_what_a_handler_raises(stage, exits):
    """Codes of outbox_inbox mean nothing when a handler raises them."""
    codes = ["OBX01", "OBX02", "OBX03", "OBX04", "2F005", "27000", "P0001"]
    stage.target_sql(RAISES)
    feed = Feed(stage, partitions=1)
    for number, code in enumerate(codes):
        feed.send(5)
        put_bad(feed, number, value=f"raise {code} bad".encode())
    feed.send(5)
    consumer = stage.consumer().start()
    feed.wait_applied()
    wait_rows(stage, len(codes))
    assert [row[0] for row in rows(stage, "sqlstate")] == codes
    assert consumer.metrics()['outbox_consumer_breaker_transitions_total{from="closed",to="open"}'] == 0
    command = redrive(stage)
    assert command.status == exits["EXIT_DATA"] and f"meanwhile: 0, stay: {len(codes)}" in command.output, command
    check_good(stage, feed)
