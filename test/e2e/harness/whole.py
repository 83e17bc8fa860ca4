"""What a reader of committed records must find: each transaction whole or not at all, and once."""
import json
from collections import defaultdict

from .wait import until


def exactly(scene, **more):
    """Options of a relay that publishes exactly once, with a position topic of this scene."""
    return {"delivery": "exactly-once", "transaction.position.topic": scene.prefix + ".position", **more}


def by_transaction(ledger):
    """{end LSN: ids} of all that was committed up to now."""
    found = defaultdict(set)
    for event in ledger.committed():
        found[event.end_lsn].add(event.id)
    return found


def torn(ledger, records):
    """The transactions of which there is a part, and another is not."""
    there = {record.id for record in records}
    return [ids for ids in by_transaction(ledger).values() if ids & there and ids - there]


def check_once(records):
    ids = [record.id for record in records]
    assert len(set(ids)) == len(ids), f"{len(ids) - len(set(ids))} of {len(ids)} events are there twice"


def check_whole(scene, ledger, *types):
    """At rest, with the relay dead or alive: Kafka may still be ending a transaction."""
    def quiet():
        records = scene.broker.read(*[scene.topic(t) for t in types])
        check_once(records)
        return [records] if not torn(ledger, records) else None
    return until(quiet, "no transaction is there in part", 60)[0]


def check_complete(ledger, rolled_back=(), timeout=120):
    """Everything is there, once, in order."""
    records = ledger.wait_in_topics(timeout)
    check_once(records)
    assert len(ledger.check_topics(records, rolled_back)) == len(records)
    assert not torn(ledger, records)
    return records


def position(scene):
    """The last one that the position topic says of this scene's relay, and how many there are."""
    records = scene.broker.read(scene.prefix + ".position")
    texts = [record.value.decode() for record in records if record.key.decode().endswith("/" + scene.slot)]
    return (texts[-1] if texts else None), len(texts)


def state(relay):
    """What /status says; "" when nobody answers."""
    status, text = relay.http("/status")
    return json.loads(text)["state"] if status == 200 else ""
