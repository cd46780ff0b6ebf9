"""The formats of Yoochoose's clicks and buys (RecSys Challenge 2015) -> events.

Owns the formats: no header; `session,timestamp,item,category` in yoochoose-clicks.dat and
`session,timestamp,item,price,quantity` in yoochoose-buys.dat, times as 2014-04-07T10:51:09.277Z. Where the
publisher writes 0 for a category, price or quantity that is not known, there is none here. Caller:
`retrain.importers.publishers`.
"""

import polars as pl

from retrain.importers.delimited_events import DelimitedFormat, time_of
from retrain.importers.typed_columns import Column, Kind

CLICKS_NAME = "yoochoose-clicks.dat"
BUYS_NAME = "yoochoose-buys.dat"
_SESSION_TIME_ITEM = (
    Column("session", Kind.WHOLE),
    Column("timestamp", Kind.TIME),
    Column("item", Kind.WHOLE),
)
_EVENT = (pl.col("session").alias("session_id"), pl.col("item").alias("item_id"), time_of("timestamp"))


def _known(name: str) -> pl.Expr:
    return pl.when(pl.col(name) > 0).then(name).alias(name)


CLICKS = DelimitedFormat(
    columns=(*_SESSION_TIME_ITEM, Column("category", Kind.TEXT, may_be_empty=True)),
    to_events=(
        *_EVENT,
        pl.when(pl.col("category") != "0").then("category").alias("category"),
        pl.lit(None, pl.Float64).alias("price"),
        pl.lit(None, pl.Float64).alias("quantity"),
    ),
    header=False,
    example="1,2014-04-07T10:51:09.277Z,214536502,0",
)
BUYS = DelimitedFormat(
    columns=(
        *_SESSION_TIME_ITEM,
        Column("price", Kind.NUMBER, may_be_empty=True),
        Column("quantity", Kind.NUMBER, may_be_empty=True),
    ),
    to_events=(
        *_EVENT,
        pl.lit(None, pl.String).alias("category"),
        _known("price"),
        _known("quantity"),
    ),
    event_type="purchase",
    header=False,
    example="420374,2014-04-06T18:44:58.314Z,214537888,12462,1",
)
