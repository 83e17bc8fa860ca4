"""Events that Kafka can never take: each cause, and what becomes of them."""
import uuid

import psycopg

from .wait import until

QUICK = {"reconnect.min": "10ms", "reconnect.max": "200ms"}
SECRET = "payload-secret"


class Cause:
    """One reason: how it is brought about, what is said of it, and what mends it."""

    status = "EXIT_POISON"
    code = None         # Kafka's name of the error
    options = {}        # of the relay
    init = ()
    mendable = True

    def prepare(self, scene):
        """Before the relay is started for the first time."""

    def plant(self, connection):
        """Writes the event with the connection of an open transaction; its id, or None."""
        raise NotImplementedError

    def mend(self, scene):
        """Gives options with which the event can go."""
        return {}


def emit(connection, aggregate_type, key, payload):
    return str(connection.execute("SELECT outbox.emit(%s, %s, 'Changed', %s::json)",
                                  (aggregate_type, key, payload)).fetchone()[0])


def insert(connection, **columns):
    """A row, whatever the checks would say of it: they are gone."""
    connection.execute(f"INSERT INTO outbox.event ({', '.join(columns)})"
                       f" VALUES ({', '.join(['%s'] * len(columns))})", tuple(columns.values()))


def without_checks(scene):
    scene.sql("ALTER TABLE outbox.event DROP CONSTRAINT event_is_valid")


class TooLargeForTheProducer(Cause):
    name, code = "too_large", "MSG_SIZE_TOO_LARGE"
    options = {"kafka.message.max.bytes": "5000"}

    def plant(self, connection):
        return emit(connection, "t", "k", f'"{SECRET}{"x" * 20000}"')

    def mend(self, scene):
        return {"kafka.message.max.bytes": "1000000"}


class TooLargeForTheTopic(TooLargeForTheProducer):
    options = {}

    def prepare(self, scene):
        scene.broker.configure_topic(scene.topic("t"), max_message_bytes="10000")

    def mend(self, scene):
        scene.broker.configure_topic(scene.topic("t"), max_message_bytes="1000000")
        return {}


class UnknownTopic(Cause):
    name, code = "unknown_topic", "UNKNOWN_TOPIC_OR_PART"
    options = {"topics.create": "off"}

    def plant(self, connection):
        return emit(connection, "missing", "k", f'"{SECRET}"')

    def mend(self, scene):
        return {"topics.create": "on"}


class InvalidTopic(Cause):
    name = "invalid_topic"
    mendable = False

    def prepare(self, scene):
        without_checks(scene)

    def plant(self, connection):
        event = str(uuid.uuid4())
        insert(connection, id=event, aggregatetype="no topic", aggregateid="k", type="Changed",
               payload=f'"{SECRET}"')
        return event


class InvalidHeaders(Cause):
    name = "invalid_headers"
    mendable = False

    def prepare(self, scene):
        without_checks(scene)

    def plant(self, connection):
        event = str(uuid.uuid4())
        insert(connection, id=event, aggregatetype="t", aggregateid="k", type="Changed",
               payload=f'"{SECRET}"', headers='{"a": {"b": 1}}')
        return event


class OfAField(Cause):
    """A setting needs a member of the headers."""
    mendable = False
    headers = "{}"

    def plant(self, connection):
        return str(connection.execute("SELECT outbox.emit('t', 'k', 'Changed', %s::json, %s::jsonb)",
                                      (f'"{SECRET}"', self.headers)).fetchone()[0])


class MissingField(OfAField):
    name = "missing_field"
    options = {"table.field.event.timestamp": "at", "table.field.additional.missing": "error"}
    mendable = True

    def mend(self, scene):
        return {"table.field.additional.missing": "ignore"}


class InvalidPartition(OfAField):
    name = "invalid_partition"
    options = {"table.fields.additional.placement": "to:partition", "table.field.additional.missing": "ignore"}
    headers = '{"to": 1}'           # of one partition


class InvalidTimestamp(OfAField):
    name = "invalid_timestamp"
    options = {"table.field.event.timestamp": "at", "table.field.additional.missing": "ignore"}
    headers = '{"at": "yesterday"}'


class NoEvent(Cause):
    """Two payloads, no id."""
    name = "no_event"
    mendable = False

    def prepare(self, scene):
        without_checks(scene)

    def plant(self, connection):
        insert(connection, id=None, aggregatetype="t", aggregateid="k", type="Changed",
               payload=f'"{SECRET}"', payload_bytes=b"\x00\xff")


class NoMessage(Cause):
    """A logical message that can't be decoded in its body."""
    name, status = "no_event", "EXIT_MESSAGE"
    init = ("--wal-messages=on",)
    mendable = False

    def plant(self, connection):
        connection.execute("SELECT pg_logical_emit_message(true, 'pg_outbox', %s::bytea)",
                           (b"\x1f" + SECRET.encode(),))


class ForbiddenTopic(Cause):
    name, code = "forbidden_topic", "TOPIC_AUTHORIZATION_FAILED"
    operation = "write"

    def prepare(self, scene):
        scene.broker.create_topic(scene.topic("forbidden"), 1)
        scene.broker.forbid(scene.topic("forbidden"), self.operation)

    def plant(self, connection):
        return emit(connection, "forbidden", "k", f'"{SECRET}"')

    def mend(self, scene):
        scene.broker.allow(scene.topic("forbidden"))
        return {}


class HiddenTopic(ForbiddenTopic):
    operation = "all"


LARGE = TooLargeForTheProducer()
LIMITED = dict(QUICK, **LARGE.options, **{"poison.policy": "dead-letter"})


def transaction(scene, plant, before=1, after=1):
    """One with good events around: (ids before, what was planted, ids after)."""
    with scene.source.connect(scene.database, autocommit=False) as connection:
        first = [emit(connection, "t", "k", '"before"') for _ in range(before)]
        planted = plant(connection)
        second = [emit(connection, "t", "k", '"after"') for _ in range(after)]
        connection.commit()
    return first, planted, second


def letters(scene):
    """The rows, as dictionaries, in the order in which they were met."""
    with scene.source.connect(scene.database, row_factory=psycopg.rows.dict_row) as connection:
        return connection.execute("SELECT *, payload::text AS payload_text"
                                  " FROM outbox.dead_letter ORDER BY number").fetchall()


def wait_letters(scene, count):
    until(lambda: len(letters(scene)) >= count,
          lambda: f"{count} dead letters; there are {len(letters(scene))}", 60)
    return letters(scene)


def wait_ids(scene, wanted, aggregate_type="t", timeout=60):
    """The topic has these, in this order, each once, and nothing else."""
    topic = scene.topic(aggregate_type)
    until(lambda: len(scene.broker.read(topic)) >= len(wanted),
          lambda: f"{len(wanted)} records; there are {scene.broker.read(topic)}", timeout)
    assert [r.id for r in scene.broker.read(topic)] == wanted


def wait_confirmed(scene):
    """All that was written by now is done with, as the server knows it."""
    end = scene.current_lsn()
    scene.sql("SELECT pg_logical_emit_message(true, 'nobody', repeat('x', 2000000))")
    until(lambda: scene.slot_lsn() >= end, "everything is confirmed", 60)


def dead_lettered(relay, reason):
    return relay.metrics()[f'outbox_relay_events_dead_lettered_total{{reason="{reason}"}}']
