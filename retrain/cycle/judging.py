"""Judging a candidate: what the cycle asks of the gate, and what it puts into the manifest.

Not owned: the figures (`retrain.releases.release_judging`). Caller: `retrain.cycle.candidate_steps`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

import polars as pl
from msgspec.structs import replace

from retrain.releases.release_judging import judge_release
from schemas.release_manifest import ReleaseManifest


class Judgement(NamedTuple):
    """What the gate says of a candidate."""

    figures: dict[str, float]
    """On the newest slice."""
    refusals: list[str]
    """Why it must not be announced, each with rule, figure and threshold; empty: it may."""


Progress: TypeAlias = Callable[[int, int], None]
Judge: TypeAlias = Callable[[Path, Path | None, pl.DataFrame, Progress], Judgement]
"""Candidate, incumbent where there is one, events of the newest slice, progress -> judgement."""


def judge_candidate(
    candidate: Path,
    incumbent: Path | None,  # noqa: ARG001  # of no interest to figures of the candidate alone
    events: pl.DataFrame,
    progress: Progress,
) -> Judgement:
    """Judge by the figures of the candidate itself, which refuse nothing.

    Args:
        candidate: its folder.
        incumbent: the folder of the running release.
        events: see `retrain.event_split.test_events`.
        progress: called with the predictions made and their total.

    Raises:
        InvalidRelease: the candidate cannot be loaded.
    """
    return Judgement(judge_release(candidate, events, progress), [])


def judged_manifest(manifest: ReleaseManifest, judgement: Judgement) -> ReleaseManifest:
    """The manifest with what was found."""
    return replace(manifest, metrics={**manifest.metrics, **judgement.figures})
