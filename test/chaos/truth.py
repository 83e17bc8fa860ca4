"""What was committed, and in which order: the table in which each transaction wrote down its own events.

The rows say what was committed, whatever an application heard of its COMMIT.  Their order is told by a slot of
PostgreSQL's own test_decoding, which has seen the same rows.
"""
from anomalies import Event
from harness.ledger import create_decoding_slot, decoded

# An event, as its writer wrote it; no id: of a captured table, whose events the extension makes.
TABLE = """
CREATE TABLE truth (tag text NOT NULL, ordinal int NOT NULL, type text NOT NULL, key text, value text NOT NULL, id uuid)
"""
_TAG = r"^table public.truth: INSERT: tag\[text\]:'([^']*)'"


class Truth:
    """Made before the first event."""

    def __init__(self, scene):
        self.scene = scene
        self.slot = scene.slot + "_truth"
        scene.sql(TABLE)
        create_decoding_slot(scene, self.slot)
        self._txns = {}         # tag: place of its transaction in commit order

    def count(self):
        return self.scene.sql("SELECT count(*) FROM truth")[0][0]

    def committed(self, at_rest=True):
        """Events in commit order, up to now; those of a moment ago may be missing while others write."""
        for _, rows in decoded(self.scene, self.slot, "public.truth", _TAG):
            # After a crash of the server the slot may say again what it said before.
            place = len(self._txns)
            for tag, in rows:
                self._txns.setdefault(tag, place)
        rows = self.scene.sql("SELECT tag, ordinal, type, key, value, id::text FROM truth")
        differing = {row[0] for row in rows} ^ self._txns.keys()
        assert not differing or not at_rest, f"the table and its slot differ: {sorted(differing)[:5]}"
        events = [Event(tag, self._txns[tag], ordinal, self.scene.topic(type_), key, value, event)
                  for tag, ordinal, type_, key, value, event in rows if tag in self._txns]
        return sorted(events, key=lambda e: e.place)
