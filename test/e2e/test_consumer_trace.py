"""outbox-consumer: the trace of the events is in the transaction that applies them."""
import uuid

import pytest

from harness.feed import Feed
from harness.wait import until

# What the transaction says of itself, into the table and into the server's log.
TELLING = ("INSERT INTO applied (id, topic, partition, key, payload) SELECT id::text, topic, partition, key,"
           " tell(payload::text) FROM batch ORDER BY ordinality")
TELL = """
    CREATE FUNCTION tell(payload text) RETURNS text LANGUAGE plpgsql AS $$
    BEGIN
        RAISE LOG 'applies %', payload;
        RETURN coalesce(current_setting('outbox.traceparent', true), '') || '/'
            || current_setting('application_name');
    END $$"""
HOSTILE = [b"", b"00", b"'; DROP TABLE applied; --", b"x" * 55, b" " * 55, b"%s%n" * 14, b"x" * 20000, b"\xff\x00\n" * 20,
           b"00-00000000000000000000000000000000-b7ad6b7169203331-01",
           b"00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
           b"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\nFATAL:  not so",
           b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333\x00-01"]


def trace(number, sampled=True):
    return f"00-{number:032x}-{number:016x}-{'01' if sampled else '00'}"


@pytest.fixture
def stage(make_scene, own, broker):
    target = own.cluster("target", {"wal_level": "replica", "log_line_prefix": "%m [%p] %q<%a> "})
    scene = make_scene(None, target, broker)
    scene.target_sql(TELL)
    scene.apply_all("t", sql=TELLING)
    return scene


def put(feed, traceparent, name="traceparent"):
    """An event with that header, in the books; its number."""
    number = feed.total
    event = str(uuid.UUID(int=(0x7 << 76) | (0x8 << 60) | number))
    feed.total += 1
    feed.sent[0].append(event)
    feed.put(0, b"%d" % number, id=event, position=f"feed/1.1/0/{number + 1:X}/0",
             headers=[] if traceparent is None else [(name, traceparent)])
    return number


def told(stage):
    """What each transaction's events were told, in order: [[text, ...], ...]"""
    return [row[0] for row in stage.target_sql(
        "SELECT array_agg(payload ORDER BY n) FROM applied GROUP BY xmin::text ORDER BY min(n)")]


def logged(stage):
    """{number of an event: application_name of the line that tells of it}"""
    found = {}
    with open(stage.target.log_path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if "LOG:  applies " in line:
                found[int(line.rsplit(" ", 1)[1])] = line.partition("<")[2].partition(">")[0]
    return found


def test_the_servers_log_shows_it(stage):
    feed = Feed(stage, partitions=1)
    sent = [None, trace(1, False), trace(2), trace(3), None, trace(5, False)]
    for traceparent in sent:
        put(feed, traceparent)
    put(feed, trace(7), "ce_traceparent")
    sent.append(trace(7))
    feed.flush()
    consumer = stage.consumer().start()
    feed.wait_applied()
    batches, at, shown = told(stage), 0, logged(stage)
    for batch in batches:
        events = [t for t in sent[at:at + len(batch)] if t is not None]
        expected = next((t for t in events if t.endswith("1")), events[0] if events else None)
        assert batch == [f"{expected}/{expected}" if expected else "/outbox-consumer"] * len(batch)
        assert [shown[n] for n in range(at, at + len(batch))] == [expected or "outbox-consumer"] * len(batch)
        at += len(batch)
    assert at == len(sent) and max(map(len, batches)) > 1
    # The next transaction begins without.
    put(feed, None)
    feed.flush()
    feed.wait_applied()
    assert told(stage)[-1] == ["/outbox-consumer"]
    assert not consumer.problems()


def test_what_is_no_traceparent_gets_nowhere(stage):
    feed = Feed(stage, partitions=1)
    for text in HOSTILE:
        put(feed, text)
    put(feed, "01-" + trace(9)[3:] + "-of-a-later-version")
    feed.flush()
    consumer = stage.consumer(**{"batch.max_records": "1"}).start()
    feed.wait_applied()
    later = "01-" + trace(9)[3:]
    assert told(stage) == [["/outbox-consumer"]] * len(HOSTILE) + [[f"{later}/{later}"]]
    assert list(logged(stage).values()) == ["outbox-consumer"] * len(HOSTILE) + [later]
    assert "DROP TABLE" not in consumer.log() and not consumer.problems()


@pytest.mark.parametrize("where, expected", [("setting", trace(1) + "/outbox-consumer"), ("off", "/outbox-consumer")])
def test_where_it_goes(stage, where, expected):
    feed = Feed(stage, partitions=1)
    put(feed, trace(1))
    feed.flush()
    consumer = stage.consumer(**{"target.traceparent": where}).start()
    feed.wait_applied()
    assert told(stage) == [[expected]]
    assert logged(stage) == {0: "outbox-consumer"}
    assert not consumer.problems()


def test_an_event_that_fails_is_logged_with_its_own_trace(stage, exits):
    """The batch is halved until it is alone."""
    stage.target_sql("ALTER TABLE applied ADD CHECK (payload NOT LIKE '%/never')")
    stage.handlers[stage.topic("t")]["sql"] = TELLING.replace(
        "tell(payload::text)", "tell(payload::text) || CASE WHEN payload::text = '5' THEN '/never' ELSE '' END")
    feed = Feed(stage, partitions=1)
    for number in range(10):
        put(feed, trace(number + 1))
    feed.flush()
    stage.handlers[stage.topic("t")]["on_error"] = "stop"
    consumer = stage.consumer().start(ready=False)
    assert consumer.wait_exit() == exits["EXIT_DATA"], consumer.log()
    until(lambda: "violates check constraint" in stage.target.log_tail(), "the server logged it")
    with open(stage.target.log_path, encoding="utf-8", errors="replace") as file:
        errors = [line for line in file if "violates check constraint" in line and "ERROR:" in line]
    assert f"<{trace(6)}>" in errors[-1], errors
