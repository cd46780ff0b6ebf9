"""The refit of a judged candidate, and what it is held against before it is announced in its place.

It has learned the slice by now, so that no figure says how good it is on what it has not seen. It must be
sound (the gate's rules, loading, probes) and be shown, on the slice, to lose no more than the gate's margins
against the candidate. Owns that check, and what the manifest says of both releases. Callers:
`retrain.cycle.refit_step`, `retrain.benches.freshness_trainings`.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from models.probe_answers import check_probes
from models.release import load_release, read_manifest
from retrain.cycle.judging import refusal_lines
from retrain.releases.release_building import write_manifest
from schemas.errors import MillraceError, Unavailable, in_one_line
from schemas.gate_report import GateReport
from schemas.release_manifest import Refit

_LOGGER = logging.getLogger("millrace.retrain.cycle")
_NOT_OF_THE_PASS = (OSError, MemoryError, Unavailable)
"""What says nothing against the pass: disc, memory, services."""


class Refitted(NamedTuple):
    """What became of a refit."""

    folder: Path
    """The release to announce: the refit, or the candidate itself."""
    why_not: str = ""
    """Why it is the candidate; empty where it is not."""


def refitted(
    candidate: Path,
    refit: Callable[[], Path],
    examine: Callable[[Path, Path | None], GateReport],
    min_predictions: int,
) -> Refitted:
    """Refit a candidate that the gate passed, and choose between the two; the manifest of the chosen tells.

    Args:
        candidate: its folder; its manifest has the gate's report.
        refit: makes the release that has learned the slice, or finds it made; returns its folder.
        examine: the gate, on the slice: of a release, beside another where one is given.
        min_predictions: with fewer the candidate was not compared, and its refit is not either.

    Raises:
        OSError: the disc does not take it.
        Unavailable: likewise.
        MemoryError: there is not enough.
    """
    try:
        folder = refit()
        check_probes(folder, load_release(folder))
        check = examine(folder, _beside(candidate, min_predictions))
    except _NOT_OF_THE_PASS:
        raise
    except Exception as error:  # the boundary of the pass: its candidate has passed the gate
        if not isinstance(error, MillraceError):
            _LOGGER.exception("the refit of release=%s failed", candidate.name)
        return _kept(candidate, Refit(why_not=in_one_line(error)))
    if not check.passed:
        return _kept(candidate, Refit(check=check, why_not="; ".join(refusal_lines(check))))
    _describe(folder, candidate, check)
    return Refitted(folder)


def _beside(candidate: Path, min_predictions: int) -> Path | None:
    """What the refit is compared with; nothing where the candidate passed on too few predictions for that."""
    return candidate if read_manifest(candidate).metrics.get("predictions", 0) >= min_predictions else None


def _kept(candidate: Path, refit: Refit) -> Refitted:
    write_manifest(candidate, replace(read_manifest(candidate), refit=refit))
    assert refit.why_not is not None
    return Refitted(candidate, refit.why_not)


def _describe(folder: Path, candidate: Path, check: GateReport) -> None:
    """Write into the refit's manifest what was measured before the pass, and on what."""
    judged, own = read_manifest(candidate), read_manifest(folder)
    assert isinstance(judged.gate, GateReport)
    assert isinstance(own.refit, Refit)
    told = replace(
        own,
        metrics=judged.metrics,
        gate=replace(judged.gate, measured_on=judged.release_id),
        data=replace(own.data, log_ranges=judged.data.log_ranges),
        refit=replace(own.refit, check=check),
    )
    write_manifest(folder, told)
