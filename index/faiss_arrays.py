"""What the FAISS indexes share: padded vectors, files, and what was found in the order of `ItemIndex`.

Caller: `index.pq_index`; `retrain.benches.reference_indexes`.
"""

from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from index.score_keys import greatest_keys, numbers_of, scores_of, sort_keys
from schemas.errors import InvalidRelease


def padded_dim(dim: int, lanes: int) -> int:
    """The dimension, up to a multiple of `lanes`."""
    return -(-dim // lanes) * lanes


def padded(vectors: NDArray[np.float32], lanes: int) -> NDArray[np.float32]:
    """The vectors with zeros behind them, up to a multiple of `lanes` dimensions; copied."""
    wide = np.zeros((len(vectors), padded_dim(vectors.shape[1], lanes)), dtype=np.float32)
    wide[:, : vectors.shape[1]] = vectors
    return wide


def read_index(path: Path) -> faiss.Index:
    """Read a FAISS index.

    Raises:
        InvalidRelease: the file is none.
    """
    try:
        return faiss.read_index(str(path))
    except RuntimeError as error:
        raise InvalidRelease(f"{path}: FAISS cannot read it ({error})") from error


def best_found(
    rows: NDArray[np.int64], scores: NDArray[np.float32], n: int, items: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The n best of what FAISS has found, see `ItemIndex.search`.

    Args:
        rows: int64 [batch, found]; -1 where it found fewer.
        scores: float32 [batch, found], beside the rows.
        n: how many; fewer where there are no more items.
        items: of the index.
    """
    missing = rows < 0
    keys = sort_keys(np.where(missing, np.float32(-np.inf), scores), np.where(missing, items, rows))
    best = greatest_keys(keys, min(n, items))
    found = numbers_of(best)
    found[found == items] = -1
    return found.astype(np.int32), scores_of(best)
