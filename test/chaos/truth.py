"""What was committed, and in which order: the table in which each transaction wrote down its own events.

The rows say what was committed, whatever an application heard of its COMMIT.  Their order is told by a slot of
PostgreSQL's own test_decoding, which has seen the same rows.  What was committed and is lost with a server, because a
standby took its place that didn't have it, is told apart.  Where nothing is published before the standby has it, that is as
if it had been rolled back; elsewhere it may be in the topics, or not.
"""
from anomalies import Event
from harness.ledger import create_decoding_slot, decoded

# An event, as its writer wrote it; no id: of a captured table, whose events the extension makes.
TABLE = """
CREATE TABLE truth (tag text NOT NULL, ordinal int NOT NULL, type text NOT NULL, key text, value text NOT NULL, id uuid)
"""
_TAG = r"^table public.truth: INSERT: tag\[text\]:'([^']*)'"


class Place:
    """A database of a server, as the source of a scene is one."""

    def __init__(self, server, database):
        self.server, self.database = server, database

    def sql(self, statement, parameters=None):
        return self.server.query(self.database, statement, parameters)


class Truth:
    """Made before the first event."""

    def __init__(self, scene, ahead=True):
        """ahead: Kafka may have what is lost with a server."""
        self.scene = scene
        self.ahead = ahead
        self.slot = scene.slot + "_truth"
        scene.sql(TABLE)
        create_decoding_slot(scene, self.slot)
        self.lost = {}          # tag: event that was committed, and that no server knows any more
        self._txns = {}         # tag: place of its transaction in commit order

    def count(self):
        return self.scene.sql("SELECT count(*) FROM truth")[0][0]

    def committed(self, at_rest=True):
        """Events in commit order, also lost ones that Kafka may have; those of a moment ago may be missing while others write."""
        lost = self.lost.values() if self.ahead else ()
        return sorted([*self._known_to(self.scene, at_rest), *lost], key=lambda e: e.place)

    def excused(self):
        """Tags of what may be in a topic or not."""
        return set(self.lost) if self.ahead else set()

    def move(self, former, server):
        """Another server takes the place of the former one.  Nobody writes to either; the former one is there to be asked."""
        old, new = (Place(which, self.scene.database) for which in (former, server))
        events = self._known_to(old, True)
        create_decoding_slot(new, self.slot)
        kept = {tag for tag, in new.sql("SELECT tag FROM truth")}
        self.lost.update((event.tag, event) for event in events if event.tag not in kept)
        strangers = kept - {event.tag for event in events}
        assert not strangers, f"the standby has what was never committed: {sorted(strangers)[:5]}"

    def _known_to(self, place, at_rest):
        for _, rows in decoded(place, self.slot, "public.truth", _TAG):
            # After a crash of the server the slot may say again what it said before.
            txn = len(self._txns)
            for tag, in rows:
                self._txns.setdefault(tag, txn)
        rows = place.sql("SELECT tag, ordinal, type, key, value, id::text FROM truth")
        differing = {row[0] for row in rows} ^ (self._txns.keys() - self.lost.keys())
        assert not differing or not at_rest, f"the table and its slot differ: {sorted(differing)[:5]}"
        return [Event(tag, self._txns[tag], ordinal, self.scene.topic(type_), key, value, event)
                for tag, ordinal, type_, key, value, event in rows if tag in self._txns]
