"""What a worker counts of its lists' online quality, by release: for Prometheus and for its heartbeat.

Owns the counts since the worker's start, of the last few releases; docs/online-quality.md says what they
mean. An event counts when its batch is saved, so once, whatever became of the batch before. Callers:
`streams.batch_counts`, `streams.heartbeat`.
"""

import collections
from collections.abc import Mapping
from itertools import compress

import numpy as np
from aiokafka import TopicPartition
from msgspec.structs import replace
from numpy.typing import NDArray
from prometheus_client import Counter

from models.online_quality import CUTOFFS, OnlineGroup, figures_by_group
from schemas.ids import ReleaseId
from schemas.worker_heartbeat import OnlineCounts
from streams.isolation import Isolated
from streams.metrics import WorkerMetrics
from streams.micro_batch import Watermarks
from streams.online_comparison import BatchQuality

KEPT_RELEASES = 8
"""Of so many releases, those that were counted for last, there are counts: metrics do not grow for ever."""


class OnlineCounter:
    """The counts of one worker."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        self._metrics = metrics
        self._counts: dict[ReleaseId, OnlineCounts] = {}
        self._counters: dict[OnlineGroup, list[Counter]] = {}
        """Of each group the metrics beside its figures: looking them up costs as much as counting."""

    def counts(self) -> dict[ReleaseId, OnlineCounts]:
        """By release, the one counted for last at the end."""
        return dict(self._counts)

    def failed(self, release_id: ReleaseId) -> None:
        """A batch that this release cannot serve now will be tried again."""
        self._add(release_id, OnlineCounts(errors=1))

    def saved(
        self, refused: Mapping[TopicPartition, Watermarks], isolated: Isolated, quality: BatchQuality
    ) -> None:
        """What was not refused is saved."""
        is_saved = [not refused or one.partition not in refused for one in isolated.events]
        events = sum(one is not None for one in compress(isolated.recommendations, is_saved))
        errors = sum(
            one.reason.stage == "recommend" and one.partition not in refused for one in isolated.letters
        )
        if events or errors:
            self._add(quality.release_id, OnlineCounts(events=events, errors=errors))
        self._compared(is_saved, quality)

    def _compared(self, is_saved: list[bool], quality: BatchQuality) -> None:
        compared, (groups, members), ranks = quality.compared, quality.compared.groups(), quality.ranks
        if not all(is_saved):
            kept = [at for at, place in enumerate(compared.places) if is_saved[place]]
            members, ranks = members[kept], ranks[kept]
        for group, figures in figures_by_group(groups, members, ranks).items():
            if figures.any():
                self._add_group(group, figures)
        named = collections.Counter(
            (one.event_type, one.is_last) for one in compared.named if is_saved[one.place]
        )
        for (event_type, is_last), count in named.items():
            label = "last" if is_last else "other"
            self._metrics.online_named_lists.labels(event_type, label).inc(count)

    def _add_group(self, group: OnlineGroup, figures: NDArray[np.float64]) -> None:
        values = figures.tolist()
        predictions, hits, reciprocal_ranks = int(values[0]), int(values[len(CUTOFFS)]), values[-1]
        self._add(
            group.release_id,
            OnlineCounts(predictions=predictions, hits=hits, reciprocal_ranks=reciprocal_ranks),
        )
        counters = self._counters.get(group)
        if counters is None:
            counters = self._counters[group] = self._counters_of(group)
        for counter, value in zip(counters, values, strict=True):
            counter.inc(value)

    def _counters_of(self, group: OnlineGroup) -> list[Counter]:
        metrics = self._metrics
        return [
            metrics.online_predictions.labels(*group),
            *(metrics.online_hits.labels(*group, k) for k in CUTOFFS),
            *(metrics.online_reciprocal_ranks.labels(*group, k) for k in CUTOFFS),
        ]

    def _add(self, release_id: ReleaseId, more: OnlineCounts) -> None:
        before = self._counts.pop(release_id, OnlineCounts())
        self._counts[release_id] = replace(
            before,
            predictions=before.predictions + more.predictions,
            hits=before.hits + more.hits,
            reciprocal_ranks=before.reciprocal_ranks + more.reciprocal_ranks,
            events=before.events + more.events,
            errors=before.errors + more.errors,
        )
        if len(self._counts) > KEPT_RELEASES:
            self._forget(next(iter(self._counts)))

    def _forget(self, release_id: ReleaseId) -> None:
        del self._counts[release_id]
        for group in [one for one in self._counters if one.release_id == release_id]:
            del self._counters[group]
            self._metrics.online_predictions.remove(*group)
            for k in CUTOFFS:
                self._metrics.online_hits.remove(*group, k)
                self._metrics.online_reciprocal_ranks.remove(*group, k)
