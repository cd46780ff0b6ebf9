from pathlib import Path

import pytest

from tests.retrain.cycle.cycle_stage import CycleStage, cycle_stage
from tests.services.kafka_broker import Kafka


@pytest.fixture
def stage(kafka: Kafka, redis_url: str, prefix: str, tmp_path: Path) -> CycleStage:
    return cycle_stage(kafka, redis_url, prefix, tmp_path)
