"""The agenda: whether a cycle begins now, and why. Pure: it is told everything, the time too.

All reasons that hold at once become one cycle. After a cycle there is a cooldown, after a failed one a wait
that doubles; what came meanwhile waits. A scheduled time with nothing new is left out, requests never are.
Events that a cycle has learned from without a new release (refused, rolled back) begin no second one alone.
Caller: `retrain.schedule.retrain_service`.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas.retrain_request import RetrainRequest

LONGEST_WAIT_S = 3600.0


@dataclass(frozen=True)
class Reasons:
    """What speaks for a cycle at one moment."""

    unfinished: str = ""
    """The cycle that was killed here, and is gone on with."""
    requests: list[RetrainRequest] = field(default_factory=list)
    due: datetime | None = None
    """The scheduled time."""
    new_events: int | None = None
    """Since the running release's; None where nobody knows."""
    hit_rate: str = ""
    """By how much the online hit rate fell, in words."""


@dataclass(frozen=True)
class Begin:
    """A cycle that begins now."""

    trigger: str
    """Why, in words."""
    from_scratch: bool = False
    requests: list[RetrainRequest] = field(default_factory=list)
    """That it answers."""


@dataclass(frozen=True)
class LeaveOut:
    """A scheduled time that is answered without a cycle."""

    why: str


class Agenda:
    """Decides, and remembers when the next cycle may begin."""

    def __init__(self, min_new_events: int, after_events: int, cooldown_s: float, backoff_s: float) -> None:
        """Begin; the settings of the same names say what they are."""
        self._min_new_events = min_new_events
        self._after_events = after_events
        self._cooldown_s = cooldown_s
        self._backoff_s = backoff_s
        self._failures = 0
        self._not_before: datetime | None = None
        self._tried = 0
        """The new events that a cycle has learned from and that gave no release."""

    def may_begin(self, now: datetime) -> bool:
        """Whether neither cooldown nor wait is under way."""
        return self._not_before is None or now >= self._not_before

    def decide(self, reasons: Reasons, now: datetime) -> Begin | LeaveOut | None:
        """What to do now; None: nothing."""
        if not self.may_begin(now):
            return None
        if reasons.unfinished:
            return Begin(f"goes on: {reasons.unfinished}")
        words = [*map(_in_words, reasons.requests), *self._by_events(reasons)]
        new = reasons.new_events
        if reasons.due is not None:
            if not words and new is not None and new < self._min_new_events:
                return LeaveOut(
                    f"{new} new events since the running release's, fewer than {self._min_new_events} "
                    "(MILLRACE_RETRAIN_MIN_NEW_EVENTS)"
                )
            words.append(f"schedule, {reasons.due:%Y-%m-%d %H:%M}Z")
        if not words:
            return None
        from_scratch = any(one.from_scratch for one in reasons.requests)
        return Begin("; ".join(words), from_scratch, reasons.requests)

    def began(self, reasons: Reasons) -> None:
        """A cycle begins for these reasons; one that is gone on with has learned from its own events."""
        if not reasons.unfinished:
            self._tried = reasons.new_events or 0

    def ended(self, now: datetime, gave_release: bool = True) -> None:
        """A cycle has come to an outcome: its release runs, or not."""
        if gave_release:
            self._tried = 0
        self._failures = 0
        self._not_before = now + timedelta(seconds=self._cooldown_s)

    def failed(self, now: datetime) -> float:
        """A cycle has failed; how long the next one waits, s."""
        wait_s = min(LONGEST_WAIT_S, self._backoff_s * float(2**self._failures))
        self._failures = min(self._failures + 1, 20)
        self._tried = 0
        self._not_before = now + timedelta(seconds=wait_s)
        return wait_s

    def _by_events(self, reasons: Reasons) -> list[str]:
        words = [reasons.hit_rate] if reasons.hit_rate else []
        new = reasons.new_events or 0
        untried = new - self._tried if new >= self._tried else new
        if self._after_events and untried >= self._after_events:
            words.append(f"{new:,} new events")
        return words


def _in_words(request: RetrainRequest) -> str:
    return f"request {request.request_id}" + (f": {request.reason}" if request.reason else "")
