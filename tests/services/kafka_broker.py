"""One Kafka for the whole test run, of whichever kind `kafka_choice` chose; the fixture `kafka` hands it out.

Owns starting it, and creating topics in it. All kinds but the embedded one are Apache Kafka 4.1.1 in KRaft
mode with the same properties.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from streams.dev.child_processes import ChildProcesses
from streams.dev.embedded_kafka import EmbeddedKafka
from streams.dev.jar_kafka import KRAFT_PROPERTIES, START_TIMEOUT_S, start_jar_kafka
from streams.dev.kafka_jars import KAFKA_VERSION
from streams.dev.ports import free_port
from tests.services.kafka_choice import KafkaKind, Machine

Topics = Mapping[str, tuple[int, Mapping[str, str]]]
"""By name, the number of partitions and properties such as `cleanup.policy`."""
PROPERTIES = {
    "group.min.session.timeout.ms": "500",  # a test need not wait 6 s for a killed worker to be noticed
}


@dataclass(frozen=True)
class Kafka:
    """A running Kafka.

    Attributes:
        kind: how it runs.
        bootstrap_servers: its address.
    """

    kind: KafkaKind
    bootstrap_servers: str
    _create: Callable[[Topics], None]

    def create_topic(self, name: str, partitions: int = 4, config: Mapping[str, str] | None = None) -> str:
        """Create a topic and return its name.

        Args:
            name: its name; put the fixture `prefix` before it.
            partitions: number of partitions.
            config: properties such as `cleanup.policy`, which the embedded broker does not know and ignores.
        """
        self.create_topics({name: (partitions, config or {})})
        return name

    def create_topics(self, topics: Topics) -> None:
        """Create several at once, which takes hardly longer than one."""
        self._create(topics)


@contextmanager
def running_kafka(kind: KafkaKind, machine: Machine, folder: Path) -> Iterator[Kafka]:
    """A Kafka of the given kind, for the length of the `with` block; its files and logs are in `folder`."""
    if kind == "embedded":
        with EmbeddedKafka() as embedded:
            yield of_embedded(embedded)
    elif kind == "container":
        with _container() as address:
            yield Kafka(kind, address, topic_creator(address))
    else:
        with ChildProcesses(folder) as children:
            assert machine.java is not None
            assert machine.maven is not None
            _, address = start_jar_kafka(children, machine.java, machine.maven, folder, PROPERTIES)
            yield Kafka(kind, address, topic_creator(address))


@contextmanager
def _container() -> Iterator[str]:
    port = free_port()  # a fixed one: the broker must know the address that clients reach it under
    container = DockerContainer(f"apache/kafka:{KAFKA_VERSION}").with_bind_ports(9092, port)
    address = f"{container.get_container_host_ip()}:{port}"
    own = {
        "controller.quorum.voters": "1@localhost:9093",
        "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "advertised.listeners": f"PLAINTEXT://{address}",
    }
    container.with_envs(**container_environment({**KRAFT_PROPERTIES, **PROPERTIES, **own}))
    container.waiting_for(
        LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(int(START_TIMEOUT_S))
    )
    with container:
        yield address


def container_environment(properties: Mapping[str, str]) -> dict[str, str]:
    """Kafka's properties as the variables that the image apache/kafka reads: `node.id` is `KAFKA_NODE_ID`."""
    return {f"KAFKA_{key.upper().replace('.', '_')}": value for key, value in properties.items()}


def of_embedded(broker: EmbeddedKafka) -> Kafka:
    """The broker in memory; it knows no properties of topics."""

    def create(topics: Topics) -> None:
        for name, (partitions, _) in topics.items():
            broker.create_topic(name, partitions)

    return Kafka("embedded", broker.bootstrap_servers, create)


def topic_creator(bootstrap_servers: str) -> Callable[[Topics], None]:
    """What creates topics in a Kafka."""

    def create(topics: Topics) -> None:
        admin = AdminClient({"bootstrap.servers": bootstrap_servers})
        wanted = [
            NewTopic(name, num_partitions=partitions, replication_factor=1, config=dict(config))
            for name, (partitions, config) in topics.items()
        ]
        for created in admin.create_topics(wanted, operation_timeout=30).values():
            created.result(timeout=30)

    return create
