"""Dot charts as SVG: a row for each model, a dot for its figure, a whisker for the interval.

Owns the drawing only. Caller: `retrain.report_page.accuracy_sections`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from retrain.report_page.chart_marks import COLORS, mark, shortened
from retrain.report_page.chart_scales import nice_ticks, share_text, tick_texts
from retrain.report_page.line_chart import RIGHT, WIDTH

ROW, TOP, BOTTOM = 30, 8, 26
_CHARACTER = 9.0
_VALUE_WIDTH = 60
"""Room for a figure to the right of the last tick."""
_LONGEST = 17


@dataclass(frozen=True)
class Dot:
    """A row."""

    name: str
    value: float
    color: int
    interval: tuple[float, float] | None = None


def dot_chart(title: str, dots: Sequence[Dot]) -> str:
    """The chart as an SVG element that scales with its place on the page.

    Args:
        title: what the figure is.
        dots: from top to bottom; at least one.
    """
    height = TOP + ROW * len(dots) + BOTTOM
    left = 14 + _CHARACTER * max(min(len(dot.name), _LONGEST) for dot in dots)
    bounds = [bound for dot in dots for bound in (dot.value, *(dot.interval or ()))]
    ticks = nice_ticks(min(0.0, *bounds), max(bounds), 5)

    def x(value: float) -> float:
        return round(
            left + (WIDTH - RIGHT - _VALUE_WIDTH - left) * (value - ticks[0]) / (ticks[-1] - ticks[0]), 1
        )

    said = "; ".join(f"{dot.name} {share_text(dot.value)}" for dot in dots)
    lines = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(f"{title}: {said}")}">',
    ]
    for tick, text in zip(ticks, tick_texts(ticks), strict=True):
        lines.append(f'<line class="grid" x1="{x(tick)}" x2="{x(tick)}" y1="{TOP}" y2="{height - BOTTOM}"/>')
        lines.append(f'<text class="tick" x="{x(tick)}" y="{height - 8}" text-anchor="middle">{text}</text>')
    for at, dot in enumerate(dots):
        lines += _row(dot, x, TOP + ROW * (at + 0.5), left)
    return "\n".join([*lines, "</svg>"])


def _row(dot: Dot, x: Callable[[float], float], y: float, left: float) -> list[str]:
    color = f"c{dot.color % COLORS}"
    name = escape(shortened(dot.name, _LONGEST))
    lines = [f'<text class="label {color}" x="{left - 12:.1f}" y="{y + 4}" text-anchor="end">{name}</text>']
    end = dot.value
    if dot.interval is not None:
        low, end = dot.interval
        lines.append(f'<line class="whisker {color}" x1="{x(low)}" x2="{x(end)}" y1="{y}" y2="{y}"/>')
    lines.append(mark(dot.color, x(dot.value), y, f"{dot.name}: {share_text(dot.value)}"))
    lines.append(
        f'<text class="value" x="{x(max(end, dot.value)) + 9:.1f}" y="{y + 4}">{share_text(dot.value)}</text>'
    )
    return lines
