"""Times on the wire: RFC 3339 strings or epoch milliseconds in, RFC 3339 in UTC out."""

from datetime import UTC, datetime, timedelta

from schemas.errors import UsageError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
MAX_TIME_MS = 253_402_300_799_999
"""The last millisecond of the year 9999, the greatest time that RFC 3339 can write."""


def moment_given(option: str, text: str) -> datetime:
    """The moment that a command's option names.

    Raises:
        UsageError: it is no RFC 3339, or its zone is missing.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: give RFC 3339, as in 2026-01-31T00:00:00Z") from error
    if moment.tzinfo is None:
        raise UsageError(f"{option} {text}: the zone is missing; give Z or an offset, as in {text}Z")
    return moment


def to_epoch_ms(moment: datetime) -> int:
    """Milliseconds since 1970-01-01 UTC, rounded down; `moment` must carry its zone."""
    return (moment - _EPOCH) // _MILLISECOND


def from_epoch_ms(time_ms: int) -> datetime:
    """The moment in UTC, exact to the millisecond."""
    return _EPOCH + timedelta(milliseconds=time_ms)
