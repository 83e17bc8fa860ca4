"""Who is run beside ours when PEERS=1: connectors of Debezium on Kafka Connect, standalone, with their jars by Maven.

Connector starts a worker with one connector; outbox_source() are the properties of the PostgreSQL connector with the
event router, which publishes what outbox-relay does.
"""
import glob
import os
import shutil
import subprocess
import sys

from connect import Connect
from harness.paths import TOP
from processes import process_times

LIBS = os.path.join(os.environ.get("BUILD", os.path.join(TOP, "build")), "peer", "libs")
FETCH = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
# As connect-standalone.sh has it.
JAVA = ("-Xms256M", "-Xmx2G", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
        "-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true")
GIVEN_UP = "Task threw an uncaught and unrecoverable exception"

SOURCE = "debezium-connector-postgres"
SOURCE_WORKER = {"offset.flush.interval.ms": "60000", "producer.linger.ms": "5"}


def wanted():
    return os.environ.get("PEERS", "0") not in ("", "0")


def fetch(who):
    """The jars into LIBS, once for each list of them; who: the benchmark, for its messages."""
    marks = os.path.join(LIBS, "pom.xml")
    pom = os.path.join(TOP, "bench", "pom.xml")
    with open(pom, encoding="utf-8") as file:
        listed = file.read()
    if os.path.isfile(marks):
        with open(marks, encoding="utf-8") as file:
            if file.read() == listed:
                return
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            sys.exit(f"{who}: {program} is missing: run scripts/bootstrap, or leave PEERS out")
    print("# fetching Debezium's connectors (80 MB, once)", flush=True)
    new = LIBS + ".new"
    shutil.rmtree(new, ignore_errors=True)
    done = subprocess.run(["mvn", "-B", "-q", "-Dstyle.color=never", "-f", pom, FETCH, "-DincludeScope=runtime",
                           f"-DoutputDirectory={new}"], check=False, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    if done.returncode != 0:
        sys.exit(f"{who}: the connectors' jars could not be fetched")
    shutil.copyfile(pom, os.path.join(new, "pom.xml"))
    shutil.rmtree(LIBS, ignore_errors=True)
    os.rename(new, LIBS)


def jars(*names):
    return [os.path.basename(path) for name in names for path in glob.glob(os.path.join(LIBS, name + "-[0-9]*.jar"))]


class Connector(Connect):
    """A worker with one connector."""

    def __init__(self, scene, name, properties, worker):
        directory = os.path.join(scene.base, name)
        os.mkdir(directory)
        super().__init__(directory, scene.broker, {name: properties}, scene.reap, LIBS, JAVA, worker)

    @property
    def pid(self):
        return self.process.pid

    def times(self):
        return process_times(self.pid)

    def check(self):
        """True; raises when it has failed."""
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            given_up = GIVEN_UP in file.read()
        assert self.running() and not given_up, f"the connector failed:\n{self.log()}"
        return True


def outbox_source(scene, slot, prefix, publication="debezium", **more):
    """Properties; the events of type t go to the topic <prefix>.t.  publication(scene) makes what it reads."""
    return dict({
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "tasks.max": "1",
        "database.hostname": "127.0.0.1", "database.port": scene.source.port,
        "database.user": "postgres", "database.password": "none", "database.dbname": scene.database,
        "topic.prefix": slot, "plugin.name": "pgoutput", "slot.name": slot, "publication.name": publication,
        "publication.autocreate.mode": "disabled", "snapshot.mode": "no_data", "table.include.list": "outbox.event",
        "max.batch.size": "8192", "max.queue.size": "32768", "poll.interval.ms": "10",
        "extended.headers.enabled": "false", "message.prefix.exclude.list": "pg_outbox.*",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.storage.StringConverter",
        "header.converter": "org.apache.kafka.connect.storage.SimpleHeaderConverter",
        "transforms": "outbox", "transforms.outbox.type": "io.debezium.transforms.outbox.EventRouter",
        "transforms.outbox.table.fields.additional.placement": "type:header:type",
        "transforms.outbox.route.topic.replacement": prefix + ".${routedByValue}"}, **more)


def make_publication(scene, name="debezium"):
    scene.sql(f"CREATE PUBLICATION {name} FOR TABLE outbox.event WITH (publish_via_partition_root = true)")
