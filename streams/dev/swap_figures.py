"""What swaps do to latencies and memory: figures of a recorded load with swaps in it. Pure.

A swap's window reaches from its announcement, when the worker begins to load, until a second after the first
list of the new release; it counts the events that were under way in it. Caller: `bench_swap`.
"""

from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.bench_report import Figure, Nested
from streams.dev.load_record import LoadRecord, RecordedList

AFTER_S = 1.0


class Swap(NamedTuple):
    """One announcement."""

    announced_s: float
    """In seconds of `time.perf_counter`."""
    release_id: str


class MemorySample(NamedTuple):
    """The worker's memory at one moment, MB."""

    at_s: float
    rss_mb: float
    own_mb: float
    """Without pages of files, which processes share."""


def swap_figures(
    record: LoadRecord,
    swaps: Sequence[Swap],
    memory: Sequence[MemorySample],
    vocabularies: Mapping[str, Set[str]],
) -> dict[str, Figure]:
    """The figures of the report.

    Args:
        record: what was read.
        swaps: in order.
        memory: in order.
        vocabularies: by release id, the items that its lists may hold.
    """
    firsts = _first_emissions(record.lists)
    windows = [_window(firsts, swap) for swap in swaps]
    due_s, latency_s = np.array([one.due_s for one in firsts]), _latencies(firsts)
    inside = np.zeros(len(firsts), dtype=np.bool_)
    for begin_s, end_s in windows:
        inside |= (due_s + latency_s >= begin_s) & (due_s <= end_s)
    counted_from_s = record.due_s[0] + AFTER_S
    counted = due_s >= counted_from_s
    table: list[Nested] = [
        _line(swap, window, firsts, memory) for swap, window in zip(swaps, windows, strict=True)
    ]
    return {
        "events": len(record.due_s),
        "lost_events": len(record.due_s) - len(firsts),
        "repeated_lists": len(record.lists) - len(firsts),
        "lists_with_items_of_another_release": sum(not _is_whole(one, vocabularies) for one in record.lists),
        "releases_named": len({one.release_id for one in firsts}),
        "during_swaps_ms": _quantiles_ms(latency_s[inside & counted]),
        "between_swaps_ms": _quantiles_ms(latency_s[~inside & counted]),
        "longest_pause_ms": _longest_pause_ms(firsts, windows, counted_from_s, within=True),
        "longest_pause_between_swaps_ms": _longest_pause_ms(firsts, windows, counted_from_s, within=False),
        "rss_mb_before": memory[0].rss_mb,
        "rss_mb_peak": max(one.rss_mb for one in memory),
        "rss_mb_after": memory[-1].rss_mb,
        "own_mb_before": memory[0].own_mb,
        "own_mb_peak": max(one.own_mb for one in memory),
        "own_mb_after": memory[-1].own_mb,
        "swaps": table,
    }


def _first_emissions(lists: Sequence[RecordedList]) -> list[RecordedList]:
    """The first list of each event, in the order of reading."""
    firsts: dict[int, RecordedList] = {}
    for one in lists:
        firsts.setdefault(one.number, one)
    return list(firsts.values())


def _window(firsts: Sequence[RecordedList], swap: Swap) -> tuple[float, float]:
    served = [
        one.read_s for one in firsts if one.release_id == swap.release_id and one.read_s > swap.announced_s
    ]
    return swap.announced_s, (served[0] if served else swap.announced_s) + AFTER_S


def _line(
    swap: Swap,
    window: tuple[float, float],
    firsts: Sequence[RecordedList],
    memory: Sequence[MemorySample],
) -> Nested:
    begin_s, end_s = window
    inside = [one for one in firsts if one.due_s <= end_s and one.read_s >= begin_s]
    used = [one for one in memory if begin_s <= one.at_s <= end_s]
    return {
        "release": swap.release_id[-8:],
        "loaded_in_ms": round(1000 * (end_s - AFTER_S - begin_s), 1),
        "lists": len(inside),
        **_quantiles_ms(_latencies(inside)),
        "pause_ms": _longest_pause_ms(firsts, [window], begin_s - AFTER_S, within=True),
        "rss_mb": max((one.rss_mb for one in used), default=0.0),
        "own_mb": max((one.own_mb for one in used), default=0.0),
    }


def _longest_pause_ms(
    firsts: Sequence[RecordedList], windows: Sequence[tuple[float, float]], from_s: float, within: bool
) -> float:
    """The longest time without any list that overlaps one of the windows, or that overlaps none."""
    read_s = np.array([one.read_s for one in firsts])
    begins_s, ends_s = read_s[:-1], read_s[1:]
    overlaps = np.zeros(len(begins_s), dtype=np.bool_)
    for begin_s, end_s in windows:
        overlaps |= (begins_s <= end_s) & (ends_s >= begin_s)
    chosen = (overlaps == within) & (begins_s >= from_s)
    return round(1000 * float((ends_s - begins_s)[chosen].max(initial=0.0)), 1)


def _is_whole(one: RecordedList, vocabularies: Mapping[str, Set[str]]) -> bool:
    return set(one.item_ids) <= vocabularies.get(one.release_id, set())


def _latencies(lists: Sequence[RecordedList]) -> NDArray[np.float64]:
    return np.array([one.read_s - one.due_s for one in lists], dtype=np.float64)


def _quantiles_ms(latencies_s: NDArray[np.float64]) -> dict[str, float]:
    names = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    if not len(latencies_s):
        return dict.fromkeys(names, 0.0)
    return {name: round(1000 * float(np.quantile(latencies_s, at)), 2) for name, at in names.items()}
