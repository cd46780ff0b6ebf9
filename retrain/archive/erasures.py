"""What is erased from the log: sessions by their erase events, sessions and users by requests.

A session that is erased is left out whole, as far as the log is read. Of a user all sessions are in which the
log saw the user up to the moment of the request: who comes back later is new. Callers: `retrain.event_log`,
`retrain.event_recording`, `retrain.archive.archive_scrubbing`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from retrain.archive.erasure_requests import ErasureRequest
from retrain.archive.log_rows import ERASE_USER
from schemas.item_event import ERASE

ERASE_COLUMNS = ["session_id", "event_type", "user_id", "logged_at_ms"]
"""The columns of rows that tell what is erased."""
_SESSIONS = {"session_id": pl.String}
_USERS = {"user_id": pl.String, "until_ms": pl.Int64}


@dataclass(frozen=True, eq=False)
class Erasures:
    """What nothing may be learned from."""

    sessions: pl.DataFrame
    """Column `session_id`."""
    users: pl.DataFrame
    """Columns `user_id`, `until_ms`: the last of Kafka's times that the request is about."""

    def __add__(self, other: "Erasures") -> "Erasures":
        return Erasures(
            pl.concat([self.sessions, other.sessions]).unique(), pl.concat([self.users, other.users]).unique()
        )

    def with_sessions_of_users(self, rows: Iterable[pl.DataFrame]) -> "Erasures":
        """With the sessions of its users in these rows, columns `ERASE_COLUMNS`."""
        if self.users.is_empty():
            return self
        until = self.users.group_by("user_id").agg(pl.col("until_ms").max())
        found = [
            piece.filter(pl.col("user_id").is_not_null())
            .join(until, on="user_id")
            .filter(pl.col("logged_at_ms") <= pl.col("until_ms"))
            .select("session_id")
            .unique()
            for piece in rows
        ]
        return Erasures(pl.concat([self.sessions, *found]).unique(), self.users)

    @property
    def session_ids(self) -> pl.Series:
        """The erased sessions, strings."""
        return self.sessions["session_id"]


def no_erasures() -> Erasures:
    """Nothing is erased."""
    return Erasures(pl.DataFrame(schema=_SESSIONS), pl.DataFrame(schema=_USERS))


def erased_by_rows(rows: pl.DataFrame) -> Erasures:
    """What the erase events among rows erase.

    Args:
        rows: columns `ERASE_COLUMNS`, of any type.
    """
    erases = rows.filter(pl.col("event_type").is_in([ERASE, ERASE_USER]))
    users = erases.filter(pl.col("event_type") == ERASE_USER, pl.col("user_id").is_not_null())
    return Erasures(
        erases.select("session_id").unique(), users.select("user_id", until_ms="logged_at_ms").unique()
    )


def erased_by_requests(requests: Iterable[ErasureRequest]) -> Erasures:
    """What requests erase."""
    asked = list(requests)
    sessions = [one.session_id for one in asked if one.session_id is not None]
    users = [(one.user_id, one.asked_at_ms) for one in asked if one.user_id is not None]
    return Erasures(
        pl.DataFrame({"session_id": sessions}, schema=_SESSIONS),
        pl.DataFrame(users, schema=_USERS, orient="row"),
    )
