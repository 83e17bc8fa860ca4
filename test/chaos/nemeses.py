"""What may happen to the whole pipeline, by name; a seed takes one of them or two.

Relays are two on one slot, consumers three of one group and a fourth that comes and goes.  Times are short ones, and such
that what has a time-out is over it: sessions of the group, the walsender, Kafka transactions.
"""
import random
from itertools import combinations

from disks import BrokerFull, ServerFull
from faults import (Acl, BrokerCrash, BrokerFreeze, Crash, FailOver, FailOverWithoutSlot, Freeze, Ill, Kill, Leader, Limit, Line,
                    Rebalance, Reload, Slot, Step, TopicAgain, Walsenders)
from patient import Patient
from schedule import draw

RELAYS = ("relay", "standby")
CONSUMERS = ("first", "second", "third")
MORE = "fourth"
TO_SERVERS = ("relay-source", "consumer-target")
TO_KAFKA = ("relay-kafka", "consumer-kafka")
LINKS = (*TO_SERVERS, *TO_KAFKA)

SESSION = 6             # seconds: the shortest that brokers allow
WALSENDER = 5           # wal_sender_timeout
TRANSACTION = 10        # transaction.timeout
LONGEST = 12            # of a fault

EVERY = 8               # seconds for each fault of a run, unless somebody says how many
EVERY_MENDED = 15       # where it takes an operator, or a start of a broker

RELOADS = {"settings": [{"window.events": 50}, {"mark.interval": "50ms"}, {"window.events": 5000, "mark.interval": "200ms"}],
           "producer": [{"kafka.linger.ms": 20}, {"kafka.compression.type": "lz4"}, {"kafka.linger.ms": 2}],
           "bad": ["window.events = many\n", "[nonsense\n", {"window.events": 3000}]}


def _lines(links, longest=LONGEST):
    return Line({way: links for way in Line.TOXICS}, 0.3, longest)


def kinds(run=None):
    """{name: kind}; run: the one that they happen to (pipeline.Run).

    Ways and times are the same for each run, whatever its servers are: so is the schedule of a seed.
    """
    fail_over_source = FailOver if run is not None and run.slot_is_copied else FailOverWithoutSlot
    found = {
        "kill-relay": Kill({"": RELAYS}, 0.2, WALSENDER + 2),
        "kill-consumer": Kill({"": CONSUMERS}, 0.2, SESSION + 2),
        "freeze-relay": Freeze({"": RELAYS}, WALSENDER, LONGEST),
        "freeze-consumer": Freeze({"": CONSUMERS}, SESSION + 1, LONGEST),
        "walsenders": Walsenders({"": ("source",)}, 0.2, 4),
        "slot": Slot({"drop": ("source",), "invalidate": ("source",)}, 1, 4, run),
        "failover-source": fail_over_source({"caught-up": ("source",), "behind": ("source",)}, 0.5, 4, run),
        "failover-target": FailOver({"caught-up": ("target",), "behind": ("target",)}, 0.5, 4, run),
        "disk-source": ServerFull({"wal": ("source",)}, 1, 6),
        "disk-target": ServerFull({"wal": ("target",), "tables": ("target",)}, 1, 8),
        "disk-broker": BrokerFull({"": ("broker",)}, 1, SESSION + 2),
        "clock": Step({way: (*RELAYS, *CONSUMERS) for way in Step.SECONDS}, 1, 2 * SESSION),
        "topic": TopicAgain({"at-once": ("broker",), "late": ("broker",)}, 1, 5, run, "order"),
        "source": Crash({"immediate": ("source",), "fast": ("source",), "kill": ("source",)}, 0.2, 6),
        "target": Crash({"immediate": ("target",), "fast": ("target",), "kill": ("target",)}, 0.2, 8),
        "broker": BrokerCrash({"": ("broker",)}, 0.2, SESSION + 2),
        "standstill": BrokerFreeze({"": ("broker",)}, 3, LONGEST),
        "limit": Limit({"batches": ("broker",), "events": ("broker",)}, 2, 6, run),
        "acl": Acl({"write": ("broker",), "all": ("broker",)}, 2, 6, run, "order"),
        "leader": Leader({"": ("broker",)}, 0.5, SESSION, run, "order"),
        "illness": Ill({way: ("target",) for way in Patient.WAYS}, 2, 8),
        "rebalance": Rebalance({"leave": CONSUMERS, "join": (MORE,)}, 0.5, 6),
        "reload": Reload({way: RELAYS for way in RELOADS}, 0.1, 2, RELOADS),
    }
    found.update({"link-" + link: _lines((link,)) for link in LINKS})
    for name, kind in found.items():
        kind.name = name
    return found


NAMES = tuple(kinds())
# These want a cluster of three brokers, and those don't go with it: they have one, or its links.
OF_THREE = ("leader",)
# What it loses is lost where events are in the WAL alone; a failover with the slot has nothing to replay from rows.
OF_ROWS = ("slot", "failover-source", "topic")
OF_ONE = ("broker", "standstill", "limit", "acl", "disk-broker", *("link-" + link for link in TO_KAFKA))
MENDED = ("slot", "failover-source", "failover-target", "topic", "disk-broker")
# A server that takes another one's place has no disk of its own.
FAILOVERS, OF_DISK = ("failover-source", "failover-target"), ("disk-source", "disk-target")
APART = ((OF_THREE, OF_ONE), *(((failover,), (disk,)) for failover, disk in zip(FAILOVERS, OF_DISK)))


def unlike(names):
    """The two lists of which names has some each, that can't go with each other; None: there are none."""
    return next((two for two in APART if all(set(names) & set(some) for some in two)), None)


def sets():
    """Each nemesis alone, then each pair, in an order that is always the same."""
    found = []
    for count in (1, 2):
        some = [names for names in combinations(NAMES, count) if not unlike(names)]
        random.Random("nemeses").shuffle(some)
        found += some
    return found


def chosen(seed):
    """Names of one nemesis or two: each alone and each pair comes once before any comes again."""
    found = sets()
    return found[(seed - 1) % len(found)]


def plan(seed, seconds, count=None, names=None):
    """The schedule of a seed: as many faults as are asked for; else as many as the time has room for, within reason."""
    if names and unlike(names):
        raise ValueError(" can't go with ".join(", ".join(some) for some in unlike(names)))
    found = kinds()
    wanted = [found[name] for name in names or chosen(seed)]
    if count is not None:
        return draw(seed, seconds, count, wanted)
    every = EVERY_MENDED if {kind.name for kind in wanted} & set(MENDED) else EVERY
    for fewer in range(max(len(wanted), seconds // every), len(wanted), -1):
        try:
            return draw(seed, seconds, fewer, wanted)
        except ValueError:
            pass
    return draw(seed, seconds, len(wanted), wanted)
