"""Whatever was measured, nothing with a NaN passes, nor what is below a floor; each rule is accounted for."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain.gate.gate_figures import (
    EngineFigures,
    GateFigures,
    IncumbentFigures,
    ListFigures,
    Timings,
)
from retrain.gate.gate_rules import GateRules
from retrain.gate.paired_loss import PairedLoss
from retrain.gate.quality_rules import popularity_floor
from retrain.gate.verdict import Circumstances, judge
from schemas.gate_report import GateReport
from schemas.ids import ReleaseId

RULES = GateRules()
NO_LOSS = PairedLoss(difference=0.0, lower=-0.002, upper=0.002, standard_error=0.001, predictions=9000)
FAST = Timings({1: 20.0, 256: 2.0}, {1: 40.0, 256: 50.0})
ENGINE = EngineFigures(nonfinite_outputs=0, index_recall={20: 1.0, 100: 1.0}, timings=FAST)
LISTS = ListFigures(
    predictions=9000,
    recall=0.5,
    mrr=0.2,
    popularity_recall=0.1,
    coverage=0.5,
    nonfinite_scores=0,
    greatest_score=16.0,
    flat_lists=0.0,
    same_lists=0.01,
)
INCUMBENT = IncumbentFigures(
    items=100, recall=0.5, mrr=0.2, coverage=0.5, recall_loss=NO_LOSS, mrr_loss=NO_LOSS
)
SOUND = GateFigures(
    items=100, nonfinite_vectors=0, incumbent_items=100, engine=ENGINE, lists=LISTS, incumbent=INCUMBENT
)
BESIDE = Circumstances(ReleaseId("r1"))
ALONE = Circumstances(None, no_comparison="there is no incumbent")

any_number = st.floats(allow_nan=True, allow_infinity=True)
shares = st.floats(0, 1) | st.just(math.nan)
counts = st.integers(0, 3)
differences = st.floats(-1, 1) | st.just(math.nan)
losses = st.builds(PairedLoss, differences, differences, differences, shares, st.just(9000))
timings = st.builds(
    Timings, st.fixed_dictionaries({1: any_number, 256: any_number}), st.just({1: 1.0, 256: 1.0})
)
engines = st.builds(EngineFigures, counts, st.fixed_dictionaries({20: shares, 100: shares}), timings)
lists = st.builds(
    ListFigures, st.integers(0, 2000), shares, shares, shares, shares, counts, any_number, shares, shares
)
incumbents = st.builds(IncumbentFigures, st.integers(1, 200), shares, shares, shares, losses, losses)
measured = st.builds(
    GateFigures,
    items=st.integers(1, 200),
    nonfinite_vectors=counts,
    incumbent_items=st.integers(1, 200) | st.none(),
    engine=engines | st.none(),
    lists=lists | st.none(),
    incumbent=incumbents | st.none(),
)


def refused_by(figures: GateFigures, circumstances: Circumstances = BESIDE) -> list[str]:
    return [refusal.rule for refusal in judge(figures, RULES, circumstances).refusals]


def rules_of(report: GateReport) -> list[str]:
    """Every rule of a report, however it ended."""
    names = [one.rule for one in report.refusals] + [one.rule for one in report.held]
    return sorted([*names, *report.passed_over])


EVERY_RULE = rules_of(judge(SOUND, RULES, BESIDE))


def test_sound_figures_pass() -> None:
    assert refused_by(SOUND) == []
    assert len(EVERY_RULE) == 18


@given(measured)
def test_nothing_that_is_not_finite_or_cannot_be_loaded_passes(figures: GateFigures) -> None:
    report = judge(figures, RULES, BESIDE)
    if figures.engine is None:
        assert not report.passed
    if (
        figures.nonfinite_vectors
        or (figures.engine and figures.engine.nonfinite_outputs)
        or (figures.lists and figures.lists.nonfinite_scores)
    ):
        assert not report.passed


@given(measured)
def test_nothing_below_a_floor_passes(figures: GateFigures) -> None:
    lists, engine = figures.lists, figures.engine
    below = engine is not None and not engine.index_recall[20] >= RULES.index_recall
    if lists is not None and lists.predictions >= RULES.min_predictions:
        below |= not popularity_floor(lists, RULES).held or not lists.coverage >= RULES.coverage
        if figures.incumbent is not None:
            below |= not figures.incumbent.recall_loss.lower >= -RULES.recall_loss
            below |= not figures.incumbent.mrr_loss.lower >= -RULES.mrr_loss
    if below:
        assert not judge(figures, RULES, BESIDE).passed


@given(measured)
def test_every_rule_is_held_refused_or_passed_over_once_and_figures_are_finite(figures: GateFigures) -> None:
    beside = BESIDE._replace(unloadable="no graph")
    report = judge(figures, RULES, ALONE if figures.incumbent_items is None else beside)
    assert [rule for rule in rules_of(report) if rule != "loadable"] == EVERY_RULE
    assert report.passed == (not report.refusals)
    assert all(math.isfinite(value) for value in report.figures.values())
    assert all(reason for reason in report.passed_over.values())
    assert all(refusal.message for refusal in report.refusals if refusal.rule != "loadable")


@pytest.mark.parametrize(
    ("popularity", "floor"), [(0.0, 0.0), (0.1, 0.12), (0.5, 1 - 0.5 / 1.2), (0.9, 1 - 0.1 / 1.2), (1.0, 1.0)]
)
def test_popularity_floor_asks_for_more_hits_or_fewer_misses(popularity: float, floor: float) -> None:
    check = popularity_floor(replace(LISTS, popularity_recall=popularity), RULES)
    assert check.threshold == pytest.approx(floor)
    assert popularity_floor(replace(LISTS, popularity_recall=popularity, recall=floor + 1e-9), RULES).held
    assert floor >= popularity


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (PairedLoss(-0.05, -0.06, -0.04, 0.006, 9000), "the candidate is worse"),
        (PairedLoss(-0.002, -0.012, 0.008, 0.006, 9000), "too few predictions to tell; about 35064 would do"),
    ],
)
def test_loss_that_is_shown_and_loss_that_is_not_excluded_are_told_apart(loss: PairedLoss, said: str) -> None:
    figures = replace(SOUND, incumbent=replace(INCUMBENT, recall_loss=loss))
    (refusal,) = judge(figures, RULES, BESIDE).refusals
    assert refusal.rule == "recall_loss"
    assert said in refusal.message


def test_where_nothing_may_be_lost_doubt_refuses() -> None:
    report = judge(SOUND, GateRules(recall_loss=0), BESIDE)
    (refusal,) = report.refusals
    assert refusal.message.endswith("that it is not worse is not shown")


def test_figure_that_is_no_number_is_recorded_as_none() -> None:
    (refusal,) = judge(replace(SOUND, lists=replace(LISTS, coverage=math.nan)), RULES, ALONE).refusals[:1]
    assert (refusal.rule, refusal.figure) == ("coverage", None)
