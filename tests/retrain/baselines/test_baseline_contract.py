"""What every baseline keeps: the order of lists, their length, the session rule, no look ahead."""

from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain.baselines.registry import BASELINES, fit_baseline
from retrain.evaluation.next_item_model import NextItemModel, ScoresAllItems
from tests.retrain.baselines.small_logs import a_log
from tests.retrain.planted_sessions import ring_events

_SMALL = {"als": ":factors=8", "bpr": ":factors=8,iterations=5"}
ITEMS = 40
_SPECS = [name + _SMALL.get(name, "") for name in BASELINES]
every_baseline = pytest.mark.parametrize("spec", _SPECS)
_SESSIONS = st.lists(
    st.lists(st.sampled_from(["0-1", "0-2", "3-5", "4-7", "new"]), min_size=1, max_size=6).map(" ".join),
    min_size=1,
    max_size=5,
)


@cache
def fitted(spec: str, session_gap_s: float = 0) -> NextItemModel:
    return fit_baseline(spec, ring_events(sessions=80), session_gap_s)


@every_baseline
def test_lists_fall_in_score_and_rise_in_row_among_equals(spec: str) -> None:
    rows, scores = fitted(spec).lists(ring_events(sessions=30, seed=8), k=15)
    assert (rows >= 0).all()
    falls = scores[:, 1:] < scores[:, :-1]
    assert (falls | ((scores[:, 1:] == scores[:, :-1]) & (rows[:, 1:] > rows[:, :-1]))).all()
    assert all(len(set(row)) == 15 for row in rows.tolist())


@every_baseline
def test_lists_hold_the_items_with_the_greatest_of_all_scores(spec: str) -> None:
    model, events = fitted(spec), ring_events(sessions=10, seed=8)
    assert isinstance(model, ScoresAllItems)
    everything, listed = model.all_scores(events), model.lists(events, k=10)
    assert everything.dtype == np.float32
    np.testing.assert_allclose(np.take_along_axis(everything, listed.rows, 1), listed.scores, rtol=1e-4)
    np.testing.assert_allclose(-np.sort(-everything)[:, :10], listed.scores, rtol=1e-4)


@every_baseline
def test_more_than_all_items_are_filled_with_nothing(spec: str) -> None:
    rows, scores = fitted(spec).lists(a_log("0-1 0-2"), k=ITEMS + 2)
    assert (rows[:, ITEMS:] == -1).all()
    assert np.isneginf(scores[:, ITEMS:]).all()
    assert (np.sort(rows[:, :ITEMS]) == np.arange(ITEMS)).all()


@every_baseline
def test_same_data_and_options_give_the_same_lists(spec: str) -> None:
    events = ring_events(sessions=20, seed=8)
    again = fit_baseline(spec, ring_events(sessions=80), 0).lists(events, k=10)
    before = fitted(spec).lists(events, k=10)
    assert (again.rows == before.rows).all()
    assert (again.scores == before.scores).all()


@every_baseline
def test_an_unknown_item_leaves_the_list_as_it_was(spec: str) -> None:
    rows, _ = fitted(spec).lists(a_log("0-1 new"), k=10)
    assert (rows[1] == rows[0]).all()


@pytest.mark.parametrize("spec", sorted(set(_SPECS) - {"recent_popular"}))
def test_a_session_of_unknown_items_gets_the_popular_ones(spec: str) -> None:
    rows, _ = fitted(spec).lists(a_log("new newer"), k=10)
    assert (rows == np.arange(10)).all()


@every_baseline
def test_a_gap_starts_the_session_anew(spec: str) -> None:
    hour_ms = 3_600_000
    rows, _ = fitted(spec, 1800).lists(a_log("0-1 3-5", "3-5", times_ms=[0, hour_ms, 0]), k=10)
    assert (rows[1] == rows[2]).all()


@every_baseline
def test_without_a_gap_the_session_goes_on(spec: str) -> None:
    hour_ms = 3_600_000
    late = fitted(spec, 0).lists(a_log("0-1 3-5", times_ms=[0, hour_ms]), k=10)
    soon = fitted(spec, 1800).lists(a_log("0-1 3-5", times_ms=[0, 1000]), k=10)
    assert (late.rows == soon.rows).all()


@every_baseline
@settings(max_examples=15)
@given(sessions=_SESSIONS, data=st.data())
def test_a_list_does_not_depend_on_later_events_or_other_sessions(
    spec: str, sessions: list[str], data: st.DataObject
) -> None:
    events = a_log(*sessions)
    at = data.draw(st.integers(0, len(events) - 1))
    own = events[: at + 1].filter(pl.col("session_id") == events["session_id"][at])
    whole, alone = fitted(spec).lists(events, k=8), fitted(spec).lists(own, k=8)
    np.testing.assert_allclose(whole.scores[at], alone.scores[-1], rtol=1e-5, atol=1e-6)
    if not spec.startswith(("als", "bpr")):  # a matrix product rounds by the size of its batch
        assert (whole.rows[at] == alone.rows[-1]).all()
