"""The books of feeds: each kind of mistake is one that they count, and no other."""
import pytest

from harness.books import Books

# Two partitions with two keys each; eight records in each.
SENT = {p: [(f"{p}-{n}", f"k{n % 2}") for n in range(8)] for p in range(2)}
RIGHT = [(f"{p}-{n}", p) for n in range(8) for p in range(2)]


def swapped(one, other):
    rows = list(RIGHT)
    a, b = rows.index(one), rows.index(other)
    rows[a], rows[b] = rows[b], rows[a]
    return rows


def test_right_books_close():
    books = Books(SENT, RIGHT)
    assert books.closed() and books.offered == books.applied == 16
    # Partitions are applied as it comes; only within them there is an order.
    assert Books(SENT, sorted(RIGHT)).closed()
    assert Books({}, []).closed()


@pytest.mark.parametrize("applied, mistakes", [
    (RIGHT[:5] + RIGHT[6:], {"lost": 1}),
    (RIGHT[:-4], {"lost": 4}),
    ([], {"lost": 16}),
    (RIGHT + [("0-3", 0)], {"twice": 1}),
    (RIGHT + RIGHT, {"twice": 16}),
    (swapped(("0-3", 0), ("0-4", 0)), {"partition_disorder": 1}),
    (swapped(("0-3", 0), ("0-5", 0)), {"partition_disorder": 2, "key_disorder": 1}),
    (RIGHT + [("9-9", 0)], {"foreign": 1}),
    (RIGHT + [(None, 0)], {"foreign": 1}),
    (RIGHT[:-1] + [("1-7", 0)], {"moved": 1}),
    (RIGHT[1:] + RIGHT[:1], {"partition_disorder": 1, "key_disorder": 1}),
], ids=lambda value: "-".join(value) if isinstance(value, dict) else "")
def test_each_mistake_is_counted(applied, mistakes):
    books = Books(SENT, applied)
    assert {kind: number for kind, number in books.mistakes().items() if number} == mistakes
    assert not books.closed()


def test_what_is_missing_is_named():
    assert Books(SENT, RIGHT[:5] + RIGHT[6:]).missing == {1: "1 from 2 to 2 of 8"}


def test_an_id_is_one_record():
    with pytest.raises(AssertionError):
        Books({0: [("a", "k"), ("a", "k")]}, [("a", 0)])
