"""The format of REES46's behaviour data (2019-Oct.csv, …) -> events.

Owns the format: `event_time,event_type,product_id,category_id,category_code,brand,price,user_id,
user_session`, times as 2019-10-01 00:00:00 UTC, types view, cart, purchase and remove_from_cart, which has no
counterpart and is left out, as are the few events without a user_session. Caller:
`retrain.importers.publishers`.
"""

import polars as pl

from retrain.importers.delimited_events import DelimitedFormat, time_of
from retrain.importers.typed_columns import Column, Kind

_EXTRAS = (
    Column("category_id", Kind.TEXT, may_be_empty=True, may_be_missing=True),
    Column("category_code", Kind.TEXT, may_be_empty=True, may_be_missing=True),
    Column("brand", Kind.TEXT, may_be_empty=True, may_be_missing=True),
    Column("price", Kind.NUMBER, may_be_empty=True, may_be_missing=True),
    Column("user_id", Kind.ID, may_be_empty=True, may_be_missing=True),
)
_EVENT_TYPES = {"view": "view", "cart": "cart", "purchase": "purchase", "remove_from_cart": None}
EVENTS = DelimitedFormat(
    columns=(
        Column("event_time", Kind.TIME),
        Column("event_type", Kind.CHOICE, choices=tuple(_EVENT_TYPES)),
        Column("product_id", Kind.WHOLE),
        *_EXTRAS,
        Column("user_session", Kind.ID, may_be_empty=True),
    ),
    to_events=(
        pl.col("user_session").alias("session_id"),
        pl.col("product_id").alias("item_id"),
        time_of("event_time"),
        pl.col("category_id").alias("category"),
        *(pl.col(name) for name in ("category_code", "brand", "price", "user_id")),
    ),
    event_type_column="event_type",
    event_types=_EVENT_TYPES,
    example=(
        "2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,"
        "72d76fde-8bb3-4e00-8c23-a032dfed738c"
    ),
)
