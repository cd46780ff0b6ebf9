"""A ModelConfig from a file, by the name of a preset, or from options of the command line.

Owns the presets, and how what is wrong is told. Callers: the commands of `retrain` that train.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from models.model_config import RANGES, SUBJECT, ModelConfig
from schemas.errors import UsageError

PRESETS: dict[str, dict[str, int | float]] = {
    "fast": {"epochs": 1, "n_negatives": 512, "hidden_dropout": 0.1},
    "small": {},
    "large": {
        "hidden_size": 224,
        "n_negatives": 2048,
        "batch_size": 128,
        "epochs": 3,
        "hidden_dropout": 0.3,
    },
    "pair": {"hidden_size": 128, "members": 2, "epochs": 3, "hidden_dropout": 0.3},
}
"""Fields by the name of a configuration that can be given in place of a file; the others are the defaults."""


def load_model_config(path: Path | None, overrides: Mapping[str, Any] | None = None) -> ModelConfig:
    """The configuration from a file and from the command line.

    Args:
        path: a `.toml` or `.json` file with fields of `ModelConfig`, or a name in `PRESETS`; None for the
            defaults.
        overrides: options of the command line, named as the fields that they win over; None values are left
            out.

    Raises:
        UsageError: the file cannot be read, a field is not known, or a value has a wrong type or range.
    """
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    _check_options(given)
    fields = ({} if path is None else _named(path)) | given
    where = f"{SUBJECT} {path}" if path else SUBJECT
    try:
        return msgspec.convert(fields, ModelConfig)
    except msgspec.ValidationError as error:
        known = ", ".join(ModelConfig.__struct_fields__)
        raise UsageError(f"{where}: {error}; the fields are {known}") from error
    except UsageError as error:
        raise UsageError(f"{where}{str(error).removeprefix(SUBJECT)}") from error


def _check_options(given: Mapping[str, Any]) -> None:
    """Name the option where it is an option that is wrong, not a field of the file."""
    for name in given.keys() & RANGES.keys():
        least, greatest = RANGES[name]
        if not least <= given[name] <= greatest:
            raise UsageError(f"--{name.replace('_', '-')} {given[name]}: use {least} to {greatest}")


def _named(path: Path) -> dict[str, Any]:
    return dict(PRESETS[str(path)]) if str(path) in PRESETS else _read(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.suffix == ".toml":
            return tomllib.loads(path.read_text())
        if path.suffix == ".json":
            return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise UsageError(f"{SUBJECT} {path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise UsageError(f"{SUBJECT} {path}: {error}") from error
    raise UsageError(
        f"{SUBJECT} {path}: the name must end in .toml or .json, or be one of {', '.join(PRESETS)}"
    )
