"""A broker that demands TLS, client certificates, passwords and access lists.

Each way in is a listener of its own, in .at; the plain one of the base class is the
administrator's, who may do everything.  Certificates and passwords are made at the start.
"""
import os
import secrets
import struct

from .certificates import Authority
from .kafka import Broker, string
from .ports import free_port

LISTENERS = {"SSL": "SSL", "MTLS": "SSL", "ELSEWHERE": "SSL", "EXPIRED": "SSL",
             "PASSWORD": "SASL_PLAINTEXT", "BOTH": "SASL_SSL"}
RESOURCES = {"Topic": 2, "Group": 3, "Cluster": 4, "TransactionalId": 5}
OPERATIONS = {"All": 2, "Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Alter": 7, "Describe": 8,
              "ClusterAction": 9, "DescribeConfigs": 10, "AlterConfigs": 11, "IdempotentWrite": 12}
PATTERNS = {"literal": 3, "prefixed": 4}
_ALLOW, _ANY = 3, 1


class SecureBroker(Broker):
    def __init__(self, base, name, reap):
        self.authority = Authority(base, name + "-ca")
        self.passwords = {user: "Pw" + secrets.token_hex(8) for user in ("relay", "consumer")}
        self.at = {listener: f"127.0.0.1:{free_port()}" for listener in LISTENERS}
        here = ["IP:127.0.0.1", "DNS:localhost"]
        stores = {"SSL": self.authority.store("broker", hosts=here),
                  "ELSEWHERE": self.authority.store("elsewhere", hosts=["DNS:kafka.example"]),
                  "EXPIRED": self.authority.store("expired", hosts=here, days=-1)}
        properties = os.path.join(base, name + ".properties")
        with open(properties, "w", encoding="ascii") as file:
            file.write(self._properties(stores))
        scram = [f"SCRAM-SHA-{bits}=[name={user},password={password}]"
                 for user, password in self.passwords.items() for bits in (256, 512)]
        super().__init__(base, name, reap, {"KAFKA_PROPERTIES": properties, "KAFKA_SCRAM": " ".join(scram)})

    def _properties(self, stores):
        listeners = ",".join(f"{name}://{at}" for name, at in self.at.items())
        protocols = ",".join(f"{name}:{protocol}" for name, protocol in LISTENERS.items())
        users = " ".join(f'user_{user}="{password}"' for user, password in self.passwords.items())
        lines = [
            f"listeners=PLAINTEXT://127.0.0.1:@PORT@,CONTROLLER://127.0.0.1:@CONTROLLER@,{listeners}",
            f"advertised.listeners=PLAINTEXT://127.0.0.1:@PORT@,{listeners}",
            f"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,{protocols}",
            "ssl.keystore.type=PEM", f"ssl.keystore.location={stores['SSL']}",
            "ssl.truststore.type=PEM", f"ssl.truststore.location={self.authority.ca}",
            "listener.name.mtls.ssl.client.auth=required",
            "ssl.principal.mapping.rules=RULE:^CN=([^,]*).*$/$1/,DEFAULT",
            f"listener.name.elsewhere.ssl.keystore.location={stores['ELSEWHERE']}",
            f"listener.name.expired.ssl.keystore.location={stores['EXPIRED']}",
            "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users=User:ANONYMOUS",
        ]
        for listener in ("password", "both"):
            lines.append(f"listener.name.{listener}.plain.sasl.jaas.config="
                         f"org.apache.kafka.common.security.plain.PlainLoginModule required {users};")
            lines += [f"listener.name.{listener}.scram-sha-{bits}.sasl.jaas.config="
                      "org.apache.kafka.common.security.scram.ScramLoginModule required;" for bits in (256, 512)]
        return "\n".join(lines) + "\n"

    # -- access lists ---------------------------------------------------------

    def grant(self, user, operation, resource, name, pattern="literal"):
        self._change_acls(30, struct.pack(">b", RESOURCES[resource]) + string(name)
                          + struct.pack(">b", PATTERNS[pattern]) + string(f"User:{user}") + string("*")
                          + struct.pack(">bb", OPERATIONS[operation], _ALLOW), "grant")

    def revoke(self, user, operation="All", resource=None, name=None, pattern="literal"):
        """What grant() gave; without a resource all that the user has."""
        self._change_acls(31, struct.pack(">b", _ANY if resource is None else RESOURCES[resource])
                          + (struct.pack(">h", -1) if name is None else string(name))
                          + struct.pack(">b", _ANY if resource is None else PATTERNS[pattern])
                          + string(f"User:{user}") + struct.pack(">h", -1)
                          + struct.pack(">bb", _ANY if resource is None else OPERATIONS[operation], _ANY), "revoke")
