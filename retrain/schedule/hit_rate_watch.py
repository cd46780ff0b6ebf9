"""Whether the online hit rate of the running release has fallen against its level after the swap.

Owns the adding up: the workers' counts rise from their start, so that differences count, and a worker that
was started again begins anew. The level is the rate over the first predictions of the release, the present
rate is that over the last ones. Reads nothing itself. Caller: `retrain.schedule.cycle_reasons`.
"""

from collections.abc import Iterable
from typing import NamedTuple

from schemas.ids import ReleaseId
from schemas.worker_heartbeat import OnlineCounts, WorkerHeartbeat


class _Seen(NamedTuple):
    started: float
    predictions: int
    hits: int


class HitRateWatch:
    """Looks at heartbeats, one look after the other."""

    def __init__(self, drop: float, predictions: int) -> None:
        """Begin.

        Args:
            drop: the share of the level by which the rate must have fallen; 0: never.
            predictions: over how many a rate is taken.
        """
        self._drop = drop
        self._wanted = predictions
        self._begin(None)

    def look(self, release_id: ReleaseId, heartbeats: Iterable[WorkerHeartbeat]) -> str:
        """Take the present counts of a release.

        Args:
            release_id: the running one; another than before begins a level of its own.
            heartbeats: of the live workers.

        Returns:
            By how much the rate has fallen, in words; "" where it has not, or too little was seen.
        """
        if release_id != self._release_id:
            self._begin(release_id)
        for one in heartbeats:
            self._add(one, one.online.get(release_id, OnlineCounts()))
        return self._judged() if self._drop and self._predictions >= self._wanted else ""

    def _begin(self, release_id: ReleaseId | None) -> None:
        self._release_id = release_id
        self._seen: dict[str, _Seen] = {}
        self._predictions = self._hits = 0
        self._level: float | None = None

    def _add(self, worker: WorkerHeartbeat, counts: OnlineCounts) -> None:
        started = worker.started_at.timestamp()
        before = self._seen.get(worker.worker_id)
        if before is None or before.started != started:
            before = _Seen(started, 0, 0)
        self._predictions += max(0, counts.predictions - before.predictions)
        self._hits += max(0, counts.hits - before.hits)
        self._seen[worker.worker_id] = _Seen(started, counts.predictions, counts.hits)

    def _judged(self) -> str:
        rate = self._hits / self._predictions
        self._predictions = self._hits = 0
        if self._level is None:
            self._level = rate
            return ""
        if rate >= self._level * (1 - self._drop):
            return ""
        return f"the online hit rate fell from {self._level:.4f} to {rate:.4f}"
