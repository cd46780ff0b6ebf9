"""The trainable weights of a release, in `weights.npz`: what a warm start begins with.

Owns the file: plain arrays by name, no pickle in it. Serving loads nothing of it: an encoder's weights lie in
`encoder.onnx` once more, and item vectors are normalised there. Writer: `retrain.releases.release_building`.
Reader: `retrain.training.warm_start`.
"""

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.errors import InvalidRelease

WEIGHTS_FILE = "weights.npz"
ITEM_MATRIX = "item_matrix"
SQUARES = ".squares"
"""Behind a weight's name: what Adagrad gathered of its gradients; without it a warm start would move each
value by the learning rate at once, as the first step of a training does."""
Weights = Mapping[str, NDArray[np.float32]]
"""Of one network: `ITEM_MATRIX` float32 [items, item_dim] and the mean of each of its rows' squares float32
[items, 1], the encoder's parameters by torch's names and their squares."""
_DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


def save_weights(path: Path, members: Sequence[Weights]) -> None:
    """Write the weights of a release.

    Args:
        path: of the file.
        members: the networks of an ensemble in their order, or one.
    """
    arrays = {
        f"{place}.{name}": array for place, member in enumerate(members) for name, array in member.items()
    }
    np.savez(path, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for its own options


def load_weights(path: Path) -> list[Weights]:
    """Read what `save_weights` wrote; the caller has compared the file's hash.

    Raises:
        InvalidRelease: the file cannot be read, or is something else.
    """
    members: dict[int, dict[str, NDArray[np.float32]]] = {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for key in arrays.files:
                place, _, name = key.partition(".")
                members.setdefault(int(place), {})[name] = arrays[key]
    except _DAMAGE as error:
        raise InvalidRelease(f"{path}: it holds no weights ({error}); start without it") from error
    return [members[place] for place in sorted(members)]
