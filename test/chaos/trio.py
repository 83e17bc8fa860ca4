"""A cluster of three brokers, all of them controllers, whose topics outlive any one of them."""
import concurrent.futures
import os
import secrets

from confluent_kafka import KafkaException

from harness.kafka import Broker
from harness.ports import free_port

COUNT = 3
REPLICATED = """
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
"""


class Trio(Broker):
    """The first of them, with the addresses of all; whoever is gone at the end of a run is of no matter."""

    def __init__(self, base, name, reap):
        controllers = [free_port() for _ in range(COUNT)]
        cluster = "k" + secrets.token_hex(10) + "w"

        def environment(number):
            voters = ",".join(f"{n}@127.0.0.1:{port}" for n, port in enumerate(controllers, 1))
            path = os.path.join(base, f"{name}-{number}.properties")
            with open(path, "w", encoding="ascii") as file:
                file.write(f"{REPLICATED}node.id={number}\ncontroller.quorum.voters={voters}\n"
                           f"listeners=PLAINTEXT://127.0.0.1:@PORT@,CONTROLLER://127.0.0.1:{controllers[number - 1]}\n")
            return {"KAFKA_PROPERTIES": path, "KAFKA_CLUSTER_ID": cluster}
        with concurrent.futures.ThreadPoolExecutor(COUNT) as pool:
            # None serves before there are two.
            others = [pool.submit(Broker, base, f"{name}-{number}", reap, environment(number)) for number in range(2, COUNT + 1)]
            super().__init__(base, name, reap, environment(1))
            self.brokers = [self, *(other.result() for other in others)]
        self.servers = ",".join(broker.servers for broker in self.brokers)
        self.victim = None

    # -- as a broker with links has them: there are none ---------------------------

    links = {}

    def at(self, _):
        return self.servers

    # -- life -----------------------------------------------------------------------

    def kill(self):
        """All of them."""
        for broker in self.brokers:
            Broker.kill(broker)

    def lose_leader(self, topic):
        """kill -9 of the one that leads the first partition of that topic; without one, of the first."""
        leader = 1
        try:
            found = self.admin().list_topics(topic, timeout=10).topics[topic].partitions
            leader = found[0].leader if found and found[0].leader > 0 else leader
        except KafkaException:
            pass
        self.victim = self.brokers[leader - 1]
        Broker.kill(self.victim)

    def find_again(self):
        self.victim.restart()
