"""outbox-relay init: the publication, the slot, the registration, the rows that are there."""
import re

from harness.daemon import run_once
from harness.wait import until


def existing_rows(scene, count=500):
    scene.sql("SELECT count(outbox.emit('old', (g %% 7)::text, 'T', json_build_object('n', g)))"
              " FROM generate_series(1, %s) AS g", (count,))
    with scene.source.connect(scene.database, autocommit=False) as connection:
        connection.execute("SELECT outbox.emit('old', 'k', 'T', '{}'::json)")
        connection.rollback()


def test_rows_that_are_there_are_published(scene):
    """Before what is written later, once, and in the order of their insertion."""
    existing_rows(scene)
    old = [str(row[0]) for row in scene.sql("SELECT id FROM outbox.event ORDER BY id")]
    ledger = scene.ledger()
    relay = scene.start_relay("--existing=publish")
    new = scene.emit("old", "3")
    topic = scene.topic("old")
    until(lambda: scene.broker.partitions(topic), "the topic is there")
    with scene.broker.reader(topic) as reader:
        records = reader.some(501)
    assert {r.id for r in records} == set(old) | {new}
    place = {event: number for number, event in enumerate(old + [new])}
    for partition in range(3):
        order = [place[r.id] for r in records if r.partition == partition]
        assert order == sorted(order)
    positions = [r.position.order for r in records if r.partition == 0]
    assert positions == sorted(set(positions))
    # Not again after a restart.
    assert relay.stop() == 0
    relay.start()
    last = scene.emit("old", "3")
    ledger.committed()
    with scene.broker.reader(topic) as reader:
        records = reader.some(502)
    assert len({r.id for r in records}) == 502 and last in {r.id for r in records}


def test_rows_that_are_there_are_skipped(scene):
    existing_rows(scene)
    scene.start_relay("--existing=skip")
    ledger = scene.ledger()
    scene.emit("old", "3")
    records = ledger.wait_in_topics()
    assert len(records) == 1
    ledger.check_topics(records)


def test_a_relay_killed_while_it_publishes_old_rows_publishes_them_all(scene, seed):
    scene.sql("SELECT count(outbox.emit('old', (g % 97)::text, 'T', json_build_object('n', g,"
              " 'padding', repeat('x', 200)))) FROM generate_series(1, 30000) AS g")
    old = {str(row[0]) for row in scene.sql("SELECT id FROM outbox.event")}
    scene.apply_all("old")
    scene.initialize("--existing=publish")
    relay = scene.relay().start(ready=False)
    topic = scene.topic("old")
    until(lambda: scene.broker.partitions(topic), "the topic is there")
    for goal in (1 + seed % 1000, 5000 + seed % 5000):
        until(lambda: scene.broker.count(topic) >= goal, f"{goal} rows are published")
        relay.kill()
        # A row that goes away in between doesn't shift the others.
        victim = scene.sql("DELETE FROM outbox.event WHERE id = (SELECT id FROM outbox.event"
                           " ORDER BY id DESC LIMIT 1) RETURNING id")
        old.discard(str(victim[0][0]))
        relay.start(ready=False)
    relay.wait_ready()
    last = scene.emit("old", "3")
    with scene.broker.reader(topic) as reader:
        until(lambda: last in {r.id for r in reader.to_end()}, "the last event is published", 60)
    records = scene.broker.read(topic)
    assert {r.id for r in records} >= old | {last}
    scene.consumer().start()
    until(lambda: {row[0] for row in scene.applied()} >= old | {last}, "all events are applied", 60)
    applied = [row[0] for row in scene.applied()]
    assert len(applied) == len(set(applied))


def test_init_while_transactions_come_and_go(scene):
    """The snapshot that a slot exports may then have an xmin beyond its xmax, which no pg_snapshot may."""
    def begin():
        connection = scene.source.connect(scene.database, autocommit=False)
        return connection, connection.execute("SELECT pg_current_xact_id()::text").fetchone()[0]

    def waits_for(xid):
        until(lambda: scene.sql("SELECT true FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"
                                " AND transactionid::text = %s", (xid,)), f"the slot waits for {xid}")

    existing_rows(scene)
    before, xid = begin()
    init = scene.relay("init", command=("init", "--existing=publish")).start(ready=False)
    waits_for(xid)
    meanwhile, xid = begin()
    before.close()
    waits_for(xid)
    last, xid = begin()
    last.execute("SELECT outbox.emit('old', 'k', 'late', '{}'::json)")
    meanwhile.close()
    assert init.wait_exit() == 0, init.log()
    assert scene.sql("SELECT pg_snapshot_xmin(start_snapshot)::text FROM outbox.relay")[0][0] == xid
    last.commit()
    last.close()
    scene.relay().start()
    with scene.broker.reader(scene.topic("old")) as reader:
        records = reader.some(501)
    assert {r.id for r in records} == {str(row[0]) for row in scene.sql("SELECT id FROM outbox.event")}


def test_init_twice_changes_nothing(scene):
    scene.initialize()
    before = scene.sql("SELECT source_id, generation, start_lsn, state FROM outbox.relay")
    slot = scene.slot_row("confirmed_flush_lsn")
    scene.initialize()
    assert scene.sql("SELECT source_id, generation, start_lsn, state FROM outbox.relay") == before
    assert scene.slot_row("confirmed_flush_lsn") == slot


def test_init_mends_the_publication(scene, exits):
    scene.initialize()
    for harm in (f"DROP PUBLICATION {scene.publication}",
                 f"ALTER PUBLICATION {scene.publication} SET (publish = 'insert, delete')",
                 f"ALTER PUBLICATION {scene.publication} DROP TABLE outbox.event",
                 f"ALTER PUBLICATION {scene.publication} SET TABLE outbox.event (id, payload)",
                 f"ALTER PUBLICATION {scene.publication} ADD TABLE outbox.topic",
                 f"DROP PUBLICATION {scene.publication};"
                 f" CREATE PUBLICATION {scene.publication} FOR TABLE outbox.event"
                 " WITH (publish = 'insert')",
                 f"DROP PUBLICATION {scene.publication};"
                 f" CREATE PUBLICATION {scene.publication} FOR ALL TABLES"
                 " WITH (publish = 'insert', publish_via_partition_root)"):
        scene.sql(harm)
        relay = scene.relay(f"relay-{len(scene.daemons)}").start(ready=False)
        assert relay.wait_exit() == exits["EXIT_PUBLICATION"], f"{harm}\n{relay.log()}"
        assert len(relay.problems()) == 1, relay.problems()
        scene.initialize()
    scene.relay("mended").start()


def test_two_relays_of_one_database(scene):
    """Two slots, two prefixes of topics, every event in both."""
    event_topics = {}
    for name in ("a", "b"):
        options = {"postgres.slot": f"{scene.slot}_{name}",
                   "topics.pattern": f"{scene.prefix}.{name}.{{aggregatetype}}"}
        scene.initialize(**options)
        scene.relay(name, **options).start()
        event_topics[name] = f"{scene.prefix}.{name}.t"
    events = [scene.emit("t", "k") for _ in range(5)]
    for topic in event_topics.values():
        until(lambda t=topic: scene.broker.partitions(t), f"{topic} is there")
        with scene.broker.reader(topic) as reader:
            assert [r.id for r in reader.some(5)] == events
    sources = {row[0] for row in scene.sql("SELECT source_id FROM outbox.relay")}
    assert len(sources) == 2


def test_a_slot_of_another_database_is_left_alone(make_scene, source, broker, exits):
    """Nobody is told to drop it, and nothing is made that would stay behind."""
    one, other = (make_scene(source, None, broker) for _ in range(2))
    one.initialize()
    init = other.init(**{"postgres.slot": one.slot})
    assert init.status == exits["EXIT_NOT_INITIALIZED"], init
    assert "of this database" in init.output and "postgres.slot" in init.output and "rop" not in init.output, init
    assert other.sql("SELECT count(*) FROM pg_publication") == [(0,)]
    other.initialize()
    assert len(other.sql("SELECT * FROM pg_replication_slots WHERE slot_name = %s", (one.slot,))) == 1


def test_help_and_version(scene):
    for words in (("--help",), ("--version",), ("init", "--help"), ("run", "--help")):
        relay = scene.relay("asked" + "".join(words), command=words)
        relay.start(ready=False)
        assert relay.wait_exit(10) == 0, words
        assert re.search(r"(?i)outbox-relay", relay.log())


def test_init_says_that_kafka_is_away(make_scene, source, own_broker):
    scene = make_scene(source, None, own_broker)
    own_broker.stop()
    command = scene.init()
    assert command.status == 0, command
    assert own_broker.servers in command.output and "doesn't answer" in command.output
    own_broker.restart()

    def answered():
        again = scene.init()
        assert again.status == 0, again
        return "doesn't answer" not in again.output
    # It is asked for some seconds only, and may not be that quick yet.
    until(answered, "Kafka answers")


def test_the_slot_can_be_copied_to_standbys(scene):
    """Where the server knows of it, unless told otherwise; elsewhere both mean the same."""
    for arguments, wanted in (((), True), (("--no-failover",), False)):
        slot = f"{scene.slot}_{wanted}".lower()
        scene.initialize(*arguments, **{"postgres.slot": slot})
        row, problem = scene.sql(
            "SELECT to_jsonb(s), failover_problem FROM pg_replication_slots AS s"
            " JOIN outbox.status USING (slot_name) WHERE slot_name = %s", (slot,))[0]
        if scene.sql("SHOW server_version_num")[0][0] >= "170000":
            assert row["failover"] is wanted
            assert ("without failover" in problem) is not wanted
        else:
            assert "failover" not in row and "PostgreSQL 17" in problem


# Operators that fit better than the server's own, for what is said without a schema.
TRAPS = ("oid, int4", "oid, regnamespace", "oid, regclass", "name, text")


def test_what_others_create_on_the_search_path_is_not_used(scene):
    """public is as it was before PostgreSQL 15: everybody may create there what the commands would come to."""
    other = f"{scene.database}_other"
    scene.sql(f"CREATE ROLE {other}; GRANT CREATE ON SCHEMA public TO {other};"
              "CREATE TABLE public.caught (who name, what text); GRANT INSERT ON public.caught TO PUBLIC")
    try:
        for pair in TRAPS:
            left, right = pair.split(", ")
            scene.sql(f"SET ROLE {other}; CREATE FUNCTION public.trap({pair}) RETURNS bool LANGUAGE plpgsql AS $$BEGIN"
                      f" INSERT INTO public.caught VALUES (current_user, '{pair}');"
                      " RETURN $1::text OPERATOR(pg_catalog.=) $2::text; END$$;"
                      f"CREATE OPERATOR public.= (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = public.trap)")
        # It is a trap.
        assert scene.sql("SELECT 1 WHERE 1::oid = 1::int4") == [(1,)]
        assert {what for _, what in scene.sql("DELETE FROM public.caught RETURNING *")} == {"oid, int4"}
        existing_rows(scene, 3)
        scene.initialize("--existing=publish", "--wal-messages=on")
        for command in (("peek",), ("teardown", "--yes", "--force")):
            done = run_once(scene.relay(command[0], command=command))
            assert done.status == 0, done
        assert scene.sql("SELECT * FROM public.caught") == []
    finally:
        scene.sql(f"DROP OWNED BY {other} CASCADE; DROP ROLE {other}")
