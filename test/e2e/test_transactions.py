"""Odd transactions: spilled and aborted, prepared over a restart, full of savepoints, truncated, altered."""
import json

import psycopg
import pytest

from harness.wait import until

# The server spills what it decodes as soon as there is anything.
SPILLS = {"logical_decoding_work_mem": "64kB"}


def fill(connection, first, last, key="same key"):
    connection.execute("SELECT count(outbox.emit('t', %s, 'T', json_build_object('n', g, 'x', repeat('x', 100))))"
                       " FROM generate_series(%s::int, %s::int) g", (key, first, last))


def numbers(records):
    return [json.loads(r.value)["n"] for r in records]


def spilled(scene):
    """Transactions that the server wrote to disk while it decoded for this slot."""
    scene.sql("SELECT pg_stat_clear_snapshot()")
    return scene.sql("SELECT coalesce(sum(spill_txns), 0)::int FROM pg_stat_replication_slots WHERE slot_name = %s",
                     (scene.slot,))[0][0]


@pytest.fixture
def spilling(make_scene, own, broker):
    return make_scene(own.cluster("source", SPILLS), None, broker)


def test_a_spilled_transaction_that_is_aborted(spilling):
    """Of 100,000 events nothing is seen, and what commits beside them goes on."""
    scene = spilling
    relay = scene.start_relay()
    ledger = scene.ledger()
    with scene.source.connect(scene.database, autocommit=False) as doomed:
        for part in range(4):
            fill(doomed, part * 25000, part * 25000 + 24999)
            scene.emit("t", "same key", json.dumps({"n": -1 - part}))
        # A part that comes back to a savepoint counts as aborted, too.
        doomed.execute("SAVEPOINT s")
        fill(doomed, 0, 9999)
        doomed.execute("ROLLBACK TO SAVEPOINT s")
        doomed.rollback()
        fill(doomed, 1, 5)
        doomed.execute("SAVEPOINT s")
        fill(doomed, 1000000, 1019999)
        doomed.execute("ROLLBACK TO SAVEPOINT s")
        fill(doomed, 6, 10)
        doomed.commit()
    records = ledger.wait_in_topics()
    assert numbers(records) == [-1, -2, -3, -4] + list(range(1, 11))
    assert [r.position.ordinal for r in records[4:]] == list(range(10))
    ledger.check_topics(records)
    assert relay.metric("outbox_relay_events_published_total") == 14
    until(lambda: spilled(scene) > 0, "the server has spilled", 40)


def test_large_transactions_that_are_written_at_the_same_time(spilling):
    """Each in one piece, in the order of their commits."""
    scene = spilling
    scene.start_relay()
    ledger = scene.ledger()
    with scene.source.connect(scene.database, autocommit=False) as early, \
            scene.source.connect(scene.database, autocommit=False) as late:
        for part in range(5):
            fill(early, part * 2000, part * 2000 + 1999)
            fill(late, 100000 + part * 2000, 100000 + part * 2000 + 1999)
            scene.emit("t", "same key", json.dumps({"n": -1 - part}))
        late.commit()
        scene.emit("t", "same key", '{"n": -6}')
        early.commit()
    records = ledger.wait_in_topics()
    assert numbers(records) == list(range(-1, -6, -1)) + list(range(100000, 110000)) + [-6] + list(range(10000))
    ledger.check_topics(records)


@pytest.mark.parametrize("stop", ["fast", "immediate"])
def test_prepared_over_a_restart(make_scene, own, broker, stop):
    """Of the server and of the relay."""
    scene = make_scene(own.cluster("source", SPILLS), None, broker)
    relay = scene.start_relay(**{"mark.interval": "100ms", "reconnect.max": "200ms"})
    ledger = scene.ledger()
    for number, name in enumerate(("kept", "gone", "large")):
        with scene.source.connect(scene.database) as connection:
            connection.execute("BEGIN")
            fill(connection, number * 10000, number * 10000 + (4999 if name == "large" else 2))
            connection.execute(f"PREPARE TRANSACTION '{scene.id}{name}'")
    scene.emit("t", "same key", '{"n": -1}')
    ledger.wait_in_topics()
    # The slot is past them, as far as it can be.
    until(lambda: scene.sql("SELECT mark_lsn - '0/0'::pg_lsn FROM outbox.relay")[0][0]
          >= ledger.committed()[-1].end_lsn, "the mark is behind the event")
    relay.kill()
    scene.source.stop(stop)
    scene.source.start()
    relay.start()
    scene.sql(f"COMMIT PREPARED '{scene.id}large'")
    scene.sql(f"ROLLBACK PREPARED '{scene.id}gone'")
    scene.emit("t", "same key", '{"n": -2}')
    scene.sql(f"COMMIT PREPARED '{scene.id}kept'")
    records = ledger.wait_in_topics()
    first = ledger.check_topics(records)
    assert numbers(first) == [-1] + list(range(20000, 25000)) + [-2, 0, 1, 2]
    assert not relay.problems()


def test_more_savepoints_than_a_backend_keeps_in_memory(spilling):
    """Nested and side by side, some rolled back: what is left is in the order in which it was written."""
    scene = spilling
    scene.start_relay()
    ledger = scene.ledger()
    wanted = []
    with scene.source.connect(scene.database, autocommit=False) as connection:
        for n in range(200):
            connection.execute(f"SAVEPOINT s{n}")
            fill(connection, n, n)
            if n % 3 == 1:
                connection.execute(f"ROLLBACK TO SAVEPOINT s{n}")
            else:
                wanted.append(n)
            if n % 5 == 0:
                connection.execute(f"RELEASE SAVEPOINT s{n}")
        # Depth upon depth, and all of it given up at once.
        connection.execute("SAVEPOINT deep")
        for n in range(80):
            connection.execute(f"SAVEPOINT d{n}")
            fill(connection, 1000 + n, 1000 + n)
        connection.execute("ROLLBACK TO SAVEPOINT deep")
        # And once more, kept.
        for n in range(80):
            connection.execute(f"SAVEPOINT e{n}")
            fill(connection, 2000 + n, 2000 + n)
            wanted.append(2000 + n)
        for n in reversed(range(80)):
            connection.execute(f"RELEASE SAVEPOINT e{n}")
        # One whose writer catches its own exceptions.
        connection.execute("""DO $$ BEGIN FOR i IN 1..100 LOOP BEGIN
            PERFORM outbox.emit('t', 'same key', 'T', json_build_object('n', 3000 + i));
            IF i % 2 = 0 THEN RAISE EXCEPTION 'no'; END IF;
            EXCEPTION WHEN raise_exception THEN NULL; END; END LOOP; END $$""")
        wanted += range(3001, 3101, 2)
        connection.commit()
    records = ledger.wait_in_topics()
    assert numbers(records) == wanted
    assert [r.position.ordinal for r in records] == list(range(len(wanted)))
    ledger.check_topics(records)


def test_truncated_before_they_are_read(scene):
    """TRUNCATE takes rows away from replay, and from nothing else: committed events are published."""
    relay = scene.start_relay()
    ledger = scene.ledger()
    scene.emit("t", "same key", '{"n": 0}')
    ledger.wait_in_topics()
    assert relay.stop() == 0
    scene.emit("t", "same key", '{"n": 1}')
    scene.sql("TRUNCATE outbox.event")
    with scene.source.connect(scene.database, autocommit=False) as connection:
        # Within the transaction that wrote them.
        fill(connection, 2, 4)
        connection.execute("TRUNCATE outbox.event_0, outbox.event_1, outbox.event_2")
        fill(connection, 5, 6)
        connection.commit()
        # And a TRUNCATE that is rolled back, with what it took.
        connection.execute("SAVEPOINT s")
        connection.execute("TRUNCATE outbox.event")
        fill(connection, 100, 102)
        connection.rollback()
        fill(connection, 7, 7)
        connection.commit()
    relay.start()
    scene.sql("TRUNCATE outbox.event")
    scene.emit("t", "same key", '{"n": 8}')
    records = ledger.wait_in_topics()
    assert numbers(records) == list(range(9))
    ledger.check_topics(records)
    assert scene.sql("SELECT count(*) FROM outbox.event") == [(1,)]
    assert not relay.problems()


def test_several_tables_in_one_transaction(scene):
    """Captured and not, with another publication beside: one order for all events of the transaction."""
    scene.start_relay()
    ledger = scene.ledger()
    scene.sql("CREATE TABLE a (id int PRIMARY KEY, v text)")
    scene.sql("CREATE TABLE b (id int PRIMARY KEY, v text)")
    scene.sql("CREATE TABLE c (id int PRIMARY KEY, v text)")
    scene.sql(f'CREATE PUBLICATION "{scene.id}_other" FOR TABLE a, c')
    scene.sql("SELECT outbox.attach('a', 'a'), outbox.attach('b', 't')")
    with scene.source.connect(scene.database, autocommit=False) as connection:
        for n in range(30):
            connection.execute("INSERT INTO a VALUES (%s, 'x')", (n,))
            connection.execute("INSERT INTO c VALUES (%s, 'x')", (n,))
            connection.execute("SELECT outbox.emit('t', %s, 'Own', '{}')", (str(n),))
            connection.execute("INSERT INTO b VALUES (%s, 'x')", (n,))
            connection.execute("UPDATE b SET v = 'y' WHERE id = %s", (n,))
        connection.execute("DELETE FROM a")
        connection.commit()
    records = ledger.wait_in_topics()
    first = ledger.check_topics(records)
    assert sorted(r.position.ordinal for r in first) == list(range(30 * 5))
    by_ordinal = {r.position.ordinal: r for r in first}
    for n in range(30):
        own = [by_ordinal[4 * n + i] for i in range(4)]
        assert [r.topic for r in own] == [scene.topic(t) for t in "attt"]
        assert own[1].header("type") == "Own" and {r.key for r in own} == {str(n).encode()}
    assert {by_ordinal[n].topic for n in range(120, 150)} == {scene.topic("a")}
    scene.sql(f'DROP PUBLICATION "{scene.id}_other"')


# ---------------------------------------------------------------------------
# the table is altered
# ---------------------------------------------------------------------------

def alter(scene, *statements):
    """As an extension's own update would: nobody else should."""
    with scene.source.connect(scene.database) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_column_is_added_under_the_stream(scene):
    """The publication names its columns: nothing new is sent, and nothing stops."""
    relay = scene.start_relay()
    ledger = scene.ledger()
    scene.emit("t", "same key", '{"n": 0}')
    alter(scene, "ALTER TABLE outbox.event ADD COLUMN tenant text DEFAULT 'north'",
          "ALTER TABLE outbox.event ADD COLUMN shard int")
    scene.sql("INSERT INTO outbox.event (aggregatetype, aggregateid, type, payload, tenant, shard)"
              " VALUES ('t', 'same key', 'T', '{\"n\": 1}', 'south', 3)")
    with scene.source.connect(scene.database, autocommit=False) as connection:
        connection.execute("INSERT INTO outbox.event (aggregatetype, aggregateid, type, payload)"
                           " VALUES ('t', 'same key', 'T', '{\"n\": 2}')")
        # In the middle of a transaction.
        connection.execute("ALTER TABLE outbox.event DROP COLUMN shard")
        connection.execute("INSERT INTO outbox.event (aggregatetype, aggregateid, type, payload)"
                           " VALUES ('t', 'same key', 'T', '{\"n\": 3}')")
        connection.commit()
    records = ledger.wait_in_topics()
    assert numbers(records) == [0, 1, 2, 3]
    assert {tuple(name for name, _ in r.headers) for r in records} == {("id", "type", "outbox-position")}
    assert relay.stop() == 0
    relay.start()
    assert not relay.problems()


@pytest.mark.parametrize("change", [
    "ALTER COLUMN aggregateid TYPE varchar(200)", "ALTER COLUMN type TYPE varchar(100)",
    "ALTER COLUMN aggregatetype SET STATISTICS 50", "ALTER COLUMN payload SET STORAGE EXTERNAL"])
def test_a_change_that_means_the_same(scene, change):
    relay = scene.start_relay()
    ledger = scene.ledger()
    scene.emit("t", "same key", '{"n": 0}')
    try:
        alter(scene, f"ALTER TABLE outbox.event {change}")
    except psycopg.Error as error:
        # The check constraint knows its columns' types: it can't be done, and nothing has happened.
        assert error.diag.sqlstate in ("42804", "0A000", "42883"), error
    scene.emit("t", "same key", '{"n": 1}')
    records = ledger.wait_in_topics()
    assert numbers(records) == [0, 1]
    assert not relay.problems()


def test_a_column_is_renamed(scene, exits):
    """The relay stops, before anything is lost; renaming it back and replay make it whole."""
    relay = scene.start_relay(**{"heartbeat.interval": "200ms"})
    ledger = scene.ledger()
    scene.emit("t", "same key", '{"n": 0}')
    ledger.wait_in_topics()
    scene.wait_known()
    alter(scene, "ALTER TABLE outbox.event RENAME COLUMN aggregateid TO aggregate")
    missed = str(scene.sql("INSERT INTO outbox.event (aggregatetype, aggregate, type, payload)"
                           " VALUES ('t', 'same key', 'T', '{\"n\": 1}') RETURNING id")[0][0])
    assert relay.wait_exit() == exits["EXIT_PUBLICATION"], relay.log()
    problem, = relay.problems()
    assert "aggregateid" in problem["msg"], problem
    # init doesn't make it good, and says what is the matter.
    refused = scene.init()
    assert refused.status == exits["EXIT_NOT_INITIALIZED"] and 'column \\"aggregateid\\"' in refused.output
    alter(scene, "ALTER TABLE outbox.event RENAME COLUMN aggregate TO aggregateid")
    # What was written meanwhile is in the WAL under the other name.
    relay.start(ready=False)
    assert relay.wait_exit() == exits["EXIT_PUBLICATION"], relay.log()
    problem, = relay.problems()
    assert "drop the slot" in problem["hint"] and "init --accept-gap" in problem["hint"], problem
    scene.wait_slot_free()
    scene.sql("SELECT pg_drop_replication_slot(%s)", (scene.slot,))
    scene.initialize("--accept-gap")
    relay.start()
    scene.emit("t", "same key", '{"n": 2}')
    until(lambda: len(scene.broker.read(scene.topic("t"))) == 2, "the relay goes on")
    scene.wait_known()
    replay = scene.relay("replay", command=("replay", "--gap")).start(ready=False)
    assert replay.wait_exit() == 0, replay.log()
    records = scene.broker.read(scene.topic("t"))
    assert [r.id for r in records if r.header("outbox-replayed") is not None] == [missed]
