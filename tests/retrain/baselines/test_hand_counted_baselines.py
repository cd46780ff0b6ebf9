"""Each baseline on three sessions whose scores are counted by hand."""

import math

import polars as pl
import pytest

from retrain.baselines.registry import fit_baseline
from retrain.evaluation.next_item_model import ScoresAllItems
from tests.retrain.baselines.small_logs import a_log

LOG = a_log("a b", "b c", "a b c")
"""Rows of the items: b 0, a 1, c 2."""


def last_scores(spec: str, session: str, log: pl.DataFrame = LOG) -> dict[str, float]:
    """What is found for the session's last event; nothing of what is filled in."""
    model = fit_baseline(spec, log, session_gap_s=0)
    assert isinstance(model, ScoresAllItems)
    scores = model.all_scores(a_log(session))[-1]
    found = zip(model.vocabulary.item_ids, scores.tolist(), strict=True)
    return {item: score for item, score in found if score > 0}


def test_popular_scores_are_shares_of_the_events() -> None:
    assert last_scores("popular", "c") == pytest.approx({"b": 3 / 7, "a": 2 / 7, "c": 2 / 7})


def test_recent_events_count_more() -> None:
    day_ms = 86_400_000
    log = a_log("a a", "b", times_ms=[0, 0, day_ms])
    assert last_scores("recent_popular:half_life_days=0.5", "a", log) == pytest.approx(
        {"a": 1 / 3, "b": 2 / 3}
    )


def test_recent_is_by_log_position_where_a_time_is_missing() -> None:
    log = a_log("a a", "b", times_ms=[5, None, 5])
    scores = last_scores(f"recent_popular:half_life_share={1 / 3}", "a", log)
    assert scores == pytest.approx({"a": 0.75 / 1.75, "b": 1 / 1.75})


def test_session_popular_counts_the_items_of_the_session() -> None:
    assert last_scores("session_popular", "c a c") == {"c": 2, "a": 1}


def test_last_item_counts_shared_sessions_in_either_order() -> None:
    assert last_scores("last_item", "c b") == {"a": 2, "c": 2}


def test_last_item_pairs_with_itself_where_a_session_repeats_it() -> None:
    assert last_scores("last_item", "a", a_log("a a b")) == {"a": 2, "b": 2}


def test_sequential_rules_weigh_by_distance() -> None:
    paper = "sr:last_items=1,distance_power=1,half_life=0"
    # a -> b twice at distance 1, a -> c once at distance 2
    assert last_scores(paper, "a") == pytest.approx({"b": 2 / 2.5, "c": 0.5 / 2.5})
    assert last_scores(paper, "a b") == pytest.approx({"c": 1})
    assert last_scores(paper, "a c") == {}


def test_sequential_rules_end_at_the_given_distance() -> None:
    assert last_scores("sr:last_items=1,steps=1,half_life=0", "a") == pytest.approx({"b": 1})


def test_sequential_rules_of_earlier_items_count_less() -> None:
    spec = "sr:last_items=2,distance_power=1,half_life=0,item_decay=0.5"
    assert last_scores(spec, "a b") == pytest.approx({"c": 1 + 0.5 * 0.2, "b": 0.5 * 0.8})


def test_sequential_rules_of_older_sessions_count_less() -> None:
    # the session half a log before the last one counts half
    log = a_log("a b", "a c")
    scores = last_scores("sr:last_items=1,half_life=0.5", "a", log)
    assert scores == pytest.approx({"b": 1 / 3, "c": 2 / 3})


def test_session_knn_votes_with_the_cosine() -> None:
    first, third = 1 / math.sqrt(2), 1 / math.sqrt(3)
    both = {"a": first + third, "b": first + third, "c": third}
    assert last_scores("sknn:neighbors=2", "a") == pytest.approx(both)
    assert last_scores("sknn:neighbors=1", "a") == pytest.approx({"a": first, "b": first})


def test_session_knn_compares_the_most_recent_sessions() -> None:
    assert last_scores("sknn:sample=1", "a") == pytest.approx(dict.fromkeys("abc", 1 / math.sqrt(3)))


def test_session_knn_prefers_the_more_recent_of_equals() -> None:
    log = a_log("a b", "a c")
    assert last_scores("sknn:neighbors=1", "a", log) == pytest.approx(dict.fromkeys("ac", 1 / math.sqrt(2)))


def test_vector_session_knn_weighs_items_and_votes_by_place() -> None:
    plain = "vsknn:similarity_power=1,vote_power=1,length_power=0,idf=0,neighbors="
    # a weighs 1/2, c 1: the sessions 1/2, 1, 3/2; the first shares the item before the last: half a vote
    assert last_scores(f"{plain}2", "a c") == pytest.approx({"a": 1.5, "b": 2.5, "c": 2.5})
    assert last_scores(f"{plain}3", "a c") == pytest.approx({"a": 1.75, "b": 2.75, "c": 2.5})


def test_vector_session_knn_divides_by_length_and_lifts_rare_items() -> None:
    spec = "vsknn:neighbors=3,similarity_power=1,vote_power=2,length_power=1,idf=2"
    first, second, third = 0.5 / 2 * 0.25, 1 / 2, 1.5 / 3
    rare = 1 + 2 * math.log(3 / 2)
    wanted = {"b": first + second + third, "a": rare * (first + third), "c": rare * (second + third)}
    assert last_scores(spec, "a c") == pytest.approx(wanted)


def test_a_repeated_item_counts_where_it_is_last() -> None:
    plain = "vsknn:similarity_power=1,vote_power=1,length_power=0,idf=0"
    assert last_scores(plain, "a c a") == pytest.approx(last_scores(plain, "c a"))


def test_vmis_knn_weighs_linearly_and_by_rarity() -> None:
    rare = math.log(3 / 2)
    wanted = {"a": 0.9 * 1.5 * rare, "b": 0.9 * 2.5 * 1e-6, "c": 0.9 * 2.5 * rare}
    assert last_scores("vmisknn:neighbors=2", "a c") == pytest.approx(wanted)


def test_vmis_knn_forgets_items_beyond_the_last_ones() -> None:
    assert last_scores("vmisknn:last_events=1", "a c") == pytest.approx(last_scores("vmisknn", "c"))


def test_item_knn_scores_by_the_cosine_of_sessions() -> None:
    wanted = {"a": 1, "b": 2 / math.sqrt(6), "c": 1 / 2}
    cosine = "itemknn:similarity=cosine,last_items=1"
    assert last_scores(cosine, "a") == pytest.approx(wanted)
    assert last_scores(f"{cosine},neighbors=2", "a") == pytest.approx({"a": 1, "b": wanted["b"]})
