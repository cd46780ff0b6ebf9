"""The workshop of an evaluation: what fitting needs besides the data.

Owns the folders in which trainings leave releases and runs. Callers:
`retrain.evaluation.evaluate_commands`, which opens it, and what fits.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from retrain.evaluation.predictions import Progress


@dataclass(frozen=True)
class Workshop:
    """What fitting needs besides the data."""

    file: Path
    """The event file, for the records of runs."""
    part: str
    """What is predicted; likewise."""
    releases: Path
    """The folder for the releases that are trained here."""
    runs: Path
    """The folder in which each training gets its folder."""
    excluded_types: frozenset[int]
    """Filter of releases, see `models.recommender.Recommender`."""
    training_display: Callable[[], AbstractContextManager[Callable[..., None]]]
    """Shows a training while it runs."""
    evaluation_display: Callable[[str], AbstractContextManager[Progress]]
    """Shows the answering, by the model's name."""


@contextmanager
def opened_workshop(
    out: Path | None, runs: Path | None, file: Path, part: str, excluded_types: frozenset[int]
) -> Iterator[Workshop]:
    """A workshop for one evaluation.

    Args:
        out: where releases are kept; None: in a folder that is gone afterwards.
        runs: where runs are kept; None: beside the releases.
        file: see `Workshop`, like the others.
        part: likewise.
        excluded_types: likewise.
    """
    from retrain.runs.recorded_training import RUNS
    from retrain.training.training_display import progress_bar, training_display

    with TemporaryDirectory(prefix="millrace-evaluate-") as temporary:
        releases = out or Path(temporary)
        yield Workshop(
            file=file,
            part=part,
            releases=releases,
            runs=runs or releases / RUNS,
            excluded_types=excluded_types,
            training_display=training_display,
            evaluation_display=lambda name: progress_bar(f"evaluating {name}"),
        )
