"""Ids as numbers, where only equality counts: 4 bytes an event in place of a string.

A frame of events has its ids as strings (event files) or as Polars categories (the event log); all steps take
both. Callers: `retrain.event_split`, `retrain.repeated_events`, `retrain.training.sessionize`.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray


def codes_of(ids: pl.Series) -> NDArray[np.uint32]:
    """uint32 [rows]: a number for each id, the same for equal ones; no id is missing."""
    return as_categories(ids).to_physical().to_numpy()


def as_categories(ids: pl.Series) -> pl.Series:
    """The ids as categories: as they are, or strings under categories of their own."""
    return ids if isinstance(ids.dtype, pl.Categorical) else ids.cast(pl.Categorical(pl.Categories.random()))


def with_plain_ids(events: pl.DataFrame) -> pl.DataFrame:
    """The events with strings for ids and types, for what joins them with other frames."""
    coded = [name for name, kind in events.schema.items() if isinstance(kind, pl.Categorical | pl.Enum)]
    return events.with_columns(pl.col(coded).cast(pl.String))
