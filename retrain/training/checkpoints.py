"""Checkpoints: the whole state of a training in one file, so that a killed run goes on with the same result.

Owns the file: an uncompressed zip of .npy arrays and a JSON description, no pickle in it; there is the old
one or the new one, never a part. Not owned: what belongs to the state (the caller's), when to save. Writer
and reader: `retrain.training.training_loop`.
"""

import io
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import read_array, write_array
from numpy.typing import NDArray

from schemas.errors import UsageError

FORMAT = 1
"""Rises when the meaning of the file changes; others are refused."""

_DESCRIPTION = "checkpoint.json"
_ARRAYS = "arrays/"
_NPY = ".npy"
_DAMAGE = (ValueError, KeyError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What zip, numpy and JSON raise on bytes that they cannot read."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The state of a training between two steps."""

    made_from: Mapping[str, Any]
    """What must be equal to go on, as JSON values: the config's fields, the data's hash, code versions."""
    epoch: int
    """From 1: the epoch that was trained, or is being trained."""
    step: int
    """Steps made in this epoch."""
    arrays: Mapping[str, NDArray[Any]]
    """Weights, what optimizers gathered, hidden states, torch's generator (uint8): any shapes and dtypes."""
    state: Mapping[str, Any]
    """The rest, as JSON values: history, sums, `bit_generator.state` of a numpy generator."""


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the file, in place of an older one, whole or not at all.

    Args:
        path: its folder is made where it does not exist.
        checkpoint: with arrays of numbers.

    Raises:
        UsageError: the file cannot be written.
    """
    description = {
        "format": FORMAT,
        "made_from": checkpoint.made_from,
        "epoch": checkpoint.epoch,
        "step": checkpoint.step,
        "state": checkpoint.state,
    }
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr(_DESCRIPTION, json.dumps(description, default=_listed))
                for name, array in checkpoint.arrays.items():
                    with archive.open(_ARRAYS + name + _NPY, "w", force_zip64=True) as member:
                        write_array(member, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise UsageError(
            f"checkpoint {path}: cannot be written ({error}); make room or choose another folder"
        ) from error


def load_checkpoint(path: Path, made_from: Mapping[str, Any]) -> Checkpoint:
    """Read the file of a training that is to go on.

    Args:
        path: as it was saved.
        made_from: of the training that would go on.

    Raises:
        UsageError: no such file, a damaged one, another format, or a checkpoint of another training.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            description = json.loads(archive.read(_DESCRIPTION))
            arrays = {
                name.removeprefix(_ARRAYS).removesuffix(_NPY): _array(archive, name)
                for name in archive.namelist()
                if name.startswith(_ARRAYS)
            }
        found = description["format"]
    except OSError as error:
        raise UsageError(f"checkpoint {path}: cannot be read ({error.strerror or error})") from error
    except _DAMAGE as error:
        raise UsageError(f"checkpoint {path}: it is damaged ({error}); delete it to start anew") from error
    if found != FORMAT:
        raise UsageError(f"checkpoint {path}: its format is {found}, not {FORMAT}; delete it to start anew")
    _check_same(path, description["made_from"], made_from)
    return Checkpoint(
        description["made_from"], description["epoch"], description["step"], arrays, description["state"]
    )


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """One array; reading a member to its end compares its checksum."""
    array: NDArray[Any] = read_array(io.BytesIO(archive.read(name)), allow_pickle=False)
    return array


def _check_same(path: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    old, new = _flat(there), _flat(json.loads(json.dumps(here, default=_listed)))
    different = [
        f"{name} was {old.get(name, 'not known')} and is {new.get(name, 'not known')}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    if different:
        raise UsageError(
            f"checkpoint {path}: it belongs to another training: {'; '.join(different)}; "
            "take what it was made from, or delete it to start anew"
        )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with names such as `config.seed`."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _listed(value: object) -> object:
    """Numpy's arrays and numbers as JSON has them."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(
        f"a checkpoint cannot hold a {type(value).__name__} in its state; put numbers into arrays"
    )


def _sync_folder(folder: Path) -> None:
    """Make the rename last through a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
