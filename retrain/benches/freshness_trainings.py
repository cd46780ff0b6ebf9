"""The trainings of a freshness replay: on the whole window, on its older part, or as a retrain cycle does it.

Owns what a policy's training learns and how long its making takes, gate and refit of a cycle included.
Caller: `retrain.benches.freshness_replay`.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
from msgspec.structs import replace

from models.model_config import ModelConfig
from models.release import read_manifest
from retrain.benches.freshness_records import Made, PolicyReplay
from retrain.cycle.judging import judged_manifest
from retrain.cycle.refitting import refitted
from retrain.event_split import test_events
from retrain.gate.candidate_gate import examine, log_verdict
from retrain.gate.gate_rules import GateRules
from retrain.judged_share import judged_share
from retrain.learned_until import learned_until
from retrain.releases.release_building import write_manifest
from retrain.training.refit import refit_release
from retrain.training.training_resources import Resources
from retrain.training.training_run import train_release
from schemas.errors import UsageError
from schemas.timestamps import from_epoch_ms

_LONGEST_S = 3600
_RULES = GateRules()
Clock = Callable[[], float]


class FreshnessTrainings:
    """Makes the releases of a replay, in one folder."""

    def __init__(self, config: ModelConfig, releases: Path, resources: Resources, clock: Clock) -> None:
        """Make nothing yet.

        Args:
            config: of the trainings; its `test_share` is what `held` and `cycle` keep back.
            releases: an empty folder.
            resources: of the trainings.
            clock: seconds.
        """
        self._config = config
        self._releases = releases
        self._resources = resources
        self._clock = clock

    def retrain(self, replay: PolicyReplay, events: pl.DataFrame, until_ms: int) -> None:
        """Make a policy's next release; where the gate refuses it, the one before serves on.

        Raises:
            UsageError: there is nothing to learn from, or it took too long.
        """
        warm_start = replay.serving.folder if replay.policy.warm else None
        if replay.policy.learned == "cycle":
            made = self._cycle(replay, events, until_ms, warm_start)
        else:
            share = self._config.test_share if replay.policy.learned == "held" else 0.0
            made = self._on_share(events, until_ms, warm_start, share)
        if made is not None:
            replay.serving = made
            replay.trainings.append(made)

    def on_all(self, events: pl.DataFrame, until_ms: int, warm_start: Path | None) -> Made:
        """A release that learns from all of its window."""
        return self._on_share(events, until_ms, warm_start, 0.0)

    def _on_share(self, events: pl.DataFrame, until_ms: int, warm_start: Path | None, share: float) -> Made:
        started = self._clock()
        config = replace(self._config, test_share=share)
        # a release's id has its time in it, which must differ between two of the same events
        created_at = from_epoch_ms(until_ms) + timedelta(milliseconds=len(list(self._releases.iterdir())))
        manifest = train_release(
            events, config, self._releases, created_at, resources=self._resources, warm_start=warm_start
        )
        return self._made(self._releases / manifest.release_id, started, events, until_ms)

    def _cycle(
        self, replay: PolicyReplay, events: pl.DataFrame, until_ms: int, warm_start: Path | None
    ) -> Made | None:
        """As the steps `train`, `judge` and `refit` of a cycle; None: the gate refuses the candidate."""
        started = self._clock()
        incumbent = replay.serving.folder
        learned_ms = learned_until(read_manifest(incumbent))
        share = judged_share(events, self._config.test_share, learned_ms, _RULES.min_predictions)
        newest = test_events(events, share)
        candidate = self._on_share(events, until_ms, warm_start, share).folder
        report = examine(candidate, incumbent, newest, _RULES)
        log_verdict(read_manifest(candidate).release_id, report)
        if not report.passed:
            replay.refused += 1
            return None
        write_manifest(candidate, judged_manifest(read_manifest(candidate), report))
        became = refitted(
            candidate,
            lambda: self._refit(candidate, events, share),
            lambda folder, beside: examine(folder, beside, newest, _RULES),
            _RULES.min_predictions,
        )
        replay.judged_only += bool(became.why_not)
        return self._made(became.folder, started, events, until_ms)

    def _refit(self, candidate: Path, events: pl.DataFrame, share: float) -> Path:
        config = replace(self._config, test_share=share)
        created_at = read_manifest(candidate).created_at
        made = refit_release(candidate, events, config, self._releases, created_at, resources=self._resources)
        return self._releases / made.release_id

    def _made(self, folder: Path, started: float, events: pl.DataFrame, until_ms: int) -> Made:
        seconds = self._clock() - started
        if seconds > _LONGEST_S:
            raise UsageError(
                f"a training took {seconds:.0f} s; a replay by the hour takes at most {_LONGEST_S}: give a "
                "shorter --window-hours or a smaller config"
            )
        return Made(folder, seconds, len(events), until_ms)
