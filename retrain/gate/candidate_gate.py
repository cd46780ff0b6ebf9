"""The gate: a candidate release, the one that runs, and the newest events in; a verdict out.

Owns the order of the measuring, and how a verdict is logged by those who refuse by it. Both releases answer
the same slice through the code that serves. All figures but times follow from releases, events and seed.
Callers: the retrain cycle, `bench freshness`, `millrace releases gate`.
"""

import logging
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from models.release import REPEAT_BIAS_FILE, VECTORS_FILE, Release, load_release, read_manifest
from retrain.evaluation.predictions import Progress
from retrain.evaluation.prefixes import Prefixes
from retrain.gate.engine_figures import Clock, measure_engine
from retrain.gate.gate_figures import EngineFigures, GateFigures, IncumbentFigures, ListFigures
from retrain.gate.gate_rules import GateRules
from retrain.gate.incumbent_comparison import compare
from retrain.gate.list_figures import list_figures, watched_lists
from retrain.gate.unlearned_predictions import counted_predictions
from retrain.gate.verdict import Circumstances, judge
from schemas.errors import InvalidRelease
from schemas.gate_report import GateReport
from schemas.ids import ReleaseId
from schemas.release_manifest import DataRange, Refit, ReleaseManifest

_LOGGER = logging.getLogger("millrace.retrain.gate")
NO_INCUMBENT = "there is no incumbent"


class _Incumbent(NamedTuple):
    """What the candidate is compared with."""

    release_id: ReleaseId | None
    release: Release | None
    problem: str = ""
    """Why there is no release."""


def examine(
    candidate: Path,
    incumbent: Path | None,
    events: pl.DataFrame,
    rules: GateRules,
    progress: Progress = lambda _done, _total: None,
    clock: Clock = time.process_time,
    refit_counts: bool = True,
) -> GateReport:
    """Measure a candidate beside the incumbent and hold every rule against it.

    Args:
        candidate: the local folder of the release, whole.
        incumbent: that of the running one; None: nothing runs. One that cannot be loaded is recorded, and the
            rules that compare are passed over.
        events: the newest slice of the log, in log order; columns as of `schemas.event_files.read_events`. It
            may be empty. A candidate was not trained on it; its refit was. What the incumbent may have
            learned of it does not count, see `retrain.gate.unlearned_predictions`.
        rules: the thresholds.
        progress: called with the events answered and their total, over both releases.
        clock: seconds of the process's processor, so that a busy machine refuses nothing; for the times of
            encoder and index.
        refit_counts: whether predictions of what the candidate itself learned in a refit count, as where it
            is held against the candidate of before; without: as long as the others are enough, they do not.

    Raises:
        InvalidRelease: the candidate's folder has no manifest that can be read. Whatever else is wrong with
            it is a refusal.
    """
    with np.errstate(all="ignore"):  # what is not finite is counted, and refused
        return _examined(
            candidate, _load_incumbent(incumbent), events, rules, progress, clock, refit_counts=refit_counts
        )


def _examined(
    folder: Path,
    incumbent: _Incumbent,
    events: pl.DataFrame,
    rules: GateRules,
    progress: Progress,
    clock: Clock,
    *,
    refit_counts: bool,
) -> GateReport:
    manifest, nonfinite = read_manifest(folder), _nonfinite_vectors(folder)
    incumbent_items = incumbent.release.manifest.items if incumbent.release else None
    circumstances = Circumstances(incumbent.release_id, no_comparison=incumbent.problem)
    try:
        release = load_release(folder)
    except InvalidRelease as error:
        figures = GateFigures(manifest.items, nonfinite, incumbent_items)
        return judge(figures, rules, circumstances._replace(unloadable=str(error)))
    learners = _learners(None if refit_counts else manifest, incumbent.release)
    counted = counted_predictions(events, learners, rules)
    circumstances = circumstances._replace(newer_than=counted.newer_than, why_all=counted.why_all)
    engine = measure_engine(release, events, counted.prefixes, rules, clock)
    lists, compared = _answers(release, incumbent.release, counted.prefixes, engine, rules, progress)
    figures = GateFigures(manifest.items, nonfinite, incumbent_items, engine, lists, compared)
    return judge(figures, rules, circumstances)


def _learners(candidate: ReleaseManifest | None, incumbent: Release | None) -> dict[str, ReleaseManifest]:
    """Who may have learned of the slice: the incumbent, and a candidate that was refitted."""
    found = {}
    if candidate and isinstance(candidate.refit, Refit) and isinstance(candidate.refit.learned, DataRange):
        found["candidate"] = candidate
    if incumbent is not None:
        found["incumbent"] = incumbent.manifest
    return found


def _answers(
    release: Release,
    incumbent: Release | None,
    prefixes: Prefixes | None,
    engine: EngineFigures,
    rules: GateRules,
    progress: Progress,
) -> tuple[ListFigures | None, IncumbentFigures | None]:
    """What both make of the slice; an encoder whose outputs are not finite is not asked for lists."""
    if prefixes is None or engine.nonfinite_outputs:
        return None, None
    events = len(prefixes.events)
    total = events if incumbent is None else 2 * events
    predictions, watch = watched_lists(release, prefixes, lambda done, _: progress(done, total))
    lists = list_figures(release, predictions, watch)
    if incumbent is None:
        return lists, None
    others, _ = watched_lists(incumbent, prefixes, lambda done, _: progress(events + done, total))
    return lists, compare(predictions, others, incumbent, rules)


def _load_incumbent(folder: Path | None) -> _Incumbent:
    if folder is None:
        return _Incumbent(None, None, NO_INCUMBENT)
    try:
        release = load_release(folder)
    except InvalidRelease as error:
        _LOGGER.warning("the incumbent %s cannot be loaded, nothing is compared with it: %s", folder, error)
        return _Incumbent(ReleaseId(folder.name), None, f"the incumbent cannot be loaded: {error}")
    return _Incumbent(release.release_id, release)


def _nonfinite_vectors(folder: Path) -> int:
    """Values that are NaN or infinite in what is stored; 0 where that cannot be read: loading tells why."""
    count = 0
    for name in (VECTORS_FILE, REPEAT_BIAS_FILE):
        try:
            count += int((~np.isfinite(np.load(folder / name, mmap_mode="r"))).sum())
        except (OSError, ValueError, TypeError):
            continue
    return count


def log_verdict(release_id: ReleaseId, report: GateReport) -> None:
    """One line a refusal, one where there is none."""
    for refusal in report.refusals:
        _LOGGER.warning(
            "gate refused release=%s rule=%s figure=%s threshold=%s: %s",
            release_id,
            refusal.rule,
            refusal.figure,
            refusal.threshold,
            refusal.message,
        )
    if report.passed:
        _LOGGER.info(
            "gate passed release=%s incumbent=%s rules=%d passed_over=%d",
            release_id,
            report.incumbent,
            len(report.held),
            len(report.passed_over),
        )
