"""Line charts as SVG: a line for each model, its name at its end, whiskers for intervals, bars for counts.

Owns the drawing only; colors come from the page's style (classes `c0` to `c7`). Caller:
the sections.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from retrain.report_page.chart_marks import COLORS, LONGEST_NAME, mark, shortened
from retrain.report_page.chart_scales import compact, nice_ticks, share_text, spread, tick_texts

WIDTH, HEIGHT = 460, 270
LEFT, TOP, BOTTOM = 48, 30, 46
RIGHT = 18
_LABEL_CHARACTER = 8.3
_LABEL_GAP = 15
_BARS = 0.2
"""Of the height, for the highest bar."""


@dataclass(frozen=True)
class Series:
    """A line."""

    name: str
    points: Sequence[tuple[float, float]]
    """x and y; x is a number, or the place of a category from 0."""
    color: int
    intervals: Sequence[tuple[float, float, float]] = ()
    """x, lower and upper bound."""
    marked: frozenset[float] | None = None
    """The x that have a mark; None: all."""


@dataclass(frozen=True)
class LineChart:
    """A chart."""

    title: str
    x_title: str
    y_title: str
    series: Sequence[Series]
    categories: Sequence[str] = ()
    """Of the x axis; none: x is a number."""
    bars: Sequence[float] = ()
    """Beside the categories."""
    joined: bool = True
    """Whether a line goes from point to point; without it each point stands on a stem, beside the others'."""
    from_zero: bool = True
    x_ticks: Sequence[float] = field(default=())
    """For numbers; none: chosen."""


def line_chart(chart: LineChart) -> str:
    """The chart as an SVG element that scales with its place on the page."""
    frame = _Frame(chart)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(_described(chart))}">',
        *_bars(chart, frame),
        *_y_axis(chart, frame),
        *_x_axis(chart, frame),
        *(line for series in chart.series for line in _series(chart, series, frame)),
        *_labels(chart, frame),
        "</svg>",
    ]
    return "\n".join(parts)


class _Frame:
    """Where values stand."""

    def __init__(self, chart: LineChart) -> None:
        heights = [y for series in chart.series for _, y in series.points]
        heights += [bound for series in chart.series for _, *bounds in series.intervals for bound in bounds]
        low = 0.0 if chart.from_zero else min(heights, default=0.0)
        self.y_ticks = nice_ticks(low, max(heights, default=1.0))
        places = [x for series in chart.series for x, _ in series.points]
        first, last = (-0.5, len(chart.categories) - 0.5) if chart.categories else _span(places)
        self._first, self._per_x = first, 1 / (last - first)
        named = max((min(len(each.name), LONGEST_NAME) for each in chart.series), default=0)
        self.right = WIDTH - (RIGHT + named * _LABEL_CHARACTER if len(chart.series) > 1 else RIGHT)
        self.bottom = HEIGHT - BOTTOM

    def x(self, value: float) -> float:
        return round(LEFT + (self.right - LEFT) * (value - self._first) * self._per_x, 1)

    def y(self, value: float) -> float:
        low, high = self.y_ticks[0], self.y_ticks[-1]
        return round(self.bottom - (self.bottom - TOP) * (value - low) / (high - low), 1)


def _span(places: Sequence[float]) -> tuple[float, float]:
    first, last = min(places, default=0.0), max(places, default=1.0)
    return (first, last) if last > first else (first - 0.5, first + 0.5)


def _bars(chart: LineChart, frame: _Frame) -> list[str]:
    if not chart.bars or not max(chart.bars):
        return []
    width = 0.7 * (frame.x(1) - frame.x(0))
    lines = []
    for at, value in enumerate(chart.bars):
        height = round(_BARS * (frame.bottom - TOP) * value / max(chart.bars), 1)
        lines.append(
            f'<rect class="bar" x="{frame.x(at) - width / 2:.1f}" y="{frame.bottom - height:.1f}" '
            f'width="{width:.1f}" height="{height}"><title>{value:,.0f} predictions</title></rect>'
        )
    return lines


def _y_axis(chart: LineChart, frame: _Frame) -> list[str]:
    lines = [f'<text class="axis-title" x="4" y="14">{escape(chart.y_title)}</text>']
    for tick, text in zip(frame.y_ticks, tick_texts(frame.y_ticks), strict=True):
        y, kind = frame.y(tick), "base" if tick == frame.y_ticks[0] else "grid"
        lines.append(f'<line class="{kind}" x1="{LEFT}" x2="{frame.right:.1f}" y1="{y}" y2="{y}"/>')
        lines.append(f'<text class="tick" x="{LEFT - 7}" y="{y + 4}" text-anchor="end">{text}</text>')
    return lines


def _x_axis(chart: LineChart, frame: _Frame) -> list[str]:
    if chart.categories:
        ticks: list[tuple[float, str]] = list(enumerate(chart.categories))
    else:
        places = sorted({x for series in chart.series for x, _ in series.points})
        chosen = chart.x_ticks or [t for t in nice_ticks(places[0], places[-1], 6) if t in set(places)]
        ticks = [(x, f"{x:g}") for x in chosen]
    y, middle = frame.bottom + 17, (LEFT + frame.right) / 2
    lines = [
        f'<text class="tick" x="{frame.x(x)}" y="{y}" text-anchor="middle">{escape(t)}</text>'
        for x, t in ticks
    ]
    lines.append(
        f'<text class="axis-title" x="{middle:.1f}" y="{HEIGHT - 8}" text-anchor="middle">'
        f"{escape(chart.x_title)}</text>"
    )
    return lines


def _series(chart: LineChart, series: Series, frame: _Frame) -> list[str]:
    color = f"c{series.color % COLORS}"
    aside = 0.0 if chart.joined else _aside(chart, series)
    places = {x: frame.x(x + aside) for x, _ in series.points}
    if chart.joined:
        path = " ".join(f"{places[x]},{frame.y(y)}" for x, y in series.points)
        lines = [f'<polyline class="line {color}" points="{path}"/>']
    else:
        lines = [_upright("stem", color, places[x], frame.bottom, frame.y(y)) for x, y in series.points]
    lines += [
        _upright("whisker", color, frame.x(x + aside), frame.y(low), frame.y(high))
        for x, low, high in series.intervals
    ]
    for x, y in series.points:
        if series.marked is None or x in series.marked:
            said = f"{series.name}, {_place(chart, x)}: {_figure(y)}"
            lines.append(mark(series.color, places[x], frame.y(y), said))
    return lines


def _aside(chart: LineChart, series: Series) -> float:
    """How far a series stands to the right of its category, in categories."""
    at, n = chart.series.index(series), len(chart.series)
    return (at - (n - 1) / 2) * min(0.16, 0.7 / n)


def _upright(kind: str, color: str, x: float, y1: float, y2: float) -> str:
    return f'<line class="{kind} {color}" x1="{x}" x2="{x}" y1="{y1}" y2="{y2}"/>'


def _labels(chart: LineChart, frame: _Frame) -> list[str]:
    """The names at the lines' ends; a single line is named by the heading."""
    drawn = [series for series in chart.series if series.points]
    if len(chart.series) < 2:
        return []
    ends = [frame.y(series.points[-1][1]) for series in drawn]
    moved = spread(ends, _LABEL_GAP, TOP, frame.bottom)
    return [
        f'<text class="label c{series.color % COLORS}" x="{frame.right + 8:.1f}" y="{y + 4:.1f}">'
        f"{escape(shortened(series.name))}</text>"
        for series, y in zip(drawn, moved, strict=True)
    ]


def _place(chart: LineChart, x: float) -> str:
    return chart.categories[int(x)] if chart.categories else f"{x:g}"


def _figure(value: float) -> str:
    return share_text(value) if abs(value) < 100 else compact(value)


def _described(chart: LineChart) -> str:
    """For those who hear the page; the table has the figures."""
    ends = [
        f"{series.name} ends at {_figure(series.points[-1][1])}" for series in chart.series if series.points
    ]
    said = f"{chart.title}: {chart.y_title} over {chart.x_title}"
    return f"{said}; {'; '.join(ends)}. The figures are in the table."
