"""A batch processor over in-memory parts and a release with known answers."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry

from models.release import Release, load_release
from streams.batch_computation import BatchComputation
from streams.batch_counts import BatchCounts
from streams.batch_messages import BatchMessages
from streams.batch_processor import BatchProcessor
from streams.current_recommender import CurrentRecommender
from streams.event_decoding import EventDecoder
from streams.health import Health
from streams.memory_session_store import MemorySessionStore
from streams.metrics import WorkerMetrics
from streams.micro_batch import BucketMarks, MicroBatch, Record, Watermarks
from streams.online_counts import OnlineCounter
from streams.session_store import SessionStore
from tests.streams.memory_emitter import MemoryEmitter
from tests.successor_release import write_successor_release

ITEMS = ["a", "b", "c", "d", "e"]


def a_release(
    folder: Path, items: list[str] | None = None, release_id: str = "r1", gap_s: float = 1800.0
) -> Release:
    """A loaded release that recommends successors."""
    write_successor_release(folder, release_id, items or ITEMS, gap_s)
    return load_release(folder / release_id)


@dataclass
class Workbench:
    """A processor and the parts around it, within reach of a test."""

    release: Release
    store: SessionStore = field(default_factory=MemorySessionStore)
    emitter: MemoryEmitter = field(default_factory=MemoryEmitter)
    k: int = 3
    excluded_types: frozenset[int] = frozenset()
    require_key: bool = False
    latest_only: bool = False
    attribution_window_s: float = 1800.0

    def __post_init__(self) -> None:
        self.metrics = WorkerMetrics(CollectorRegistry())
        self.online = OnlineCounter(self.metrics)
        counts = BatchCounts(self.metrics, self.online)
        messages = BatchMessages("recommendations", "dead-letter")
        self.health = Health(self.metrics.ready)
        self.current = CurrentRecommender(self.k, self.excluded_types, self.metrics, self.latest_only)
        self.current.use_release(self.release)
        self.processor = BatchProcessor(
            EventDecoder({"order": "purchase"}, self.require_key, 3600, self.metrics),
            self.store,
            BatchComputation(self.current, messages, counts, self.attribution_window_s),
            self.emitter,
            messages,
            self.health,
            counts,
        )

    def count(self, name: str, **labels: str) -> float:
        """The value of a metric."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


def a_batch(
    *records: Record,
    expected: dict[TopicPartition, Watermarks] | None = None,
    marks: BucketMarks | None = None,
) -> MicroBatch:
    """A batch of records, grouped by partition.

    Args:
        records: of the batch.
        expected: at which watermarks it begins; those of an empty store if not given.
        marks: in place of them, the account that the batches of one partition share.
    """
    grouped: dict[TopicPartition, list[Record]] = {}
    for record in records:
        grouped.setdefault(TopicPartition(record.topic, record.partition), []).append(record)
    watermarks = expected or dict.fromkeys(grouped, (None,))
    accounts = {one: marks or BucketMarks(current) for one, current in watermarks.items()}
    ends = {one: found[-1].offset + 1 for one, found in grouped.items()}
    return MicroBatch(grouped, accounts, ends, asyncio.get_running_loop().create_future())
