"""The formats of Diginetica's item views and purchases (CIKM Cup 2016, track 2) -> events.

Owns the formats: separated by semicolons, with a header; train-item-views.csv has `sessionId;userId;itemId;
timeframe;eventdate` and train-purchases.csv `sessionId;userId;timeframe;eventdate;ordernumber;itemId`; users
may be NA. The publisher gives no clock time: an event's time is midnight UTC of its date plus the timeframe,
the milliseconds since the session's first query. Order and gaps inside a session are right; hours are not.
Caller: `retrain.importers.publishers`.
"""

import polars as pl

from retrain.importers.delimited_events import DelimitedFormat
from retrain.importers.event_file_writing import TIME_COLUMN
from retrain.importers.typed_columns import Column, Kind

VIEWS_NAME = "train-item-views.csv"
PURCHASES_NAME = "train-purchases.csv"
_COLUMNS = (
    Column("sessionId", Kind.WHOLE),
    Column("userId", Kind.WHOLE, may_be_empty=True),
    Column("itemId", Kind.WHOLE),
    Column("timeframe", Kind.DURATION_MS),
    Column("eventdate", Kind.TIME),
)
_EVENT = (
    pl.col("sessionId").alias("session_id"),
    pl.col("itemId").alias("item_id"),
    (pl.col("eventdate") + pl.col("timeframe")).alias(TIME_COLUMN),
    pl.col("userId").alias("user_id"),
)
VIEWS = DelimitedFormat(columns=_COLUMNS, to_events=_EVENT, example="1;NA;81766;526309;2016-05-09")
PURCHASES = DelimitedFormat(
    columns=_COLUMNS,
    to_events=_EVENT,
    event_type="purchase",
    example="150;18278;17100868;2016-05-06;16421;25911",
)
