"""One Apache Kafka in KRaft mode on a loopback port, from its own jars: broker and controller in one process.

Owns its properties and its start; the jars are `kafka_jars`, the programs `java_programs`. Callers: the
benches, the tests.
"""

import socket
from collections.abc import Mapping
from pathlib import Path

from streams.dev.child_processes import Child, ChildProcesses
from streams.dev.kafka_jars import cache_folder, fetch_jars
from streams.dev.ports import free_port

START_TIMEOUT_S = 60.0
CLUSTER_ID = "bWlsbHJhY2UtdGVzdHMtMQ"
KRAFT_PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
}
"""Of a cluster of one node; a topic exists only once it is created."""
_QUICK_START = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def start_jar_kafka(
    children: ChildProcesses,
    java: Path,
    maven: Path,
    folder: Path,
    properties: Mapping[str, str],
    more_listeners: Mapping[str, int] | None = None,
) -> tuple[Child, str]:
    """Start a Kafka and wait until it takes connections.

    Args:
        children: who ends it.
        java: the java program.
        maven: the mvn program, for the first run.
        folder: for its properties and its log.
        properties: what differs from `KRAFT_PROPERTIES`; listeners of the caller's own come last and win.
        more_listeners: beside PLAINTEXT, the name and the port of each.

    Returns:
        The broker's process, and its bootstrap address.

    Raises:
        UsageError: Maven could not get the jars.
        ChildFailed: it did not start; the message has the end of its log.
    """
    port, controller_port = free_port(), free_port()
    more = "".join(f",{name}://127.0.0.1:{its}" for name, its in (more_listeners or {}).items())
    own = {
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}{more}",
        "log.dirs": str(folder / "log"),
    }
    file = folder / "server.properties"
    merged = {**KRAFT_PROPERTIES, **own, **properties}
    file.write_text("".join(f"{key}={value}\n" for key, value in merged.items()))
    jars = fetch_jars(maven, cache_folder())
    command: list[str | Path] = [java, *_QUICK_START, "-cp", f"{jars}/*"]
    storage = [*command, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", file]
    children.start("kafka-format", storage).wait(START_TIMEOUT_S)
    broker = children.start("kafka", [*command, "kafka.Kafka", file])
    broker.wait_until(lambda: accepts_connections(port), START_TIMEOUT_S)
    return broker, f"127.0.0.1:{port}"


def accepts_connections(port: int) -> bool:
    """Whether something listens on this loopback port now."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False
