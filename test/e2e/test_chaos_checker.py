"""The checker of the chaos runs, without a server: each class of anomaly in a history made by hand, and what is no anomaly."""
from dataclasses import replace

import pytest

from anomalies import CLASSES, Event, History, Record, Row, find
from truth import Place, Truth

TOPICS = ("a", "b")
PARTITIONS = 2


def tag(txn, ordinal):
    return f"w-{txn}-{ordinal}"


def partition_of(key):
    return sum(key.encode()) % PARTITIONS


def event(txn, ordinal):
    """Each transaction has one of topic a and two of topic b, with keys that come again and again."""
    topic = TOPICS[ordinal > 0]
    return Event(tag(txn, ordinal), txn, ordinal, topic, f"k{(txn + ordinal) % 4}", f'{{"tag":"{tag(txn, ordinal)}"}}',
                 f"id-{txn}-{ordinal}")


def record(of, offset=0):
    return Record(of.tag, of.topic, partition_of(of.key), offset, of.key, of.value, of.id, ((1, 1), 100 + of.txn, of.ordinal))


def sound(transactions=12, **more):
    """A history in which all is well, at rest."""
    committed = [event(txn, ordinal) for txn in range(transactions) for ordinal in range(3)]
    records = [record(of, n) for n, of in enumerate(committed)]
    state = {}
    for of in committed:
        state[of.topic, of.key] = (state.get((of.topic, of.key), (0,))[0] + 1, of.tag)
    return History(committed, {f"w-{n}" for n in range(transactions + 20)}, records,
                   [Row(r.tag, r.topic, r.partition) for r in records], state, **more)


def change(items, of, **what):
    """The record or row of that tag is another."""
    place = next(n for n, item in enumerate(items) if item.tag == of)
    items[place] = replace(items[place], **what)


def take(items, of):
    return items.pop(next(n for n, item in enumerate(items) if item.tag == of))


def swap(items, one, other):
    first, second = (next(n for n, item in enumerate(items) if item.tag == of) for of in (one, other))
    items[first], items[second] = items[second], items[first]


def repeated(history):
    """As after a crash of a relay: a run again, as it was."""
    history.records += [replace(r, offset=r.offset + 1000) for r in history.records[-7:]]


@pytest.mark.parametrize("once", (False, True))
def test_nothing_is_wrong(once):
    history = sound(once=once)
    found = find(history)
    assert not found and found.duplicates == 0 and set(found.of_all()) == set(CLASSES)
    assert not find(History([], once=once, applied=[], state={}))


def test_repetitions_are_counted_where_they_are_allowed():
    history = sound()
    repeated(history)
    found = find(history)
    assert not found and found.duplicates == 7


def test_what_is_under_way_is_not_lost():
    history = sound(complete=False, once=True)
    history.records = history.records[:18]
    history.applied, history.state = history.applied[:12], None
    assert not find(history)


def test_a_transaction_that_was_split_may_be_there_in_part():
    history = sound(complete=False, once=True)
    history.records = history.records[:19]
    history.applied = history.state = None
    assert find(history).counts == {"topic/fractured-read": 1}
    history.split = {100 + 6}
    assert not find(history)
    history.split = {100 + 5}
    assert find(history).counts == {"topic/fractured-read": 1}


def replay(history, *tags):
    """They are missing, and come again at the end, in any order."""
    records = [take(history.records, of) for of in tags]
    rows = [take(history.applied, of) for of in tags]
    history.records += [replace(r, position=None, replayed=True) for r in reversed(records)]
    history.applied += rows[::-1]
    for topic, key in {(r.topic, r.key) for r in records}:
        history.state[topic, key] = history.state[topic, key][0], records[0].tag


@pytest.mark.parametrize("once", (False, True))
def test_what_was_replayed_has_no_place_and_is_not_doubled(once):
    """What is promised of it is that it is there, as it was written, and applied once."""
    history = sound(once=once)
    replay(history, tag(3, 0), tag(3, 1), tag(3, 2), tag(7, 0))
    history.records.append(replace(history.records[0], position=None, replayed=True))
    assert not find(history)
    change(history.records, tag(7, 0), value="{}")
    assert find(history).counts == {"topic/corrupt": 1}
    history.applied.append(history.applied[-1])
    assert find(history).counts == {"topic/corrupt": 1, "target/duplicate": 1}
    history.records.append(replace(history.records[0], tag=ABORTED, replayed=True))
    assert find(history).counts["topic/G1a"] == 1


def test_a_replay_excuses_nothing_else():
    history = sound()
    replay(history, tag(3, 0))
    swap(history.records, tag(5, 0), tag(9, 0))
    assert find(history).counts["topic/nonmonotonic-key"] == 1
    history.state["b", "k1"] = (1, "w-0-1")
    assert find(history).counts["target/inexact-replay"] == 1


def test_what_is_lost_with_its_server_may_be_there_or_not():
    """Of the last of k1 in topic a: published and applied, or neither; and what is there is there in order, once."""
    last = tag(9, 0)
    history = sound(lost={last})
    assert not find(history)
    history.applied.append(Row(last, "a", partition_of("k1")))
    assert find(history).counts == {"target/duplicate": 1}
    history = sound(lost={last})
    take(history.applied, last)
    assert find(history).counts == {"target/lost-write": 1}
    take(history.records, last)
    assert find(history).counts == {"target/inexact-replay": 1}
    history.state["a", "k1"] = 2, tag(5, 0)
    assert not find(history)
    history.applied.append(Row(last, "a", partition_of("k1")))
    assert find(history).counts == {"target/unexpected": 1}
    history.lost = set()
    assert find(history).counts.keys() >= {"topic/lost-write", "target/inexact-replay"}


class Server:
    """Has committed these tags, each in a transaction of its own, and answers what Truth asks."""

    def __init__(self, *tags):
        self.tags = tags

    def query(self, _database, statement, _parameters=None):
        if "slot_get_changes" in statement:
            return [row for lsn, of in enumerate(self.tags) for row in (([of], None), (None, lsn))]
        if statement.startswith("SELECT tag FROM"):
            return [(of,) for of in self.tags]
        return [(of, 0, "a", "k", "{}", of) for of in self.tags]


def truth_after_a_failover(former, standby, ahead):
    place = Place(former, "database")
    place.slot, place.topic = "slot", str
    truth = Truth(place, ahead)
    assert [event.tag for event in truth.committed()] == list(former.tags)
    truth.move(former, standby)
    place.server = standby
    return truth


@pytest.mark.parametrize("ahead", (False, True))
def test_what_a_standby_lacked(ahead):
    """Where nothing was published before the standby had it, that is as if it had been rolled back."""
    truth = truth_after_a_failover(Server("w-1-1", "w-2-1", "w-3-1"), Server("w-1-1", "w-2-1"), ahead)
    assert truth.lost.keys() == {"w-3-1"}
    truth.scene.server.tags += ("w-4-1",)
    history = History(truth.committed(), {f"w-{n}" for n in range(9)}, once=True, lost=truth.excused())

    def of(*numbers):
        history.records = [Record(f"w-{n}-1", "a", 0, n, "k", "{}", f"w-{n}-1", ((1, 1), n, 0)) for n in numbers]
        return find(history).counts
    assert of(1, 2, 4) == {}
    assert of(1, 2, 3, 4) == ({} if ahead else {"topic/G1a": 1})
    assert of(1, 3, 4) == ({"topic/lost-write": 1} if ahead else {"topic/lost-write": 1, "topic/G1a": 1})


def test_a_standby_has_nothing_of_its_own():
    with pytest.raises(AssertionError, match="never committed"):
        truth_after_a_failover(Server("w-1-1"), Server("w-1-1", "w-2-1"), True)


def test_the_order_of_events_without_a_key_is_that_of_their_partition():
    history = sound()
    for n, of in enumerate(history.committed):
        history.committed[n] = replace(of, key=None)
    history.records = [replace(r, key=None) for r in history.records]
    history.state = {("a", None): (12, "w-3-0"), ("b", None): (24, "w-5-1")}
    assert not find(history)
    swap(history.records, tag(4, 0), tag(8, 0))
    assert find(history).counts.keys() == {"topic/nonmonotonic-commit", "topic/nonmonotonic-position"}


def two_of(history, same_key):
    """Tags of two events, of different transactions, in one partition."""
    for one in history.committed:
        for other in history.committed:
            if one.txn < other.txn and one.topic == other.topic and partition_of(one.key) == partition_of(other.key) \
                    and (one.key == other.key) == same_key:
                return one.tag, other.tag
    raise AssertionError("the history is too small")


ABORTED, FOREIGN = "w-17-0", "x-1-0"
OUT_OF_ORDER = {"nonmonotonic-commit"}


# What is done to a sound history, and the classes that have to be found in it, and no others.
ANOMALIES = {
    "topic/lost-write": (lambda h: take(h.records, tag(5, 1)), ()),
    "topic/G1a": (lambda h: h.records.append(replace(h.records[0], tag=ABORTED)), ()),
    "topic/unexpected": (lambda h: h.records.append(replace(h.records[0], tag=FOREIGN)), ()),
    "topic/duplicate": (repeated, ()),
    "topic/inconsistent-duplicate": (lambda h: h.records.append(replace(h.records[7], id="another")), ()),
    "topic/corrupt": (lambda h: change(h.records, tag(3, 1), value="{}"), ()),
    "topic/nonmonotonic-key": (lambda h: swap(h.records, *two_of(h, True)),
                               ("topic/nonmonotonic-commit", "topic/nonmonotonic-position")),
    "topic/nonmonotonic-commit": (lambda h: swap(h.records, *two_of(h, False)),
                                  ("topic/nonmonotonic-key", "topic/nonmonotonic-position")),
    "topic/nonmonotonic-position": (lambda h: change(h.records, tag(6, 0), position=((1, 1), 1, 0)), ()),
    "topic/split-key": (lambda h: change(h.records, tag(11, 0), partition=PARTITIONS), ()),
    "topic/fractured-read": (lambda h: take(h.records, tag(11, 2)), ("topic/lost-write",)),
    "target/lost-write": (lambda h: take(h.applied, tag(5, 1)), ()),
    "target/G1a": (lambda h: h.applied.append(replace(h.applied[0], tag=ABORTED)), ()),
    "target/unexpected": (lambda h: h.applied.append(replace(h.applied[0], tag=None)), ()),
    "target/duplicate": (lambda h: h.applied.append(h.applied[-1]), ()),
    "target/nonmonotonic-key": (lambda h: swap(h.applied, *two_of(h, True)), ("target/nonmonotonic-commit",)),
    "target/nonmonotonic-commit": (lambda h: swap(h.applied, *two_of(h, False)), ("target/nonmonotonic-key",)),
    "target/inexact-replay": (lambda h: h.state.update({("a", "k1"): (3, "w-1-0")}), ()),
}
# Found in these only where once is promised.
ONCE = {"topic/duplicate", "topic/fractured-read"}


def test_every_class_has_its_history():
    assert ANOMALIES.keys() == CLASSES.keys()


@pytest.mark.parametrize("kind", ANOMALIES)
def test_each_class_is_caught(kind):
    do, besides = ANOMALIES[kind]
    history = sound(once=kind in ONCE)
    do(history)
    found = find(history)
    assert found.counts[kind] >= 1 and found.examples[kind], found
    assert found.counts.keys() <= {kind, *besides}, found
    assert kind in repr(found)
    if kind in ONCE:
        history.once = False
        assert find(history).counts[kind] == 0


@pytest.mark.parametrize("what, value", (("topic", "b"), ("key", "other"), ("value", "x"), ("id", "other"), ("position", None)))
def test_what_is_corrupt(what, value):
    history = sound()
    change(history.records, tag(2, 0), **{what: value})
    assert find(history).counts["topic/corrupt"] == 1


@pytest.mark.parametrize("what, value", (("partition", 5), ("key", "other"), ("value", "x"), ("id", "x"),
                                         ("position", ((1, 1), 5, 0))))
def test_what_differs_in_a_repetition(what, value):
    history = sound()
    history.records.append(replace(history.records[4], **{what: value}))
    assert find(history).counts == {"topic/inconsistent-duplicate": 1}


def test_the_id_of_an_event_whose_writer_does_not_know_it():
    history = sound()
    history.committed[0] = replace(history.committed[0], id=None)
    assert not find(history)


@pytest.mark.parametrize("state", ({("a", "k1"): (4, "w-9-0")}, {("a", "k1"): None}, {("c", "k1"): (1, "w-1-0")}))
def test_states_that_are_no_exact_replay(state):
    """A number too high, a key that is missing, one that is too much; k1 of a has 3, and w-9-0 is its last."""
    history = sound()
    assert history.state["a", "k1"] == (3, "w-9-0")
    for place, value in state.items():
        history.state[place] = value
        if value is None:
            del history.state[place]
    assert find(history).counts == {"target/inexact-replay": 1}


def test_a_lost_event_is_not_hidden_by_another():
    """Whole transactions, and the last of all."""
    history = sound(once=True)
    for ordinal in range(3):
        take(history.records, tag(11, ordinal))
    found = find(history)
    assert found.counts == {"topic/lost-write": 3}
