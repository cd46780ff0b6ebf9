"""The models of a page: each with a short name and a color that it keeps in every chart.

Caller: `retrain.report_page.html_report` and the sections.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from retrain.evaluation.evaluation_protocol import ModelDescription
from retrain.evaluation.evaluation_report import EvaluationReport
from retrain.evaluation.evaluation_sections import Comparison
from retrain.evaluation.metric_tables import Interval, IntervalTable, MetricTable


@dataclass(frozen=True)
class ComparedModel:
    """One of them."""

    name: str
    """Short."""
    color: int
    found: EvaluationReport | Comparison
    """A comparison where the model was only compared with; it has fewer sections than a report."""

    @property
    def description(self) -> ModelDescription:
        """What was evaluated."""
        return self.found.model

    @property
    def metrics(self) -> MetricTable:
        """Of all predictions."""
        return self.found.metrics

    @property
    def report(self) -> EvaluationReport | None:
        """None for a model that was only compared with."""
        return self.found if isinstance(self.found, EvaluationReport) else None

    @property
    def comparison(self) -> Comparison | None:
        """With the first model, where it was only compared with."""
        return self.found if isinstance(self.found, Comparison) else None

    @property
    def intervals(self) -> IntervalTable:
        """Of the metrics; empty where there are none. A comparison's are those of its difference."""
        return (self.report.intervals if self.report else None) or {}

    def interval(self, metric: str, k: str) -> Interval | None:
        """Of a metric at a cutoff."""
        return self.intervals.get(metric, {}).get(k)


def compared_models(reports: Sequence[EvaluationReport]) -> list[ComparedModel]:
    """The evaluated models, then those that they were compared with and that have no report of their own."""
    found: list[EvaluationReport | Comparison] = list(reports)
    known = {report.model.name for report in reports}
    for comparison in (each for report in reports for each in report.comparisons):
        if comparison.model.name not in known:
            known.add(comparison.model.name)
            found.append(comparison)
    names = _short_names([each.model for each in found])
    return [
        ComparedModel(name, color, each) for color, (name, each) in enumerate(zip(names, found, strict=True))
    ]


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
