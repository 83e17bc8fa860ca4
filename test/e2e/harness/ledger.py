"""The books: what was committed, what is in the topics, what is in the target.

What was committed, and in which order, is told by a second replication slot with
PostgreSQL's own test_decoding plugin, which knows nothing of this project, and
checked against the business rows that the same transactions wrote.
"""
from collections import defaultdict

from .wait import until

_DECODED = r"""
SELECT m, end_lsn
  FROM (SELECT n,
               CASE WHEN data LIKE %s THEN regexp_match(left(data, 2000), %s) END AS m,
               CASE WHEN data LIKE 'COMMIT%%' THEN lsn - '0/0'::pg_lsn END AS end_lsn
          FROM pg_logical_slot_get_changes(%s, NULL, NULL, 'include-xids', 'off',
                                           'skip-empty-xacts', 'on')
               WITH ORDINALITY AS c (lsn, xid, data, n)) AS d
 WHERE m IS NOT NULL OR end_lsn IS NOT NULL
 ORDER BY n
"""

# id, type and key of an event as test_decoding prints them, cut on the server.
_EVENT = (r"id\[uuid\]:'([^']*)' aggregatetype\[text\]:'([^']*)'"
          r" aggregateid\[text\]:(?:'((?:[^']|'')*)'|null)")


def create_decoding_slot(scene, slot):
    scene.sql("SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", (slot,))


def decoded(scene, slot, table, pattern):
    """[(end LSN, [groups of each row])] of what was inserted into that table, in commit order.

    table: a pattern of LIKE.  After a crash of the server the slot may say again what it said before.
    """
    transactions, opened = [], []
    for groups, end_lsn in scene.sql(_DECODED, (f"table {table}:%INSERT:%", pattern, slot)):
        if end_lsn is None:
            opened.append(groups)
            continue
        if opened:
            transactions.append((int(end_lsn), opened))
        opened = []
    assert not opened, "a transaction without its commit"
    return transactions


class Committed:
    """An event that was committed; end_lsn is that of its transaction."""

    def __init__(self, event_id, aggregate_type, key, end_lsn=None):
        self.id = event_id
        self.type = aggregate_type
        self.key = key
        self.end_lsn = end_lsn

    def __repr__(self):
        return f"<{self.id} {self.type}/{self.key}>"


class Ledger:
    """Made before the first event: it sees what is committed from then on."""

    def __init__(self, scene):
        self.scene = scene
        self.slot = scene.slot + "_truth"
        self.events = []
        create_decoding_slot(scene, self.slot)

    def committed(self):
        """Every event committed up to now, in commit order."""
        known = {event.id for event in self.events}
        for end_lsn, rows in decoded(self.scene, self.slot, "outbox.event%", _EVENT):
            for event_id, aggregate_type, key in rows:
                if event_id not in known:
                    self.events.append(Committed(event_id, aggregate_type,
                                                 None if key is None else key.replace("''", "'"), end_lsn))
        return self.events

    # -- the checks ---------------------------------------------------------

    def check_source(self, load):
        """The writers' own account agrees with the truth."""
        events = self.committed()
        ids = {event.id for event in events}
        assert len(ids) == len(events)
        rows = self.scene.source.query(self.scene.database, "SELECT id::text FROM business")
        assert ids >= {row[0] for row in rows}, "a committed business row without its event"
        assert load.committed > 0 and len(rows) >= load.committed
        assert not ids & load.rolled_back, "a rolled-back event is in the WAL as committed"
        return events

    def first_occurrences(self, records):
        """Without what came again; a repetition is the same in every respect."""
        seen = {}
        first = []
        for record in records:
            known = seen.get(record.id)
            if known is None:
                seen[record.id] = record
                first.append(record)
                continue
            for what in ("topic", "partition", "key", "value", "headers", "timestamp"):
                assert getattr(known, what) == getattr(record, what), \
                    f"{what} of {record} is not that of {known}"
        return first

    def check_topics(self, records, rolled_back=(), topics=None):
        """Every committed event is there, no other is, and first occurrences are in order."""
        expected = [e for e in self.committed()
                    if topics is None or self.scene.topic(e.type) in topics]
        first = self.first_occurrences(records)
        ids = {record.id for record in first}
        missing = [e for e in expected if e.id not in ids]
        assert not missing, f"{len(missing)} of {len(expected)} events are missing: {missing[:5]}"
        extra = ids - {e.id for e in expected}
        assert not extra, f"{len(extra)} events that were never committed: {sorted(extra)[:5]}"
        assert not ids & set(rolled_back), "a rolled-back event was published"
        self._check_order(expected, first)
        self._check_positions(first)
        return first

    def _check_order(self, expected, first):
        place = {event.id: n for n, event in enumerate(expected)}
        last = defaultdict(lambda: -1)
        home = {}
        for record in first:
            partition = (record.topic, record.partition)
            order = place[record.id]
            event = expected[order]
            assert record.topic == self.scene.topic(event.type), f"{record}: wrong topic"
            key = record.key.decode() if record.key is not None else None
            assert key == event.key, f"{record}: the key is not {event.key}"
            assert order > last[partition], f"{record} is out of commit order in {partition}"
            last[partition] = order
            if key is not None:
                assert home.setdefault((record.topic, key), partition) == partition, \
                    f"key {key} is in two partitions"

    @staticmethod
    def _check_positions(first):
        last = {}
        for record in first:
            partition = (record.topic, record.partition)
            order = record.position.order
            assert partition not in last or last[partition] < order, \
                f"the position of {record} is not above {last[partition]}"
            last[partition] = order
        assert len({record.position.text for record in first}) == len(first)

    def check_target(self, records):
        """Every event was applied once, in the order of each partition."""
        rows = self.scene.applied()
        first = self.first_occurrences(records)
        expected = defaultdict(list)
        for record in first:
            expected[(record.topic, record.partition)].append(record.id)
        got = defaultdict(list)
        for event_id, topic, partition in rows:
            got[(topic, partition)].append(event_id)
        ids = [row[0] for row in rows]
        assert len(set(ids)) == len(ids), \
            f"{len(ids) - len(set(ids))} events were applied more than once"
        assert set(ids) == {record.id for record in first}
        for partition, order in expected.items():
            assert got[partition] == order, f"{partition} was applied out of order"

    # -- waiting for it -----------------------------------------------------

    def wait_in_topics(self, timeout=120):
        """Until every event of this moment is in the topics; gives all records."""
        missing = {event.id for event in self.committed()}
        types = sorted({event.type for event in self.events})
        topics = [self.scene.topic(t) for t in types]
        broker = self.scene.broker
        until(lambda: all(broker.partitions(t) for t in topics), f"{topics} are there", timeout)
        records = []
        with broker.reader(*topics) as reader:
            def step():
                record = reader.poll()
                if record is not None:
                    records.append(record)
                    missing.discard(record.id)
                return not missing
            until(step, lambda: f"{len(missing)} events are still not in Kafka", timeout, every=0)
            return records + reader.to_end()

    def wait_in_target(self, timeout=120):
        """Until every event of this moment was applied."""
        wanted = {event.id for event in self.committed()}

        def arrived():
            return len(wanted - {row[0] for row in self.scene.applied()}) == 0
        until(arrived, lambda: f"{len(wanted)} events applied, there are "
              f"{len(self.scene.applied())}", timeout, every=0.2)
