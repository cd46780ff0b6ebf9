"""The format of RetailRocket's events.csv -> events.

Owns the format: `timestamp,visitorid,event,itemid,transactionid`, epoch milliseconds in no order; types view,
addtocart and transaction. It has no sessions: `session_id` and `user_id` are the visitor here, and
`retrain.importers.session_cutting` cuts visitors into sessions. Caller: `retrain.importers.publishers`.
"""

import polars as pl

from retrain.importers.delimited_events import DelimitedFormat, time_of
from retrain.importers.typed_columns import Column, Kind

FILE_NAME = "events.csv"
_EVENT_TYPES = {"view": "view", "addtocart": "cart", "transaction": "purchase"}
EVENTS = DelimitedFormat(
    columns=(
        Column("timestamp", Kind.TIME),
        Column("visitorid", Kind.WHOLE),
        Column("event", Kind.CHOICE, choices=tuple(_EVENT_TYPES)),
        Column("itemid", Kind.WHOLE),
    ),
    to_events=(
        pl.col("visitorid").alias("session_id"),
        pl.col("itemid").alias("item_id"),
        time_of("timestamp"),
        pl.col("visitorid").alias("user_id"),
    ),
    event_type_column="event",
    event_types=_EVENT_TYPES,
    example="1433221332117,257597,view,355908,",
)
