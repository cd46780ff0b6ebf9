"""Whether a watermark lies within its log is judged by bounds that were asked after it was read."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer
from prometheus_client import CollectorRegistry

from schemas.errors import Unavailable
from streams.log_bounds import CERTAIN_AFTER_S, Bounds, LogBounds, Move
from streams.metrics import WorkerMetrics
from tests.streams.records import a_partition

PARTITION = a_partition()


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics() -> WorkerMetrics:
    return WorkerMetrics(CollectorRegistry())


@pytest.fixture
async def bounds(clock: Clock, metrics: WorkerMetrics) -> AsyncIterator[LogBounds]:
    consumer = AIOKafkaConsumer()
    yield LogBounds(consumer, metrics, clock)
    await consumer.stop()


@pytest.mark.parametrize("watermark", [3, 5, 9])
async def test_watermark_within_its_log_stays(bounds: LogBounds, watermark: int) -> None:
    assert bounds.judge(PARTITION, (watermark,), Bounds(3, 9), same_topic=True) is None


async def test_log_that_begins_behind_the_watermark_was_trimmed(bounds: LogBounds) -> None:
    assert bounds.judge(PARTITION, (2, 9), Bounds(3, 9), same_topic=True) == Move("trimmed", 3)


@pytest.mark.parametrize(("first", "lost"), [(12, 3), (8, 0)])
async def test_events_that_other_buckets_have_passed_do_not_count_as_missed(
    bounds: LogBounds, metrics: WorkerMetrics, first: int, lost: int
) -> None:
    bounds.note(PARTITION, Move("trimmed", first), (4, 9), "")
    assert metrics.registry.get_sample_value("millrace_missed_events_total") == lost


async def test_log_that_is_shorter_for_a_moment_is_waited_for(bounds: LogBounds, clock: Clock) -> None:
    with pytest.raises(Unavailable, match=r"events\[0\] ends at 9, before the watermark 12"):
        bounds.judge(PARTITION, (None, 4, 12), Bounds(0, 9), same_topic=False)
    clock.now_s += CERTAIN_AFTER_S - 1
    assert bounds.judge(PARTITION, (None, 4, 12), Bounds(0, 12), same_topic=False) is None
    clock.now_s += 2
    with pytest.raises(Unavailable):  # the wait begins anew
        bounds.judge(PARTITION, (None, 4, 12), Bounds(0, 9), same_topic=False)


async def test_log_that_stays_shorter_than_the_watermark_is_another_topic(
    bounds: LogBounds, clock: Clock
) -> None:
    with pytest.raises(Unavailable):
        bounds.judge(PARTITION, (None, 4, 12), Bounds(1, 9), same_topic=False)
    clock.now_s += CERTAIN_AFTER_S
    assert bounds.judge(PARTITION, (None, 4, 12), Bounds(1, 9), same_topic=False) == Move("recreated", 1)


async def test_log_of_the_same_topic_that_stays_shorter_was_cut(bounds: LogBounds, clock: Clock) -> None:
    with pytest.raises(Unavailable):
        bounds.judge(PARTITION, (None, 4, 12), Bounds(1, 9), same_topic=True)
    clock.now_s += CERTAIN_AFTER_S
    assert bounds.judge(PARTITION, (None, 4, 12), Bounds(1, 9), same_topic=True) == Move("cut", 9)
