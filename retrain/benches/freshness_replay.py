"""The replay of a log hour by hour under a policy of retraining, in simulated time.

Owns which release answers which event. A training that begins at an hour h learns from the events of the
window before h (`retrain.benches.freshness_trainings`), with nothing of the future; sessions that go on are
cut there, as a retrain sees them. The release serves from h + the measured time of its making on: until then
the one before it answers. Every list comes from the code that serves, and is made from all earlier events of
its session. Caller: `retrain.benches.bench_freshness`.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from models.model_config import ModelConfig
from models.release import load_release
from models.vocabulary import UNKNOWN
from retrain.benches.freshness_policies import Policy
from retrain.benches.freshness_records import Answers, Hour, Made, PolicyReplay, Span
from retrain.benches.freshness_trainings import Clock, FreshnessTrainings
from retrain.evaluation.predictions import predict
from retrain.evaluation.prefixes import Prefixes
from retrain.evaluation.ranking_metrics import recall_at_k
from retrain.evaluation.served_release import ServedRelease
from retrain.evaluation.time_windows import TimeWindow, window_parts
from retrain.training.training_resources import Resources
from schemas.timestamps import from_epoch_ms

K = 20
HOUR_MS = 3_600_000


class FreshnessReplay:
    """All policies at the same hours; what equal releases answer is computed once."""

    def __init__(
        self,
        log: pl.DataFrame,
        span: Span,
        config: ModelConfig,
        releases: Path,
        resources: Resources,
        clock: Clock = time.perf_counter,
    ) -> None:
        """Replay a log.

        Args:
            log: in log order, without nulls in `occurred_at_ms`.
            span: which part of it.
            config: of the trainings.
            releases: an empty folder.
            resources: of the trainings.
            clock: seconds; tells how long a training takes.
        """
        self._trainings = FreshnessTrainings(config, releases, resources, clock)
        self._log = log
        self._following = log.filter(~pl.col("session_id").is_first_distinct())
        self._span = span
        self._releases = releases

    def run(
        self, policies: Sequence[Policy], progress: Callable[[str], None]
    ) -> tuple[list[Hour], list[PolicyReplay]]:
        """Replay every hour.

        Args:
            policies: what is compared.
            progress: called with a line after each hour.

        Returns:
            The hours with something to predict, and what each policy answered in them.

        Raises:
            UsageError: there is nothing to learn from before the first hour.
        """
        first = self._trainings.on_all(self._window(self._span.start_ms), self._span.start_ms, None)
        progress(f"first release: {first.events:,} events, {first.seconds:.1f} s")
        replays = [PolicyReplay(policy, first) for policy in policies]
        hours: list[Hour] = []
        for number in range(self._span.hours):
            prefixes = self._prefixes(number)
            answered: dict[Path, Answers] = {}
            for replay in replays:
                before = replay.serving
                self._retrain_where_due(replay, number)
                if prefixes is not None:
                    self._answer(replay, before, prefixes, answered)
            if prefixes is not None:
                hours.append(Hour(number, self._at(number), prefixes))
                progress(_line(hours[-1], replays))
            self._forget({replay.serving.folder for replay in replays})
        return hours, replays

    def _prefixes(self, hour: int) -> Prefixes | None:
        """What is to be predicted in the hour; None: nothing."""
        if self._between(self._at(hour), self._at(hour + 1), self._following).is_empty():
            return None
        return window_parts(self._log, TimeWindow(None, self._at(hour), self._at(hour + 1))).prefixes

    def _retrain_where_due(self, replay: PolicyReplay, hour: int) -> None:
        """A training that would begin with the hour; without new events there is nothing to learn."""
        now_ms = self._at(hour)
        news = self._between(replay.serving.until_ms, now_ms, self._log)
        if replay.policy.trains_at(hour) and not news.is_empty():
            self._trainings.retrain(replay, self._window(now_ms), now_ms)

    def _answer(
        self, replay: PolicyReplay, before: Made, prefixes: Prefixes, answered: dict[Path, Answers]
    ) -> None:
        """The answers of the hour: the old release's until the new one is there."""
        old, now = (self._answers(made, prefixes, answered) for made in (before, replay.serving))
        there_at_ms = replay.serving.until_ms + round(1000 * replay.serving.seconds)
        by_now = (prefixes.target_times_ms >= there_at_ms).to_numpy()
        replay.ranks.append(np.where(by_now, now.ranks, old.ranks).astype(np.int32))
        replay.unknown.append(int((~np.where(by_now, now.known, old.known)).sum()))

    def _answers(self, made: Made, prefixes: Prefixes, answered: dict[Path, Answers]) -> Answers:
        if made.folder not in answered:
            predictions = predict(ServedRelease(load_release(made.folder)), prefixes, K)
            answered[made.folder] = Answers(predictions.ranks, predictions.target_rows != UNKNOWN)
        return answered[made.folder]

    def _window(self, until_ms: int) -> pl.DataFrame:
        return self._between(until_ms - self._span.window_h * HOUR_MS, until_ms, self._log)

    def _forget(self, serving: set[Path]) -> None:
        for folder in self._releases.iterdir():
            if folder not in serving:
                shutil.rmtree(folder)

    @staticmethod
    def _between(from_ms: int, until_ms: int, events: pl.DataFrame) -> pl.DataFrame:
        return events.filter(pl.col("occurred_at_ms").is_between(from_ms, until_ms, closed="left"))

    def _at(self, hour: int) -> int:
        return self._span.start_ms + hour * HOUR_MS


def _line(hour: Hour, replays: Sequence[PolicyReplay]) -> str:
    recalls = [f"{replay.policy.name} {recall_at_k(replay.ranks[-1], K):.4f}" for replay in replays]
    when = f"{from_epoch_ms(hour.start_ms):%Y-%m-%d %H:%M}Z"
    return f"hour {hour.number + 1}, {when}, {len(hour.prefixes):,} predictions: {', '.join(recalls)}"
