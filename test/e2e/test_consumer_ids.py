"""outbox-consumer and ids: of other programs, of topics that go by ids or by nothing; how long they are kept."""
import uuid

import pytest

from harness.daemon import run_once
from harness.feed import Feed
from harness.scene import APPLIED
from harness.wait import until

HANDLER = "INSERT INTO applied (topic, partition, kafka_offset, payload) SELECT topic, partition, kafka_offset, payload FROM batch ORDER BY ordinality"


@pytest.fixture
def stage(make_scene, target, broker):
    scene = make_scene(None, target, broker)
    scene.apply_all("t", sql=HANDLER, payload="text")
    return scene


def payloads(stage, topic="t"):
    return [row[0] for row in stage.target_sql("SELECT payload FROM applied WHERE topic = %s ORDER BY n", (stage.topic(topic),))]


def wait_payloads(stage, expected, topic="t"):
    until(lambda: len(payloads(stage, topic)) >= len(expected), lambda: f"{expected} are applied: {payloads(stage, topic)}")
    assert payloads(stage, topic) == expected


def wait_read(stage, feed, records):
    until(lambda: stage.target_sql("SELECT coalesce(sum(next_offset), 0)::int FROM outbox_inbox.progress WHERE topic = %s",
                                   (feed.topic,)) == [(records,)], lambda: f"{records} records are dealt with")


def rule(stage, **rules):
    stage.handlers[stage.topic("t")].update(rules)


def new_ids(count):
    return [str(uuid.uuid4()) for _ in range(count)]


def flagged(created=None):
    return [("outbox-replayed", b"selected")] + ([("outbox-created-at", created.encode())] if created else [])


def test_ids_of_other_producers(stage):
    """With an id a record is applied once, in whatever batch and partition it comes again; without one each is."""
    stage.apply_all("u", sql=HANDLER, payload="text")
    feed, other = Feed(stage, partitions=2), Feed(stage, "u", partitions=1)
    one, = new_ids(1)
    feed.put(0, b"a", id=one)
    feed.put(0, b"b", id="order 1")
    feed.put(0, b"-", id=one.upper())
    feed.put(0, b"-", id="order 1")
    feed.put(0, b"c")
    feed.put(0, b"d")
    feed.put(0, b"e", id="Order 1")
    other.put(0, b"x", id=one)
    feed.flush()
    other.flush()
    consumer = stage.consumer().start()
    wait_payloads(stage, ["a", "b", "c", "d", "e"])
    wait_payloads(stage, ["x"], "u")
    feed.put(1, b"-", id=one)
    feed.put(1, b"f", id="order 2", headers=flagged())
    feed.put(1, b"-", id="order 2")
    feed.flush()
    wait_payloads(stage, ["a", "b", "c", "d", "e", "f"])
    wait_read(stage, feed, 10)
    # A moment after its COMMIT it hears of that, counts and tells.
    until(lambda: consumer.metrics()['outbox_consumer_duplicate_events_total{reason="id"}'] >= 4, "it has counted them")
    assert consumer.metrics()['outbox_consumer_duplicate_events_total{reason="id"}'] == 4
    assert consumer.metrics()['outbox_consumer_duplicate_events_total{reason="position"}'] == 0
    assert not consumer.problems()
    # The first one is told.
    told, *_ = [e for e in consumer.entries() if "is left out" in e.get("msg", "")]
    assert told["topic"] == feed.topic and told["offset"] == 2 and "dedupe = none" in told["hint"]


def test_the_last_event_of_a_key_is_not_a_repetition(stage):
    """batch_latest is chosen from what isn't known: a repetition overtakes nothing."""
    stage.target_sql("CREATE TABLE state (key text PRIMARY KEY, value text)")
    rule(stage, sql="INSERT INTO state SELECT key, payload FROM batch_latest"
                    " ON CONFLICT (key) DO UPDATE SET value = excluded.value")
    feed = Feed(stage, partitions=1)
    old, new = new_ids(2)
    feed.put(0, b"old", key=b"k", id=old, position="s/1.1/0/1/0")
    feed.put(0, b"new", key=b"k", id=new, position="s/1.1/0/2/0")
    feed.put(0, b"old", key=b"k", id=old, headers=flagged())
    feed.flush()
    stage.consumer().start()
    wait_read(stage, feed, 3)
    assert stage.target_sql("SELECT * FROM state") == [("k", "new")]


def test_a_topic_that_goes_by_ids(stage):
    """Positions say nothing, whatever they are; and from going by positions to ids and back nothing is applied twice."""
    feed = Feed(stage, partitions=2)
    ids = new_ids(4)
    for n in range(2):
        feed.put(0, b"%d" % n, id=ids[n], position=f"s/1.1/0/{n + 5}/0")
    feed.flush()
    consumer = stage.consumer().start()
    wait_payloads(stage, ["0", "1"])
    assert consumer.stop() == 0
    rule(stage, dedupe="id")
    feed.put(1, b"-", id=ids[1], position="s/1.1/0/6/0")
    feed.put(0, b"2", id=ids[2], position="s/1.1/0/1/0")
    feed.put(0, b"-", id=ids[0], position="s/1.1/0/9/0")
    feed.put(0, b"3", id=ids[3], position="no position")
    feed.flush()
    consumer = stage.consumer().start()
    wait_payloads(stage, ["0", "1", "2", "3"])
    wait_read(stage, feed, 6)
    assert consumer.stop() == 0
    rule(stage, dedupe="position")
    for n in (0, 2):
        feed.put(0, b"-", id=ids[n], headers=flagged())
    feed.put(0, b"-", id=new_ids(1)[0], position="s/1.1/0/9/0")
    feed.put(0, b"4", id=new_ids(1)[0], position="s/1.1/0/A/0")
    feed.flush()
    consumer = stage.consumer().start()
    wait_payloads(stage, ["0", "1", "2", "3", "4"])
    wait_read(stage, feed, 10)
    assert not consumer.problems()


def test_a_topic_that_goes_by_nothing(stage, exits):
    """Every record once, also after a restart; ids aren't kept, and that is known afterwards."""
    rule(stage, dedupe="none")
    feed = Feed(stage, partitions=1)
    one, = new_ids(1)
    for _ in range(2):
        feed.put(0, b"a", id=one, position="s/1.1/0/1/0")
    feed.put(0, b"b", id=one, headers=flagged())
    feed.put(0, b"c", position="no position")
    feed.flush()
    consumer = stage.consumer().start()
    wait_payloads(stage, ["a", "a", "b", "c"])
    assert consumer.stop() == 0
    consumer.start()
    feed.put(0, b"d")
    feed.flush()
    wait_payloads(stage, ["a", "a", "b", "c", "d"])
    assert consumer.stop() == 0
    assert stage.target_sql("SELECT complete_since = 'infinity' FROM outbox_inbox.scope") == [(True,)]
    rule(stage, dedupe="position")
    feed.put(0, b"e", id=one, headers=flagged("2026-01-01T00:00:00.000Z"))
    feed.flush()
    consumer = stage.consumer().start(ready=False)
    assert consumer.wait_exit(60) == exits["EXIT_DATA"], consumer.log()


def test_progress_that_somebody_wrote(stage, exits):
    """Where another program had come to: what that one applied has no ids here, and an event that is sent again may be of it."""
    feed = Feed(stage, partitions=1)
    feed.put(0, b"applied by another", id=new_ids(1)[0], position="s/1.1/0/1/0")
    feed.put(0, b"a", id=new_ids(1)[0], position="s/1.1/0/2/0")
    feed.put(0, b"again", id=new_ids(1)[0], headers=flagged("2026-01-01T00:00:00.000Z"))
    feed.flush()
    stage.target_sql('INSERT INTO outbox_inbox.progress (group_name, topic, "partition", next_offset) VALUES (%s, %s, 0, 1)', (stage.prefix, feed.topic))
    consumer = stage.consumer().start(ready=False)
    assert consumer.wait_exit(60) == exits["EXIT_DATA"], consumer.log()
    problem, = consumer.problems()
    assert "offset 2" in problem["msg"] and "isn't known" in problem["msg"], problem
    assert payloads(stage) == ["a"]


def layout_1(stage):
    """outbox_inbox as 0.1.0 made it."""
    stage.target_sql("DROP SCHEMA outbox_inbox CASCADE")
    stage.load_inbox(layout=1)


def test_an_inbox_of_before(stage, exits):
    """init brings it to the new layout; what was applied before has no ids: such an event stops, until it is said what to do."""
    layout_1(stage)
    feed = Feed(stage, partitions=1)
    feed.put(0, b"lost to us", id=new_ids(1)[0], position="s/1.1/0/1/0")
    feed.flush()
    stage.target_sql("INSERT INTO outbox_inbox.progress VALUES (%s, %s, 0, 1)", (stage.prefix, feed.topic))
    stage.target_sql(f'CREATE ROLE "{stage.prefix}" LOGIN')
    stage.target_sql(f'GRANT USAGE ON SCHEMA outbox_inbox TO "{stage.prefix}";'
                     f'GRANT SELECT, INSERT, UPDATE ON outbox_inbox.progress, outbox_inbox.position TO "{stage.prefix}";'
                     f'GRANT INSERT ON applied TO "{stage.prefix}"; GRANT USAGE ON SEQUENCE applied_n_seq TO "{stage.prefix}"')
    limited = {"target.conninfo": stage.target.conninfo(stage.database, stage.prefix)}
    consumer = stage.consumer(**limited).start(ready=False)
    assert consumer.wait_exit(60) == exits["EXIT_NOT_INITIALIZED"], consumer.log()
    assert "outbox-consumer init" in consumer.log()
    assert run_once(stage.consumer("check", command=("check",))).status == exits["EXIT_NOT_INITIALIZED"]
    for expected in ("was brought from layout 1 to 2", "already"):
        done = run_once(stage.consumer(f"init-{expected[:3]}", command=("init",)))
        assert done.status == 0 and expected in done.output, done
    # The consumer of before, in the middle of its work.
    with stage.target.connect(stage.database) as connection, pytest.raises(Exception, match="does not exist"):
        connection.execute("SELECT outbox_inbox.advance(%s, %s, 0, 1, 2, 1, now(), NULL)", (stage.prefix, feed.topic))
    feed.put(0, b"a", id=new_ids(1)[0], position="s/1.1/0/2/0")
    young, old, older, unknown = new_ids(4)
    feed.put(0, b"young", id=young, headers=flagged("2099-01-01T00:00:00.000Z"))
    feed.put(0, b"old", id=old, headers=flagged("2026-01-01T00:00:00.000Z"))
    feed.flush()
    # Rights of before are enough: they were carried over.
    consumer = stage.consumer("limited", **limited).start(ready=False)
    assert consumer.wait_exit(60) == exits["EXIT_DATA"], consumer.log()
    problem, = consumer.problems()
    assert old in problem["msg"] and "offset 3" in problem["msg"] and "isn't known" in problem["msg"], problem
    assert '"replayed"' in problem["hint"]
    assert payloads(stage) == ["a", "young"]
    rule(stage, replayed="apply")
    consumer = stage.consumer("applying", **limited).start()
    wait_payloads(stage, ["a", "young", "old"])
    feed.put(0, b"-", id=old, headers=flagged("2026-01-01T00:00:00.000Z"))
    feed.put(0, b"-", id=young, headers=flagged())
    feed.flush()
    wait_read(stage, feed, 6)
    assert consumer.stop() == 0
    rule(stage, replayed="skip")
    consumer = stage.consumer("skipping", **limited).start()
    feed.put(0, b"-", id=older, headers=flagged("2026-01-01T00:00:00.000Z"))
    feed.put(0, b"-", id=unknown, headers=flagged())
    feed.put(0, b"b", id=new_ids(1)[0])
    feed.flush()
    wait_payloads(stage, ["a", "young", "old", "b"])
    wait_read(stage, feed, 9)
    assert consumer.stop() == 0


def age(stage, days):
    """As if the leaves were older."""
    stage.target_sql("UPDATE outbox_inbox.rotation SET complete_since = complete_since - make_interval(days => %(d)s),"
                     " started_at = ARRAY(SELECT t - make_interval(days => %(d)s) FROM unnest(started_at) WITH ORDINALITY AS u(t, n)"
                     " ORDER BY n)", {"d": days})
    stage.target_sql("UPDATE outbox_inbox.scope SET made_at = made_at - make_interval(days => %s)", (days,))


def rotated(stage):
    return stage.target_sql("SELECT outbox_inbox.rotate()") == [(True,)]


def kept(stage):
    return stage.target_sql("SELECT (SELECT count(*) FROM outbox_inbox.applied_batch), (SELECT count(*) FROM outbox_inbox.applied_id)")[0]


def test_ids_are_kept_for_their_retention(stage, exits):
    feed = Feed(stage, partitions=1)
    by_position, by_id = new_ids(2)
    feed.put(0, b"a", id=by_position, position="s/1.1/0/1/0")
    feed.put(0, b"b", id=by_id)
    feed.flush()
    consumer = stage.consumer(**{"inbox.retention": "6d"}).start()
    wait_payloads(stage, ["a", "b"])
    assert consumer.stop() == 0
    assert not rotated(stage)
    # Three leaves later they are there still, and the fourth takes them away.
    for _ in range(3):
        age(stage, 2)
        assert rotated(stage) and not rotated(stage)
        assert kept(stage) == (1, 1)
    assert stage.target_sql("SELECT complete_since = '-infinity' FROM outbox_inbox.rotation") == [(True,)]
    for event in (by_position, by_id):
        feed.put(0, b"-", id=event, headers=flagged("2026-01-01T00:00:00.000Z"))
    feed.flush()
    consumer.start()
    wait_read(stage, feed, 4)
    assert consumer.stop() == 0 and payloads(stage) == ["a", "b"]
    age(stage, 2)
    assert rotated(stage) and kept(stage) == (0, 0)
    # Now nobody knows, of what is older; what was written since then is new.
    feed.put(0, b"c", id=new_ids(1)[0], headers=flagged("2099-01-01T00:00:00.000Z"))
    feed.put(0, b"-", id=by_id)
    feed.put(0, b"-", id=by_position, headers=flagged("2026-01-01T00:00:00.000Z"))
    feed.flush()
    consumer.start(ready=False)
    assert consumer.wait_exit(60) == exits["EXIT_DATA"], consumer.log()
    # An unflagged one that is older than the retention is applied again.
    assert payloads(stage) == ["a", "b", "c", "-"]
    # A group that begins now has lost nothing.
    stage.target_sql("TRUNCATE applied")
    consumer = stage.consumer("other", **{"consumer.group": f"{stage.prefix}_other"}).start()
    wait_payloads(stage, ["a", "b", "c"])
    wait_read_by(stage, feed, f"{stage.prefix}_other", 7)
    assert not consumer.problems()


def wait_read_by(stage, feed, group, records):
    until(lambda: stage.target_sql("SELECT next_offset::int FROM outbox_inbox.progress WHERE topic = %s AND group_name = %s",
                                   (feed.topic, group)) == [(records,)], lambda: f"{records} records are dealt with")


def test_a_consumer_rotates(stage):
    feed = Feed(stage, partitions=1)
    feed.put(0, b"a", id=new_ids(1)[0])
    feed.flush()
    consumer = stage.consumer(**{"inbox.retention": "3s"}).start()
    wait_payloads(stage, ["a"])
    until(lambda: kept(stage) == (0, 0), "the id is gone")
    feed.put(0, b"b")
    feed.flush()
    wait_payloads(stage, ["a", "b"])
    assert not consumer.problems()


def test_the_same_id_in_two_partitions_at_once(stage):
    """Another transaction that has it is waited for; when it ends well, it is a repetition."""
    feed = Feed(stage, partitions=1)
    one, two = new_ids(2)
    consumer = stage.consumer(**{"batch.statement_timeout": "30s", "batch.timeout": "40s"}).start()
    feed.put(0, b"a", id=two)
    feed.flush()
    wait_payloads(stage, ["a"])
    with stage.target.connect(stage.database, autocommit=False) as rival:
        claim = ("SELECT is_new FROM outbox_inbox.claim(%s, '7 days', ARRAY[%s], ARRAY[%s], ARRAY[%s::uuid],"
                 " ARRAY[false], ARRAY[NULL], ARRAY[false], ARRAY['stop'])")
        assert rival.execute(claim, (stage.prefix, feed.topic, one, one)).fetchall() == [(True,)]
        feed.put(0, b"-", id=one)
        feed.put(0, b"b", id=new_ids(1)[0])
        feed.flush()
        until(lambda: stage.target_sql("SELECT count(*)::int FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
                                       " AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = %s)", (stage.database,)) == [(1,)],
              "it waits")
        rival.commit()
    wait_payloads(stage, ["a", "b"])
    assert not consumer.problems()


def test_a_record_without_an_id_where_one_is_needed(stage, exits):
    rule(stage, dedupe="id")
    feed = Feed(stage, partitions=1)
    feed.put(0, b"a", id="1")
    feed.put(0, b"b", position="s/1.1/0/1/0")
    feed.flush()
    consumer = stage.consumer().start(ready=False)
    assert consumer.wait_exit(60) == exits["EXIT_DATA"], consumer.log()
    assert "has no id" in consumer.log() and "dedupe = none" in consumer.log()
    assert payloads(stage) == ["a"]


@pytest.mark.parametrize("dedupe", ["position", "id"])
def test_an_id_that_the_target_cannot_write(make_scene, target, broker, exits, dedupe):
    scene = make_scene(None, target, broker)
    target.drop_database(scene.database)
    target.query("postgres", f'CREATE DATABASE "{scene.database}" ENCODING LATIN1 LOCALE "C" TEMPLATE template0')
    scene.target_sql(APPLIED)
    scene.load_inbox()
    scene.apply_all("t", sql=HANDLER, payload="text")
    rule(scene, dedupe=dedupe)
    feed = Feed(scene, partitions=1)
    for n, event in enumerate(["one", "d\u00e9j\u00e0", "\u043a\u043b\u044e\u0447"]):
        feed.put(0, b"%d" % n, id=event)
    feed.flush()
    consumer = scene.consumer().start(ready=False)
    assert consumer.wait_exit(60) == exits["EXIT_DATA"], consumer.log()
    assert "in UTF8" in consumer.problems()[0]["hint"]
