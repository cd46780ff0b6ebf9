"""Building the report: the answers of one or more models on the same predictions -> EvaluationReport.

Owns which figures stand in the report; each is made by a module of its own. Callers:
`retrain.evaluation.split_evaluation`, `retrain.evaluation.window_evaluation`.
"""

from collections.abc import Sequence
from importlib.metadata import version
from typing import NamedTuple

import numpy as np

from retrain.evaluation.bootstrap import CONFIDENCE, metric_intervals
from retrain.evaluation.evaluation_protocol import DataDescription, ModelDescription, Protocol
from retrain.evaluation.evaluation_report import EvaluationReport
from retrain.evaluation.evaluation_sections import Comparison, NewItems
from retrain.evaluation.metric_tables import IntervalTable, MetricTable
from retrain.evaluation.model_runs import EvaluationPlan
from retrain.evaluation.prediction_groups import (
    RARE_BELOW,
    PredictionFacts,
    by_popularity,
    by_position,
    by_session_length,
    by_target_type,
    one_group,
)
from retrain.evaluation.ranking_metrics import (
    Ranks,
    Values,
    accuracy_values,
    curves,
    difference,
    metric_table,
)


class JudgedModel(NamedTuple):
    """The ranks that one model gave."""

    description: ModelDescription
    unseen_targets: int
    runs: list[Ranks]
    """One a seed; each of all n predictions."""
    fitting_s: float
    """Seconds of wall time, a mean over runs."""
    answering_s: float
    """Likewise."""


def accuracy_report(
    judged: JudgedModel,
    others: Sequence[JudgedModel],
    facts: PredictionFacts,
    plan: EvaluationPlan,
    data: DataDescription,
) -> EvaluationReport:
    """All that follows from ranks; what follows from lists, seeds and windows is added by the callers.

    Args:
        judged: the evaluated model.
        others: what it is compared with, on the same predictions.
        facts: of the n predictions.
        plan: how it was evaluated.
        data: what it was evaluated on.
    """
    values = accuracy_values(judged.runs, plan.cutoffs)
    return EvaluationReport(
        model=judged.description,
        data=data,
        protocol=_protocol(plan),
        n=len(facts),
        sessions=facts.sessions,
        unseen_targets=judged.unseen_targets,
        metrics=metric_table(values),
        curves=curves(judged.runs, max(plan.cutoffs)),
        intervals=_intervals(values, facts, plan),
        by_position=by_position(values, facts),
        by_session_length=by_session_length(values, facts),
        by_popularity=by_popularity(values, facts),
        by_target_type=by_target_type(values, facts),
        new_items=_new_items(values, facts),
        comparisons=[_comparison(values, other, facts, plan) for other in others],
        fitting_s=round(judged.fitting_s, 2),
        wall_s=round(judged.answering_s, 2),
        code_version=version("millrace"),
    )


def mean_and_std(tables: Sequence[MetricTable]) -> tuple[MetricTable, MetricTable]:
    """The mean and the standard deviation (n - 1; 0 of one) of tables of the same metrics and cutoffs."""
    mean: MetricTable = {}
    std: MetricTable = {}
    for name, at_k in tables[0].items():
        for k in at_k:
            figures = [table[name][k] for table in tables]
            mean.setdefault(name, {})[k] = float(np.mean(figures))
            std.setdefault(name, {})[k] = float(np.std(figures, ddof=1)) if len(figures) > 1 else 0.0
    return mean, std


def _protocol(plan: EvaluationPlan) -> Protocol:
    resamples = plan.bootstrap.resamples
    return Protocol(
        cutoffs=list(plan.cutoffs),
        ranking="served" if plan.ties is None else "all items",
        ties=plan.ties,
        excluded_event_types=list(plan.excluded_event_types),
        confidence=CONFIDENCE if resamples else None,
        resamples=resamples,
        bootstrap_seed=plan.bootstrap.seed if resamples else None,
    )


def _intervals(values: Values, facts: PredictionFacts, plan: EvaluationPlan) -> IntervalTable | None:
    return metric_intervals(values, facts.session, plan.bootstrap) if plan.bootstrap.resamples else None


def _new_items(values: Values, facts: PredictionFacts) -> NewItems:
    unseen, rare = facts.popularity == 0, facts.popularity < RARE_BELOW
    return NewItems(
        unseen=int(unseen.sum()),
        rare_below=RARE_BELOW,
        rare=one_group(values, rare & ~unseen, f"1-{RARE_BELOW - 1}", 1, RARE_BELOW - 1),
        unseen_or_rare=one_group(values, rare, f"0-{RARE_BELOW - 1}", 0, RARE_BELOW - 1),
    )


def _comparison(
    values: Values, other: JudgedModel, facts: PredictionFacts, plan: EvaluationPlan
) -> Comparison:
    others = accuracy_values(other.runs, plan.cutoffs)
    gained = difference(values, others)
    intervals = _intervals(gained, facts, plan)
    return Comparison(
        model=other.description,
        unseen_targets=other.unseen_targets,
        metrics=metric_table(others),
        difference=metric_table(gained),
        intervals=intervals,
        significant=None
        if intervals is None
        else {
            name: {k: lower > 0 or upper < 0 for k, (lower, upper) in at_k.items()}
            for name, at_k in intervals.items()
        },
        curves=curves(other.runs, max(plan.cutoffs)),
        by_position=by_position(others, facts),
        by_session_length=by_session_length(others, facts),
        by_popularity=by_popularity(others, facts),
        by_target_type=by_target_type(others, facts),
        fitting_s=round(other.fitting_s, 2),
        wall_s=round(other.answering_s, 2),
    )
