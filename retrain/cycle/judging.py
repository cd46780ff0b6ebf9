"""What a cycle asks of the gate, and what of its report goes into the candidate's manifest.

Not owned: the rules and figures (`retrain.gate`). Caller: `retrain.cycle.candidate_steps`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import polars as pl
from msgspec.structs import replace

from retrain.evaluation.predictions import Progress
from retrain.gate.gate_rules import GateRules
from schemas.gate_report import GateReport
from schemas.release_manifest import ReleaseManifest

Judge: TypeAlias = Callable[[Path, Path | None, pl.DataFrame, GateRules, Progress], GateReport]
"""See `retrain.gate.candidate_gate.examine`, which every real cycle asks."""
_METRICS = ("recall@20", "mrr@20", "popularity_recall@20", "predictions")
"""The figures that a manifest has among its metrics, whoever judged."""


def judged_manifest(manifest: ReleaseManifest, report: GateReport) -> ReleaseManifest:
    """The manifest with what was found."""
    found = {name: report.figures[name] for name in _METRICS if name in report.figures}
    return replace(manifest, metrics={**manifest.metrics, **found}, gate=report)


def refusal_lines(report: GateReport) -> list[str]:
    """Why the candidate must not be announced, each with rule, figure and threshold; empty: it may."""
    return [
        f"{one.rule}: {one.message} (figure {one.figure}, threshold {one.threshold})"
        for one in report.refusals
    ]
