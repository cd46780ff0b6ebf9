"""How each release does in this worker: events that it made lists for, and failures.

Callers: `streams.batch_processor` counts, `streams.heartbeat` tells. Counts of others on the same releases,
such as hits, are added by `added_counts`.
"""

from collections.abc import Callable, Mapping

from msgspec.structs import asdict, replace

from schemas.errors import Unavailable
from schemas.ids import ReleaseId
from schemas.worker_heartbeat import OnlineCounts
from streams.isolation import Isolated

REMEMBERED = 8
"""Releases whose counts are kept, those that served last."""

CountsByRelease = Mapping[ReleaseId, OnlineCounts]
CountSource = Callable[[], CountsByRelease]


class ReleaseCounts:
    """Counts since the worker's start; by one thread at a time, read by any."""

    def __init__(self) -> None:
        self._counts: dict[ReleaseId, OnlineCounts] = {}

    def counted(self, release_id: ReleaseId, compute: Callable[[], Isolated]) -> Isolated:
        """Make the lists of a batch, and count them.

        Args:
            release_id: what serves the batch.
            compute: makes the lists.

        Raises:
            Unavailable: `compute` did; the batch is tried again, and this try counts as one error.
        """
        try:
            isolated = compute()
        except Unavailable:
            self._add(release_id, OnlineCounts(errors=1))
            raise
        lists = sum(one is not None for one in isolated.recommendations)
        self._add(release_id, OnlineCounts(events=lists, errors=len(isolated.letters)))
        return isolated

    def counts(self) -> CountsByRelease:
        """By release, the one that served last at the end."""
        return self._counts

    def _add(self, release_id: ReleaseId, more: OnlineCounts) -> None:
        others = {one: counts for one, counts in self._counts.items() if one != release_id}
        kept = dict(list(others.items())[1 - REMEMBERED :])
        before = self._counts.get(release_id, OnlineCounts())
        self._counts = {**kept, release_id: _sum(before, more)}


def added_counts(*sources: CountSource) -> Callable[[], dict[ReleaseId, OnlineCounts]]:
    """The sum of what several count of the same releases."""

    def counts() -> dict[ReleaseId, OnlineCounts]:
        total: dict[ReleaseId, OnlineCounts] = {}
        for source in sources:
            for release_id, more in source().items():
                total[release_id] = _sum(total.get(release_id, OnlineCounts()), more)
        return total

    return counts


def _sum(one: OnlineCounts, other: OnlineCounts) -> OnlineCounts:
    return replace(one, **{name: value + getattr(one, name) for name, value in asdict(other).items()})
