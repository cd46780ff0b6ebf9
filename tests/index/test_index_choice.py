"""Which index is chosen: by the rules on given measurements, and by measuring planted data."""

from itertools import count

import numpy as np
import pytest

from index.exact_index import ExactIndex
from index.index_choice import choose_index
from index.index_measuring import Recall, Trial, microseconds, recall_of
from index.index_rules import Candidate, IndexRules, Serving, best, frontier_of, near_fastest
from index.pq_index import build_pq_index
from index.served_search import served_by
from schemas.index_measurement import IndexMeasurement, ServedSearch
from tests.index.planted_vectors import planted

ONE_ITEM = ExactIndex(np.ones((1, 1), dtype=np.float32))


def candidate(us: float, recall: float, nlist: int | None = None, surely: float | None = None) -> Candidate:
    """An exact index, or one of codes, in lists if `nlist` is not 0."""
    return Candidate(
        ONE_ITEM,
        Recall(1, recall, recall if surely is None else surely),
        IndexMeasurement(
            kind="exact" if nlist is None else "pq_fastscan",
            parameters={"nlist": nlist} if nlist else {},
            us_per_query={"1": 2 * us, "256": us},
            recall_at_20=1,
            recall_at_100=recall,
            build_s=0,
            mb=1,
        ),
    )


def serving(one: Candidate, us: float) -> Serving:
    """A candidate in which the search of a worker takes so long."""
    search = ServedSearch(
        candidates=48, us_per_query={"1": 2 * us, "256": us}, recall_of_list=1, recall_of_candidates=1
    )
    return Serving(one, one.index, search)


def test_fastest_that_finds_enough_is_near() -> None:
    exact, codes, lists = candidate(90, 1), candidate(30, 0.992, 0), candidate(20, 0.98, 64)
    assert near_fastest([exact, codes, lists], IndexRules(least_recall=0.99)) == [codes]
    assert near_fastest([exact, codes, lists], IndexRules(least_recall=0.98)) == [lists]
    assert near_fastest([exact, codes, lists], IndexRules(least_recall=0.999)) == [exact]


def test_what_finds_enough_by_chance_alone_is_not_near() -> None:
    exact, lucky = candidate(90, 1), candidate(30, 0.991, 0, surely=0.989)
    assert near_fastest([exact, lucky], IndexRules(least_recall=0.99)) == [exact]


def test_over_budget_the_fastest_that_finds_enough_is_near() -> None:
    exact, codes, lists = candidate(900, 1), candidate(300, 0.995, 0), candidate(20, 0.9, 64)
    assert near_fastest([exact, codes, lists], IndexRules(budget_us=50)) == [codes]


def test_of_what_is_near_the_search_of_a_worker_decides() -> None:
    exact, codes = serving(candidate(31, 1), 28), serving(candidate(30, 0.992, 0), 20)
    assert best([exact, codes]) is codes


def test_simpler_index_is_chosen_where_it_is_hardly_slower() -> None:
    exact, codes, lists = (
        serving(candidate(100, 1), 50),
        serving(candidate(95, 0.995, 0), 49),
        serving(candidate(90, 0.995, 64), 45),
    )
    assert best([exact, codes, lists]) is exact
    assert best([codes, lists, serving(candidate(100, 1), 90)]) is codes
    assert best([codes, serving(candidate(90, 0.995, 64), 30)]).candidate.measured.parameters


def test_more_is_found_where_that_is_hardly_slower() -> None:
    slower, faster = serving(candidate(33, 0.998, 0), 20), serving(candidate(30, 0.992, 0), 20)
    assert best([faster, slower]) is slower


def test_worker_fetches_the_least_that_finds_enough() -> None:
    vectors, queries = planted(items=11_000, dim=12, queries=256)
    trial = Trial(queries, ExactIndex(vectors).search(queries, 100)[0])
    codes = build_pq_index(vectors, {"refine": 8, "dims_a_code": 1})
    found = candidate(30, 1, 0)
    near = [Candidate(codes, found.recall, found.measured)]
    fetched = []
    for least in (0.6, 0.9, 0.99):
        (one,) = served_by(near, trial, IndexRules(least_recall=least), [64], clock=lambda: 0.0)
        fetched.append(one.index.parameters["fetched"])
        rows, _ = one.index.search(queries, 48)
        hits = (rows[:, :, None] == trial.exact[:, None, :48]).any(axis=2)
        assert hits.mean() == pytest.approx(one.served.recall_of_candidates, abs=1e-5)
        assert one.served.recall_of_list >= least
        assert one.served.recall_of_candidates >= 1 - 2 * (1 - least)
        # what is wanted beyond that is fetched as before
        np.testing.assert_array_equal(one.index.search(queries, 49)[0], codes.search(queries, 49)[0])
    assert fetched == sorted(fetched)
    assert fetched[0] < 8 * 64


def test_worker_searches_as_is_done_for_more_where_less_does_not_find_enough() -> None:
    vectors, queries = planted(items=11_000, dim=12, queries=64)
    blind = Trial(queries, np.full((64, 100), -2, dtype=np.int32))
    codes, found = build_pq_index(vectors, {"refine": 2}), candidate(30, 1, 0)
    near = [Candidate(codes, found.recall, found.measured)]
    (one,) = served_by(near, blind, IndexRules(), [64], clock=lambda: 0.0)
    assert one.index is codes


def test_frontier_has_what_no_other_beats_in_time_and_recall() -> None:
    exact, codes, lists = candidate(90, 1), candidate(30, 0.992, 0), candidate(20, 0.98, 64)
    beaten = candidate(31, 0.991, 0), candidate(95, 1, 64)
    every = [exact, codes, *beaten, lists]
    assert frontier_of(every) == [one.measured for one in (lists, codes, exact)]


def test_index_is_chosen_by_measuring_and_says_what_it_was_measured_at() -> None:
    vectors, queries = planted(items=11_000, dim=12, queries=256)
    ticks = count()
    choice = choose_index(vectors, queries, IndexRules(least_recall=0.95), clock=lambda: float(next(ticks)))
    assert choice.chosen.kind == choice.index.kind
    assert choice.chosen.parameters == choice.index.parameters  # the exact one has none for a worker
    assert choice.served.us_per_query == choice.chosen.us_per_query
    recall = recall_of(choice.index.search, Trial(queries, ExactIndex(vectors).search(queries, 100)[0]))
    assert choice.chosen.recall_at_100 == pytest.approx(recall.at_100, abs=1e-4)
    assert min(recall.at_20, recall.at_100) >= 0.95
    # every search takes one tick: the exact one is as fast as any, and the simplest
    assert choice.index.kind == "exact"
    assert choice.chosen.us_per_query == {
        "1": pytest.approx(1e6 / 32),
        "256": pytest.approx(1e6 / 256, abs=0.1),
    }
    assert [one.kind for one in choice.frontier] == ["exact"]


def test_recall_is_the_share_of_the_exact_answer_that_was_found() -> None:
    exact = np.arange(200, dtype=np.int32).reshape(2, 100)

    def first_query_loses_half(
        queries: np.ndarray[tuple[int, int], np.dtype[np.float32]], n: int
    ) -> tuple[
        np.ndarray[tuple[int, int], np.dtype[np.int32]], np.ndarray[tuple[int, int], np.dtype[np.float32]]
    ]:
        rows = exact[:, :n].copy()
        rows[0, n // 2 :] = -1
        return rows, np.zeros(rows.shape, dtype=np.float32)

    recall = recall_of(first_query_loses_half, Trial(np.zeros((2, 3), dtype=np.float32), exact))
    assert (recall.at_20, recall.at_100) == (0.75, 0.75)
    assert recall.surely == pytest.approx(0.75 - 0.25 / 2**0.5)


def test_time_of_a_query_is_the_least_of_its_rounds_shared_out() -> None:
    # two readings of the clock a round: rounds of 8, 2 and 4 seconds
    readings = iter([0.0, 8.0, 10.0, 12.0, 20.0, 24.0])
    index = ExactIndex(np.ones((5, 2), dtype=np.float32))
    queries = np.ones((64, 2), dtype=np.float32)
    us = microseconds({"exact": index.search}, queries, batch=64, clock=lambda: next(readings), rounds=3)
    assert us == {"exact": 2e6 / 64}
