"""Times on the wire: RFC 3339 strings or epoch milliseconds in, RFC 3339 in UTC out."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
MAX_TIME_MS = 253_402_300_799_999
"""The last millisecond of the year 9999, the greatest time that RFC 3339 can write."""


def to_epoch_ms(moment: datetime) -> int:
    """Milliseconds since 1970-01-01 UTC, rounded down; `moment` must carry its zone."""
    return (moment - _EPOCH) // _MILLISECOND


def from_epoch_ms(time_ms: int) -> datetime:
    """The moment in UTC, exact to the millisecond."""
    return _EPOCH + timedelta(milliseconds=time_ms)
