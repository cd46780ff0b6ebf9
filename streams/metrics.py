"""Every metric of the worker, by name. One registry a process, made in the composition root."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streams.batched_histogram import BatchedHistogram

_STAGE_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_FRESHNESS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0)
_SIZE_BUCKETS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500)

DEAD_LETTER_STAGES = ("decode", "recommend")
LIST_LABELS = ("release_id", "strategy", "event_type")
"""What made a list, and the type of the event after it."""


class WorkerMetrics:
    """The worker's counters, gauges and histograms."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.events = Counter(
            "millrace_events",
            "Events whose list was emitted and saved",
            ["event_type", "strategy"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "millrace_dead_letters", "Messages sent to the dead-letter topic", ["stage"], registry=registry
        )
        for stage in DEAD_LETTER_STAGES:  # from 0 on, so that the first one is seen as an increase
            self.dead_letters.labels(stage)
        self.invalid_items = Counter(
            "millrace_invalid_items", "Messages of the items topic that were ignored", registry=registry
        )
        self.repeats = Counter(
            "millrace_repeated_events", "Events whose event_id was processed before", registry=registry
        )
        self.unkeyed = Counter(
            "millrace_unkeyed_events", "Events whose key is not their session_id", registry=registry
        )
        self.skewed = Counter(
            "millrace_skewed_events",
            "Events whose time cannot be right, so that their record's counts",
            registry=registry,
        )
        self.batch_events = Histogram(
            "millrace_batch_events", "Messages in a micro-batch", buckets=_SIZE_BUCKETS, registry=registry
        )
        self.stage_seconds = Histogram(
            "millrace_stage_seconds",
            "Time of one stage of a micro-batch",
            ["stage"],
            buckets=_STAGE_BUCKETS,
            registry=registry,
        )
        self.freshness_seconds = BatchedHistogram(
            "millrace_freshness_seconds",
            "From the event's Kafka timestamp to the broker's acknowledgement of its list",
            _FRESHNESS_BUCKETS,
            registry,
        )
        self.consumer_lag = Gauge(
            "millrace_consumer_lag",
            "Messages behind the end of the partition",
            ["topic", "partition"],
            registry=registry,
        )
        self.active_release = Gauge(
            "millrace_active_release", "1 for the release that is served", ["release_id"], registry=registry
        )
        self.releases_refused = Counter(
            "millrace_releases_refused", "Announced releases that could not be served", registry=registry
        )
        self.side_index_version = Gauge(
            "millrace_side_index_version",
            "The version of the side index of new items that is searched; 0: none",
            registry=registry,
        )
        self.side_index_items = Gauge("millrace_side_index_items", "New items in it", registry=registry)
        self.side_index_age = Gauge(
            "millrace_side_index_age_seconds",
            "Since it was announced; it grows while its builder has nothing new, or is dead",
            registry=registry,
        )
        self.side_indexes_refused = Counter(
            "millrace_side_indexes_refused",
            "Announced side indexes that cannot be searched",
            registry=registry,
        )
        self.lists_with_new_items = Counter(
            "millrace_lists_with_new_items", "Lists that hold an item of the side index", registry=registry
        )
        self.refusals = Counter(
            "millrace_refusals",
            "Partitions of a batch refused by the watermark check",
            ["check"],
            registry=registry,
        )
        self.redis_rewinds = Counter(
            "millrace_redis_rewinds", "Watermarks found behind the expected one", registry=registry
        )
        self.redis_empty = Counter(
            "millrace_redis_empty", "Watermarks found missing though one was expected", registry=registry
        )
        self.log_changes = Counter(
            "millrace_log_changes",
            "Partitions whose log was made anew, trimmed past the watermark or cut off before it",
            ["change"],
            registry=registry,
        )
        self.missed_events = Counter(
            "millrace_missed_events", "Events that retention took before they were read", registry=registry
        )
        self.online_predictions = Counter(
            "millrace_online_predictions",
            "Events that were compared with the list before them, by what made that list",
            [*LIST_LABELS],
            registry=registry,
        )
        self.online_hits = Counter(
            "millrace_online_hits",
            "Those of them whose item was among the first k of the list",
            [*LIST_LABELS, "k"],
            registry=registry,
        )
        self.online_reciprocal_ranks = Counter(
            "millrace_online_reciprocal_ranks",
            "The sum of 1 / rank over those hits",
            [*LIST_LABELS, "k"],
            registry=registry,
        )
        self.online_named_lists = Counter(
            "millrace_online_named_lists",
            "Events that name a list: the last one of their session, or another",
            ["event_type", "named"],
            registry=registry,
        )
        self.tasks = Gauge("millrace_tasks", "asyncio tasks of the worker", registry=registry)
        self.ready = Gauge("millrace_ready", "1 while the worker is ready", registry=registry)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage of a batch."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.stage_seconds.labels(name).observe(time.perf_counter() - started)
