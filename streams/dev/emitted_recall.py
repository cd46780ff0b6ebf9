"""Recall of the lists that came out of the recommendations topic, under the published protocol.

Every event but the last of a session is a prefix; its list should hold the item of the session's next event.
A missing list, and a next item that the release does not know, are misses. Caller: the demo.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from schemas.ids import ItemId


@dataclass(frozen=True)
class Recall:
    """How many of the next items were in the list."""

    hits: int
    n: int

    @property
    def value(self) -> float:
        """Share of hits, 0 where there is nothing to predict."""
        return self.hits / self.n if self.n else 0.0


def next_items(events: pl.DataFrame) -> list[ItemId | None]:
    """The item of the same session's next event beside each event; None beside the last of a session.

    Args:
        events: columns `session_id` and `item_id`, in log order.
    """
    following = events.select(next=pl.col("item_id").shift(-1).over("session_id"))
    return [None if item_id is None else ItemId(item_id) for item_id in following["next"]]


def recall_at(k: int, targets: Sequence[ItemId | None], lists: Sequence[Sequence[ItemId] | None]) -> Recall:
    """Recall@k.

    Args:
        k: the cutoff.
        targets: the item to predict beside each event; None where there is none.
        lists: beside each event its list, best first; None where there is none.
    """
    pairs = [pair for pair in zip(targets, lists, strict=True) if pair[0] is not None]
    return Recall(
        hits=sum(ranked is not None and target in ranked[:k] for target, ranked in pairs), n=len(pairs)
    )
