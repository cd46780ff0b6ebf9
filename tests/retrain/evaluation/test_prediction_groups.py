"""Groups, popularity, coverage, novelty and index loss, by hand."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain.evaluation.beyond_accuracy import Catalogue, beyond_accuracy, rare_share
from retrain.evaluation.bootstrap import Bootstrap, metric_intervals
from retrain.evaluation.index_loss import index_loss, list_overlap
from retrain.evaluation.item_popularity import ItemPopularity, category_codes
from retrain.evaluation.prediction_groups import (
    by_popularity,
    by_position,
    by_target_type,
    facts_of,
    grouped,
    joined,
)
from retrain.evaluation.predictions import Predictions, predict
from retrain.evaluation.prefixes import prefixes_of
from retrain.evaluation.ranking_metrics import accuracy_values
from schemas.errors import UsageError
from tests.retrain.evaluation.listing_models import TheSameList, events_of

TRAINING = events_of({"x": "aaaaab", "y": "abc"})
"""a 6, b 2, c 1."""
PREFIXES = prefixes_of(events_of({"s": "aabz", "t": "ca"}))
"""Targets: a b z, and a."""


def test_every_event_but_the_last_predicts_the_next_item() -> None:
    assert PREFIXES.targets.to_list() == ["a", "b", "z", "a"]
    assert PREFIXES.session.tolist() == [0, 0, 0, 1]
    assert PREFIXES.position.tolist() == [1, 2, 3, 1]
    assert PREFIXES.session_length.tolist() == [4, 4, 4, 2]


def test_only_targets_of_the_window_count_and_their_sessions_are_known_from_before() -> None:
    events = events_of({"s": "abcd", "t": "ab"}).with_columns(
        occurred_at_ms=pl.Series([10, 20, 30, 40, 11, 12], dtype=pl.Int64)
    )
    prefixes = prefixes_of(events, (20, 40))
    assert prefixes.targets.to_list() == ["b", "c"]
    assert prefixes.position.tolist() == [1, 2]
    assert prefixes.session_length.tolist() == [4, 4]
    assert prefixes.events["item_id"].to_list() == ["a", "b"]
    with pytest.raises(UsageError, match="nothing to predict"):
        prefixes_of(events, (50, 60))


def test_context_before_the_window_is_answered_but_does_not_count() -> None:
    events = events_of({"s": "abcd"}).with_columns(occurred_at_ms=pl.Series([10, 20, 30, 40], dtype=pl.Int64))
    prefixes = prefixes_of(events, (40, 50))
    assert prefixes.events["item_id"].to_list() == ["a", "b", "c"]
    assert prefixes.predicted.tolist() == [False, False, True]
    predictions = predict(TheSameList("abcd", "d"), prefixes, 1)
    assert predictions.ranks.tolist() == [1]


def test_popularity_counts_training_events() -> None:
    assert ItemPopularity(TRAINING).counts(PREFIXES.targets).tolist() == [6, 2, 0, 6]


def test_predictions_are_grouped_by_position_popularity_and_type() -> None:
    facts = facts_of(PREFIXES, ItemPopularity(TRAINING))
    values = accuracy_values([np.array([1, 0, 0, 2])], [1, 2])
    positions = by_position(values, facts)
    assert [(group.label, group.n) for group in positions] == [("1", 2), ("2", 1), ("3", 1)]
    assert positions[0].metrics["recall"] == {"1": 0.5, "2": 1.0}
    popularities = by_popularity(values, facts)
    assert [(group.label, group.n) for group in popularities] == [("0", 1), ("1-4", 1), ("5-9", 2)]
    assert popularities[2].metrics["mrr"]["2"] == 0.75
    assert by_target_type(values, facts) == []


def test_targets_of_several_types_are_groups() -> None:
    events = pl.concat([events_of({"s": "aa"}), events_of({"t": "aa"}, "cart")])
    prefixes = prefixes_of(events)
    groups = by_target_type(
        accuracy_values([np.array([1, 0])], [1]), facts_of(prefixes, ItemPopularity(TRAINING))
    )
    assert [(group.label, group.metrics["recall"]["1"]) for group in groups] == [("cart", 0.0), ("view", 1.0)]


def test_session_that_straddles_two_windows_is_one_session_over_both() -> None:
    popularity = ItemPopularity(TRAINING)
    later = prefixes_of(events_of({"u": "ab", "s": "aab"}))
    both = joined([facts_of(PREFIXES, popularity), facts_of(later, popularity)])
    assert both.session.tolist() == [0, 0, 0, 1, 2, 0, 0]
    assert (both.session_ids.to_list(), both.sessions) == (["s", "t", "u"], 3)
    assert both.position.tolist() == [1, 2, 3, 1, 1, 1, 2]


def test_predictions_of_a_session_in_two_windows_are_resampled_together() -> None:
    facts = facts_of(prefixes_of(events_of({"s": "ab"})), ItemPopularity(TRAINING))
    both = joined([facts, facts])
    values = accuracy_values([np.array([1, 0])], [1])
    assert metric_intervals(values, both.session, Bootstrap(50))["recall"]["1"] == (0.5, 0.5)


@settings(deadline=None)
@given(st.lists(st.integers(0, 100), min_size=1, max_size=50))
def test_every_prediction_is_in_one_group(amounts: list[int]) -> None:
    values = accuracy_values([np.ones(len(amounts), dtype=np.int32)], [1])
    groups = grouped(values, np.array(amounts), (0, 1, 5, 20))
    assert sum(group.n for group in groups) == len(amounts)


CATALOGUE = Catalogue(
    ItemPopularity(TRAINING), pl.Series(["a", "b", "c", "z"]), TRAINING.with_columns(category=pl.lit("one"))
)


def test_coverage_and_novelty_are_counted_against_the_right_items() -> None:
    model = TheSameList("abcde", "abe")
    found = beyond_accuracy(model, predict(model, PREFIXES, 3), CATALOGUE, [1, 2, 3])
    assert found.item_coverage == {"1": 0.2, "2": 0.4, "3": 0.6}
    assert found.catalogue_coverage == {"1": 0.25, "2": 0.5, "3": 0.5}
    assert found.hit_coverage == {
        "1": pytest.approx(1 / 3),
        "2": pytest.approx(2 / 3),
        "3": pytest.approx(2 / 3),
    }
    assert found.aggregate_diversity == {"1": 1, "2": 2, "3": 3}
    assert found.inter_session_diversity == {"1": 0, "2": 0, "3": 0}
    assert found.novelty["2"] == pytest.approx((math.log2(9 / 6) + math.log2(9 / 2)) / 2)
    assert found.average_popularity["2"] == 4
    assert found.target_popularity == 3.5
    assert found.popularity_lift["2"] == pytest.approx(0.5 / 3.5)
    assert found.intra_list_diversity_embedding == {"2": 1, "3": 1}
    assert found.intra_list_diversity_category == {"2": 0, "3": 0}
    assert rare_share(model, predict(model, PREFIXES, 3), CATALOGUE.popularity, [1, 3]) == {
        "1": 0,
        "3": pytest.approx(2 / 3),
    }


@settings(max_examples=40)
@given(st.lists(st.sampled_from("abcdez"), min_size=1, max_size=6, unique=True))
def test_coverage_is_bounded_and_grows_with_k(listed: list[str]) -> None:
    model = TheSameList("abcdez", "".join(listed))
    found = beyond_accuracy(model, predict(model, PREFIXES, 6), CATALOGUE, [1, 3, 6])
    for at_k in (found.item_coverage, found.catalogue_coverage, found.hit_coverage):
        assert 0 <= at_k["1"] <= at_k["3"] <= at_k["6"] <= 1
    assert 0 <= found.exposure_gini["6"] < 1
    assert found.novelty["6"] >= 0


def test_category_of_an_item_is_its_most_frequent_one() -> None:
    events = pl.DataFrame({"item_id": list("aaabb"), "category": ["x", "y", "y", "q", "p"]})
    codes = category_codes(events, pl.Series(["a", "b", "c"]))
    assert codes is not None
    assert (codes[0] > codes[1]) & (codes[2] == -1)
    assert category_codes(events.drop("category"), pl.Series(["a"])) is None


def test_index_loss_is_the_difference_to_the_exact_search() -> None:
    def answered(listed: str) -> Predictions:
        return predict(TheSameList("abcz", listed), PREFIXES, 2)

    loss = index_loss("pq_fastscan", answered("ca"), answered("ab"), [1, 2], Bootstrap(20))
    assert loss.exact_metrics["recall"] == {"1": 0.5, "2": 0.75}
    assert loss.difference["recall"] == {"1": -0.5, "2": -0.25}
    assert loss.overlap == {"1": 0, "2": 0.5}
    assert loss.same_lists == {"1": 0, "2": 0}
    assert loss.intervals is not None


def test_overlap_with_a_short_list_counts_what_is_there() -> None:
    listed, exact = np.array([[1, -1], [4, 5]], dtype=np.int32), np.array([[2, 1], [4, -1]], dtype=np.int32)
    assert list_overlap(listed, exact, 2) == pytest.approx((1 / 2 + 1) / 2)
