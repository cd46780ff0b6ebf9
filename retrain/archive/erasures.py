"""What is erased from the log: sessions by their erase events, sessions and users by requests.

An erasure reaches back, to what the log took before it: in its own partition by offset, in others by Kafka's
time; a request by time alone. What comes behind it is new, as it is online. Of a user all sessions are erased
in which the log saw the user before. Callers: `retrain.event_log`, `retrain.event_recording`,
`retrain.log_assembly`, `retrain.archive.archive_scrubbing`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from retrain.archive.archive_files import Partition
from retrain.archive.erasure_requests import ErasureRequest
from retrain.archive.log_rows import ERASE_USER
from schemas.item_event import ERASE, EVENT_TYPES

ERASE_COLUMNS = ["session_id", "event_type", "user_id", "topic", "partition", "offset", "logged_at_ms"]
"""The columns of rows that tell what is erased."""
REACHED_COLUMNS = ["session_id", "event_type", "offset", "logged_at_ms"]
"""The columns of rows that tell which of them are erased."""
_REACH = {"in_topic": pl.String, "in_partition": pl.Int32, "before_offset": pl.Int64, "until_ms": pl.Int64}
_SESSIONS = {"session_id": pl.String, **_REACH}
_USERS = {"user_id": pl.String, **_REACH}
_PLACE = ["in_topic", "in_partition"]


@dataclass(frozen=True, eq=False)
class Erasures:
    """What nothing may be learned from.

    Each has a reach: `in_topic`, `in_partition` and `before_offset` of the erase event, null for a request;
    `until_ms`, the last of Kafka's times that it is about elsewhere.
    """

    sessions: pl.DataFrame
    """Column `session_id`, and the reach."""
    users: pl.DataFrame
    """Column `user_id`, and the reach."""

    def __add__(self, other: "Erasures") -> "Erasures":
        return Erasures(
            _furthest(pl.concat([self.sessions, other.sessions])),
            pl.concat([self.users, other.users]).unique(),
        )

    def with_sessions_of_users(self, rows: Iterable[pl.DataFrame]) -> "Erasures":
        """With the sessions of its users in these rows, columns `ERASE_COLUMNS`."""
        if self.users.is_empty():
            return self
        is_here = pl.col("topic").eq(pl.col("in_topic")) & pl.col("partition").eq(pl.col("in_partition"))
        is_reached = (
            pl.when(is_here)
            .then(pl.col("offset") < pl.col("before_offset"))
            .otherwise(pl.col("logged_at_ms") <= pl.col("until_ms"))
        )
        found = [
            piece.filter(pl.col("user_id").is_not_null())
            .join(self.users, on="user_id")
            .filter(is_reached)
            .select(*_SESSIONS)
            .unique()
            for piece in rows
        ]
        return Erasures(_furthest(pl.concat([self.sessions, *found])), self.users)

    def in_partition(self, partition: Partition) -> pl.DataFrame:
        """How far erasures reach there: columns `session_id`, `before_offset`, `until_ms`; one may be null.

        Args:
            partition: topic and number.
        """
        topic, number = partition
        is_here = (pl.col("in_topic").eq(topic) & pl.col("in_partition").eq(number)).fill_null(False)
        return self.sessions.group_by("session_id").agg(
            pl.col("before_offset").filter(is_here).max(), pl.col("until_ms").filter(~is_here).max()
        )


def no_erasures() -> Erasures:
    """Nothing is erased."""
    return Erasures(pl.DataFrame(schema=_SESSIONS), pl.DataFrame(schema=_USERS))


def erased_by_rows(rows: pl.DataFrame) -> Erasures:
    """What the erase events among rows erase.

    Args:
        rows: columns `ERASE_COLUMNS`, of any type.
    """
    erases = rows.filter(pl.col("event_type").is_in([ERASE, ERASE_USER])).rename(
        {
            "topic": "in_topic",
            "partition": "in_partition",
            "offset": "before_offset",
            "logged_at_ms": "until_ms",
        }
    )
    users = erases.filter(pl.col("event_type") == ERASE_USER, pl.col("user_id").is_not_null())
    return Erasures(_furthest(erases.select(*_SESSIONS)), users.select(*_USERS).unique())


def erased_by_requests(requests: Iterable[ErasureRequest]) -> Erasures:
    """What requests erase."""
    asked = list(requests)
    sessions = [
        (session, one.in_topic, one.in_partition, one.before_offset, one.asked_at_ms)
        for one in asked
        for session in (*one.session_ids, one.session_id)
        if session is not None
    ]
    users = [(one.user_id, None, None, None, one.asked_at_ms) for one in asked if one.user_id is not None]
    return Erasures(
        _furthest(pl.DataFrame(sessions, schema=_SESSIONS, orient="row")),
        pl.DataFrame(users, schema=_USERS, orient="row"),
    )


def sessions_to_ask_for(erasures: Erasures, known: Erasures) -> list[ErasureRequest]:
    """Requests for the sessions that were found by their users, and are not known without them."""
    found = erasures.sessions.join(known.sessions, on=list(_SESSIONS), how="anti", nulls_equal=True)
    return [
        ErasureRequest(
            asked_at_ms=until_ms,
            session_ids=tuple(sessions["session_id"].sort()),
            in_topic=topic,
            in_partition=partition,
            before_offset=offset,
        )
        for (topic, partition, offset, until_ms), sessions in found.group_by(*_REACH)
    ]


def is_erased(rows: pl.DataFrame, reaching: pl.DataFrame) -> pl.Series:
    """Which rows of a partition are events of an erased session; erase events are none.

    Args:
        rows: columns `REACHED_COLUMNS`.
        reaching: see `Erasures.in_partition`.

    Returns:
        bool [rows].
    """
    if reaching.is_empty():
        return pl.repeat(value=False, n=len(rows), dtype=pl.Boolean, eager=True)
    reached = (pl.col("offset") < pl.col("before_offset")) | (pl.col("logged_at_ms") <= pl.col("until_ms"))
    return (
        rows.select(REACHED_COLUMNS)
        .join(reaching, on="session_id", how="left", maintain_order="left")
        .select((pl.col("event_type").is_in(EVENT_TYPES) & reached).fill_null(False).alias("is_erased"))
        .to_series()
    )


def _furthest(sessions: pl.DataFrame) -> pl.DataFrame:
    """Of a session's erasures in a partition one, that reaches as far as any."""
    return sessions.group_by("session_id", *_PLACE).agg(
        pl.col("before_offset").max(), pl.col("until_ms").max()
    )
