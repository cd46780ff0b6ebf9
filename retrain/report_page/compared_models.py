"""The models of a page: each with a short name and a color that it keeps in every chart.

Caller: `retrain.report_page.html_report` and the sections.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retrain.evaluation.evaluation_report import (
    Comparison,
    EvaluationReport,
    Interval,
    IntervalTable,
    MetricTable,
    ModelDescription,
)


@dataclass(frozen=True)
class ComparedModel:
    """One of them."""

    name: str
    """Short."""
    description: ModelDescription
    color: int
    metrics: MetricTable
    intervals: IntervalTable | None
    curves: Mapping[str, Sequence[float]]
    """At k = 1, 2, …; none for a model that was only compared with."""
    report: EvaluationReport | None
    """None for a model that was only compared with."""
    comparison: Comparison | None = None

    def interval(self, metric: str, k: str) -> Interval | None:
        """Of a metric at a cutoff."""
        return (self.intervals or {}).get(metric, {}).get(k)


def compared_models(reports: Sequence[EvaluationReport]) -> list[ComparedModel]:
    """The evaluated models, then those that they were compared with and that have no report of their own."""
    found: list[tuple[ModelDescription, EvaluationReport | Comparison]] = [
        (report.model, report) for report in reports
    ]
    known = {report.model.name for report in reports}
    for comparison in (each for report in reports for each in report.comparisons):
        if comparison.model.name not in known:
            known.add(comparison.model.name)
            found.append((comparison.model, comparison))
    names = _short_names([description for description, _ in found])
    return [
        _model(name, color, description, source)
        for color, (name, (description, source)) in enumerate(zip(names, found, strict=True))
    ]


def _model(
    name: str, color: int, description: ModelDescription, source: EvaluationReport | Comparison
) -> ComparedModel:
    if isinstance(source, EvaluationReport):
        return ComparedModel(
            name, description, color, source.metrics, source.intervals, source.curves, source
        )
    return ComparedModel(name, description, color, source.metrics, None, {}, None, source)


def _short_names(models: Sequence[ModelDescription]) -> list[str]:
    short = [_short_name(model) for model in models]
    names = list(short)
    for at, model in enumerate(models):
        if short.count(short[at]) > 1 and model.release_id is not None:
            names[at] = f"{short[at]} {_made_at(model.release_id)}"
    seen: dict[str, int] = {}
    for at, name in enumerate(names):
        seen[name] = seen.get(name, 0) + 1
        names[at] = name if seen[name] == 1 else f"{name} ({seen[name]})"
    return names


def _short_name(model: ModelDescription) -> str:
    """A release's strategy and units; anything else is called as it was asked for."""
    if model.release_id is None:
        return model.name
    units = model.config.get("hidden_size")
    return f"{model.strategy or 'release'}" + (f"-{units}" if units else "")


def _made_at(release_id: str) -> str:
    """The time of day in the id of a release, which tells those of one day apart."""
    time = release_id.split("-")[1] if release_id.count("-") == 2 else release_id
    return time[9:15] if "T" in time else time[-8:]
