"""Whether what was seen of a release breaches a limit, beyond what chance explains. Pure.

Both limits are tested one-sided: a breach is evidence that the release is worse than the limit, not that a
figure happens to be. A watch looks again and again, so each look has a smaller share of the watch's whole
chance of a false alarm (`ALPHA`): the i-th has 6 / (pi i)^2 of it, which sums to one over any number of looks
(a union bound, so it holds however the looks depend on each other). A look counts as one only where the
evidence has grown by a quarter since the last, so there are few.

* Errors: the exact binomial test of `error rate <= limit`.
* Hit rate: the difference between the release's rate and the least allowed share of the incumbent's, in
  standard errors of independent proportions (Wald). Predictions of one session resemble each other, so the
  variance is taken `CLUSTERING` times (Kish 1965: 1 + (m - 1) rho, with m = 4 predictions a session and
  rho = 1/3).

Caller: `retrain.release_watch.release_watch`.
"""

from dataclasses import dataclass
from math import pi, sqrt
from typing import Self

from scipy.stats import binom, norm

from retrain.settings import RetrainSettings
from schemas.worker_heartbeat import OnlineCounts

ALPHA = 0.01
"""The chance that a watch ends in a rollback though the release is no worse than a limit; half for each."""
CLUSTERING = 2.0
MIN_ERRORS = 5
"""Fewer are none: memory may have been wanting once."""
GROWTH = 1.25


@dataclass(frozen=True, kw_only=True)
class WatchRules:
    """How long a release is watched, and what it must not do meanwhile."""

    period_s: float
    error_rate: float
    """Share of the events that may fail; the incumbent's own rate where that is greater."""
    hit_rate_drop: float
    """Share of the incumbent's hit rate that may be lost."""
    min_events: int
    """Predictions of each of the two releases that the hit rates are compared on, at least."""

    @classmethod
    def of(cls, settings: RetrainSettings) -> Self:
        """The rules that the settings name."""
        return cls(
            period_s=settings.retrain_watch_s,
            error_rate=settings.retrain_watch_error_rate,
            hit_rate_drop=settings.retrain_watch_hit_rate_drop,
            min_events=settings.retrain_watch_min_events,
        )


class WatchJudge:
    """The looks of one watch."""

    def __init__(self, rules: WatchRules, incumbent: OnlineCounts) -> None:
        """Bind what is compared with; see `WatchEvidence.incumbent`."""
        self._rules = rules
        self._incumbent = incumbent
        self._looks = {"errors": 0, "hits": 0}
        self._size = {"errors": 0, "hits": 0}

    def breach(self, counts: OnlineCounts) -> str:
        """What is breached, in words; empty where nothing is, or not beyond chance.

        Args:
            counts: of the release since the watch began; of each call those of the one before are a part.
        """
        return self._errors(counts) or self._hit_rate(counts)

    def without_breach(self, counts: OnlineCounts) -> str:
        """What the absence of a breach is worth, in words."""
        said = f"{counts.events} events, {counts.errors} errors"
        if not self._can_compare(self._incumbent):
            return f"{said}; hit rates not compared: the one before left {self._few(self._incumbent)}"
        if not self._can_compare(counts):
            return f"{said}; hit rates not compared: there were {self._few(counts)}"
        return f"{said}; hit rate {hit_rate(counts):.4f}, before it {hit_rate(self._incumbent):.4f}"

    def _few(self, counts: OnlineCounts) -> str:
        return f"{counts.predictions} of {self._rules.min_events} predictions"

    def _can_compare(self, counts: OnlineCounts) -> bool:
        return counts.predictions >= max(1, self._rules.min_events)

    def _errors(self, counts: OnlineCounts) -> str:
        total = counts.events + counts.errors
        if counts.errors < MIN_ERRORS or not (alpha := self._share_of_alpha("errors", total)):
            return ""
        limit = max(self._rules.error_rate, error_rate(self._incumbent))
        if binom.sf(counts.errors - 1, total, limit) >= alpha:
            return ""
        return (
            f"errors: {counts.errors} of {total} events failed ({error_rate(counts):.2%}), "
            f"the limit is {limit:.2%}"
        )

    def _hit_rate(self, counts: OnlineCounts) -> str:
        if not (self._can_compare(self._incumbent) and self._can_compare(counts)):
            return ""
        if not (alpha := self._share_of_alpha("hits", counts.predictions)):
            return ""
        before, now = hit_rate(self._incumbent), hit_rate(counts)
        least = (1 - self._rules.hit_rate_drop) * before
        if _excess(counts, self._incumbent, least, 1 - self._rules.hit_rate_drop) <= norm.isf(alpha):
            return ""
        return (
            f"hit rate: {now:.4f} over {counts.predictions} predictions, the release before it had "
            f"{before:.4f} over {self._incumbent.predictions}; the limit is {least:.4f}"
        )

    def _share_of_alpha(self, rule: str, size: int) -> float:
        """The chance of a false alarm that this look of a rule may have; 0: nothing new to look at."""
        if size < GROWTH * self._size[rule]:
            return 0.0
        self._looks[rule] += 1
        self._size[rule] = size
        return ALPHA / 2 * 6 / (pi * self._looks[rule]) ** 2


def error_rate(counts: OnlineCounts) -> float:
    """Failures for each event; 0 where there is none."""
    return counts.errors / max(1, counts.events + counts.errors)


def hit_rate(counts: OnlineCounts) -> float:
    """Hits for each prediction; 0 where there is none."""
    return counts.hits / max(1, counts.predictions)


def _excess(now: OnlineCounts, before: OnlineCounts, least: float, share: float) -> float:
    """By how many standard errors the hit rate lies below the least allowed one."""
    p, q = hit_rate(now), hit_rate(before)
    q_smoothed, p_smoothed = _smoothed(before), _smoothed(now)
    variance = p_smoothed * (1 - p_smoothed) / now.predictions
    variance += share**2 * q_smoothed * (1 - q_smoothed) / before.predictions
    return (least - p) / sqrt(CLUSTERING * variance) if q else 0.0


def _smoothed(counts: OnlineCounts) -> float:
    """The hit rate with two predictions more, of which one hits: no hits at all are no certainty."""
    return (counts.hits + 1) / (counts.predictions + 2)
