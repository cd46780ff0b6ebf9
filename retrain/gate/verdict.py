"""The verdict: every rule held against the figures, and why those were passed over that were not.

Pure. Owns which rules apply when: what cannot be measured is judged by no rule, but recorded. Caller:
`retrain.gate.candidate_gate`.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import msgspec

from retrain.gate.gate_figures import GateFigures, IncumbentFigures, ListFigures, named_figures
from retrain.gate.gate_rules import GateRules
from retrain.gate.quality_rules import (
    coverage_floor,
    coverage_kept,
    enough_predictions,
    mrr_kept,
    popularity_floor,
    recall_kept,
    vocabulary_kept,
)
from retrain.gate.rule_check import RuleCheck
from retrain.gate.soundness_rules import (
    finite_outputs,
    finite_scores,
    finite_vectors,
    flat_lists,
    index_recall,
    same_lists,
    score_range,
    within_budget,
)
from schemas.gate_report import GateRefusal, GateReport
from schemas.ids import ReleaseId

LOADABLE = "loadable"
UNLOADED = "the candidate cannot be loaded"
ENGINE_RULES = (
    "finite_outputs",
    "index_recall",
    "step_latency_1",
    "step_latency_256",
    "search_latency_1",
    "search_latency_256",
)
SCORE_RULES = ("finite_scores", "score_range")
LIST_RULES = ("popularity", "coverage", "flat_lists", "same_lists")
COMPARED_RULES = ("recall_loss", "mrr_loss", "coverage_loss")


class Circumstances(NamedTuple):
    """What is not a figure."""

    incumbent: ReleaseId | None
    """What the candidate is compared with, also where it cannot be loaded."""
    unloadable: str = ""
    """Why the candidate cannot be loaded; empty where it can."""
    no_comparison: str = ""
    """Why there is no loaded incumbent; empty where there is."""
    newer_than: datetime | None = None
    """See `retrain.gate.unlearned_predictions.CountedPredictions`."""
    why_all: str = ""
    """Likewise."""


def judge(figures: GateFigures, rules: GateRules, circumstances: Circumstances) -> GateReport:
    """Hold every rule against the figures."""
    checks = [finite_vectors(figures.nonfinite_vectors)]
    passed_over: dict[str, str] = {}
    for found in (_of_engine, _of_scores, _of_lists, _of_comparison, _of_vocabulary):
        for outcome in found(figures, rules, circumstances):
            if isinstance(outcome, RuleCheck):
                checks.append(outcome)
            else:
                passed_over |= outcome
    refusals = [check.refusal() for check in checks if not check.held]
    if figures.engine is None and figures.nonfinite_vectors == 0:
        unloadable = GateRefusal(rule=LOADABLE, figure=0, threshold=1, message=circumstances.unloadable)
        refusals.insert(0, unloadable)
    return GateReport(
        passed=not refusals,
        refusals=refusals,
        figures=named_figures(figures),
        incumbent=circumstances.incumbent,
        held=[check.held_rule() for check in checks if check.held],
        passed_over=passed_over,
        newer_than=circumstances.newer_than or msgspec.UNSET,
        whole_slice=circumstances.why_all or msgspec.UNSET,
    )


Outcomes = Iterator[RuleCheck | dict[str, str]]
"""Checks, and rules that were passed over with the reason."""


def _of_engine(figures: GateFigures, rules: GateRules, _circumstances: Circumstances) -> Outcomes:
    engine = figures.engine
    if engine is None:
        yield dict.fromkeys(ENGINE_RULES, UNLOADED)
        return
    yield finite_outputs(engine)
    yield index_recall(engine, rules)
    yield from within_budget(engine.timings, rules)


def _of_scores(figures: GateFigures, rules: GateRules, _circumstances: Circumstances) -> Outcomes:
    if figures.lists is None:
        yield dict.fromkeys(SCORE_RULES, _unanswered(figures) or "there is nothing to predict")
        return
    yield finite_scores(figures.lists)
    yield score_range(figures.lists, rules)


def _of_lists(figures: GateFigures, rules: GateRules, circumstances: Circumstances) -> Outcomes:
    lists = figures.lists
    predictions = lists.predictions if lists else 0
    enough = predictions >= rules.min_predictions
    why_not = _unanswered(figures) or circumstances.no_comparison
    if why_not and not enough:
        yield {"min_predictions": why_not}
    else:
        yield enough_predictions(predictions, rules)
    if lists is None or not enough:
        yield dict.fromkeys(LIST_RULES, _too_few(figures, rules))
        return
    yield popularity_floor(lists, rules)
    yield coverage_floor(lists, rules)
    yield flat_lists(lists, rules)
    yield same_lists(lists, rules)


def _of_comparison(figures: GateFigures, rules: GateRules, circumstances: Circumstances) -> Outcomes:
    compared = _comparison(figures, rules)
    if compared is None:
        why = circumstances.no_comparison or _too_few(figures, rules)
        yield dict.fromkeys(COMPARED_RULES, why)
        return
    lists, incumbent = compared
    yield recall_kept(incumbent, rules)
    yield mrr_kept(incumbent, rules)
    yield coverage_kept(lists, incumbent, rules)


def _of_vocabulary(figures: GateFigures, rules: GateRules, circumstances: Circumstances) -> Outcomes:
    if figures.incumbent_items is None:
        yield {"vocabulary": circumstances.no_comparison}
    else:
        yield vocabulary_kept(figures.items, figures.incumbent_items, rules)


def _comparison(figures: GateFigures, rules: GateRules) -> tuple[ListFigures, IncumbentFigures] | None:
    if figures.lists is None or figures.incumbent is None:
        return None
    if figures.lists.predictions < rules.min_predictions:
        return None
    return figures.lists, figures.incumbent


def _unanswered(figures: GateFigures) -> str:
    """Why the candidate was not asked for lists; empty where it was, or there was nothing to predict."""
    if figures.engine is None:
        return UNLOADED
    return "its encoder's outputs are not finite" if figures.engine.nonfinite_outputs else ""


def _too_few(figures: GateFigures, rules: GateRules) -> str:
    return _unanswered(figures) or f"fewer than {rules.min_predictions} predictions"
