"""The whole pipeline under faults: a source with its applications, relays, a broker, consumers, a target; what it comes to.

Everything goes over links that can be bad, but for the applications and whoever judges.  In the end it has to come to
rest, and anomalies.py judges what was committed, what the topics have and what was applied.  With delivery =
exactly-once it judges once more, before: both relays are killed under load, and what is there then has to be whole.
"""
import json
import os
import random

import disks
import nemeses
from anomalies import CLASSES, History, Record, Row, find
from harness import copies
from harness.kafka import Position
from harness.settings_file import File
from harness.wait import until
from harness.whole import exactly
from clock import Clock
from links import LinkedBroker, Links, Several
from members import Configured, Member
from mending import Current, Mending, Standbys
from nemeses import CONSUMERS, MORE, RELAYS, TO_KAFKA
from patient import Patient
from system import System
from trio import Trio
from truth import Truth
from writers import Writers

DEFAULTS = {"time": 60, "rate": 120, "faults": None}
SOURCE = {"wal_sender_timeout": f"{nemeses.WALSENDER}s"}
TARGET = {"wal_level": "replica", "deadlock_timeout": "100ms"}
KEPT = "64MB"           # of WAL for standbys: of a server that has one
DELIVERIES = ("at-least-once", "exactly-once")
HUGE, HUGE_EVERY = 100000, 10       # events of one transaction, in each so many-th seed
WHOLE = 40              # seconds for Kafka to end what a killed relay left: transaction.timeout, and how often it looks

STATE = """
CREATE TABLE state (topic text, key text, events bigint NOT NULL, tag text NOT NULL, PRIMARY KEY (topic, key))
"""
# Appends; and folds, so that the state of a key is right only when each event was applied once and in order.
HANDLER = """
WITH appended AS (
    INSERT INTO applied (id, topic, partition, kafka_offset, key, payload)
    SELECT id::text, topic, partition, kafka_offset, key, payload::text FROM batch WHERE (SELECT ill()) ORDER BY ordinality)
INSERT INTO state AS s (topic, key, events, tag)
SELECT topic, coalesce(key, ''), count(*), (array_agg(payload ->> 'tag' ORDER BY ordinality DESC))[1]
  FROM batch GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (topic, key) DO UPDATE SET events = s.events + excluded.events, tag = excluded.tag
"""

RELAY = {"mark.interval": "200ms", "heartbeat.interval": "1s", "reconnect.max": "1s",
         "transaction.timeout": f"{nemeses.TRANSACTION}s", "window.events": 5000, "kafka.linger.ms": 2}
CONSUMER = {"breaker.reset": "1s", "reconnect.max": "1s", "kafka.session.timeout.ms": nemeses.SESSION * 1000,
            "kafka.heartbeat.interval.ms": "500"}
# A topic that is gone is noticed within the time of a fault.
HASTE = {"kafka.topic.metadata.propagation.max.ms": 1000, "kafka.topic.metadata.refresh.interval.ms": 1000}
SPLIT = "a transaction was too much for one of Kafka and is published in parts"


def broker(base, name, reap, schedule):
    """Three brokers where one is to be lost; to them there are no links."""
    if any(fault.kind in nemeses.OF_THREE for fault in schedule):
        return Trio(base, name, reap)
    if not any(fault.kind == "disk-broker" for fault in schedule):
        return LinkedBroker(base, name, reap, TO_KAFKA)
    disk = disks.Disk(os.path.join(base, "disk-broker"), reap)
    found = LinkedBroker(base, name, reap, TO_KAFKA, f"log.dirs={disk.path}/data\n")
    os.symlink(os.path.join(disk.path, "data"), os.path.join(found.base, "data"))
    found.disks = {"": disk}
    return found


def furnish(cluster, schedule, reap):
    """What a server has to have before it starts."""
    happens = {fault.kind for fault in schedule}
    if "disk-" + cluster.name in happens:
        disks.for_server(cluster, nemeses.kinds()["disk-" + cluster.name].ways, reap)
    if "failover-" + cluster.name in happens:
        cluster.configure(wal_keep_size=KEPT)


def plan(options):
    return nemeses.plan(options.seed, options.time, options.faults, options.nemeses)


def make(scene, schedule, options, say):
    return Run(scene, schedule, options.seed, options.time, options.rate, say, options.delivery,
               huge=0 if options.seed % HUGE_EVERY else HUGE)


class Run(Mending, System):
    """One run in a scene whose servers are its own, and the broker of broker()."""

    def __init__(self, stage, schedule, seed, seconds, rate=DEFAULTS["rate"], say=lambda text: None, delivery=None, **writers):
        self.scene = stage
        happens = {fault.kind for fault in schedule}
        self.delivery = delivery or random.Random(f"delivery {seed}").choice(DELIVERIES)
        # Since PostgreSQL 17: then a failover of the source loses nothing that was published, and nobody has to mend anything.
        self.slot_is_copied = "failover-source" in happens and copies.possible(stage.source)
        self.standbys = Standbys(stage, {role: settings for role, settings in (("source", SOURCE), ("target", TARGET))
                                         if "failover-" + role in happens}, ("source",) if self.slot_is_copied else ())
        self.mode = exactly(stage) if self.delivery == "exactly-once" else {}
        stage.initialize("--wal-messages=on", **self.mode)
        stage.target_sql(STATE)
        self.links = {**stage.broker.links, **self._link_servers()}
        stage.apply_all(*Writers.TYPES, sql=HANDLER)
        if "disk-target" in happens:
            disks.tables_to(stage.target, stage.database, "applied", "state")
        self.truth = Truth(stage, ahead=not self.slot_is_copied)
        losing = set(nemeses.OF_ROWS) - ({"failover-source"} if self.slot_is_copied else set())
        storages = {"storages": ("table",)} if happens & losing else {}
        self.writers = Writers(stage, seed, rate=rate, **storages, **writers)
        haste = HASTE if "topic" in happens else {}
        self.relays = [self._relay(name, haste) for name in RELAYS]
        self.consumers = [self._consumer(name) for name in (*CONSUMERS, MORE)]
        self.anomalies = {}         # {when: Anomalies}
        self.history = None         # at rest
        super().__init__(stage, schedule, seconds, nemeses.kinds(self).values(), [*self.relays, *self.consumers],
                         (MORE,), {**self.links, "source": Current(stage, "source"), "target": Patient(stage, "state"),
                                   "broker": stage.broker}, say)
        if "clock" in happens:
            for member in self.members.values():
                member.clock = Clock(member.daemon, stage.base)
        self.refilled = 0           # events that went with a topic and were sent again

    def _link_servers(self):
        """Links to the source and to the target, and to what may take their place."""
        ends = {"relay-source": [self.scene.source], "consumer-target": [self.scene.target]}
        for role, standby in self.standbys.of.items():
            ends[next(link for link in ends if link.endswith(role))].append(standby)
        links = Links(self.scene.reap, **{f"{name} {number}": server.port for name, servers in ends.items()
                                          for number, server in enumerate(servers)})
        return {name: Several([links[f"{name} {number}"] for number in range(len(servers))])
                for name, servers in ends.items()}

    def _conninfo(self, link):
        return f"{self.links[link].conninfo()} dbname={self.scene.database} user=postgres"

    def _relay(self, name, more):
        return Configured(File(self.scene, name, **self.mode, **RELAY, **more, **{
            "postgres.conninfo": self._conninfo("relay-source"),
            "kafka.bootstrap.servers": self.scene.broker.at("relay-kafka")}))

    def _consumer(self, name):
        return Member(self.scene.consumer(name, **CONSUMER, **{
            "target.conninfo": self._conninfo("consumer-target"),
            "kafka.bootstrap.servers": self.scene.broker.at("consumer-kafka")}))

    # -- the load ---------------------------------------------------------------

    def begin_load(self):
        self.writers.start()
        self.wait_copy("source")

    def load_alive(self):
        self.writers.alive()

    def end_load(self):
        if self.delivery == "exactly-once":
            self._interrupt()
        self.writers.stop()

    def give_up(self):
        self.writers.give_up()

    def finish(self):
        self.standbys.finish()

    def all_there(self):
        """What is lost with its server may have been applied, and isn't counted."""
        lost = list(self.truth.lost)
        beyond = self.scene.target_sql("SELECT count(*) FROM applied WHERE (payload::json ->> 'tag') = ANY (%s)",
                                       (lost,))[0][0] if lost else 0
        return self.scene.target_sql("SELECT count(*) FROM applied")[0][0] - beyond >= self.truth.count()

    def _interrupt(self):
        """Both relays are killed under load: whoever reads finds each transaction whole or not at all."""
        for relay in self.relays:
            relay.kill()

        def found():
            # What is committed in Kafka becomes visible partition by partition.
            self.anomalies["under load"] = find(self._look(complete=False))
            return "topic/fractured-read" not in self.anomalies["under load"].counts
        try:
            until(found, "whole", WHOLE, every=0.5)
        except AssertionError as error:
            self.say(str(error))
        for relay in self.relays:
            relay.start()

    # -- what came of it --------------------------------------------------------

    def _look(self, complete=True, applied=False):
        """The records first: what is committed meanwhile isn't missing, and what is there was committed before."""
        stage = self.scene
        topics = [topic for topic in map(stage.topic, Writers.TYPES) if stage.broker.partitions(topic)]
        records = [_record(record) for record in stage.broker.read(*topics)] if topics else []
        split = {Position(entry["position"]).commit_lsn for relay in self.relays for entry in relay.entries(SPLIT)}
        history = History(self.truth.committed(complete), self.writers.tried(), records, once=self.delivery == "exactly-once",
                          complete=complete, split=split, lost=self.truth.excused())
        if applied:
            history.applied = [Row(_tag(payload), *place) for payload, *place in stage.target_sql(
                "SELECT payload, topic, partition FROM applied ORDER BY n")]
            history.state = {(topic, key or None): (events, tag) for topic, key, events, tag
                             in stage.target_sql("SELECT topic, key, events, tag FROM state")}
        return history

    def sum_up(self, load_s, drain_s):
        """Nobody is left who could publish or apply anything."""
        self.history = self._look(applied=True)
        rest = self.anomalies["at rest"] = find(self.history)
        undone = self.undone()
        there = {record.tag for record in self.history.records}
        self.totals = {
            "delivery": self.delivery,
            "faults": dict(sorted(self.effective(lambda fault: f"{fault.kind} {fault.way}".strip()).items())),
            "schedule": [vars(fault) for fault in self.schedule],
            "happened": self.chaos.done,
            "transactions": self.writers.counts(),
            "events": len(self.history.committed),
            "slot_is_copied": self.slot_is_copied,
            "lost_with_a_source": len(self.truth.lost),
            "of_them_published": len(there & self.truth.lost.keys()),
            "gone_with_a_topic": self.refilled,
            "records": len(self.history.records),
            "applied": len(self.history.applied),
            "anomalies": {kind: sum(found.counts[kind] for found in self.anomalies.values()) for kind in CLASSES},
            "duplicates_on_topics": rest.duplicates,
            "duplicates_suppressed": {"relay": self.total("relay_events_suppressed_total"),
                                      "consumer": self.total("consumer_duplicate_events_total")},
            "restarts": {"relays": sum(m.lives for m in self.relays) - len(RELAYS),
                         "consumers": sum(m.lives for m in self.consumers) - len(CONSUMERS),
                         **{server: undone[server] for server in ("source", "target", "broker")}},
            "stopped_as_expected": sum(len(m.stops) for m in self.members.values()),
            "fenced": self.total("relay_fenced_total"),
            "rebalances": self.total("consumer_rebalances_total"),
            "commits_without_an_answer": self.total("consumer_unknown_commits_total"),
            "replayed": sum(record.replayed for record in self.history.records),
            "split": len(self.history.split),
            "load_s": round(load_s, 1),
            "drain_s": drain_s,
        }

    def judge(self, report):
        totals = self.totals
        for when, found in self.anomalies.items():
            report.verdict(f"{when}: no anomalies of {len(CLASSES)} classes ({found})", not found)
        nobodys = len(self.history.lost - {record.tag for record in self.history.records})
        report.verdict(f"each event was applied: {totals['events']} committed, {nobodys} lost with their source,"
                       f" {totals['applied']} applied", totals["events"] - nobodys == totals["applied"] > 0)
        if self.slot_is_copied:
            report.verdict(f"nothing that is lost with its source was published ({totals['of_them_published']} of"
                           f" {totals['lost_with_a_source']} events)", totals["of_them_published"] == 0)
        self.judge_end(report, lambda member, problem: member.stops or str(problem.get("job", "")).startswith("reload"))

    def table(self):
        """[(what, figure)]"""
        return [(name.replace("_", " "), figure) for name, figure in self.totals.items()
                if name not in ("schedule", "happened", "anomalies")]


def _tag(text):
    """Of a payload; None: there is none."""
    try:
        return json.loads(text)["tag"]
    except (TypeError, ValueError, KeyError):
        return None


def _text(data):
    return None if data is None else data.decode("utf-8", "backslashreplace")


def _record(record):
    position = record.header("outbox-position")
    value = _text(record.value)
    return Record(_tag(value), record.topic, record.partition, record.offset, _text(record.key), value, record.id,
                  None if position is None else Position(position).order, record.header("outbox-replayed") is not None)
