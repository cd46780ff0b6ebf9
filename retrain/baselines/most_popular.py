"""Popular items: the same list for everybody, by all events or by the recent ones.

Owns the counting. Callers: `retrain.baselines.registry`.
"""

from typing import Annotated

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.vocabulary import UNKNOWN, Vocabulary

_DAY_MS = 86_400_000


class MostPopularConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`popular` has no options."""


class RecentPopularConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `recent_popular`."""

    half_life_days: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    """An event this much older than the last one counts half."""
    half_life_share: Annotated[float, msgspec.Meta(gt=0)] = 0.1
    """In its place where the log has no times: a share of the log, in events."""


def popularity(
    train: pl.DataFrame, vocabulary: Vocabulary, _config: MostPopularConfig
) -> NDArray[np.float64]:
    """Each item's share of the training events, float64 [items]."""
    return _shares(vocabulary.rows(train["item_id"]), np.ones(len(train)), len(vocabulary))


def recent_popularity(
    train: pl.DataFrame, vocabulary: Vocabulary, config: RecentPopularConfig
) -> NDArray[np.float64]:
    """Each item's share of the training events, the recent ones counting more, float64 [items].

    Args:
        train: in log order; by its times, or by its row numbers where any time is missing.
        vocabulary: the items.
        config: how fast events lose their weight.
    """
    if train["occurred_at_ms"].null_count() == 0:
        at, half_life = train["occurred_at_ms"].to_numpy(), config.half_life_days * _DAY_MS
    else:
        at, half_life = np.arange(len(train)), config.half_life_share * len(train)
    weights = np.exp2((at - at.max(initial=0)) / half_life)
    return _shares(vocabulary.rows(train["item_id"]), weights, len(vocabulary))


def _shares(rows: NDArray[np.int32], weights: NDArray[np.float64], items: int) -> NDArray[np.float64]:
    known = rows != UNKNOWN
    sums = np.bincount(rows[known], weights[known], minlength=items).astype(np.float64)
    shares: NDArray[np.float64] = sums / sums.sum()
    return shares
