"""Weights carried from one vocabulary to another: rows of known items copied, rows for new ones made.

Owns where a new item begins: the more neighbours it has in the new sessions, the nearer to their mean, so
that it is recommended beside them before the first step. Caller: `retrain.training.warm_start`.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.model_config import ModelConfig
from models.trainable_weights import ITEM_MATRIX, SQUARES, Weights
from models.vocabulary import UNKNOWN, Vocabulary
from retrain.training.cooccurrence_embeddings import cooccurrence_counts
from retrain.training.sessionize import Sessions

Array = NDArray[np.float32]
_SELDOM = 0.05
"""A quantile of what was gathered by item."""
_TRUSTED = 3.0
"""Neighbours that count as much as chance: of a few clicks alone, a new item would stand in the midst of
popular ones and be listed in their place."""


def carried_weights(
    members: Iterable[Weights],
    old: Vocabulary,
    new: Vocabulary,
    sessions: Sessions,
    config: ModelConfig,
) -> Iterator[Weights]:
    """The weights of networks for another vocabulary; items that are not in it are dropped.

    Args:
        members: the networks.
        old: the items of their rows.
        new: the items of the rows to make.
        sessions: rows of the new vocabulary.
        config: of the new training; its seed draws where they begin as far as their company does not tell.
    """
    old_rows = old.rows(new.item_ids)
    is_new = old_rows == UNKNOWN
    units = config.als_factors if config.strategy == "als" else config.hidden_size
    company = cooccurrence_counts(sessions, len(new))[is_new][:, ~is_new]
    for place, member in enumerate(members):
        random = np.random.default_rng([config.seed, place])
        matrix = np.empty((len(new), member[ITEM_MATRIX].shape[1]), dtype=np.float32)
        matrix[~is_new] = member[ITEM_MATRIX][old_rows[~is_new]]
        matrix[is_new] = _begun(matrix[~is_new], company, units, random)
        yield {**member, ITEM_MATRIX: matrix, **_gathered(member, old_rows)}


def _gathered(member: Weights, old_rows: NDArray[np.int32]) -> Weights:
    """What Adagrad gathered by item: new ones begin with that of a known item that came seldom.

    With nothing they would move by the learning rate in their first step, away from their company.
    """
    if ITEM_MATRIX + SQUARES not in member:
        return {}
    of_old = member[ITEM_MATRIX + SQUARES]
    is_new = old_rows == UNKNOWN
    squares = of_old[np.where(is_new, 0, old_rows)]
    squares[is_new] = np.quantile(squares[~is_new], _SELDOM)
    return {ITEM_MATRIX + SQUARES: squares}


def _begun(known: Array, company: sp.csr_matrix, units: int, random: np.random.Generator) -> Array:
    """Rows for new items, float32 [new, item_dim]: embeddings as long as known ones are on average, no bias.

    Args:
        known: float32 [known, item_dim], the rows of the known items.
        company: [new, known], how often each known item stands near a new one.
        units: of an embedding; the input's come before the output's where they are separate.
        random: for where an item begins as far as its company does not tell.
    """
    evidence = np.asarray(company.sum(axis=1))
    trust = evidence / (evidence + _TRUSTED)
    begun = np.zeros((company.shape[0], known.shape[1]), dtype=np.float32)
    for first in range(0, known.shape[1] - 1, units):
        columns = slice(first, first + units)
        lengths = np.linalg.norm(known[:, columns], axis=1, keepdims=True)
        middle = _directions(company @ _directions(known[:, columns]))
        anywhere = _directions(random.standard_normal(middle.shape))
        begun[:, columns] = _directions(trust * middle + (1 - trust) * anywhere) * lengths.mean()
    return begun


def _directions(vectors: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """The vectors at length one; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions: NDArray[np.floating[Any]] = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return directions
