"""The watch of a release after its swap: look at the workers' heartbeats, judge, and go back on a breach.

Owns the order and what ends a watch. It holds no lock and needs none, see `going_back`. Time that passes
while Redis does not answer counts for nothing: the watch goes on when it is back. Callers: `retrain.cycle`
after a swap, `millrace releases watch`.
"""

import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import msgspec
import structlog

from retrain.release_watch.going_back import go_back
from retrain.release_watch.watch_evidence import WatchEvidence
from retrain.release_watch.watch_judgement import WatchJudge, WatchRules
from retrain.release_watch.watch_verdict import WatchedRelease, WatchOutcome, WatchVerdict
from schemas.errors import InvalidRelease, Unavailable
from schemas.settings import SharedSettings
from schemas.worker_heartbeat import WorkerHeartbeat

T = TypeVar("T")
log = structlog.get_logger("millrace.watch")
LOOK_S = 2.0
"""Workers beat so often."""
_PROMOTE = "millrace releases promote RELEASE"
_REFUSALS_SEEN = 2
"""Looks in a row at which every worker must refuse a release: one that is announced anew is tried anew."""


class WatchClock(Protocol):
    """Time, so that tests need none."""

    def monotonic(self) -> float:
        """Seconds."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The time of this machine."""

    def monotonic(self) -> float:
        """Seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def watch_release(
    settings: SharedSettings,
    workers: Callable[[], Sequence[WorkerHeartbeat]],
    watched: WatchedRelease,
    rules: WatchRules,
    clock: WatchClock,
    given_up: Callable[[], bool] = lambda: False,
) -> WatchVerdict:
    """Watch a release for its period, and go back at the first breach.

    Args:
        settings: where releases and their topic are.
        workers: the heartbeats of the live workers now; raises Unavailable where Redis does not answer.
        watched: the release; its workers have swapped to it or are about to.
        rules: the limits.
        clock: see above.
        given_up: asked between looks.
    """
    return _Watch(settings, workers, watched, rules, clock, given_up).run()


class _Watch:
    """One watch."""

    def __init__(
        self,
        settings: SharedSettings,
        workers: Callable[[], Sequence[WorkerHeartbeat]],
        watched: WatchedRelease,
        rules: WatchRules,
        clock: WatchClock,
        given_up: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._workers = workers
        self._watched = watched
        self._rules = rules
        self._clock = clock
        self._given_up = given_up
        self._watched_s = 0.0
        self._evidence = WatchEvidence(watched.release_id, watched.previous, ())
        self._refused_looks = 0

    def run(self) -> WatchVerdict:
        """Look until something ends the watch."""
        if (first := self._look()) is None:
            return self._verdict("stopped", "the watching process was told to stop")
        self._evidence = WatchEvidence(self._watched.release_id, self._watched.previous, first)
        judge = WatchJudge(self._rules, self._evidence.incumbent)
        beats: Sequence[WorkerHeartbeat] = first
        while True:
            if ended := self._ended(beats, judge):
                return ended
            looked_at_s = self._clock.monotonic()
            self._clock.sleep(LOOK_S)
            self._watched_s += self._clock.monotonic() - looked_at_s
            if (found := self._look()) is None:
                return self._verdict("stopped", "the watching process was told to stop")
            beats = found

    def _ended(self, beats: Sequence[WorkerHeartbeat], judge: WatchJudge) -> WatchVerdict | None:
        self._evidence.take(beats)
        if any(one.generation > self._watched.generation for one in beats):
            return self._verdict("superseded", "workers serve a later announcement")
        if breach := self._refused(beats) or judge.breach(self._evidence.counts):
            return self._go_back(breach)
        if self._watched_s >= self._rules.period_s:
            return self._verdict("kept", judge.without_breach(self._evidence.counts))
        return None

    def _refused(self, beats: Sequence[WorkerHeartbeat]) -> str:
        """Why every live worker refuses the release; empty where one does not, or none is live."""
        reasons = [one.refused.get(self._watched.release_id) for one in beats]
        self._refused_looks = self._refused_looks + 1 if beats and all(reasons) else 0
        if self._refused_looks < _REFUSALS_SEEN:
            return ""
        return f"refused by every live worker ({len(beats)}): {reasons[0]}"

    def _look(self) -> Sequence[WorkerHeartbeat] | None:
        """The heartbeats, waited for; None when told to stop."""
        return self._patiently("heartbeats are not read", self._workers)

    def _go_back(self, breach: str) -> WatchVerdict:
        watched = self._watched
        if watched.previous is None:
            return self._verdict("breached", f"{breach}; there is none to go back to: {_PROMOTE}")
        log.error("release rolled back", release_id=watched.release_id, to=watched.previous, reason=breach)
        previous = watched.previous
        try:
            announced = self._patiently(
                "rollback waits",
                lambda: [go_back(self._settings, watched.release_id, watched.generation, previous, breach)],
            )
        except InvalidRelease as error:
            return self._verdict("breached", f"{breach}; the one before it cannot be served: {error}")
        if announced is None:
            return self._verdict("stopped", f"{breach}; told to stop before the rollback was announced")
        if announced[0] is None:
            return self._verdict("superseded", f"{breach}; another release was announced meanwhile")
        verdict = self._verdict("rolled_back", breach)
        return msgspec.structs.replace(
            verdict, rolled_back_to=previous, rolled_back_generation=announced[0].generation
        )

    def _patiently(self, what: str, operation: Callable[[], Sequence[T]]) -> Sequence[T] | None:
        """Try until a service answers; None when told to stop."""
        said = False
        while not self._given_up():
            try:
                return operation()
            except Unavailable as error:
                if not said:
                    log.warning(what, tried_again_every_s=LOOK_S, error=str(error))
                said = True
            self._clock.sleep(LOOK_S)
        return None

    def _verdict(self, outcome: WatchOutcome, reason: str) -> WatchVerdict:
        return WatchVerdict(
            release_id=self._watched.release_id,
            generation=self._watched.generation,
            outcome=outcome,
            reason=reason,
            watched_s=round(self._watched_s, 1),
            counts=self._evidence.counts,
            incumbent=self._evidence.incumbent,
        )
