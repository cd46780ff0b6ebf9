"""The events of `millrace bench stream`: what the release is trained on, and the backlog that is drained.

Owns how a busy log is made of the simulated shop: many shops under one roof, so that there are as many items
as asked for, and all their sessions within one rush, so that a micro-batch holds events of nearly as many
sessions as a busy log gives it. Callers: `bench_stream`, `soak`.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from schemas.event_files import read_events
from streams.dev.demo_events import SHOP_OPENS_MS
from streams.dev.shop_catalogue import shop_catalogue
from streams.dev.simulated_shop import simulate
from streams.replaying import in_log_order

RUSH_MS = 600_000
"""Within which all sessions start."""
PAUSE_MS = 40_000
"""Between two events of a session, where a file has no times."""
_EVENTS_PER_VISIT = 4
_FIRST_ITEM = 100_000_000
"""Item ids are numbers of nine digits, as shops have them."""
_SEED = 1


class BenchLog(NamedTuple):
    """Events with the columns of `schemas.event_files.read_events`."""

    training: pl.DataFrame
    backlog: pl.DataFrame
    described: str


def bench_log(path: Path | None, count: int, items: int) -> BenchLog:
    """The log of one run.

    Args:
        path: an event file; None: the simulated shop.
        count: events of the backlog, at most; of a file the last ones.
        items: the catalogue of the simulated shop.

    Raises:
        UsageError: the file cannot be used.
    """
    if path is None:
        backlog = busy_shop(count, items)
        return BenchLog(
            pl.concat([backlog, _stock_taking(items)], how="diagonal"), backlog, "the simulated shop"
        )
    events = read_events(path).drop("split", strict=False)
    return BenchLog(in_log_order(events), in_log_order(_interleaved(events.tail(count))), path.name)


def busy_shop(count: int, items: int) -> pl.DataFrame:
    """So many events of the simulated shop, as if it had so many items and all its shoppers came at once."""
    rng = np.random.default_rng(_SEED)
    events = simulate(rng, 10 + count // _EVENTS_PER_VISIT, SHOP_OPENS_MS).head(count)
    sessions = events.group_by("session_id", maintain_order=True).agg(starts=pl.col("occurred_at_ms").min())
    shops = -(-items // len(shop_catalogue().items))
    weights = 1 / np.sqrt(np.arange(1, shops + 1))
    sessions = sessions.with_columns(
        shop=pl.Series(rng.choice(shops, sessions.height, p=weights / weights.sum())),
        opens=SHOP_OPENS_MS + pl.int_range(pl.len()) * RUSH_MS // pl.len(),
    )
    places = {item.item_id: place for place, item in enumerate(shop_catalogue().items)}
    place = pl.col("item_id").replace_strict(places, return_dtype=pl.Int64)
    number = (pl.col("shop") * len(places) + place) % items
    return (
        events.join(sessions, on="session_id", maintain_order="left")
        .with_columns(
            item_id=(_FIRST_ITEM + number).cast(pl.String),
            occurred_at_ms=pl.col("occurred_at_ms") - pl.col("starts") + pl.col("opens"),
        )
        .drop("starts", "opens", "shop")
        .sort("occurred_at_ms", maintain_order=True)
    )


def _stock_taking(items: int) -> pl.DataFrame:
    """Sessions that see every item once, so that a release knows them all, also the many that sell rarely."""
    number = pl.int_range(items, dtype=pl.Int64)
    return pl.select(
        session_id="stock-" + (number // 10).cast(pl.String),
        item_id=(_FIRST_ITEM + number).cast(pl.String),
        event_type=pl.lit("view"),
        occurred_at_ms=SHOP_OPENS_MS + number * 1000,
    )


def _interleaved(events: pl.DataFrame) -> pl.DataFrame:
    """Events without times, whose file has one session after the other, as if all came in one rush."""
    if not events["occurred_at_ms"].null_count():
        return events
    place = pl.int_range(pl.len()).over("session_id")
    session = pl.col("session_id").rank("dense").cast(pl.Int64) - 1
    return events.with_columns(
        occurred_at_ms=SHOP_OPENS_MS + session * RUSH_MS // events["session_id"].n_unique() + place * PAUSE_MS
    )
