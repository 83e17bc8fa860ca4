"""What differs between what was committed, what is in the topics and what is in the target.

Pure: a History in, Anomalies out.  Where there is one, a class has the name that Jepsen gives it (its workloads for
Kafka and for sets, and Adya's classes as Elle names them); "at least once" and "exactly once" differ in one: what is
there twice in a topic is an anomaly only where it was promised not to be.

An event is known by its tag, which no other attempt to write an event has: one that was rolled back and written anew
has another.  Records are given in the order of each partition, rows of the target in the order in which they were
applied.
"""
from collections import Counter, defaultdict
from dataclasses import dataclass, field

EXAMPLES = 5        # of each class that are told

# class: what it says.  Those of Jepsen: lost-write, duplicate, unexpected, nonmonotonic, inconsistent; of Adya: G1a;
# of Bailis' Read Atomic: fractured-read.
TOPIC = {
    "lost-write": "committed, and not in its topic",
    "G1a": "aborted read: published, and rolled back",
    "unexpected": "in a topic, and written by nobody",
    "corrupt": "not as it was written: topic, key, value or id",
    "duplicate": "there twice, where it is promised once",
    "inconsistent-duplicate": "a repetition that differs from the first occurrence",
    "nonmonotonic-key": "the first occurrence is behind one of the same key that was written later",
    "nonmonotonic-commit": "the first occurrence is behind one of the same partition that was committed later",
    "nonmonotonic-position": "the position is not above that of the first occurrence before it",
    "split-key": "a key in two partitions",
    "fractured-read": "a transaction of which a part is there",
}
TARGET = {
    "lost-write": "committed, and not applied",
    "G1a": "aborted read: applied, and rolled back",
    "unexpected": "applied, and written by nobody",
    "duplicate": "applied twice",
    "nonmonotonic-key": "applied behind one of the same key that was written later",
    "nonmonotonic-commit": "applied behind one of the same partition that was committed later",
    "inexact-replay": "the state of a key is not what all of its events come to",
}
CLASSES = {**{f"topic/{name}": text for name, text in TOPIC.items()},
           **{f"target/{name}": text for name, text in TARGET.items()}}


@dataclass(frozen=True)
class Event:
    """What was committed: the events of one transaction have its place in commit order, and rise in their ordinals."""

    tag: str
    txn: int
    ordinal: int
    topic: str
    key: str            # None: it has none
    value: str
    id: str = None      # None: whoever wrote it doesn't know

    @property
    def place(self):
        return self.txn, self.ordinal


@dataclass(frozen=True)
class Record:
    """What a reader of a topic gets; position is what can be compared, or None."""

    tag: str            # None: it has none that could be read
    topic: str
    partition: int
    offset: int
    key: str
    value: str
    id: str
    position: tuple
    replayed: bool = False      # sent again on purpose: it has no position and no place in an order

    def __str__(self):
        return f"{self.tag} at {self.topic}/{self.partition}@{self.offset}"


@dataclass(frozen=True)
class Row:
    """What was applied, with the partition that it came from."""

    tag: str
    topic: str
    partition: int

    def __str__(self):
        return f"{self.tag} of {self.topic}/{self.partition}"


@dataclass
class History:
    committed: list                             # Event
    tried: set = field(default_factory=set)     # what stands before the last "-" of the tags that somebody tried to write
    records: list = field(default_factory=list)
    applied: list = None                        # None: nobody looked
    state: dict = None                          # {(topic, key): (number of events, tag of the last)}; None: nobody looked
    once: bool = False                          # exactly once is promised, to readers of committed records
    complete: bool = True                       # it is at rest: what isn't there never comes
    split: set = field(default_factory=set)     # commit LSNs of transactions that the relay said it publishes in parts
    lost: set = field(default_factory=set)      # tags of what is lost with its server: committed, and in a topic or not


class Anomalies:
    """How many of each class, and some of them."""

    def __init__(self):
        self.counts = Counter()
        self.examples = defaultdict(list)
        self.duplicates = 0         # further occurrences in the topics, allowed or not

    def add(self, kind, text):
        assert kind in CLASSES, kind
        self.counts[kind] += 1
        if len(self.examples[kind]) < EXAMPLES:
            self.examples[kind].append(str(text))

    def __bool__(self):
        return bool(self.counts)

    def __repr__(self):
        return "; ".join(f"{kind} {number}: {', '.join(self.examples[kind])}"
                         for kind, number in sorted(self.counts.items())) or "none"

    def of_all(self):
        """{class: number}, those that are 0, too."""
        return {kind: self.counts[kind] for kind in CLASSES}


def find(history):
    found = Anomalies()
    known = {event.tag: event for event in history.committed}
    assert len(known) == len(history.committed), "two events have one tag"
    first = _first_occurrences(history, known, found)
    _check_order(first, known, found, "topic")
    _check_positions(first, found)
    replayed = {record.tag for record in _replayed(history, known, found)}
    there = replayed | {record.tag for record in first}
    if history.complete:
        for tag in known.keys() - there - history.lost:
            found.add("topic/lost-write", tag)
    if history.once:
        _check_whole(history, there, _split_transactions(history, known), found)
    if history.applied is not None:
        _check_target(history, known, there, replayed, found)
    if history.state is not None:
        _check_state(history, known, there, replayed, found)
    return found


def _nobody_wrote(history, tag):
    """The class of what isn't committed."""
    return "G1a" if tag is not None and tag.rpartition("-")[0] in history.tried else "unexpected"


# -- topics -------------------------------------------------------------------

def _first_occurrences(history, known, found):
    """Of what was committed, in the order in which they were given."""
    seen = {}
    for record in history.records:
        event = known.get(record.tag)
        if record.replayed and event is not None:
            continue
        if event is None:
            found.add("topic/" + _nobody_wrote(history, record.tag), record)
            continue
        before = seen.get(record.tag)
        if before is None:
            seen[record.tag] = record
            _check_content(record, event, found)
            continue
        found.duplicates += 1
        if history.once:
            found.add("topic/duplicate", record)
        if any(getattr(before, what) != getattr(record, what)
               for what in ("topic", "partition", "key", "value", "id", "position")):
            found.add("topic/inconsistent-duplicate", f"{record}, first {before}")
    return list(seen.values())


def _replayed(history, known, found):
    """What was sent again on purpose, of what was committed; as it was written, and that is all that is promised."""
    records = [record for record in history.records if record.replayed and record.tag in known]
    for record in records:
        _check_content(record, known[record.tag], found)
    return records


def _check_content(record, event, found):
    for what in ("topic", "key", "value", "id"):
        wanted = getattr(event, what)
        if getattr(record, what) != wanted and not (what == "id" and wanted is None):
            found.add("topic/corrupt", f"{what} of {record}: {getattr(record, what)!r}, not {wanted!r}")


def _check_order(items, known, found, where):
    """Of records or rows that are there for the first time and were committed."""
    of_partition, of_key, home = {}, {}, {}
    for item in items:
        event = known[item.tag]
        partition = item.topic, item.partition
        if event.key is not None:
            key = event.topic, event.key
            _rises(of_key, key, event, f"{item} of key {event.key}", found, f"{where}/nonmonotonic-key")
            if home.setdefault(key, partition) != partition and where == "topic":
                found.add("topic/split-key", f"{item} of key {event.key}, before in {home[key]}")
        _rises(of_partition, partition, event, item, found, f"{where}/nonmonotonic-commit")


def _rises(last, place, event, text, found, kind):
    before = last.get(place)
    if before is not None and before.place >= event.place:
        found.add(kind, f"{text} behind {before.tag}")
    else:
        last[place] = event


def _check_positions(first, found):
    last = {}
    for record in first:
        place = record.topic, record.partition
        if record.position is None:
            found.add("topic/corrupt", f"no position: {record}")
        elif place in last and last[place].position >= record.position:
            found.add("topic/nonmonotonic-position", f"{record} behind {last[place]}")
        else:
            last[place] = record


def _split_transactions(history, known):
    """Those whose records have a commit LSN that the relay named."""
    return {known[record.tag].txn for record in history.records
            if record.tag in known and record.position is not None and record.position[1] in history.split}


def _check_whole(history, there, split, found):
    """Where a transaction was published in parts, as the relay said, a part may be all that is there."""
    parts = defaultdict(lambda: [0, 0])
    for event in history.committed:
        parts[event.txn][event.tag in there] += 1
    for txn, (missing, present) in sorted(parts.items()):
        if missing and present and txn not in split:
            found.add("topic/fractured-read", f"transaction {txn}: {present} of {missing + present} events")


# -- the target ----------------------------------------------------------------

def _check_target(history, known, there, replayed, found):
    seen = set()
    first = []
    for row in history.applied:
        if row.tag not in known:
            found.add("target/" + _nobody_wrote(history, row.tag), row)
        elif row.tag in history.lost and row.tag not in there:
            found.add("target/unexpected", f"{row}, which no topic has")
        elif row.tag in seen:
            found.add("target/duplicate", row)
        else:
            seen.add(row.tag)
            first.append(row)
    _check_order([row for row in first if row.tag not in replayed], known, found, "target")
    if history.complete:
        for tag in known.keys() - seen - (history.lost - there):
            found.add("target/lost-write", tag)


def _check_state(history, known, there, replayed, found):
    """It was made by folding; here the events are folded again, from what was committed alone."""
    wanted = {}
    # In several partitions, or out of order on purpose: which of them was the last doesn't matter.
    unordered = {(known[tag].topic, known[tag].key) for tag in replayed}
    for event in sorted(history.committed, key=lambda e: e.place):
        if event.tag in history.lost and event.tag not in there:
            continue
        place = event.topic, event.key
        wanted[place] = (wanted.get(place, (0,))[0] + 1, event.tag)
    for place in sorted(wanted.keys() | history.state.keys(), key=str):
        mine, theirs = (w if w is None or place[1] is not None and place not in unordered else w[:1]
                        for w in (wanted.get(place), history.state.get(place)))
        if mine != theirs:
            found.add("target/inexact-replay", f"{place}: {theirs}, not {mine}")
