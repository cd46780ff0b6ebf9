"""Scales and numbers of charts: where ticks stand, how figures are written, how labels keep apart.

Pure. Callers: the charts and tables of `retrain.report_page`.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

MISSING = "\u2013"
"""A figure that there is not: a dash."""
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def nice_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from at most `low` to at least `high`, about so many."""
    if not high > low:
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / max(about - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * each for each in _STEPS if power * each >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(at * step, 12) for at in range(first, last + 1)]


def tick_texts(ticks: Sequence[float]) -> list[str]:
    """The ticks as text, all with as many decimals as their step needs."""
    if max(abs(tick) for tick in ticks) >= 1000:
        return [compact(tick) for tick in ticks]
    step = min(b - a for a, b in pairwise(ticks))
    decimals = next(n for n in range(13) if abs(step - round(step, n)) < 1e-9 * abs(step) + 1e-12)
    return [f"{tick:.{decimals}f}" for tick in ticks]


def compact(value: float) -> str:
    """`1500` as `1.5k`, `2000000` as `2M`."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.1f}".removesuffix(".0") + letter
    return f"{value:.0f}"


def share_text(value: float) -> str:
    """A share or a metric, with four digits."""
    return f"{value:.4f}"


def plain_text(value: float) -> str:
    """Any other figure, with four significant digits."""
    if value and abs(value) < 1000 and value != round(value):
        return f"{value:.4g}"
    return f"{value:,.0f}"


def utc_text(time_ms: int) -> str:
    """A time in UTC, without the hour where it is midnight."""
    at = datetime.fromtimestamp(time_ms / 1000, UTC)
    return f"{at:%Y-%m-%d}" if (at.hour, at.minute) == (0, 0) else f"{at:%Y-%m-%d %H:%M}"


def spread(places: Sequence[float], gap: float, least: float, greatest: float) -> list[float]:
    """The places, moved as little as it takes to be `gap` apart between `least` and `greatest`.

    Args:
        places: in any order; the result is beside them.
        gap: the least distance.
        least: no place is before it, as long as there is room.
        greatest: no place is behind it.
    """
    order = sorted(range(len(places)), key=lambda at: (places[at], at))
    moved = list(places)
    lowest = least
    for at in order:
        moved[at] = lowest = max(lowest, places[at])
        lowest += gap
    highest = greatest
    for at in reversed(order):
        moved[at] = highest = min(highest, moved[at])
        highest -= gap
    return moved
