"""What a tuning tells while it runs.

Owns the form; `retrain.tuning.tune_commands` puts it into words. Caller: `retrain.tuning.tuning`.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from retrain.training.training_loop import TrainingProgress
from retrain.tuning.tuning_space import Choice


@dataclass(frozen=True)
class Tried:
    """A run of a trial, as it is shown."""

    phase: str
    number: int
    share: float
    values: Mapping[str, Choice]
    value: float | None
    """None: it gave none, for `reason`."""
    figures: Mapping[str, float]
    reason: str = ""
    known_from: int | None = None
    """The coarse trial of the same values and sessions, so that nothing was trained."""


@dataclass(frozen=True)
class TuningDisplay:
    """How a tuning is shown."""

    training: Callable[[], AbstractContextManager[Callable[[TrainingProgress], None]]]
    """Around each training."""
    tried: Callable[[Tried], None]
    """After each run of a trial."""
    exhausted: Callable[[str, int], None]
    """Where a phase ends early, after so many trials, because all that it draws was tried before."""
