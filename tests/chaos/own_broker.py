"""A Kafka for one chaos run to stop, kill, pause and start again with the same data.

Two listeners: tests talk to it directly, workers through a link of `slow_network`, whose port it advertises
to them. Always Kafka's jars on Java, since a chaos run sends its process signals.
"""

from pathlib import Path
from signal import SIGCONT, SIGSTOP

from streams.dev.child_processes import Child, ChildProcesses
from streams.dev.jar_kafka import CLUSTER_ID, KRAFT_PROPERTIES, START_TIMEOUT_S, accepts_connections
from streams.dev.kafka_jars import cache_folder, fetch_jars
from streams.dev.ports import free_port
from tests.services.kafka_broker import PROPERTIES, Kafka, topic_creator
from tests.services.kafka_choice import Machine

_JVM_OPTIONS = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_QUICK_RETURN = {
    # A killed broker's successor waits until the controller has given the killed one up: 9 s by default.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # Alone it has nobody to hand its partitions to, and would try for some time.
    "controlled.shutdown.enable": "false",
}


class OwnBroker:
    """One broker process after the other over one data folder.

    Args:
        children: who ends it.
        machine: has Java and Maven.
        folder: its properties and its data.

    Attributes:
        address: where tests reach it.
        worker_port: where the link of the workers ends; they reach it once `start` was told the link's port.
    """

    def __init__(self, children: ChildProcesses, machine: Machine, folder: Path) -> None:
        assert machine.java is not None
        assert machine.maven is not None
        self._children = children
        self._properties = folder / "server.properties"
        self._folder = folder
        self._port, self.worker_port, self._controller_port = _different_ports(3)
        self.address = f"127.0.0.1:{self._port}"
        jars = fetch_jars(machine.maven, cache_folder())
        self._command: list[str | Path] = [machine.java, *_JVM_OPTIONS, "-cp", f"{jars}/*"]
        self._broker: Child | None = None

    def format(self, advertised_port: int) -> Kafka:
        """Prepare its folder and start it for the first time; workers are told to come to that port."""
        own = {
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,WORKERS:PLAINTEXT",
            "listeners": f"PLAINTEXT://{self.address},WORKERS://127.0.0.1:{self.worker_port},"
            f"CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.address},WORKERS://127.0.0.1:{advertised_port}",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(self._folder / "log"),
        }
        properties = {**KRAFT_PROPERTIES, **PROPERTIES, **_QUICK_RETURN, **own}
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        storage = [*self._command, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID]
        self._children.start("kafka-format", [*storage, "-c", self._properties]).wait(START_TIMEOUT_S)
        self.start()
        return Kafka("jars", self.address, topic_creator(self.address))

    def start(self) -> None:
        """Start it with the data that it has, and wait until it takes connections."""
        self._broker = self._children.start("kafka", [*self._command, "kafka.Kafka", self._properties])
        self._broker.wait_until(
            lambda: accepts_connections(self._port) and accepts_connections(self.worker_port), START_TIMEOUT_S
        )

    def stop(self) -> None:
        """Stop it as an operator does (SIGTERM)."""
        self._running.terminate()

    def kill(self) -> None:
        """Kill -9 it; the operating system keeps what it has written."""
        self._running.kill()

    def pause(self) -> None:
        """Stop it in its tracks (SIGSTOP): connections stay open and nothing answers."""
        self._running.send_signal(SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._running.send_signal(SIGCONT)

    @property
    def _running(self) -> Child:
        assert self._broker is not None, "format it first"
        return self._broker


def _different_ports(count: int) -> list[int]:
    """Free ports; one that nobody listens on yet may be named twice."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return list(ports)
