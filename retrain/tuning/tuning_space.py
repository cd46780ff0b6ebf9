"""The space that a tuning searches: ranges and choices of fields of the model config, from TOML.

Owns the form and its checks; every value that the space can give is checked before the first trial.
Callers: `millrace tune`, `retrain.tuning.tuning_search`.

    [learning_rate]
    low = 0.02
    high = 0.3
    log = true

    [batch_size]
    choices = [64, 128, 256]
"""

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from models.model_config import ModelConfig
from schemas.errors import UsageError

NOT_TUNED = {
    "seed": "a model is not better by its seed",
    "test_share": "it decides what is judged, not how well",
}
DEFAULT_SPACE = """\
[learning_rate]
low = 0.03
high = 0.3
log = true

[learning_rate_schedule]
choices = ["constant", "linear", "cosine"]

[batch_size]
choices = [64, 96, 128, 192, 256]

[n_negatives]
choices = [256, 512, 1024, 2048, 4096]

[sample_alpha]
low = 0.0
high = 1.0
step = 0.05

[cosine_scale]
low = 8.0
high = 32.0
log = true

[repeat_bias]
choices = ["on", "off"]

[repeat_shrinkage]
low = 0.0
high = 0.5
step = 0.05

[hidden_dropout]
low = 0.0
high = 0.6
step = 0.05

[embedding_dropout]
low = 0.0
high = 0.5
step = 0.05

[epochs]
low = 2
high = 8
"""
"""Where no file is given; also in docs/training.md."""

Choice = str | int | float | bool


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`."""

    low: float
    high: float
    whole: bool
    """Whole numbers only."""
    log: bool = False
    """Even on a logarithmic scale."""
    step: float | None = None


@dataclass(frozen=True)
class Choices:
    """One of a few values."""

    values: tuple[Choice, ...]


Space = dict[str, Range | Choices]
"""By field of `ModelConfig`."""


class _Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file."""

    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = None
    choices: tuple[Choice, ...] | None = None


def read_space(path: Path | None) -> str:
    """The text of a space: a file's, or the default one.

    Raises:
        UsageError: the file cannot be read.
    """
    if path is None:
        return DEFAULT_SPACE
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--space {path}: cannot be read ({error})") from error


def parse_space(text: str, base: ModelConfig) -> Space:
    """The space of a TOML text.

    Args:
        text: a table for each field, with `low` and `high` (and `log` or `step`) or with `choices`.
        base: the fields that are not tuned.

    Raises:
        UsageError: the text is no space, or a value is none that the field can have.
    """
    try:
        tables = msgspec.convert(tomllib.loads(text), dict[str, _Declared])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UsageError(
            f"tuning space: {error}; give tables such as [learning_rate] with low and high, or with choices"
        ) from error
    if not tables:
        raise UsageError("tuning space: no field in it; give a table such as [learning_rate]")
    return {name: _checked(name, declared, base) for name, declared in tables.items()}


def _checked(name: str, declared: _Declared, base: ModelConfig) -> Range | Choices:
    if name in NOT_TUNED:
        raise UsageError(f"tuning space: {name} is not tuned: {NOT_TUNED[name]}")
    types = {field.name: field.type for field in msgspec.structs.fields(ModelConfig)}
    if name not in types:
        raise UsageError(f"tuning space: {name} is no field of the model config; they are {', '.join(types)}")
    if declared.choices is not None:
        return _choices(name, declared, base)
    if types[name] not in (int, float):
        raise UsageError(f"tuning space: {name} is no number: give choices")
    return _range(name, declared, base, whole=types[name] is int)


def _choices(name: str, declared: _Declared, base: ModelConfig) -> Choices:
    if not declared.choices:
        raise UsageError(f"tuning space: {name}: choices is empty")
    if declared != _Declared(choices=declared.choices):
        raise UsageError(f"tuning space: {name}: give choices, or low and high, not both")
    for value in declared.choices:
        _check_value(name, value, base)
    return Choices(declared.choices)


def _range(name: str, declared: _Declared, base: ModelConfig, *, whole: bool) -> Range:
    low, high, step = declared.low, declared.high, declared.step
    if low is None or high is None:
        raise UsageError(f"tuning space: {name}: give low and high, or choices")
    if not low < high:
        raise UsageError(
            f"tuning space: {name}: low is {low:g} and high {high:g}; low must be the smaller one"
        )
    if declared.log and (low <= 0 or step is not None):
        raise UsageError(
            f"tuning space: {name}: with log, low must be above 0 (it is {low:g}), without a step"
        )
    if step is not None and not 0 < step <= high - low:
        raise UsageError(f"tuning space: {name}: step is {step:g}; give more than 0, at most high - low")
    if whole and any(math.modf(value)[0] for value in (low, high, step or 0)):
        raise UsageError(f"tuning space: {name} is a whole number; so must be low, high and step")
    for value in (low, high):
        _check_value(name, int(value) if whole else value, base)
    return Range(low, high, whole, declared.log, step)


def _check_value(name: str, value: Choice, base: ModelConfig) -> None:
    try:
        msgspec.convert({**msgspec.to_builtins(base), name: value}, ModelConfig)
    except (msgspec.ValidationError, UsageError) as error:
        raise UsageError(f"tuning space: {name}: {value!r} will not do: {error}") from error
