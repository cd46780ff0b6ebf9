"""Searching a space with Optuna: what a trial draws, and the smaller space around the best trials.

Callers: `retrain.tuning.tuning`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import optuna

from models.model_config import ModelConfig
from retrain.tuning.tuning_space import Choice, Choices, Range, Space

DIGITS = 6
"""Of a drawn number: a config that a person reads, and exactly what was tried."""
RANDOM_TRIALS = 6
"""Drawn evenly before the sampler learns from what came out."""
WIDENED = 0.25
"""Of the span of the best values, on either side."""
LEAST_WIDENED = 0.05
"""Of the whole range, on either side: best values that are all alike still leave something to try."""
LEAST_BEST = 3
"""Trials that a narrower space can be drawn around."""


def draw(trial: optuna.Trial, space: Space) -> dict[str, Choice]:
    """The values of a trial, by field."""
    return {name: _drawn(trial, name, field) for name, field in space.items()}


def with_values(base: ModelConfig, values: Mapping[str, Any]) -> ModelConfig:
    """The config of a trial.

    Raises:
        UsageError: the values do not go together.
    """
    rounded = {
        name: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
        for name, value in values.items()
    }
    return msgspec.convert({**msgspec.to_builtins(base), **rounded}, ModelConfig)


def sampler(seed: int, finished: int, again: int = 0) -> optuna.samplers.BaseSampler:
    """The sampler of the trial that follows so many finished ones.

    Its randomness depends on these numbers only: a study that is stopped and goes on draws what it would have
    drawn without the stop.

    Args:
        seed: of the study.
        finished: trials so far.
        again: how often what was drawn for this trial had been tried before.
    """
    own_seed = (seed * 1_000_003 + finished + 7_919 * again) % 2**32
    return optuna.samplers.TPESampler(n_startup_trials=RANDOM_TRIALS, seed=own_seed)


def narrowed(space: Space, best: Sequence[Mapping[str, Any]]) -> Space:
    """The part of a space that lies around the best values.

    Args:
        space: the whole.
        best: the values of the best trials, by field; of fewer than `LEAST_BEST` the space stays whole.
    """
    if len(best) < LEAST_BEST:
        return space
    return {name: _around(field, [values[name] for values in best]) for name, field in space.items()}


def _drawn(trial: optuna.Trial, name: str, field: Range | Choices) -> Choice:
    if isinstance(field, Choices):
        chosen = trial.suggest_categorical(name, field.values)
        assert chosen is not None
        return chosen
    if field.whole:
        step = 1 if field.step is None else int(field.step)
        return trial.suggest_int(name, int(field.low), int(field.high), step=step, log=field.log)
    return trial.suggest_float(name, field.low, field.high, step=field.step, log=field.log)


def _around(field: Range | Choices, values: Sequence[Any]) -> Range | Choices:
    if isinstance(field, Choices):
        return Choices(tuple(value for value in field.values if value in values))
    scale, back = (math.log, math.exp) if field.log else (float, float)
    margin = max(
        WIDENED * (scale(max(values)) - scale(min(values))),
        LEAST_WIDENED * (scale(field.high) - scale(field.low)),
    )
    low = max(field.low, back(scale(min(values)) - margin))
    high = min(field.high, back(scale(max(values)) + margin))
    unit = 1.0 if field.whole and field.step is None else field.step
    if unit is not None:
        low = field.low + unit * math.floor((low - field.low) / unit + 1e-9)
        high = min(field.high, field.low + unit * math.ceil((high - field.low) / unit - 1e-9))
    return Range(low, high, field.whole, field.log, field.step)
