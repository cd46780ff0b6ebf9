"""The sections of the page about accuracy: models beside one another, and by k.

Caller: `retrain.report_page.html_report`.
"""

from collections.abc import Sequence

from retrain.report_page.chart_scales import MISSING, share_text
from retrain.report_page.compared_models import ComparedModel
from retrain.report_page.dot_chart import Dot, dot_chart
from retrain.report_page.line_chart import LineChart, Series, line_chart
from retrain.report_page.page_parts import Cell, charts, section, side_by_side, table

METRICS = {"recall": "Recall", "mrr": "MRR", "ndcg": "NDCG"}
CHARTED = ("recall", "mrr")


def last_cutoff(models: Sequence[ComparedModel]) -> str:
    """The greatest k that all models have."""
    common = set.intersection(*(set(model.metrics["recall"]) for model in models))
    return max(common or models[0].metrics["recall"], key=int)


def with_interval(model: ComparedModel, metric: str, k: str) -> Cell:
    """A figure and its interval."""
    interval = model.interval(metric, k)
    value = model.metrics.get(metric, {}).get(k)
    if value is None:
        return Cell(MISSING)
    small = f"{share_text(interval[0])} to {share_text(interval[1])}" if interval else ""
    return Cell(share_text(value), small)


def comparison_section(models: Sequence[ComparedModel], k: str) -> str:
    """All models beside one another; nothing where there is only one."""
    if len(models) < 2:
        return ""
    drawn = {
        f"{METRICS[metric]}@{k}": dot_chart(
            f"{METRICS[metric]}@{k}",
            [Dot(m.name, m.metrics[metric][k], m.color, m.interval(metric, k)) for m in models],
        )
        for metric in CHARTED
    }
    rows: list[list[str | Cell]] = [
        [Cell(m.name), *(with_interval(m, metric, k) for metric in METRICS), *_differences(m, k)]
        for m in models
    ]
    head = [
        "model",
        *(f"{name}@{k}" for name in METRICS.values()),
        "first minus this, Recall",
        "first minus this, MRR",
    ]
    explained = (
        "Every model predicts the same next items. Whiskers are confidence intervals by bootstrap over "
        "sessions; differences are paired: both models over the same resampled sessions."
    )
    return section("Models compared", explained, [charts(drawn), table("Figures of each model", head, rows)])


def _differences(model: ComparedModel, k: str) -> list[str | Cell]:
    comparison = model.comparison
    if comparison is None:
        return ["", ""]
    cells: list[str | Cell] = []
    for metric in CHARTED:
        behind = comparison.difference[metric][k]
        interval = (comparison.intervals or {}).get(metric, {}).get(k)
        small = f"{interval[0]:+.4f} to {interval[1]:+.4f}" if interval else ""
        cells.append(Cell(f"{behind:+.4f}", small))
    return cells


def by_k_section(models: Sequence[ComparedModel]) -> str:
    """Recall and MRR over the length of the list."""
    ks = sorted({int(k) for model in models for k in model.metrics["recall"]})
    drawn = {
        f"{METRICS[metric]} by length of the list": _by_k_chart(models, metric, ks) for metric in CHARTED
    }
    tables = []
    if len(models) == 1:
        rows: list[list[str | Cell]] = [
            [str(k), *(with_interval(models[0], metric, str(k)) for metric in METRICS)] for k in ks
        ]
        tables.append(table("Figures at each k, with intervals", ["k", *METRICS.values()], rows))
    else:
        for metric, name in METRICS.items():
            rows = [[str(k), *(_bare(model, metric, str(k)) for model in models)] for k in ks]
            tables.append(table(f"{name}@k", ["k", *(model.name for model in models)], rows))
    explained = (
        "The share of next items among the first k of the list (Recall), and the mean of 1/rank, 0 beyond k "
        "(MRR)."
    )
    return section("By length of the list", explained, [charts(drawn), side_by_side(tables)])


def _bare(model: ComparedModel, metric: str, k: str) -> str:
    value = model.metrics.get(metric, {}).get(k)
    return MISSING if value is None else share_text(value)


def _by_k_chart(models: Sequence[ComparedModel], metric: str, ks: Sequence[int]) -> str:
    series = []
    for model in models:
        known = model.metrics[metric]
        curve = model.found.curves.get(metric) or ()
        points = [(at, value) for at, value in enumerate(curve, start=1)] or [
            (int(k), known[k]) for k in sorted(known, key=int)
        ]
        whiskers = [(int(k), *bounds) for k, bounds in model.intervals.get(metric, {}).items()]
        series.append(Series(model.name, points, model.color, whiskers, frozenset(map(int, known))))
    title = f"{METRICS[metric]} by k"
    return line_chart(LineChart(title, "k", f"{METRICS[metric]}@k", series, x_ticks=ks))
