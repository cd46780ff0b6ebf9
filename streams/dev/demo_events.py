"""The events of the demo: of the simulated shop or of a file, in log order, split into past and live.

Owns the split where a file has none, and the log file that training and evaluation read. Caller: the demo.
"""

from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import polars as pl

from schemas.errors import UsageError
from schemas.event_files import TEST, TRAIN, read_events
from schemas.item_metadata import ItemMetadata
from streams.dev.shop_catalogue import shop_catalogue
from streams.dev.simulated_shop import simulate
from streams.replaying import in_log_order, of_split

SHOP_LIVE_SHARE = 0.2
FILE_LIVE_SHARE = 0.1
"""Share of the sessions that are live where a file does not say which; `millrace train` does the same."""
SHOP_OPENS_MS = 1_780_000_000_000


@dataclass(frozen=True)
class DemoEvents:
    """Events with a `split` column, in log order."""

    events: pl.DataFrame
    catalogue: tuple[ItemMetadata, ...]
    """Empty where nothing is known of the items but their ids."""

    @property
    def past(self) -> pl.DataFrame:
        """What the release is trained on."""
        return self.events.filter(pl.col("split") == TRAIN)

    @property
    def live(self) -> pl.DataFrame:
        """What is replayed."""
        return self.events.filter(pl.col("split") == TEST)

    def write(self, path: Path) -> None:
        """Write the log as an event file that `train` and `evaluate` read."""
        self.events.rename({"occurred_at_ms": "timestamp"}).write_parquet(path)


def shop_events(seed: int, sessions: int) -> DemoEvents:
    """The simulated shop: so many sessions, the last fifth of them live."""
    events = simulate(np.random.default_rng(seed), sessions, SHOP_OPENS_MS)
    return DemoEvents(split_by_end(events, SHOP_LIVE_SHARE), shop_catalogue().items)


def file_events(path: Path, event_type_map: dict[str, str]) -> DemoEvents:
    """The events of a file, split by its `split` column, or else the sessions that end last are live.

    Raises:
        UsageError: the file cannot be used.
    """
    events = in_log_order(read_events(path, event_type_map))
    has_split = of_split(events, TRAIN) is not None and of_split(events, TEST) is not None
    split = events if has_split else split_by_end(events, FILE_LIVE_SHARE)
    whole = DemoEvents(split, ())
    if whole.past.is_empty() or whole.live.is_empty():
        sessions = events["session_id"].n_unique()
        raise UsageError(
            f"{path}: {sessions} sessions are too few to split into a past and a live part; it takes "
            f"{_fewest_sessions()}: give a longer file, or one whose column split says train and test"
        )
    return whole


def _fewest_sessions() -> int:
    """With fewer sessions than these, the live share of a file comes to none."""
    return next(sessions for sessions in count(2) if round(FILE_LIVE_SHARE * sessions) >= 1)


def split_by_end(events: pl.DataFrame, live_share: float) -> pl.DataFrame:
    """Events with a `split` column: sessions are whole, those that end last are `test`.

    Args:
        events: in log order.
        live_share: share of the sessions that are `test`.
    """
    by_end = events.unique("session_id", keep="last", maintain_order=True)["session_id"]
    is_live = pl.col("session_id").is_in(by_end.tail(round(live_share * len(by_end))).implode())
    return events.with_columns(split=pl.when(is_live).then(pl.lit(TEST)).otherwise(pl.lit(TRAIN)))
