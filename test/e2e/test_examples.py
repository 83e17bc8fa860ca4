"""The handlers of examples/, as they are but for the names of the topics."""
import os
import uuid

import pytest

from harness import paths
from harness.daemon import run_once
from harness.feed import Feed
from harness.wait import until

FOLDER = os.path.join(paths.TOP, "examples")


def read(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


@pytest.fixture
def stage(make_scene, target, broker):
    scene = make_scene(None, target, broker)
    scene.target_sql(read("warehouse.sql"))
    return scene


def consumer(stage, command):
    made = stage.consumer(command, command=(command,))
    with open(made.config_path, "w", encoding="utf-8") as file:
        file.write(read("warehouse.ini").replace("outbox.event.", stage.topic("")))
    return made


def put(stage, kind, *events):
    """(key, type, value) each."""
    feed = Feed(stage, kind, partitions=1)
    for n, (key, event_type, value) in enumerate(events):
        feed.put(0, value, key=key, id=str(uuid.uuid4()), position=f"example/1.1/0/{n + 1:X}/0",
                 headers=[("type", event_type), ("note", b"by hand")])
    feed.flush()


def test_the_warehouse(stage, exits):
    checked = run_once(consumer(stage, "check"))
    assert checked.status == exits["EXIT_FINDINGS"] and checked.output.count(": ok") == 5, checked
    put(stage, "driver", ("7", "moved", b'{"lat": 1, "lon": 2}'), ("8", "moved", b'{"lat": 3, "lon": 4}'),
        ("7", "moved", b'{"lat": 5, "lon": 6}'), ("8", "gone", None))
    put(stage, "order", ("a", "created", b'{"total": 10}'), ("b", "created", b'{"total": 20}'),
        ("a", "changed", b'{"total": 11.5}'), ("b", "deleted", None), ("c", "deleted", None))
    put(stage, "stock", ("bolt", "received", b'{"amount": 5}'), ("nut", "shipped", b'{"amount": 1}'),
        ("bolt", "shipped", b'{"amount": 2}'), ("bolt", "shipped", b'{"amount": 9}'), ("bolt", "counted", b"{}"))
    put(stage, "label", ("bolt", "made", b"\x00\xff"), ("nut", "made", b"\x01"), ("nut", "lost", None))
    daemon = consumer(stage, "run").start()

    def settled():
        return stage.target_sql("SELECT count(*), sum(next_offset)::int FROM outbox_inbox.progress")[0] == (4, 17)
    until(settled, "all events are dealt with")
    assert stage.target_sql("SELECT driver_id, lat, lon FROM driver_location ORDER BY 1") == [("7", 5, 6)]
    assert stage.target_sql("SELECT driver_id, payload->>'lat' FROM location_history ORDER BY payload->>'lat'") == [
        ("7", "1"), ("8", "3"), ("7", "5")]
    assert stage.target_sql("SELECT id, total::text, note FROM orders") == [("a", "11.5", "by hand")]
    assert stage.target_sql("SELECT * FROM stock") == [("bolt", 3)]
    assert stage.target_sql("SELECT * FROM label") == [("bolt", b"\x00\xff")]
    assert stage.target_sql("SELECT convert_from(key, 'UTF8') FROM outbox_inbox.dead_letter WHERE letter_topic IS NULL") == []
    assert [row[0] for row in stage.target_sql("SELECT sqlstate FROM outbox_inbox.dead_letter ORDER BY number")] == ["P0001", "23514"]
    assert daemon.running()
    # The nut comes after all.
    stage.target_sql("INSERT INTO stock VALUES ('nut', 4)")
    redriven = run_once(consumer(stage, "redrive"))
    assert "applied: 1," in redriven.output and "stay: 1" in redriven.output, redriven
    assert stage.target_sql("SELECT * FROM stock ORDER BY 1") == [("bolt", 3), ("nut", 3)]
    checked = run_once(consumer(stage, "check"))
    assert checked.status == 0 and checked.output.count("reads topic") == 5, checked
