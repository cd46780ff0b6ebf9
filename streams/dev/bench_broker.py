"""The Kafka that a bench runs on: a real one from its jars, the embedded one, or one that runs already.

Owns the choice and the life of a broker of its own. Callers: `bench_stream`, `soak`.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from confluent_kafka.admin import AdminClient

from schemas.errors import UsageError
from streams.dev.child_processes import ChildProcesses
from streams.dev.embedded_kafka import EmbeddedKafka
from streams.dev.jar_kafka import start_jar_kafka
from streams.dev.java_programs import find_java, find_maven
from streams.dev.kafka_jars import KAFKA_VERSION

_ANSWER_S = 30.0
_RETENTION = {
    "log.retention.bytes": str(128 * 2**20),
    "log.segment.bytes": str(32 * 2**20),
    "log.retention.check.interval.ms": "10000",
}
"""Of a partition: a soak writes gigabytes."""
LOCAL, EMBEDDED = "local", "embedded"


class BenchBroker(NamedTuple):
    """A running broker."""

    bootstrap_servers: str
    described: str
    prefix: str = ""
    """Before the names of topics; a broker of one's own needs none."""
    pid: int | None = None
    """None where it is not a process of this machine."""
    create_topic: Callable[[str, int], None] | None = None
    """How topics are made in it, where clients cannot: by name and number of partitions."""


def choose_broker(asked: str | None) -> str:
    """`local`, `embedded` or HOST:PORT; the best that this machine has where nothing is asked for.

    Raises:
        UsageError: it is none of them, or `local` is asked for and needs what is not here.
    """
    has_java = find_java() is not None and find_maven() is not None
    if asked is None:
        return LOCAL if has_java else EMBEDDED
    if asked == LOCAL and not has_java:
        raise UsageError("--broker local: Java 17 and mvn are needed; install them, or use --broker embedded")
    if asked not in (LOCAL, EMBEDDED) and not asked.rpartition(":")[2].isdigit():
        raise UsageError(f"--broker {asked}: give local, embedded or HOST:PORT")
    return asked


@contextmanager
def running_broker(choice: str, folder: Path) -> Iterator[BenchBroker]:
    """The broker of a choice, for the length of the `with` block; its files are in `folder`."""
    if choice == EMBEDDED:
        with EmbeddedKafka() as embedded:
            yield BenchBroker(
                embedded.bootstrap_servers,
                "embedded broker",
                pid=embedded.pid,
                create_topic=embedded.create_topic,
            )
    elif choice == LOCAL:
        java, maven = find_java(), find_maven()
        assert java is not None
        assert maven is not None
        with ChildProcesses(folder) as children:
            child, address = start_jar_kafka(children, java, maven, folder, _RETENTION)
            yield BenchBroker(address, f"Apache Kafka {KAFKA_VERSION} on loopback", pid=child.pid)
    else:
        prefix = f"millrace-bench-{uuid.uuid4().hex[:8]}."
        try:
            yield BenchBroker(choice, f"Kafka at {choice}", prefix)
        finally:
            _delete_topics(choice, prefix)


def _delete_topics(bootstrap_servers: str, prefix: str) -> None:
    """Leave nothing in somebody's Kafka."""
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    ours = [name for name in admin.list_topics(timeout=_ANSWER_S).topics if name.startswith(prefix)]
    for deletion in admin.delete_topics(ours, operation_timeout=_ANSWER_S).values() if ours else ():
        deletion.result(_ANSWER_S)
