"""A process that is a Kafka broker in memory: librdkafka's mock cluster, driven through its C interface.

Owns the cluster and its topics. The protocol with the parent: the first line of standard output is the
bootstrap address; each line `TOPIC PARTITIONS` on standard input creates a topic and is answered by a line,
`ok` or the reason; when standard input closes, the process ends.

Groups are for one consumer each: when one joins or leaves, the mock lets the others wait for their session
timeout less a second, and where there are several, the leader's SyncGroup may overtake a follower's, which
then fails with InvalidRequest. The mock has no compaction, retention by time, transactions, time lookup, nor
topics made by clients. A partition keeps 5 MiB, then drops its oldest messages silently. An empty fetch waits
for the whole of the consumer's maximum.

Caller: `embedded_kafka`, as `python -m streams.dev.mock_cluster`.
"""

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path

from schemas.errors import UsageError

PRODUCER = 0
LOG_ERRORS_ONLY = b"3"
ERROR_TEXT_BYTES = 512


def find_librdkafka() -> Path:
    """The librdkafka that the confluent-kafka wheel brings.

    Raises:
        UsageError: there is no such package, or its build uses the system's librdkafka.
    """
    try:
        import confluent_kafka  # it also loads what librdkafka itself needs
    except ImportError as error:
        raise UsageError(
            "the embedded Kafka broker needs the package confluent-kafka: install millrace[demo]"
        ) from error
    package = Path(confluent_kafka.__file__).parent
    for folder in (package.parent / "confluent_kafka.libs", package / ".dylibs"):
        if found := sorted(folder.glob("librdkafka*")):
            return found[0]
    raise UsageError(
        f"no librdkafka beside {package}: the embedded Kafka broker needs confluent-kafka's own wheel"
    )


class MockCluster:
    """One mock cluster; it lives as long as this process.

    Args:
        library: librdkafka.
        brokers: number of brokers in the cluster.

    Raises:
        RuntimeError: librdkafka refused.
    """

    def __init__(self, library: ctypes.CDLL, brokers: int) -> None:
        self._library = declare(library)
        reason = ctypes.create_string_buffer(ERROR_TEXT_BYTES)
        # The mock belongs to a client, which may be any: this one never connects to anything.
        conf = library.rd_kafka_conf_new()
        library.rd_kafka_conf_set(conf, b"log_level", LOG_ERRORS_ONLY, reason, ERROR_TEXT_BYTES)
        client = library.rd_kafka_new(PRODUCER, conf, reason, ERROR_TEXT_BYTES)
        if not client:
            raise RuntimeError(f"rd_kafka_new: {reason.value.decode()}")
        self._cluster = library.rd_kafka_mock_cluster_new(client, brokers)
        if not self._cluster:
            raise RuntimeError("rd_kafka_mock_cluster_new: no cluster")
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)

    def bootstrap_servers(self) -> str:
        """The addresses of the brokers, comma-separated."""
        address: bytes = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster)
        return address.decode()

    def create_topic(self, name: str, partitions: int) -> None:
        """Create a topic.

        Raises:
            RuntimeError: librdkafka refused, because it exists already or so.
        """
        code = self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1)
        if code != 0:
            reason: bytes = self._library.rd_kafka_err2str(code)
            raise RuntimeError(f"topic {name} with {partitions} partitions: {reason.decode()}")


def declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """Tell ctypes the signatures of the functions used here (rdkafka.h, rdkafka_mock.h)."""
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    signatures: dict[str, tuple[type | None, list[type]]] = {
        "rd_kafka_conf_new": (pointer, []),
        "rd_kafka_conf_set": (number, [pointer, text, text, text, ctypes.c_size_t]),
        "rd_kafka_new": (pointer, [number, pointer, text, ctypes.c_size_t]),
        "rd_kafka_mock_cluster_new": (pointer, [pointer, number]),
        "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [pointer, number]),
        "rd_kafka_mock_cluster_bootstraps": (text, [pointer]),
        "rd_kafka_mock_topic_create": (number, [pointer, text, number, number]),
        "rd_kafka_err2str": (text, [number]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def answer(line: str, create_topic: Callable[[str, int], None]) -> str:
    """Carry out one line of the parent's.

    Returns:
        The line to answer with: `ok` or the reason why not.
    """
    name, _, partitions = line.strip().rpartition(" ")
    try:
        create_topic(name, int(partitions))
    except (RuntimeError, ValueError) as error:
        return str(error)
    return "ok"


def main() -> None:
    """Serve until standard input closes."""
    cluster = MockCluster(ctypes.CDLL(str(find_librdkafka())), brokers=1)
    tell_parent(cluster.bootstrap_servers())
    for line in sys.stdin:
        tell_parent(answer(line, cluster.create_topic))


def tell_parent(line: str) -> None:
    """Write one line, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
