"""Everything that Millrace needs on one machine, as one `with` block: broker, Redis, worker, lookup.

Owns what is started in which order and the settings of the children; they end with the block, however it
ends, and the folder with releases, logs and caches goes away. Callers: the demo, `millrace up`.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import UsageError
from schemas.topics import topic_definitions
from streams.dev.child_processes import Child, ChildFailed, ChildProcesses
from streams.dev.embedded_kafka import EmbeddedKafka
from streams.dev.embedded_redis import EmbeddedRedis
from streams.dev.ports import ANY_PORTS, WantedPorts, free_port

PARTITIONS = 32
"""The embedded broker gives one batch of a partition a fetch: many partitions make it quick."""
EVENTS, RECOMMENDATIONS, DEAD_LETTERS = "events", "recommendations", "dead-letter"
ITEMS, RELEASES, RETRAIN_REQUESTS, SIDE_INDEXES = "items", "releases", "retrain-requests", "side-indexes"
START_TIMEOUT_S = 60.0
_LOOK_S = 0.3


@dataclass(frozen=True)
class MillraceServices:
    """Addresses and children of a running Millrace."""

    bootstrap_servers: str
    redis_url: str
    releases: Path
    """Folder of releases."""
    children: ChildProcesses
    environment: Mapping[str, str]
    """The settings that every child gets."""
    worker_url: str
    lookup_url: str

    def run(
        self, *arguments: str | Path, timeout_s: float, on_line: Callable[[str], None] = lambda _: None
    ) -> None:
        """Run a millrace command to its end.

        Args:
            arguments: the command line after `millrace`.
            timeout_s: how long at most.
            on_line: called with the last line that it has written, now and then.

        Raises:
            UsageError: it failed; the message is its last line.
        """
        child = self.children.start_millrace(*arguments, env=self.environment)
        deadline = time.monotonic() + timeout_s
        while child.is_running() and time.monotonic() < deadline:
            on_line(child.log_tail(1))
            with suppress(ChildFailed):
                child.wait(_LOOK_S)
        if child.wait(_LOOK_S) != 0:
            reason = child.log_tail(1).removeprefix("millrace: ")
            raise UsageError(f"`millrace {arguments[0]}` failed: {reason}")

    def serving_logs(self) -> list[Path]:
        """The logs of the workers and lookups started so far."""
        return [child.log_path for child in self.children.started if child.name in ("worker", "lookup")]

    def start_worker(self) -> Child:
        """Start a worker; it is ready once a release is announced."""
        port = self.worker_url.rpartition(":")[2]
        return self.children.start_millrace("worker", env={**self.environment, "MILLRACE_WORKER_PORT": port})

    def start_lookup(self) -> Child:
        """Start the lookup."""
        port = self.lookup_url.rpartition(":")[2]
        return self.children.start_millrace("lookup", env={**self.environment, "MILLRACE_LOOKUP_PORT": port})


@contextmanager
def millrace_services(
    folder: Path, releases: Path, policy: Mapping[str, str], ports: WantedPorts = ANY_PORTS
) -> Iterator[MillraceServices]:
    """Start broker and Redis, with all topics.

    Args:
        folder: for logs and caches.
        releases: folder of releases.
        policy: settings that differ from the defaults, such as `MILLRACE_EXCLUDE_EVENT_TYPES`.
        ports: where Redis, worker and lookup listen if nobody else does. (The broker chooses its own port.)
    """
    names = [EVENTS], RECOMMENDATIONS, DEAD_LETTERS, ITEMS, RELEASES, RETRAIN_REQUESTS, SIDE_INDEXES
    definitions = topic_definitions(*names, PARTITIONS)
    topics = {definition.name: definition.partitions for definition in definitions}
    with (
        EmbeddedKafka(topics) as broker,
        services_on(broker.bootstrap_servers, folder, releases, policy, ports) as services,
    ):
        yield services


@contextmanager
def services_on(
    bootstrap_servers: str,
    folder: Path,
    releases: Path,
    policy: Mapping[str, str],
    ports: WantedPorts = ANY_PORTS,
) -> Iterator[MillraceServices]:
    """Start Redis for a broker that runs; its topics are the caller's business. Arguments as above."""
    with EmbeddedRedis(ports.redis) as redis, ChildProcesses(folder) as children:
        environment = {
            **_OWN_TOPICS,
            "MILLRACE_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "MILLRACE_REDIS_URL": redis.url,
            "MILLRACE_RELEASES": str(releases),
            "MILLRACE_RELEASE_CACHE": str(folder / "release-cache"),
            "TMPDIR": str(folder),  # what libraries of the children leave there goes away with the rest
            **policy,
        }
        yield MillraceServices(
            bootstrap_servers,
            redis.url,
            releases,
            children,
            environment,
            worker_url=f"http://127.0.0.1:{free_port(ports.worker)}",
            lookup_url=f"http://127.0.0.1:{free_port(ports.lookup)}",
        )


# What the environment of the caller may set for other services must not reach the children.
_OWN_TOPICS = {
    "MILLRACE_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
    "MILLRACE_REDIS_BUCKETS": "1",
    "MILLRACE_EVENT_TOPICS": EVENTS,
    "MILLRACE_RECOMMENDATIONS_TOPIC": RECOMMENDATIONS,
    "MILLRACE_DEAD_LETTER_TOPIC": DEAD_LETTERS,
    "MILLRACE_ITEMS_TOPIC": ITEMS,
    "MILLRACE_RELEASES_TOPIC": RELEASES,
    "MILLRACE_CONSUMER_GROUP": "millrace",
    "MILLRACE_WORKER_HOST": "127.0.0.1",
    "MILLRACE_LOOKUP_HOST": "127.0.0.1",
    "MILLRACE_LOOKUP_API_KEYS": "",
    "MILLRACE_LOOKUP_RATE_LIMIT": "0",
    "MILLRACE_K": "20",
}


def start_serving(services: MillraceServices) -> Callable[[], None]:
    """Start a worker and a lookup and wait until both are ready; a release must be announced.

    Returns:
        A check that raises UsageError when one of them has ended.

    Raises:
        UsageError: one of them ended, or was not ready in time; the message has the end of its log.
    """
    worker, lookup = services.start_worker(), services.start_lookup()
    try:
        worker.wait_until_ready(services.worker_url, START_TIMEOUT_S)
        lookup.wait_until_ready(services.lookup_url, START_TIMEOUT_S)
    except ChildFailed as error:
        raise UsageError(str(error)) from error

    def check() -> None:
        for child in (worker, lookup):
            if not child.is_running():
                code, said = child.process.returncode, child.log_tail(1)
                raise UsageError(f"the {child.name} ended with exit code {code}; it said last: {said}")

    return check
