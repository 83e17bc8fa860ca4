"""Which fault comes when: drawn from a seed alone, so that a seed is enough to have it again.

Each kind of fault comes as often as the others (as far as the number can be divided); two faults may overlap, but
none hits what another one holds.  A fault has ended, and what it hit had SETTLE seconds to come back, before the time is over.
"""
import random
from dataclasses import dataclass

LEAD = 2.0          # seconds without a fault, at first
SETTLE = 2.0        # seconds of peace after a fault, for what it hit
TRIES = 200         # for the time of one fault
ROUNDS = 100        # for all of them


@dataclass(frozen=True)
class Fault:
    number: int     # from 1, in the order of their times
    at: float       # seconds from the beginning
    kind: str
    way: str
    subject: str
    lasts: float    # seconds until it is undone

    def __str__(self):
        return f"{self.number:3}  {self.at:6.1f} s  {self.kind:20} {self.way:11} {self.subject:15} for {self.lasts:4.1f} s"


def draw(seed, seconds, count, kinds):
    """The faults in the order of their times; ValueError when the time has no room for so many."""
    dice = random.Random(seed)
    for _ in range(ROUNDS):
        drawn = _draw(dice, seconds, count, kinds)
        if drawn is not None:
            return [Fault(number, *fault) for number, fault in enumerate(sorted(drawn), 1)]
    raise ValueError(f"{seconds} s have no room for {count} faults")


def _draw(dice, seconds, count, kinds):
    """(at, kind, way, subject, lasts) of each; None when what was drawn first left no room for the rest."""
    deck = [kinds[n % len(kinds)] for n in range(count)]
    dice.shuffle(deck)
    drawn = []
    for kind in deck:
        way = dice.choice(sorted(kind.ways))
        subject = dice.choice(kind.ways[way])
        room = seconds - LEAD - SETTLE
        if room < kind.shortest:
            raise ValueError(f"{seconds} s are too short for a fault of kind {kind.name}, which lasts {kind.shortest} s")
        lasts = round(dice.uniform(kind.shortest, min(kind.longest, room)), 1)
        latest = seconds - lasts - SETTLE
        busy = [(f[0], f[4]) for f in drawn if f[3] == subject]
        for _ in range(TRIES):
            at = round(dice.uniform(LEAD, latest), 1)
            if all(at >= other + length + SETTLE or at + lasts + SETTLE <= other for other, length in busy):
                break
        else:
            return None
        drawn.append((at, kind.name, way, subject, lasts))
    return drawn
