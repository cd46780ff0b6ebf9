"""When a list counts as the promised one: items of the same score may change places, nothing else may."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.release_probes import TOLERANCE, RankedItem, differences
from schemas.ids import ItemId

K = 4


def ranked(*scored: tuple[str, float]) -> list[RankedItem]:
    return [RankedItem(ItemId(item), score) for item, score in scored]


def best(scores: dict[str, float], k: int = K) -> list[RankedItem]:
    return ranked(*sorted(scores.items(), key=lambda one: (-one[1], one[0]))[:k])


PROMISED = ranked(("a", 4.0), ("b", 3.0), ("c", 2.0), ("d", 1.0))


def said(found: list[RankedItem], promised: list[RankedItem] = PROMISED) -> list[tuple[int, str]]:
    return [(one.rank, one.item_id) for one in differences(promised, found, K)]


SCORES = st.dictionaries(
    st.sampled_from("abcdefghij"), st.integers(-4000, 4000).map(lambda n: n / 500), min_size=1
)


@given(scores=SCORES)
def test_list_is_like_itself(scores: dict[str, float]) -> None:
    assert differences(best(scores), best(scores), K) == []


@given(scores=SCORES, seed=st.integers(0, 2**32 - 1))
def test_rounding_of_every_score_by_half_the_tolerance_makes_no_difference(
    scores: dict[str, float], seed: int
) -> None:
    noise = np.random.default_rng(seed).uniform(-0.49 * TOLERANCE, 0.49 * TOLERANCE, len(scores))
    rounded = {item: score + float(add) for (item, score), add in zip(scores.items(), noise, strict=True)}
    assert differences(best(scores), best(rounded), K) == []


@given(scores=SCORES, data=st.data())
def test_other_score_of_a_promised_item_is_a_difference(
    scores: dict[str, float], data: st.DataObject
) -> None:
    promised = best(scores)
    item = data.draw(st.sampled_from([one.item_id for one in promised]))
    change = data.draw(st.sampled_from([-10.0, -0.5, 0.5, 10.0]))
    other = best({**scores, item: scores[item] + change})
    moved_in = len(scores) > K and change < 0
    assert differences(promised, other, K) != [] or moved_in
    if not moved_in:
        assert item in [one.item_id for one in differences(promised, other, K)]


def test_items_of_the_same_score_may_change_places() -> None:
    promised = ranked(("a", 4.0), ("b", 3.0005), ("c", 3.0), ("d", 1.0))
    assert said(ranked(("a", 4.0), ("c", 3.0003), ("b", 3.0002), ("d", 1.0)), promised) == []


def test_items_of_other_scores_may_not_change_places() -> None:
    found = ranked(("a", 4.0), ("c", 2.0), ("b", 3.0), ("d", 1.0))
    assert said(found) == [(2, "b"), (3, "c")]


def test_item_at_the_cut_may_be_another_of_the_same_score() -> None:
    assert said(ranked(("a", 4.0), ("b", 3.0), ("c", 2.0), ("e", 1.0009))) == []


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (ranked(("a", 4.0), ("b", 3.0), ("c", 2.0), ("e", 1.1)), [(4, "e")]),
        (ranked(("a", 4.0), ("b", 3.0), ("c", 2.0), ("e", 0.9)), [(4, "d")]),
        (ranked(("a", 4.0), ("c", 2.0), ("d", 1.0), ("e", 0.5)), [(2, "b")]),
        (ranked(("z", 9.0), ("a", 4.0), ("b", 3.0), ("c", 2.0)), [(1, "z")]),
    ],
)
def test_item_beyond_the_cut_is_judged_by_the_score_of_the_last(
    found: list[RankedItem], expected: list[tuple[int, str]]
) -> None:
    assert said(found) == expected


def test_missed_item_is_told_from_one_with_another_score() -> None:
    missed = differences(PROMISED, ranked(("a", 4.0), ("c", 2.0), ("d", 1.0), ("e", 0.5)), K)
    assert [one.is_missed for one in missed] == [True]
    other = differences(PROMISED, ranked(("a", 4.2), ("b", 3.0), ("c", 2.0), ("d", 1.0)), K)
    assert [one.is_missed for one in other] == [False]


def test_list_that_is_not_full_has_no_cut() -> None:
    assert said(ranked(("a", 4.0), ("b", 3.0), ("c", 2.0))) == [(4, "d")]


def test_score_that_is_no_number_is_a_difference() -> None:
    nan = float("nan")
    assert {item for _, item in said(ranked(("a", nan), ("b", nan), ("c", nan), ("d", nan)))} == {*"abcd"}
    assert said(ranked(("a", 4.0), ("b", 3.0), ("c", 2.0), ("e", nan))) != []


def test_scores_of_thousands_may_differ_in_their_last_digits() -> None:
    promised = [RankedItem(item, 1e3 * score) for item, score in PROMISED]
    found = [RankedItem(item, 1e3 * score + 0.02) for item, score in PROMISED]
    assert said(found, promised) == []
    assert said([RankedItem(item, 1e3 * score + 0.1) for item, score in PROMISED], promised) != []
