"""Item popularity: how often each item occurs in the events to learn from, and its category.

Owns the counting, by item id, because the models that are compared number their items differently.
Callers: the modules of evaluation.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

UNCATEGORISED = -1
"""The category of an item that has none."""


class ItemPopularity:
    """Training events of each item."""

    def __init__(self, training: pl.DataFrame) -> None:
        """Count the items of `training`, column `item_id`."""
        self._counts = training.group_by("item_id").len("events")
        self.events = len(training)
        """All training events."""

    def counts(self, item_ids: pl.Series) -> NDArray[np.int64]:
        """int64 [n]: the training events of each item; 0 for one that has none."""
        asked = item_ids.cast(pl.String).alias("item_id").to_frame()
        found = asked.join(self._counts, on="item_id", how="left", maintain_order="left")
        return found["events"].fill_null(0).cast(pl.Int64).to_numpy()


def category_codes(events: pl.DataFrame, item_ids: pl.Series) -> NDArray[np.int32] | None:
    """The category of each item: the one that it has most often, the lesser name where two tie.

    Args:
        events: column `item_id` and, where the file has one, `category`.
        item_ids: the items asked for.

    Returns:
        int32 [n], numbers of the categories, or `UNCATEGORISED`; None where no event has a category.
    """
    if "category" not in events.columns or events["category"].null_count() == len(events):
        return None
    most_often = (
        events.drop_nulls("category")
        .group_by("item_id", "category")
        .len("events")
        .sort("events", "category", descending=[True, False])
        .unique("item_id", keep="first", maintain_order=True)
        .with_columns(code=pl.col("category").rank("dense").cast(pl.Int32) - 1)
    )
    asked = item_ids.cast(pl.String).alias("item_id").to_frame()
    found = asked.join(most_often, on="item_id", how="left", maintain_order="left")
    return found["code"].fill_null(UNCATEGORISED).to_numpy()
