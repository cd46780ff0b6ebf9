"""ServableModel: what a training hands over to be made a release, whatever kind of model it is.

Owns the hand-over, and which columns of the item vectors are what. Maker: `retrain.training.training_run`,
callers: `retrain.releases.release_building`, `models.release` and whoever reads item vectors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from models.trainable_weights import Weights
from schemas.recommendation_list import Strategy
from schemas.release_manifest import EncoderSpec, Lineage, Refit


@dataclass(frozen=True, eq=False)
class ServableModel:
    """An encoder and the vectors of the items, ready to be written."""

    strategy: Strategy
    encoder: bytes
    """ONNX; inputs and outputs as `spec` says."""
    spec: EncoderSpec
    item_vectors: NDArray[np.float32]
    """float32 [items, item_dim]: what the encoder reads of an item, and in its last `index_dim` columns what
    the index searches; the two may overlap."""
    embeddings: NDArray[np.float32]
    """float32 [items, dim]: what the likeness of two items is judged by (cosine)."""
    metrics: Mapping[str, float]
    """For the manifest."""
    repeat_bias: NDArray[np.float32] | None = None
    """float32, of `models.repeat_bias.SERVED_SHAPE`."""
    weights: Sequence[Weights] = ()
    """What a warm start begins with, network by network; none: nothing can begin here."""
    lineage: Lineage | UnsetType = UNSET
    """What the training began with, where a warm start was asked for."""
    refit: Refit | UnsetType = UNSET
    """What was learned behind the gate, where it was."""


def index_vectors(item_vectors: NDArray[np.float32], index_dim: int) -> NDArray[np.float32]:
    """The part of the item vectors that the index searches, float32 [items, index_dim]."""
    return item_vectors[:, item_vectors.shape[1] - index_dim :]


def without_bias(vectors: NDArray[np.float32], strategy: Strategy) -> NDArray[np.float32]:
    """What says where an item lies, without how often it occurs, float32 [items, dim].

    Args:
        vectors: float32 [items, index_dim], of what the index searches.
        strategy: of the release; those of `gru4rec` have a bias in their last column.
    """
    return vectors[:, :-1] if strategy == "gru4rec" else vectors
