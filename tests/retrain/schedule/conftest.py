from pathlib import Path

import pytest

from streams.dev.child_processes import ChildProcesses
from tests.retrain.schedule.retrain_stage import RetrainStage, retrain_stage
from tests.services.kafka_broker import Kafka


@pytest.fixture
def stage(
    kafka: Kafka, redis_url: str, prefix: str, children: ChildProcesses, tmp_path: Path
) -> RetrainStage:
    return retrain_stage(kafka, redis_url, prefix, children, tmp_path)
