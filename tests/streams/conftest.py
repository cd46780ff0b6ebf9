"""The stages that tests of running workers ask for."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from streams.dev.child_processes import ChildProcesses
from tests.services.kafka_broker import Kafka
from tests.services.redis_servers import PrivateRedis
from tests.streams.emitted_lists import EmittedLists
from tests.streams.worker_stage import Stage, make_stage

LOG_LINES = 80


@pytest.fixture
def stage(
    kafka: Kafka, redis_url: str, prefix: str, children: ChildProcesses, tmp_path: Path
) -> Iterator[Stage]:
    """Topics of 8 partitions, a Redis database, and release r1 announced."""
    yield from _staged(make_stage(kafka, redis_url, prefix, children, tmp_path / "releases"))


@pytest.fixture
def private_stage(
    kafka: Kafka, private_redis: PrivateRedis, prefix: str, children: ChildProcesses, tmp_path: Path
) -> Iterator[Stage]:
    """The same on a Redis that the test may break."""
    yield from _staged(make_stage(kafka, private_redis.url, prefix, children, tmp_path / "releases"))


@pytest.fixture
def stage_on(
    kafka: Kafka, prefix: str, children: ChildProcesses, tmp_path: Path
) -> Iterator[Callable[..., Stage]]:
    """Makes the stage on a Redis of the test's choice, by its URL and more settings."""
    stages = ExitStack()

    def make(redis_url: str, **settings: str) -> Stage:
        stage = make_stage(kafka, redis_url, prefix, children, tmp_path / "releases")
        stage.environment.update(settings)
        stages.enter_context(contextmanager(_staged)(stage))
        return stage

    with stages:
        yield make


@pytest.fixture
def lists(request: pytest.FixtureRequest) -> Iterator[EmittedLists]:
    """A reader of the lists of the test's stage."""
    name = "private_stage" if "private_stage" in request.fixturenames else "stage"
    reader = request.getfixturevalue(name).lists()
    yield reader
    reader.close()


def _staged(stage: Stage) -> Iterator[Stage]:
    stage.publish("r1")
    yield stage
    for worker in stage.workers:  # pytest shows it where the test failed
        print(f"--- worker {worker.child.pid}\n{worker.child.log_tail(LOG_LINES)}")  # noqa: T201
