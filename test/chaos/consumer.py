"""The consumer under faults: three of a group on one topic, and what it comes to.

The writer is harness.feed; after a crash of the broker it writes its last records again, as a relay does.  Two members
are dynamic, the first is static if that is wanted; a fourth joins for a while.
"""
from faults import BrokerCrash, Crash, Freeze, Kill, Rebalance
from harness import scene
from harness.feed import Feed
from harness.kafka import Broker
from members import Member
from schedule import draw
from system import System

DEFAULTS = {"time": 300, "rate": 1000, "faults": 20}
SOURCE = None
TARGET = {"wal_level": "replica"}
MEMBERS = ("first", "second", "third")
MORE = "fourth"
PARTITIONS = 12
KEYS = 8                # in each partition
SESSION = 6             # seconds: the shortest that brokers allow
REPEATED = 500          # records that are written again after a crash of the broker

# A transaction is under way most of the time, and COMMIT for a good part of that: what is killed, is killed within.
HANDLER = scene.HANDLER.replace("FROM batch", "FROM batch CROSS JOIN (SELECT pg_sleep(0.02)) AS slow (x)")
PREPARED = """
CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.005); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER pause AFTER UPDATE ON outbox_inbox.progress DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION pause();
ALTER TABLE applied ADD COLUMN at timestamptz DEFAULT clock_timestamp();
"""

OPTIONS = {"breaker.reset": "1s", "kafka.session.timeout.ms": SESSION * 1000, "kafka.heartbeat.interval.ms": "500"}


def kinds(back=lambda: None):
    """What may happen.  The times are short ones and such that the session ends meanwhile."""
    return [Kill({"": MEMBERS}, 0.2, SESSION + 2),
            Freeze({"": MEMBERS}, SESSION + 2, SESSION + 5),
            Crash({"immediate": ("target",), "kill": ("target",)}, 0.5, 8),
            BrokerCrash({"": ("broker",)}, 0.5, SESSION + 2, back),
            Rebalance({"leave": MEMBERS, "join": (MORE,)}, 0.5, 8)]


def broker(base, name, reap, _):
    return Broker(base, name, reap)


def furnish(_cluster, _schedule, _reap):
    """Servers as they are."""


def plan(options):
    return draw(options.seed, options.time, options.faults, kinds())


def make(stage, schedule, options, say):
    return Run(stage, schedule, options.time, options.rate, say, options.dedupe, options.static)


class Run(System):
    """One run in a scene whose target and broker are its own."""

    def __init__(self, stage, schedule, seconds, rate, say=lambda text: None, dedupe="position", static=False):
        self.rate = rate
        stage.apply_all("t", sql=HANDLER)
        stage.handlers[stage.topic("t")]["dedupe"] = dedupe
        stage.target_sql(PREPARED)
        self.feed = Feed(stage, partitions=PARTITIONS, keys=KEYS)
        members = []
        for name in (*MEMBERS, MORE):
            instance = {"consumer.instance_id": name} if static and name == MEMBERS[0] else {}
            members.append(Member(stage.consumer(name, **OPTIONS, **instance)))
        self.books = None
        super().__init__(stage, schedule, seconds, kinds(lambda: self.feed.repeat(REPEATED)), members, (MORE,),
                         {"target": stage.target, "broker": stage.broker}, say)

    def begin_load(self):
        self.feed.start(self.rate)

    def load_alive(self):
        self.feed.alive()

    def end_load(self):
        self.feed.stop()

    def give_up(self):
        self.feed.give_up()

    def all_there(self):
        return self.scene.target_sql("SELECT count(*) FROM applied")[0][0] >= self.feed.total

    def _gap(self, window):
        """The longest time without anything applied: (its length, when it began), in seconds from the first record."""
        rows = self.scene.target_sql(
            f"SELECT round(extract(epoch FROM at - before), 1)::float8,"
            f"       round(extract(epoch FROM before - (SELECT min(at) FROM applied)), 1)::float8"
            f"  FROM (SELECT at, lag(at) OVER ({window} ORDER BY n) AS before FROM applied) AS gaps"
            f" WHERE before IS NOT NULL ORDER BY at - before DESC LIMIT 1")
        return rows[0] if rows else (0.0, 0.0)

    def sum_up(self, load_s, drain_s):
        members = list(self.members.values())
        self.books = self.feed.books()
        gap, of_one = self._gap(""), self._gap("PARTITION BY partition")
        undone = self.undone()
        self.totals = {
            "faults": dict(sorted(undone.items())),
            "schedule": [vars(fault) for fault in self.schedule],
            "happened": self.chaos.done,
            "offered": self.books.offered,
            "applied": self.books.applied,
            **self.books.mistakes(),
            "offered_per_second": round(self.books.offered / load_s),
            "written_again": self.feed.repeated,
            "duplicates_dropped": self.total("consumer_duplicate_events_total"),
            "restarts": {"consumers": sum(m.lives for m in members) - len(MEMBERS),
                         "target": undone["database"], "broker": undone["broker"]},
            "rebalances": self.total("consumer_rebalances_total"),
            "partitions_lost": sum(entry.get("lost") == "yes" for m in members for entry in m.entries("partitions were revoked")),
            "fenced": sum(len(m.entries("another consumer moved the progress; reading on from it"))
                          for m in members),
            "commits_without_an_answer": self.total("consumer_unknown_commits_total"),
            "breaker_opened": sum(e["to"] == "open" for m in members for e in m.entries("circuit breaker")),
            "longest_gap_s": gap[0], "longest_gap_at_s": gap[1],
            "longest_gap_of_a_partition_s": of_one[0], "longest_gap_of_a_partition_at_s": of_one[1],
            "drain_s": drain_s,
        }

    def judge(self, report):
        books, totals = self.books, self.totals
        report.verdict(f"lost 0: {books.offered} offered, {books.applied} applied"
                       + (f" (missing by partition: {books.missing})" if books.missing else ""), books.lost == 0)
        report.verdict(f"applied twice 0 ({books.twice})", books.twice == 0)
        report.verdict(f"nothing that wasn't written, or in another partition ({books.foreign}, {books.moved})",
                       books.foreign == 0 and books.moved == 0)
        report.verdict(f"order violations 0 ({books.partition_disorder} in a partition, {books.key_disorder} of a key)",
                       books.partition_disorder == 0 and books.key_disorder == 0)
        report.verdict("the load was offered "
                       f"({totals['offered_per_second']}/s of {self.rate})",
                       totals["offered_per_second"] >= 0.9 * self.rate)
        self.judge_end(report)

    def table(self):
        """[(what, figure)]"""
        rows = [(f"faults: {kind}", count) for kind, count in self.totals["faults"].items()]
        rows += [(f"restarts: {what}", count) for what, count in self.totals["restarts"].items()]
        names = [n for n in self.totals if n not in ("faults", "restarts", "schedule", "happened")]
        return rows + [(name.replace("_", " "), self.totals[name]) for name in names]
