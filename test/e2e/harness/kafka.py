"""A real broker, through scripts/kafka, and readers of its topics."""
import os
import re
import signal
import socket
import struct
import subprocess

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

from . import paths
from .wait import until

SCRIPT = os.path.join(paths.TOP, "scripts", "kafka")

# Of the protocol's access lists.
_TOPIC, _LITERAL, _DENY, _ANY = 2, 3, 2, 1
# Properties of a broker whose access lists count; what has none is free for all.
ACCESS_LISTS = ("authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
                "allow.everyone.if.no.acl.found=true\n")
_OPERATIONS = {"all": 2, "read": 3, "write": 4, "describe": 8}


def string(text):
    return struct.pack(">h", len(text.encode())) + text.encode()


class Record:
    """One record of a topic, with its headers as a list of (name, bytes)."""

    def __init__(self, message):
        self.topic = message.topic()
        self.partition = message.partition()
        self.offset = message.offset()
        self.key = message.key()
        self.value = message.value()
        self.timestamp_type, self.timestamp = message.timestamp()
        self.headers = message.headers() or []

    def header(self, name):
        """Its text; None when there is none.  Two of one name are a failure."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) <= 1, f"header {name} is there {len(values)} times"
        return values[0].decode() if values else None

    @property
    def id(self):
        return self.header("id")

    @property
    def position(self):
        return Position(self.header("outbox-position"))

    def __repr__(self):
        return (f"<{self.topic}/{self.partition}@{self.offset} key={self.key!r} id={self.id}"
                f" {self.header('outbox-position')}>")


class Position:
    """<source id>/<generation>.<timeline>/<commit LSN>/<ordinal>, comparable."""

    def __init__(self, text):
        assert text is not None, "no outbox-position header"
        self.text = text
        self.source, epoch, high, low, ordinal = text.split("/")
        generation, timeline = epoch.split(".")
        self.epoch = (int(generation), int(timeline))
        self.commit_lsn = (int(high, 16) << 32) + int(low, 16)
        self.ordinal = int(ordinal)

    @property
    def order(self):
        return (self.epoch, self.commit_lsn, self.ordinal)


class Broker:
    def __init__(self, base, name, reap, environment=None):
        """environment: for scripts/kafka."""
        self._environment = {**os.environ, **(environment or {})}
        self.name = name
        self.base = os.path.join(base, name)
        self.log_path = os.path.join(self.base, "log")
        reap.pid_file(os.path.join(self.base, "pid"))
        self._script("start")
        with open(os.path.join(self.base, "port"), encoding="ascii") as file:
            self.port = int(file.read())
        self.servers = f"127.0.0.1:{self.port}"
        self._admin = None
        self.up = True

    def _script(self, verb):
        done = subprocess.run([SCRIPT, verb, self.base], env=self._environment, stdin=subprocess.DEVNULL, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=180)
        assert done.returncode == 0, f"scripts/kafka {verb}: {done.stdout}"

    def stop(self):
        self.up = False
        self._script("stop")

    def kill(self):
        self.up = False
        self._script("kill")

    def pause(self):
        """It stands still, and its connections stay: no answer, no hang-up."""
        self._signal(signal.SIGSTOP)
        # One of its threads takes the signal, when it gets a processor; until then the others answer.
        until(self._stands_still, "the broker stands still")

    def resume(self):
        self._signal(signal.SIGCONT)

    def _pid(self):
        with open(os.path.join(self.base, "pid"), encoding="ascii") as file:
            return int(file.read())

    def _signal(self, number):
        os.kill(self._pid(), number)

    def _stands_still(self):
        tasks = f"/proc/{self._pid()}/task"
        for task in os.listdir(tasks):
            with open(os.path.join(tasks, task, "stat"), encoding="ascii") as file:
                if not file.read().rpartition(") ")[2].startswith("T"):
                    return False
        return True

    def restart(self):
        self._script("restart")
        self.up = True

    def log_tail(self, size=3000):
        with open(self.log_path, "rb") as file:
            return file.read()[-size:].decode("utf-8", "replace")

    # -- topics -------------------------------------------------------------

    def admin(self):
        if self._admin is None:
            self._admin = AdminClient({"bootstrap.servers": self.servers,
                                       "reconnect.backoff.max.ms": 500, "log_level": 0})
        return self._admin

    def partitions(self, topic):
        """Their number; 0 when the topic is not there."""
        found = self.admin().list_topics(timeout=20).topics.get(topic)
        return 0 if found is None or found.error else len(found.partitions)

    def topics(self, prefix):
        return sorted(t for t in self.admin().list_topics(timeout=20).topics
                      if t.startswith(prefix))

    def create_topic(self, topic, partitions, replicas=1):
        """replicas: -1 is the broker's default."""
        for future in self.admin().create_topics([NewTopic(topic, partitions, replicas)]).values():
            future.result(20)
        until(lambda: self.partitions(topic) == partitions, f"topic {topic} is there")

    def grow_topic(self, topic, partitions):
        for future in self.admin().create_partitions(
                [NewPartitions(topic, partitions)]).values():
            future.result(20)
        until(lambda: self.partitions(topic) == partitions, f"topic {topic} has grown")

    def configure_topic(self, topic, **settings):
        """Property names with _ for the dots."""
        wanted = {name.replace("_", "."): str(value) for name, value in settings.items()}
        asked = ConfigResource(ConfigResource.Type.TOPIC, topic)

        def set_to(changes, jitter):
            resource = ConfigResource(ConfigResource.Type.TOPIC, topic, set_config=changes)
            for future in self.admin().alter_configs([resource]).values():
                future.result(20)

            def told():
                found = self.admin().describe_configs([asked])[asked].result(20)
                return (all(found[name].value == value for name, value in wanted.items())
                        and (found["segment.jitter.ms"].value == "1") == jitter)
            until(told, f"the broker has the settings of {topic}")
        # The controller has it; the broker says so first, then does so.  It takes one change after the other: when it says
        # the second, it has done the first.
        set_to({**wanted, "segment.jitter.ms": "1"}, True)
        set_to(wanted, False)

    def configure(self, **settings):
        """Of the broker itself, while it runs."""
        with open(os.path.join(self.base, "server.properties"), encoding="ascii") as file:
            node = re.search(r"^node\.id=(\d+)", file.read(), re.M).group(1)
        wanted = {name.replace("_", "."): value for name, value in settings.items()}
        resource = ConfigResource(ConfigResource.Type.BROKER, node, set_config=wanted)
        for future in self.admin().alter_configs([resource]).values():
            future.result(20)
        # The controller has it; the broker takes a moment to do as it says.
        asked = ConfigResource(ConfigResource.Type.BROKER, node)

        def taken():
            found = self.admin().describe_configs([asked])[asked].result(20)
            return all(found[name].value == value for name, value in wanted.items())
        until(taken, "the broker has its settings")

    def delete_topics(self, topics):
        if topics:
            for future in self.admin().delete_topics(topics).values():
                try:
                    future.result(20)
                except KafkaException:
                    pass

    def delete_records(self, topic, partition, before):
        """As retention does: the partition begins at "before" then (-1: at its end)."""
        answer = self._ask(21, struct.pack(">i", 1) + string(topic)
                           + struct.pack(">iiqi", 1, partition, before, 20000))
        low, error = struct.unpack(">qh", answer[-10:])
        assert error == 0, f"could not delete records: error {error}"
        return low

    def require_acls(self):
        """From now on access lists count; without one of its own a topic is free for all."""
        self._script("stop")
        with open(os.path.join(self.base, "server.properties"), "a", encoding="ascii") as file:
            file.write(ACCESS_LISTS)
        self._script("restart")

    def edit(self, old, new):
        """A line of its properties, which it is started again with."""
        self._script("stop")
        path = os.path.join(self.base, "server.properties")
        with open(path, encoding="ascii") as file:
            text = file.read()
        assert old in text, f"{path} has no {old}"
        with open(path, "w", encoding="ascii") as file:
            file.write(text.replace(old, new))
        self._script("restart")

    def forbid(self, topic, operation="write"):
        """Nobody may do this any more; "all" stands for everything."""
        rule = (struct.pack(">b", _TOPIC) + string(topic) + struct.pack(">b", _LITERAL) + string("User:*") + string("*")
                + struct.pack(">bb", _OPERATIONS[operation], _DENY))
        self._change_acls(30, rule, "forbid")

    def allow(self, topic):
        """What forbid() took."""
        self._change_acls(31, struct.pack(">b", _TOPIC) + string(topic) + struct.pack(">bhhbb", _LITERAL, -1, -1, _ANY, _ANY),
                          "allow")

    def _change_acls(self, api, rule, what):
        """api: 30 makes this one, 31 removes all that are like it; a filter is written as a rule is.

        The controller has done it then; the broker, which is asked, takes a moment.
        """
        error, = struct.unpack(">h", self._ask(api, struct.pack(">i", 1) + rule)[8:10])
        assert error == 0, f"could not {what}: error {error}"

        def taken():
            answer = self._ask(29, rule)
            error, length = struct.unpack(">hh", answer[4:8])
            assert error == 0, f"could not look what there is: error {error}"
            there, = struct.unpack(">i", answer[8 + max(length, 0):][:4])
            return (there > 0) == (api == 30)
        until(taken, f"the broker knows: {what}")

    def _ask(self, api, body, version=1):
        """The answer to one request, from its throttle time on."""
        body = struct.pack(">hhih", api, version, 1, -1) + body
        with socket.create_connection(("127.0.0.1", self.port), 20) as line:
            line.sendall(struct.pack(">i", len(body)) + body)
            answer = b""
            while len(answer) < 4 or len(answer) < 4 + struct.unpack(">i", answer[:4])[0]:
                more = line.recv(4096)
                assert more, "the broker hung up"
                answer += more
        return answer[8:]

    # -- reading ------------------------------------------------------------

    def reader(self, *topics):
        return Reader(self, topics)

    def read(self, *topics, isolation="read_committed"):
        """All records that the topics have now, in the order of each partition."""
        with Reader(self, topics, isolation) as reader:
            return reader.to_end()

    def count(self, *topics):
        """How many records the topics have, by their watermarks, also of open transactions."""
        with Reader(self, topics, "read_uncommitted") as reader:
            return sum(high - low for low, high in reader.watermarks().values())


class Reader:
    """Reads whole topics from their beginning, as it likes, in no group."""

    def __init__(self, broker, topics, isolation="read_committed"):
        self._consumer = Consumer({
            "bootstrap.servers": broker.servers, "group.id": "e2e-reader",
            "enable.auto.commit": False, "auto.offset.reset": "earliest",
            "log_level": 0, "reconnect.backoff.max.ms": 500, "fetch.wait.max.ms": 5, "isolation.level": isolation,
            "enable.partition.eof": True,
            "message.max.bytes": 10000000, "allow.auto.create.topics": False})
        self._places = [TopicPartition(topic, number, 0) for topic in topics
                        for number in range(broker.partitions(topic))]
        assert self._places or not topics, f"no such topics: {topics}"
        self._next = {}
        self._consumer.assign(self._places)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._consumer.close()

    def watermarks(self):
        """{(topic, partition): (low, high)}; a topic just made, and a broker just started, take a moment."""
        found = {}

        def step():
            for place in self._places:
                try:
                    found[(place.topic, place.partition)] = self._consumer.get_watermark_offsets(
                        TopicPartition(place.topic, place.partition), timeout=5)
                except KafkaException as error:
                    found["last"] = str(error)
                    return False
            found.pop("last", None)
            return True
        until(step, lambda: f"watermarks ({found.get('last')})", 40, every=0.1)
        return found

    def poll(self, timeout=0.1):
        message = self._consumer.poll(timeout)
        return None if message is None else self._record(message)

    def _record(self, message):
        """None for the end of a partition, which may be behind records that nobody sees."""
        if message.error() and message.error().code() == KafkaError._PARTITION_EOF:
            self._next[(message.topic(), message.partition())] = message.offset()
            return None
        assert not message.error(), message.error()
        record = Record(message)
        self._next[(record.topic, record.partition)] = record.offset + 1
        return record

    def some(self, count, timeout=30):
        """The next "count" records."""
        records = []

        def step():
            record = self.poll()
            if record is not None:
                records.append(record)
            return len(records) >= count
        until(step, lambda: f"{count} records; there are {len(records)}", timeout, every=0)
        return records

    def to_end(self, timeout=120):
        """What is not read yet, up to the end offsets of this moment."""
        missing = {place: high for place, (low, high) in self.watermarks().items()
                   if high > max(low, self._next.get(place, 0))}
        records = []

        def step():
            for message in self._consumer.consume(5000, 0.1):
                record = self._record(message)
                if record is not None:
                    records.append(record)
                place = (message.topic(), message.partition())
                if self._next[place] >= missing.get(place, self._next[place] + 1):
                    del missing[place]
            return not missing
        if missing:
            until(step, lambda: f"the ends of {missing}", timeout, every=0)
        return records


def kcat(broker, *arguments, timeout=60):
    """Output of kcat, as bytes."""
    return subprocess.run(["kcat", "-q", "-b", broker.servers, *arguments], check=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          timeout=timeout).stdout
