from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.dev.child_processes import ChildProcesses
from tests.loop.loop_stage import LoopStage, loop_settings
from tests.services.kafka_broker import Kafka
from tests.streams.emitted_lists import EmittedLists
from tests.streams.worker_stage import make_stage

LOG_LINES = 60


@pytest.fixture
def loop(
    kafka: Kafka, redis_url: str, prefix: str, children: ChildProcesses, tmp_path: Path
) -> Iterator[LoopStage]:
    """Topics of 8 partitions, a Redis database, and no release yet."""
    bare = make_stage(kafka, redis_url, prefix, children, tmp_path / "releases")
    environment = {**bare.environment, **loop_settings(tmp_path, prefix)}
    stage = LoopStage(kafka, children, bare.releases, environment)
    yield stage
    for worker in stage.workers:  # pytest shows it where the test failed
        print(f"--- worker {worker.child.pid}\n{worker.child.log_tail(LOG_LINES)}")  # noqa: T201


@pytest.fixture
def lists(loop: LoopStage) -> Iterator[EmittedLists]:
    """A reader of the lists of the test's stage."""
    reader = loop.lists()
    yield reader
    reader.close()
