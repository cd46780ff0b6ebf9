"""Columns of events put session by session, with little more memory than the columns.

numpy's own ways would take 8 bytes an event for each index and each step between; here indexes have 4,
sorting is in place, and what is gathered or compared goes in pieces. Caller: `retrain.training.sessionize`.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.session_rule import starts_session

NO_TIME = np.iinfo(np.int64).min
"""The time of an event that has none."""
_ROW_BITS = 32
_AT_ONCE = 10_000_000
T = TypeVar("T", bound=np.generic)


def session_by_session(codes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """uint32 [events]: rows of the log, those of a session together and in log order.

    Args:
        codes: uint32 [events], a number for each session; fewer than 2**32 of them.
    """
    assert len(codes) < 1 << _ROW_BITS, "rows have 32 bits"
    keys = codes.astype(np.uint64)  # session and row in one number: sorting is in place and quick
    keys <<= np.uint64(_ROW_BITS)
    add_places(keys)
    keys.sort()
    return keys.astype(np.uint32)  # the lower half


def add_places(numbers: NDArray[Any]) -> None:
    """Add to each number its place; unsigned ones wrap around."""
    for start, end in _pieces(len(numbers)):
        numbers[start:end] += np.arange(start, end).astype(numbers.dtype)


def gathered(values: NDArray[T], places: NDArray[np.unsignedinteger[Any]]) -> NDArray[T]:
    """The values at places, [places]: numpy would make 8 bytes of each place first."""
    found = np.empty(len(places), dtype=values.dtype)
    for start, end in _pieces(len(places)):
        found[start:end] = values[places[start:end]]
    return found


def keep_latest(times_ms: NDArray[np.int64], codes: NDArray[np.uint32]) -> None:
    """Make each time the greatest of its session so far.

    Looks over one event back, then two, four and so on.

    Args:
        times_ms: int64 [events], session by session; overwritten.
        codes: uint32 [events], the session of each.
    """
    back = 1
    while back < len(codes):
        found = False
        for start, end in _pieces(len(codes) - back):
            same = codes[start:end] == codes[start + back : end + back]
            found |= bool(same.any())
            later = times_ms[start + back : end + back]
            np.maximum(later, times_ms[start:end].copy(), out=later, where=same)
        if not found:
            return
        back *= 2


def session_starts(
    latest_ms: NDArray[np.int64], codes: NDArray[np.uint32], session_gap_s: float
) -> NDArray[np.int64]:
    """int64 [sessions]: where a session starts, at a new id and after a gap.

    An event behind a gap is later than all before it: the latest times tell, without the events' own.

    Args:
        latest_ms: int64 [events], see `keep_latest`.
        codes: uint32 [events], the session of each.
        session_gap_s: see `models.session_rule.starts_session`.
    """
    starts = np.ones(len(codes), dtype=np.bool_)
    for start, end in _pieces(len(codes) - 1):
        before, now = latest_ms[start:end], latest_ms[start + 1 : end + 1]
        after_gap = starts_session(before, now, session_gap_s) & (before != NO_TIME)
        starts[start + 1 : end + 1] = (codes[start:end] != codes[start + 1 : end + 1]) | after_gap
    return np.flatnonzero(starts)


def _pieces(count: int) -> Iterator[tuple[int, int]]:
    return ((start, min(count, start + _AT_ONCE)) for start in range(0, count, _AT_ONCE))
