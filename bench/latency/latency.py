"""How long an event takes from the return of its COMMIT to the places on its way.

    COMMIT returns -> the broker has appended it -> a reader of the topic has it -> it is visible in a target

All times are of one clock.  Append is the record's LogAppendTime, which the broker gives in whole milliseconds: the middle
of that millisecond is taken.  Visible is when a session that asks every millisecond sees the progress behind the record.
"""
import contextlib
import math

from harness.wait import until
from probe import Probe

PARTITIONS = 3
TYPE = "latency"
WARM_UP_SECONDS = 3
PATIENCE = 150


def quantile(ordered, share):
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


class Sample:
    """Milliseconds of each event, by place; rounds can be added up."""

    def __init__(self):
        self.late = {}                  # place: [ms]
        self.waited = []                # for a connection of the writer
        self.cpu = self.seconds = 0.0   # of the relay

    def __iadd__(self, other):
        for place, values in other.late.items():
            self.late.setdefault(place, []).extend(values)
        self.waited += other.waited
        self.cpu += other.cpu
        self.seconds += other.seconds
        return self

    def quantiles(self, place, shares=(0.5, 0.9, 0.99, 0.999)):
        ordered = sorted(self.late[place])
        return [quantile(ordered, share) for share in shares]

    @property
    def count(self):
        return len(self.waited)


def make_topic(scene, topic=None):
    """The topic of TYPE unless another one is given, with times of the broker."""
    topic = topic or scene.topic(TYPE)
    scene.broker.create_topic(topic, PARTITIONS)
    scene.broker.configure_topic(topic, message_timestamp_type="LogAppendTime")
    return topic


TABLE = 'CREATE TABLE IF NOT EXISTS seen (id uuid PRIMARY KEY, payload json)'
HANDLER = "INSERT INTO seen (id, payload) SELECT id, payload FROM batch"


def _written(scene):
    return scene.sql("SELECT count(*) FROM outbox.event")[0][0]


@contextlib.contextmanager
def consumer(scene, name):
    """outbox-consumer in a group of its own, from when it has applied all there is; the value is the group."""
    def applied():
        return scene.target_sql("SELECT count(*) FROM seen")[0][0]

    def wait():
        until(lambda: applied() >= _written(scene), lambda: f"{_written(scene)} events are applied, not {applied()}", 120)
    scene.target_sql(TABLE)
    scene.target_sql("TRUNCATE seen")
    group = f"{scene.prefix}-{name}"
    daemon = scene.consumer(name, handlers={scene.topic(TYPE): {"sql": HANDLER}}, **{"consumer.group": group}).start()
    wait()
    yield group
    wait()
    assert daemon.stop() == 0, daemon.log()[-4000:]


def _when(moves, offset):
    """The first look that saw the offset applied; next offsets only rise."""
    low, high = 0, len(moves) - 1
    while low < high:
        middle = (low + high) // 2
        if moves[middle][0] > offset:
            high = middle
        else:
            low = middle + 1
    assert moves[low][0] > offset, f"offset {offset} was never seen"
    return moves[low][1]


class Flow:
    """Events of one scene; numbers go on from measurement to measurement."""

    def __init__(self, scene, cpu_seconds, group=None, topic=None):
        """cpu_seconds(): of whoever publishes; group: of the consumer, if one runs; topic: of TYPE unless given."""
        self.scene, self.cpu_seconds, self.group = scene, cpu_seconds, group
        self.topic = topic or scene.topic(TYPE)

    def measure(self, rate, seconds, seed=1, warm_up=WARM_UP_SECONDS):
        """After a warm-up at the same rate, at the end of which nothing from before it is on its way any more."""
        if warm_up > 0:
            self._run(rate, warm_up, seed + 1000)
        return self._run(rate, seconds, seed) if seconds > 0 else None

    def _run(self, rate, seconds, seed):
        scene, count = self.scene, int(rate * seconds)
        first = _written(scene)
        with contextlib.ExitStack() as stack:
            def probe(*arguments):
                made = Probe(scene.reap, *arguments)
                stack.callback(made.kill)
                return made
            reader = probe("read", scene.broker.servers, self.topic, first, count)
            watcher = None
            if self.group is not None:
                watcher = probe("watch", scene.target.conninfo(scene.database), self.group, count)
            before = self.cpu_seconds()
            written = probe("write", scene.source.conninfo(scene.database), TYPE, first, count, rate, seed) \
                .notes(seconds + PATIENCE)
            after = self.cpu_seconds()
            read = reader.notes(PATIENCE)
            moves = watcher.notes(PATIENCE) if watcher is not None else None
        return _join(written, read, moves, after - before, count)


def _join(written, read, moves, cpu, count):
    assert len(written) == count and len({row[0] for row in read}) == count, \
        f"{len(written)} written, {len(read)} read, {count} wanted"
    sample = Sample()
    committed = {number: returned for number, _, _, returned in written}
    sample.waited = [(sent - due) / 1000 for _, due, sent, _ in written]
    sample.cpu = cpu
    sample.seconds = (max(committed.values()) - written[0][1]) / 1e6
    sample.late["write"] = [(returned - sent) / 1000 for _, _, sent, returned in written]
    sample.late["append"] = [(at + 500 - committed[number]) / 1000 for number, _, _, at, _ in read]
    sample.late["receipt"] = [(at - committed[number]) / 1000 for number, *_, at in read]
    if moves is not None:
        by_partition = {}
        for partition, next_offset, at in moves:
            by_partition.setdefault(partition, []).append((next_offset, at))
        sample.late["visible"] = [(_when(by_partition[partition], offset) - committed[number]) / 1000
                                  for number, partition, offset, *_ in read]
    return sample
