"""The sections of the page about parts of the predictions: groups, windows, seeds.

Caller: `retrain.report_page.html_report`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from retrain.evaluation.evaluation_report import EvaluationReport
from retrain.evaluation.evaluation_sections import Comparison, Group
from retrain.report_page.accuracy_sections import CHARTED, METRICS
from retrain.report_page.chart_scales import MISSING, compact, share_text, utc_text
from retrain.report_page.compared_models import ComparedModel
from retrain.report_page.line_chart import LineChart, Series, line_chart
from retrain.report_page.page_parts import Cell, charts, section, side_by_side, table

_MOST_TICK_CHARACTERS = 42
"""Under a chart, before they run into one another."""


@dataclass(frozen=True)
class Grouping:
    """A way to part the predictions."""

    title: str
    explained: str
    x_title: str
    groups_of: Callable[[EvaluationReport | Comparison], Sequence[Group]]
    ordered: bool = True
    """Whether one group follows the other, so that a line between them means something."""

    @property
    def inside_text(self) -> str:
        """The title behind other words."""
        return f"{self.title[:1].lower()}{self.title[1:]}"


_Grouped = Sequence[tuple[ComparedModel, Sequence[Group]]]


def group_section(models: Sequence[ComparedModel], k: str, grouping: Grouping) -> str:
    """Recall and MRR of groups of predictions, by model; nothing where none has groups."""
    grouped = [(model, groups) for model in models if (groups := grouping.groups_of(model.found))]
    if not grouped:
        return ""
    longest = max((groups for _, groups in grouped), key=len)
    drawn = {
        f"{METRICS[metric]} {grouping.inside_text}": _group_chart(grouped, longest, metric, k, grouping)
        for metric in CHARTED
    }
    if len(grouped) == 1:
        head = [grouping.x_title, "predictions", *(f"{name}@{k}" for name in METRICS.values())]
        tables = [table(f"{grouping.title}: figures", head, _group_rows(grouped, longest, METRICS, k))]
    else:
        head = [grouping.x_title, "predictions", *(model.name for model, _ in grouped)]
        tables = [
            table(
                f"{METRICS[metric]}@{k} {grouping.inside_text}",
                head,
                _group_rows(grouped, longest, [metric], k),
            )
            for metric in CHARTED
        ]
    return section(grouping.title, grouping.explained, [charts(drawn), side_by_side(tables)])


def _group_chart(grouped: _Grouped, longest: Sequence[Group], metric: str, k: str, grouping: Grouping) -> str:
    labels = [group.label for group in longest]
    crowded = len(labels) * max(map(len, labels)) > _MOST_TICK_CHARACTERS
    series = [
        Series(
            model.name,
            [(labels.index(g.label), g.metrics[metric][k]) for g in groups if g.label in labels and g.n],
            model.color,
        )
        for model, groups in grouped
    ]
    return line_chart(
        LineChart(
            title=f"{METRICS[metric]} {grouping.inside_text}",
            x_title=grouping.x_title,
            y_title=f"{METRICS[metric]}@{k}",
            series=series,
            categories=[_tick(group) for group in longest] if crowded else labels,
            bars=[group.n for group in longest],
            joined=grouping.ordered,
        )
    )


def _group_rows(
    grouped: _Grouped, longest: Sequence[Group], metrics: Iterable[str], k: str
) -> list[list[str | Cell]]:
    return [
        [
            group.label,
            f"{group.n:,}",
            *(_of_group(groups, group.label, metric, k) for metric in metrics for _, groups in grouped),
        ]
        for group in longest
    ]


def _tick(group: Group) -> str:
    return group.label if group.least is None else compact(group.least)


def _of_group(groups: Sequence[Group], label: str, metric: str, k: str) -> str:
    found = [group for group in groups if group.label == label and group.n]
    return share_text(found[0].metrics[metric][k]) if found else MISSING


def windows_section(models: Sequence[ComparedModel], k: str) -> str:
    """The steps of a time-ordered evaluation; nothing where there was none."""
    stepped = [
        (model, model.report.windows.windows) for model in models if model.report and model.report.windows
    ]
    if not stepped:
        return ""
    longest = max((windows for _, windows in stepped), key=len)
    starts = [utc_text(window.train_until_ms) for window in longest]
    drawn = {}
    for metric in CHARTED:
        series = [
            Series(
                model.name,
                [(at, window.metrics[metric][k]) for at, window in enumerate(windows)],
                model.color,
                [(at, *bounds[metric][k]) for at, w in enumerate(windows) if (bounds := w.intervals)],
            )
            for model, windows in stepped
        ]
        name = f"{METRICS[metric]}@{k}"
        ticks = [start[5:] for start in starts]
        caption = f"{METRICS[metric]} by window"
        drawn[caption] = line_chart(LineChart(caption, "start of the window (UTC)", name, series, ticks))
    rows: list[list[str | Cell]] = [
        [
            f"{model.name}, {utc_text(w.train_until_ms)}",
            f"{w.train_events:,}",
            f"{w.n:,}",
            *(share_text(w.metrics[metric][k]) for metric in METRICS),
        ]
        for model, windows in stepped
        for w in windows
    ]
    head = ["window", "trained on events", "predictions", *(f"{name}@{k}" for name in METRICS.values())]
    explained = "Trained on what came before each window, asked for what happened in it, then moved on."
    return section("Through time", explained, [charts(drawn), table("Each window", head, rows)])


def seeds_section(models: Sequence[ComparedModel], k: str) -> str:
    """Trainings that differ in the seed; nothing where there was one only."""
    rows: list[list[str | Cell]] = []
    for model in models:
        seeds = model.report.seeds if model.report else None
        if seeds is None:
            continue
        rows += [
            [
                f"{model.name}, seed {run.seed}",
                *(share_text(run.metrics[m][k]) for m in METRICS),
                f"{run.training_s:,.0f} s",
            ]
            for run in seeds.runs
        ]
        rows.append(
            [
                f"{model.name}, mean ± standard deviation",
                *(f"{share_text(seeds.mean[m][k])} ± {share_text(seeds.std[m][k])}" for m in METRICS),
                "",
            ]
        )
    if not rows:
        return ""
    head = ["training", *(f"{name}@{k}" for name in METRICS.values()), "took"]
    explained = "The same data and config, trained with several seeds: how much of a figure is luck."
    return section("Seeds", explained, [table("Each training", head, rows)])
