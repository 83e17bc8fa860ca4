"""The ledger itself: each kind of mistake in a topic or a target is one that it finds."""
import copy

import pytest

from harness.ledger import Committed, Ledger
from harness.kafka import Position


class FakeRecord:
    def __init__(self, number, key, partition):
        self.id = f"id-{number}"
        self.topic = "p.t"
        self.partition = partition
        self.key = key.encode()
        self.value = b"{}"
        self.timestamp = 1000 + number
        self.text = f"s/1.1/0/{number + 16:X}/0"
        self.headers = [("id", self.id.encode())]

    @property
    def position(self):
        return Position(self.text)


class FakeScene:
    def __init__(self):
        self.rows = []

    def topic(self, aggregate_type):
        return "p." + aggregate_type

    def applied(self):
        return self.rows


class Books(Ledger):
    """Twelve events of four keys in two partitions, all of it right."""

    def __init__(self):  # pylint: disable=super-init-not-called
        self.scene = FakeScene()
        self.events = [Committed(f"id-{n}", "t", f"k{n % 4}") for n in range(12)]
        self.records = [FakeRecord(n, f"k{n % 4}", n % 2) for n in range(12)]
        self.scene.rows = [(r.id, r.topic, r.partition) for r in self.records]

    def committed(self):
        return self.events

    def check(self):
        self.check_topics(self.records)
        self.check_target(self.records)


def lose(books):
    del books.records[5]


def invent(books):
    books.records.append(FakeRecord(99, "k3", 1))


def swap(books):
    books.records[4], books.records[6] = books.records[6], books.records[4]


def move_key(books):
    books.records[7].partition = 0


def wrong_key(books):
    books.records[7].key = b"k9"


def repeat_changed(books):
    again = copy.copy(books.records[3])
    again.value = b"[]"
    books.records.append(again)


def same_position(books):
    books.records[6].text = books.records[4].text


def position_falls(books):
    books.records[6].text = "s/1.1/0/1/0"


def apply_twice(books):
    books.scene.rows.append(books.scene.rows[0])


def apply_less(books):
    del books.scene.rows[-1]


def apply_swapped(books):
    rows = books.scene.rows
    rows[0], rows[2] = rows[2], rows[0]


def apply_invented(books):
    books.scene.rows.append(("id-77", "p.t", 0))


def test_right_books_close():
    books = Books()
    books.check()
    # A crash repeats a tail.
    books.records += [copy.copy(r) for r in books.records[8:]]
    books.check()


@pytest.mark.parametrize("mistake", [
    lose, invent, swap, move_key, wrong_key, repeat_changed, same_position, position_falls,
    apply_twice, apply_less, apply_swapped, apply_invented])
def test_each_mistake_is_found(mistake):
    books = Books()
    mistake(books)
    with pytest.raises(AssertionError):
        books.check()


def test_the_truth_is_what_was_committed(scene):
    """The second slot tells committed events, in commit order, and no others."""
    ledger = scene.ledger()
    with scene.source.connect(scene.database, autocommit=False) as one, \
            scene.source.connect(scene.database, autocommit=False) as two:
        statement = "SELECT outbox.emit('t', %s, 'T', '{}'::json)::text"
        first, = one.execute(statement, ("it's",)).fetchone()
        second, = two.execute(statement, (None,)).fetchone()
        two.commit()
        one.execute("SAVEPOINT s")
        one.execute(statement, ("gone",))
        one.execute("ROLLBACK TO SAVEPOINT s")
        one.commit()
        one.execute(statement, ("gone too",))
        one.rollback()
    events = ledger.committed()
    assert [(e.id, e.key) for e in events] == [(second, None), (first, "it's")]
    assert events[0].end_lsn < events[1].end_lsn
    assert ledger.committed() == events
