"""Learning-rate schedules: which share of the learning rate a step takes, by how far the training is.

Owns the curves. A schedule is over the whole training: a run's length is fixed beforehand. Caller:
`retrain.training.training_loop`.
"""

import math
from collections.abc import Callable

from schemas.errors import UsageError

Schedule = Callable[[float], float]
"""Progress after the warm-up, 0 to 1 -> how much of the way down is left, 1 to 0."""

SCHEDULES: dict[str, Schedule] = {
    "constant": lambda _: 1.0,
    "linear": lambda progress: 1.0 - progress,
    "cosine": lambda progress: 0.5 * (1.0 + math.cos(math.pi * progress)),
}
"""By the name in a model config; `cosine` is Loshchilov & Hutter 2017, without restarts."""


def learning_rate_factor(
    schedule: str, progress: float, warm_up: float = 0.0, final_factor: float = 0.0
) -> float:
    """What the learning rate is multiplied by at a step.

    It rises in a line from 0 to 1 over the warm-up, then falls by the schedule from 1 to `final_factor`.

    Args:
        schedule: a key of `SCHEDULES`; `constant` stays at 1.
        progress: share of the training's steps that are made, 0 to 1. For a first step that trains at all
            under a warm-up, count the step itself: (step + 1) / steps.
        warm_up: share of the steps in which the rate rises, 0 to 1 (excluded).
        final_factor: of `linear` and `cosine`, at progress 1.

    Raises:
        UsageError: there is no schedule of this name.
    """
    if schedule not in SCHEDULES:
        known = ", ".join(SCHEDULES)
        raise UsageError(f"model config: there is no learning-rate schedule {schedule!r}; use one of {known}")
    if progress < warm_up:
        return progress / warm_up
    left = SCHEDULES[schedule]((progress - warm_up) / (1.0 - warm_up))
    return final_factor + (1.0 - final_factor) * left
