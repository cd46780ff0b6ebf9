"""The chart of a freshness bench: Recall@20 hour by hour, a line for each policy, as an SVG file.

Owns the file; `retrain.report_page.line_chart` draws. Caller: `retrain.benches.freshness_commands`.
"""

from collections.abc import Sequence
from pathlib import Path

from retrain.benches.freshness_records import Hour, PolicyReplay
from retrain.benches.freshness_replay import K
from retrain.evaluation.ranking_metrics import recall_at_k
from retrain.report_page.chart_file import chart_file
from retrain.report_page.line_chart import LineChart, Series, line_chart
from schemas.errors import UsageError

_TICK_H = 6
_MARK_H = 6


def write_freshness_chart(hours: Sequence[Hour], replays: Sequence[PolicyReplay], path: Path) -> None:
    """Draw a replay.

    Args:
        hours: those with something to predict.
        replays: what the policies answered in them.
        path: of the SVG file.

    Raises:
        UsageError: it cannot be written.
    """
    numbers = [hour.number for hour in hours]
    marked = frozenset(float(number) for number in numbers if number % _MARK_H == 0)
    series = [
        Series(
            name=replay.policy.name,
            points=[(n, recall_at_k(ranks, K)) for n, ranks in zip(numbers, replay.ranks, strict=True)],
            color=color,
            marked=marked,
        )
        for color, replay in enumerate(replays)
    ]
    ticks = [number for number in numbers if number % _TICK_H == 0]
    title = "Recall@20 by hours since the first release"
    chart = LineChart(title, "hours since the first release", "Recall@20", series, x_ticks=ticks)
    try:
        path.write_text(chart_file(line_chart(chart)))
    except OSError as error:
        raise UsageError(f"--svg {path}: cannot be written ({error.strerror})") from error
