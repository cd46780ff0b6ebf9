"""What `bench stream` and `bench soak` measure on: broker, Redis, a log, trained releases, on chosen cores.

Owns the preparation, and that each run starts from nothing: Redis empty, a consumer group of its own, so that
one backlog serves many runs. Callers: `bench_stream`, `soak`.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from redis import Redis

from schemas.release_manifest import ReleaseManifest
from streams.dev.bench_broker import BenchBroker, running_broker
from streams.dev.bench_log import BenchLog
from streams.dev.bench_services import fill_backlog
from streams.dev.child_processes import Child
from streams.dev.core_pinning import Cores, on_cores, split_cores
from streams.dev.demo_release import COMMAND_TIMEOUT_S, announce_release, train_release
from streams.dev.ending import end_on_sigterm
from streams.dev.millrace_services import EVENTS, PARTITIONS, RECOMMENDATIONS, MillraceServices, services_on
from streams.dev.ports import free_port

LOCAL_PARTITIONS = 8
_QUICK_MODEL: dict[str, float | str] = {"epochs": 1, "min_steps": 0, "test_share": 0.0}
"""How good the lists are does not matter here."""
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_OF_ONE_PARTITION = {"MILLRACE_RELEASES_TOPIC", "MILLRACE_SIDE_INDEX_TOPIC"}
_TOPIC_SETTINGS = {
    "MILLRACE_EVENT_TOPICS": EVENTS,
    "MILLRACE_RECOMMENDATIONS_TOPIC": RECOMMENDATIONS,
    "MILLRACE_DEAD_LETTER_TOPIC": "dead-letter",
    "MILLRACE_ITEMS_TOPIC": "items",
    "MILLRACE_RELEASES_TOPIC": "releases",
    "MILLRACE_SIDE_INDEX_TOPIC": "side-indexes",
}


@dataclass(frozen=True)
class BenchStand:
    """The running services and where they run."""

    services: MillraceServices
    broker: BenchBroker
    cores: Cores
    log: BenchLog
    folder: Path
    _runs: Iterator[int] = field(default_factory=count)

    @property
    def events_topic(self) -> str:
        """The topic with the backlog."""
        return self.services.environment["MILLRACE_EVENT_TOPICS"]

    @property
    def lists_topic(self) -> str:
        """Where the lists go."""
        return self.services.environment["MILLRACE_RECOMMENDATIONS_TOPIC"]

    @property
    def redis_pid(self) -> int:
        """The process that is Redis."""
        with Redis.from_url(self.services.redis_url) as redis:
            return int(redis.info("server")["process_id"])

    def event_lines(self) -> Path:
        """A file with the events of the backlog, ItemEvent JSON a line."""
        path = self.folder / "backlog.jsonl"
        if not path.exists():
            self.log.backlog.rename({"occurred_at_ms": "occurred_at"}).write_ndjson(path)
        return path

    def train(self, events: pl.DataFrame, config: Mapping[str, float | str]) -> ReleaseManifest:
        """A quick release of these events, not announced yet."""
        log_file = self.folder / "training.parquet"
        events.rename({"occurred_at_ms": "timestamp"}).write_parquet(log_file)
        return train_release(self.services, log_file, {**_QUICK_MODEL, **config}, on_line=lambda _: None)

    def announce(self, manifest: ReleaseManifest) -> None:
        """Let the workers that start from now on serve this release."""
        announce_release(self.services, manifest)

    def fresh_run(self) -> MillraceServices:
        """The services for one run: no session is stored, nothing of the backlog is processed."""
        with Redis.from_url(self.services.redis_url) as redis:
            redis.flushall()
        group = {"MILLRACE_CONSUMER_GROUP": f"{self.broker.prefix}bench-{next(self._runs)}"}
        return replace(self.services, environment={**self.services.environment, **group})

    def start_workers(self, run: MillraceServices, number: int) -> dict[str, Child]:
        """Start workers, the first on the measured core, the others beside broker and Redis.

        Returns:
            Base URL of each -> its process.
        """
        workers = {}
        for at in range(number):
            one = replace(run, worker_url=f"http://127.0.0.1:{free_port()}")
            with on_cores(self.cores.others if at else self.cores.measured):
                workers[one.worker_url] = one.start_worker()
        return workers


@contextmanager
def bench_stand(broker_choice: str, log: BenchLog, policy: Mapping[str, str]) -> Iterator[BenchStand]:
    """Start broker and Redis and fill the backlog, beside the core that is measured.

    Args:
        broker_choice: see `bench_broker.choose_broker`.
        log: the events.
        policy: settings of the workers that differ from the defaults.
    """
    cores = split_cores()
    with (
        end_on_sigterm(),
        on_cores(cores.others),
        TemporaryDirectory(prefix="millrace-bench-") as name,
        running_broker(broker_choice, Path(name)) as broker,
    ):
        folder, releases = Path(name), Path(name) / "releases"
        releases.mkdir()
        topics = {key: broker.prefix + topic for key, topic in _TOPIC_SETTINGS.items()}
        settings = {**_ONE_THREAD, **topics, **policy}
        with services_on(broker.bootstrap_servers, folder, releases, settings) as services:
            _create_topics(services, broker)
            stand = BenchStand(services, broker, cores, log, folder)
            asyncio.run(fill_backlog(services, log.backlog, stand.events_topic))
            yield stand


def _create_topics(services: MillraceServices, broker: BenchBroker) -> None:
    if broker.create_topic is not None:
        _create_in_mock(services, broker.create_topic)
        return
    sized = replace(
        services, environment={**services.environment, "MILLRACE_PARTITIONS": str(LOCAL_PARTITIONS)}
    )
    sized.run("topics", "create", timeout_s=COMMAND_TIMEOUT_S)


def _create_in_mock(services: MillraceServices, create_topic: Callable[[str, int], None]) -> None:
    for name in _TOPIC_SETTINGS:
        create_topic(services.environment[name], 1 if name in _OF_ONE_PARTITION else PARTITIONS)
