"""What can be evaluated: anything that answers each event of a session with a list of items.

Owns the interface only. Implementations: `retrain.evaluation.served_release` (through the code that serves)
and `retrain.baselines`. Caller: `retrain.evaluation.evaluation`.
"""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.vocabulary import Vocabulary


class ListedItems(NamedTuple):
    """A list for each of n events, best first, ties by row."""

    rows: NDArray[np.int32]
    """int32 [n, k], rows of the model's vocabulary; filled up with -1."""
    scores: NDArray[np.float32]
    """float32 [n, k], beside the rows; -inf where there is no item."""


class NextItemModel(Protocol):
    """A fitted model."""

    @property
    def name(self) -> str:
        """As it stands in tables."""
        ...

    @property
    def vocabulary(self) -> Vocabulary:
        """The items that it knows."""
        ...

    def lists(self, events: pl.DataFrame, k: int) -> ListedItems:
        """A list for every event, from this event and those before it in its session.

        Args:
            events: whole sessions one after the other, each in log order; columns `session_id`, `item_id`,
                `event_type` (strings) and `occurred_at_ms` (Int64, none null). Items may be unknown.
            k: the length of a list, ≥ 1.
        """
        ...


@runtime_checkable
class ScoresAllItems(Protocol):
    """A model that can also score all items, for evaluation under a policy for ties."""

    def all_scores(self, events: pl.DataFrame) -> NDArray[np.float32]:
        """float32 [n, items] for events as in `NextItemModel.lists`; the caller keeps n small."""
        ...
