"""What a watch has seen of a release: sums over the workers' heartbeats, since the watch began.

A worker's counts only rise while it lives and begin anew when it is restarted, so differences are taken for
each life of a worker, and what a life had counted when it ended stays. Caller:
`retrain.release_watch.release_watch`.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import asdict

from schemas.ids import ReleaseId
from schemas.worker_heartbeat import OnlineCounts, WorkerHeartbeat


class Life(NamedTuple):
    """One worker from one start to its end."""

    worker_id: str
    started_at: datetime


class WatchEvidence:
    """The counts of one release since the watch began, and those of the one before it until then."""

    def __init__(
        self, release_id: ReleaseId, previous: ReleaseId | None, first: Iterable[WorkerHeartbeat]
    ) -> None:
        """Begin.

        Args:
            release_id: what is watched.
            previous: what served before it.
            first: the heartbeats when the watch begins.
        """
        beats = list(first)
        self._release_id = release_id
        self._began_at = max((one.at for one in beats), default=None)
        self._base = {_life(one): one.online.get(release_id, OnlineCounts()) for one in beats}
        self._seen = dict(self._base)
        self.incumbent = _total(one.online[previous] for one in beats if previous and previous in one.online)
        """What the release before it had counted when the watch began, in the lives of the workers then."""

    def take(self, beats: Iterable[WorkerHeartbeat]) -> None:
        """Take the workers' present heartbeats."""
        for one in beats:
            life, counts = _life(one), one.online.get(self._release_id, OnlineCounts())
            if life not in self._base:
                self._base[life] = OnlineCounts() if self._is_new(one) else counts
            if life not in self._seen or counts.events + counts.errors >= _work(self._seen[life]):
                self._seen[life] = counts

    @property
    def counts(self) -> OnlineCounts:
        """What all workers have counted of the release since the watch began."""
        return _total(_difference(counts, self._base[life]) for life, counts in self._seen.items())

    def _is_new(self, beat: WorkerHeartbeat) -> bool:
        """Whether a worker that was not there at first has started since: all that it counted is new then."""
        return self._began_at is None or beat.started_at >= self._began_at


def _life(beat: WorkerHeartbeat) -> Life:
    return Life(beat.worker_id, beat.started_at)


def _work(counts: OnlineCounts) -> int:
    return counts.events + counts.errors


def _total(several: Iterable[OnlineCounts]) -> OnlineCounts:
    total = asdict(OnlineCounts())
    for one in several:
        total = {name: value + getattr(one, name) for name, value in total.items()}
    return OnlineCounts(**total)


def _difference(now: OnlineCounts, before: OnlineCounts) -> OnlineCounts:
    return OnlineCounts(
        **{name: max(0, value - getattr(before, name)) for name, value in asdict(now).items()}
    )
