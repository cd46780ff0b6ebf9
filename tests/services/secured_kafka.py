"""A Kafka that asks who is there: listeners with TLS and a client's certificate, with SASL, and with both.

Owns the broker and its users; what they may do, a test says. Beside those a plain listener on which the tests
themselves may do everything.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # not re-exported
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from streams.dev.child_processes import ChildProcesses
from streams.dev.jar_kafka import START_TIMEOUT_S, accepts_connections, start_jar_kafka
from streams.dev.ports import free_port
from tests.services.certificates import Authority
from tests.services.kafka_broker import PROPERTIES, Kafka, topic_creator
from tests.services.kafka_choice import Machine

ADMIN, SHOP = "admin", "shop"
PASSWORDS = {ADMIN: "hunter2-of-the-admin", SHOP: "hunter2-of-the-shop"}
LISTENERS = {"TLS": "SSL", "SECURE": "SASL_SSL", "SASL": "SASL_PLAINTEXT"}
MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"


@dataclass(frozen=True)
class SecuredKafka:
    """A running one.

    Attributes:
        kafka: its plain listener, for the tests.
        ports: by security protocol, where it listens.
        tls: the certificates that its clients need, as settings.
    """

    kafka: Kafka
    ports: dict[str, int]
    tls: dict[str, str]

    def settings(
        self, protocol: str, mechanism: str = "SCRAM-SHA-512", user: str = ADMIN, port_of: str | None = None
    ) -> dict[str, str]:
        """The settings of a client that comes by a protocol, to its port or to the one of another."""
        found = {
            "MILLRACE_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{self.ports[port_of or protocol]}",
            "MILLRACE_KAFKA_SECURITY_PROTOCOL": protocol,
        }
        if protocol.endswith("SSL"):
            found |= self.tls
        if protocol.startswith("SASL"):
            found |= {
                "MILLRACE_KAFKA_SASL_MECHANISM": mechanism,
                "MILLRACE_KAFKA_SASL_USERNAME": user,
                "MILLRACE_KAFKA_SASL_PASSWORD": PASSWORDS[user],
            }
        return found

    def allow(self, *rules: tuple[str, str, str]) -> None:
        """Take all rights from the user `shop`, then give it these: topic or group, its prefix, operation."""
        admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap_servers})
        anything = (ResourceType.ANY, None, ResourcePatternType.ANY, f"User:{SHOP}", None)
        whatever = AclBindingFilter(*anything, AclOperation.ANY, AclPermissionType.ANY)  # type: ignore[arg-type]
        _wait(admin.delete_acls([whatever]))
        wanted = [
            AclBinding(
                ResourceType[kind.upper()],
                name,
                ResourcePatternType.PREFIXED,
                f"User:{SHOP}",
                "*",
                AclOperation[operation.upper()],
                AclPermissionType.ALLOW,
            )
            for kind, name, operation in rules
        ]
        if wanted:
            _wait(admin.create_acls(wanted))


@contextmanager
def running_secured_kafka(machine: Machine, folder: Path) -> Iterator[SecuredKafka]:
    """One for the length of the `with` block."""
    assert machine.java is not None
    assert machine.maven is not None
    authority = Authority(folder)
    server, client = authority.sign("broker"), authority.sign("client")
    keystore = folder / "keystore.pem"
    keystore.write_bytes(server.key.read_bytes() + server.certificate.read_bytes())
    ports = {name: free_port() for name in LISTENERS}
    tls = {
        "MILLRACE_KAFKA_SSL_CAFILE": str(authority.certificate),
        "MILLRACE_KAFKA_SSL_CERTFILE": str(client.certificate),
        "MILLRACE_KAFKA_SSL_KEYFILE": str(client.key),
    }
    with ChildProcesses(folder) as children:
        broker, address = start_jar_kafka(
            children, machine.java, machine.maven, folder, _properties(keystore, authority), ports
        )
        _add_users(address)
        broker.wait_until(lambda: all(map(accepts_connections, ports.values())), START_TIMEOUT_S)
        by_protocol = {protocol: ports[name] for name, protocol in LISTENERS.items()}
        yield SecuredKafka(Kafka("jars", address, topic_creator(address)), by_protocol, tls)


def _properties(keystore: Path, authority: Authority) -> dict[str, str]:
    plain_users = " ".join(f'user_{user}="{password}"' for user, password in PASSWORDS.items())
    mapped = ",".join(f"{name}:{protocol}" for name, protocol in LISTENERS.items())
    properties = {
        **PROPERTIES,
        "listener.security.protocol.map": f"CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,{mapped}",
        "inter.broker.listener.name": "PLAINTEXT",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(keystore),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.certificate),
        "listener.name.tls.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": ",".join(MECHANISMS),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:ANONYMOUS;User:{ADMIN};User:CN=client",
    }
    for name in ("secure", "sasl"):
        properties[f"listener.name.{name}.plain.sasl.jaas.config"] = f"{_PLAIN} required {plain_users};"
        for mechanism in ("scram-sha-256", "scram-sha-512"):
            properties[f"listener.name.{name}.{mechanism}.sasl.jaas.config"] = f"{_SCRAM} required;"
    return properties


def _add_users(bootstrap_servers: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
        how = ScramCredentialInfo(mechanism, 4096)
        added: list[UserScramCredentialAlteration] = [
            UserScramCredentialUpsertion(user, how, word.encode()) for user, word in PASSWORDS.items()
        ]
        _wait(admin.alter_user_scram_credentials(added))


def _wait(answers: "Mapping[Any, Future[Any]]") -> None:
    for answer in answers.values():
        answer.result(30)
