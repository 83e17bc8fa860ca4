"""SQL in keys, types, headers, payloads, ids and names: it comes out as it went in, or is refused, and nobody runs it."""
import json
import re
import uuid

import psycopg
import pytest

from harness.daemon import run_once
from harness.feed import Feed
from harness.wait import until

DROP, CALL = "DROP TABLE victim", "SELECT evil()"
FORMS = ("'; {}; --", '"; {}; --', "\\'; {}; --", "$$; {}; --", "$1'; {}; /*", "'||({})||'", "'); {}; --", "{{{}}}", "E'\\047; {};",
         "\n;{};\n", "/* {} */", "*/ {} --", "`{}`", ":{}", "%s {} %n")
HOSTILE = [form.format(statement) for form in FORMS for statement in (DROP, CALL)] + [
    "", "$1", "$$", "\\", "\\\\", "''", '""', "NULL", "\\N", '{"a",NULL}', "(,)", "[1:2]={a,b}", "\x01\x7f\x1b[2J", "\u202e\U0001f4a5\ufeff",
    "'" * 3000, "\\" * 3001, "x" * 100000 + "'; " + DROP]


def prepare(server, database):
    """What an injection would drop, and what it would call."""
    server.query(database, "CREATE TABLE victim (x int); INSERT INTO victim VALUES (1); CREATE TABLE harmed (by text);"
                           "CREATE FUNCTION evil() RETURNS text LANGUAGE sql AS $$INSERT INTO harmed VALUES ('evil') RETURNING by$$")


def unharmed(server, database):
    assert server.query(database, "SELECT (SELECT count(*) FROM victim), (SELECT count(*) FROM harmed)") == [(1, 0)]


def test_the_trap_works(make_scene, source):
    """What would be found if something were run."""
    scene = make_scene(source)
    prepare(source, scene.database)
    unharmed(source, scene.database)
    scene.sql(CALL)
    with pytest.raises(AssertionError):
        unharmed(source, scene.database)
    scene.sql(DROP)
    with pytest.raises(psycopg.errors.UndefinedTable):
        unharmed(source, scene.database)


@pytest.fixture
def stage(scene):
    for server in {scene.source, scene.target}:
        prepare(server, scene.database)
    scene.target_sql("CREATE TABLE landed (id text, key text, type text, payload text, headers json);"
                     "CREATE TABLE latest (key text PRIMARY KEY, payload text);"
                     "CREATE FUNCTION land(key text, payload text) RETURNS void LANGUAGE plpgsql AS"
                     " $$BEGIN INSERT INTO landed VALUES ('by function', key, '', payload, '{}'); END$$")
    scene.apply_all("t", payload="text", sql="INSERT INTO landed SELECT id::text, key, type, payload, headers FROM batch ORDER BY ordinality")
    scene.apply_all("u", payload="text", sql="INSERT INTO latest SELECT key, payload FROM batch_latest"
                                             " ON CONFLICT (key) DO UPDATE SET payload = excluded.payload")
    scene.apply_all("f", payload="text", sql="SELECT land(key, payload) FROM batch")
    yield scene
    unharmed(scene.source, scene.database)
    unharmed(scene.target, scene.database)


def test_from_a_writer_to_the_target(stage):
    """As rows, as messages and from a captured table: to the byte."""
    stage.sql('CREATE TABLE "x""; DROP TABLE victim; --" ("k\'; SELECT evil(); --" text, "$1" text);'
              """SELECT outbox.attach('"x""; DROP TABLE victim; --"', 'c', key => ARRAY['k''; SELECT evil(); --'])""")
    stage.apply_all("c", payload="text", sql="SELECT land(key, payload) FROM batch")
    stage.initialize("--wal-messages=on")
    relay = stage.relay(**{"poison.policy": "dead-letter", "kafka.message.max.bytes": "700000"}).start()
    sent, rows = {}, []
    with stage.source.connect(stage.database) as connection:
        for number, text in enumerate(HOSTILE):
            connection.execute("SET pg_outbox.storage = " + ("wal" if number % 2 else "'table'"))
            headers = {"own": text[:1000], "traceparent": text[:1000], "h" + text[:200].replace("\x00", ""): "v"}
            payload = json.dumps(text, ensure_ascii=False)
            event = connection.execute("SELECT outbox.emit('t', %s, %s, %s::json, %s::jsonb)",
                                       (text, text, payload, json.dumps(headers))).fetchone()[0]
            sent[str(event)] = (text, text, payload, headers)
            if len(text) < 2000:
                connection.execute("SELECT outbox.emit('u', %s, 'T', %s::json)", (text, payload))
                connection.execute("SELECT outbox.emit('f', %s, 'T', %s::bytea)", (text, text.encode()))
            connection.execute('INSERT INTO "x""; DROP TABLE victim; --" VALUES (%s, %s)', (text, text))
            rows.append(text)
        connection.execute("SET pg_outbox.storage = 'table'")
        letter = connection.execute("SELECT outbox.emit('t', %s, %s, %s::json, %s::jsonb)",
                                    (HOSTILE[0], HOSTILE[1], json.dumps("'" * 800000), json.dumps({"own": HOSTILE[2]}))).fetchone()[0]
    consumer = stage.consumer().start()

    def count(table, condition="true"):
        return stage.target_sql(f"SELECT count(*) FROM {table} WHERE {condition}")[0][0]
    called = sum(len(text) < 2000 for text in HOSTILE) + len(rows)
    until(lambda: count("landed", "id <> 'by function'") >= len(sent) and count("landed", "id = 'by function'") >= called
          and count("latest") >= len({text for text in HOSTILE if len(text) < 2000}),
          lambda: f"all have landed: {consumer.log()[-3000:]}", 60)
    landed = {row[0]: row[1:] for row in stage.target_sql("SELECT id, key, type, payload, headers FROM landed WHERE id <> 'by function'")}
    assert landed == sent
    assert dict(stage.target_sql("SELECT key, payload FROM latest")) == {
        text: json.dumps(text, ensure_ascii=False) for text in HOSTILE if len(text) < 2000}
    by_function = stage.target_sql("SELECT key, payload FROM landed WHERE id = 'by function'")
    assert sorted(row for row in by_function if row[0] == row[1]) == sorted((text, text) for text in HOSTILE if len(text) < 2000)
    captured = [(key, json.loads(payload)["after"]) for key, payload in by_function if key != payload]
    assert sorted(key for key, _ in captured) == sorted(rows)
    assert all(after == {"k'; SELECT evil(); --": key, "$1": key} for key, after in captured)
    # What can't be published is in the table as it is: last, so the relay may still be at it.
    find = "SELECT aggregateid, type, headers FROM outbox.dead_letter WHERE id = %s"
    until(lambda: stage.sql(find, (letter,)), lambda: f"the letter is written: {relay.log()[-3000:]}", 60)
    assert stage.sql(find, (letter,)) == [(HOSTILE[0], HOSTILE[1], {"own": HOSTILE[2]})]
    assert not relay.problems() and not consumer.problems()
    assert relay.stop() == 0 and consumer.stop() == 0


@pytest.mark.parametrize("way", ["emit", "INSERT", "attach"])
def test_a_topic_is_no_statement(make_scene, source, way):
    """The name of a topic is made of letters, digits and three signs, or the writer hears of it."""
    scene = make_scene(source)
    prepare(source, scene.database)
    scene.sql("CREATE TABLE orders (id int PRIMARY KEY)")
    statement = {"emit": "SELECT outbox.emit(%s, 'k', 'T', '{}'::json)",
                 "INSERT": "INSERT INTO outbox.event (aggregatetype, payload) VALUES (%s, '{}')",
                 "attach": "SELECT outbox.attach('orders', %s)"}[way]
    for text in HOSTILE:
        if re.fullmatch("[A-Za-z0-9._-]+", text):
            continue
        with pytest.raises(psycopg.Error) as refusal:
            scene.sql(statement, (text,))
        assert refusal.value.sqlstate == "22023", (text, refusal.value)
    unharmed(source, scene.database)


def test_names_and_arguments(stage, exits):
    """Of what the programs make and look for."""
    name = "p\"; DROP TABLE victim; --'\\"
    stage.publication = name
    relay = stage.start_relay()
    event = stage.emit("t", "k")
    topic = stage.topic("t")
    until(lambda: stage.broker.partitions(topic), "the topic is there")
    with stage.broker.reader(topic) as reader:
        assert reader.some(1)[0].id == event
    assert stage.sql("SELECT count(*) FROM pg_publication WHERE pubname = %s", (name,)) == [(1,)]
    group = f"{stage.prefix}'; SELECT evil(); --\" \\"
    consumer = stage.consumer(**{"consumer.group": group, "dead_letter.topic": ""}).start()
    until(lambda: stage.target_sql("SELECT id FROM landed") == [(event,)], "it is applied")
    assert stage.target_sql("SELECT DISTINCT group_name FROM outbox_inbox.progress") == [(group,)]
    assert consumer.stop() == 0 and relay.stop() == 0
    for number, text in enumerate(HOSTILE[:6]):
        for command in ("replay", "verify"):
            done = run_once(stage.relay(f"{command}{number}", command=(command, f"--aggregate={text}")))
            assert done.status in (0, exits["EXIT_CONFIG"]), done
            done = run_once(stage.relay(f"{command}-since{number}", command=(command, f"--since={text}")))
            assert done.status == exits["EXIT_CONFIG"] and "timestamp" in done.output, done
        assert stage.sql("SELECT outbox.redrive(slot => left(%s, 63)::name)", (text,)) == [(0,)]
        refused = run_once(stage.relay(f"slot{number}", command=("init",), **{"postgres.slot": text}))
        assert refused.status == exits["EXIT_CONFIG"] and "slot" in refused.output, refused


def test_records_of_another_producer(stage):
    """Who writes to the topic directly has more ways: bytes that are no text, and headers that only a relay writes."""
    feed = Feed(stage, partitions=1)
    nowhere = [b"\x00", b"'\x00; DROP TABLE victim; --", b"\xff\xfe'; SELECT evil(); --", b"\xc0\xa7; DROP TABLE victim", b"\xed\xa0\x80'"]
    sent, bad = {}, []
    for number, text in enumerate(HOSTILE):
        short = text.encode()[:60].decode("utf-8", "ignore") + str(number)
        feed.put(0, text.encode(), key=text.encode(), headers=[("id", short), ("type", text), ("own", text[:1000]), ("traceparent", text[:1000])])
        sent[str(2 * number)] = (text, text, text, text[:1000])
        flagged = str(uuid.uuid4())
        feed.put(0, text.encode(), key=b"k", headers=[("id", flagged), ("outbox-replayed", text), ("outbox-created-at", text)])
    for raw in nowhere:
        for which in ("key", "value", "type"):
            event = f"bad-{len(bad)}"
            bad.append(event)
            parts = {"key": b"k", "value": b"{}", "type": b"T", which: raw}
            feed.put(0, parts["value"], key=parts["key"], headers=[("id", event), ("type", parts["type"])])
    feed.flush()
    last = str(2 * len(HOSTILE) + len(bad))
    feed.put(0, b"last", id="last")
    feed.flush()
    stage.handlers[feed.topic]["sql"] = ("INSERT INTO landed SELECT kafka_offset::text, key, type, payload, headers FROM batch ORDER BY ordinality")
    stage.handlers[feed.topic]["replayed"] = "apply"
    stage.handlers[feed.topic]["payload"] = "text"
    consumer = stage.consumer().start()
    until(lambda: stage.target_sql("SELECT 1 FROM landed WHERE id = %s", (last,)), lambda: f"all are passed: {consumer.log()[-3000:]}", 60)
    landed = {row[0]: row[1:] for row in stage.target_sql("SELECT id, key, type, payload, headers ->> 'own' FROM landed")}
    assert {event: landed.get(event) for event in sent} == sent
    letters = stage.target_sql("SELECT event_id, sqlstate, message FROM outbox_inbox.dead_letter ORDER BY number")
    assert [event for event, _, _ in letters] == bad
    assert {sqlstate for _, sqlstate, _ in letters} == {"22021"} and all("invalid byte sequence" in message for _, _, message in letters)
    assert consumer.running() and not consumer.problems()
