"""Each event is compared with the list before it: known answers of the rule and of its figures."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.item_hashes import hash_items, packed_hashes
from models.online_quality import (
    CUTOFFS,
    Compared,
    LoggedEvent,
    OnlineGroup,
    compare,
    figures,
    figures_by_group,
)
from models.session_rule import APART, BEGINS
from schemas.ids import ItemId, RecommendationId, ReleaseId, SessionId
from schemas.item_event import EraseSession, EventType, ItemEvent
from schemas.last_list import LastList, pack_list
from schemas.recommendation_list import Strategy

MINUTE_MS = 60_000
WINDOW_S = 1800.0


def a_list(
    *item_ids: str, release_id: str = "r1", strategy: Strategy = "gru4rec", offset: int = 7
) -> LastList:
    hashes = packed_hashes(hash_items([ItemId(one) for one in item_ids])).tobytes()
    return LastList(ReleaseId(release_id), pack_list(strategy, offset, hashes), 0)


def an_event(
    item_id: str = "a", event_type: EventType = "view", session_id: str = "s", names: str | None = None
) -> ItemEvent:
    return ItemEvent(
        session_id=SessionId(session_id),
        item_id=ItemId(item_id),
        event_type=event_type,
        occurred_at_ms=0,
        recommendation_id=None if names is None else RecommendationId(names),
    )


def compared(*log: LoggedEvent, before: LastList | None = None, window_s: float = WINDOW_S) -> Compared:
    return compare({SessionId("s"): before}, log, window_s)


def test_event_is_compared_with_the_list_before_it_and_not_with_its_own() -> None:
    log = [
        (an_event("a"), BEGINS, a_list("b", "c")),
        (an_event("c"), MINUTE_MS, a_list("c", "a")),
        (an_event("d"), MINUTE_MS, a_list("d")),
    ]
    found = compared(*log)
    assert found.places == [1, 2]
    assert found.ranks().tolist() == [2, 0]


def test_hit_belongs_to_the_release_and_strategy_that_made_the_list() -> None:
    log = [
        (an_event("a"), BEGINS, a_list("b", release_id="r1", strategy="popular")),
        (an_event("b"), MINUTE_MS, a_list("c", release_id="r2")),
        (an_event("c", "cart"), MINUTE_MS, None),
    ]
    groups, members = compared(*log).groups()
    assert [groups[at] for at in members] == [("r1", "popular", "view"), ("r2", "gru4rec", "cart")]


def test_first_event_of_a_session_has_no_list_before_it_nor_has_one_after_a_gap() -> None:
    assert compared((an_event(), BEGINS, a_list("a")), before=a_list("a")).places == []


def test_list_of_before_a_gap_is_forgotten_even_where_the_first_event_makes_none() -> None:
    log = [(an_event(), BEGINS, None), (an_event(), MINUTE_MS, None)]
    assert compared(*log, before=a_list("a")).places == []


def test_repeats_and_events_without_consent_are_not_compared_and_leave_the_list_as_it_is() -> None:
    log = [(an_event("a"), APART, a_list("x")), (an_event("a"), 0, None)]
    found = compared(*log, before=a_list("b", "a"))
    assert found.places == [1]
    assert found.ranks().tolist() == [2]


def test_event_whose_list_another_superseded_leaves_the_list_before_it() -> None:
    log = [(an_event("c"), 0, None), (an_event("a"), 0, a_list("a"))]
    assert compared(*log, before=a_list("b", "a")).ranks().tolist() == [0, 2]


def test_nothing_is_compared_with_the_list_of_an_erased_session() -> None:
    erase = EraseSession(session_id=SessionId("s"), occurred_at_ms=0)
    assert compared((erase, APART, None), (an_event(), 0, None), before=a_list("a")).places == []


@pytest.mark.parametrize("event_type", ["cart", "purchase"])
@pytest.mark.parametrize(
    ("pause_ms", "window_s", "counts"),
    [(1_800_000, 1800.0, 1), (1_800_001, 1800.0, 0), (86_400_000, 0.0, 1), (BEGINS, 0.0, 0)],
)
def test_cart_and_purchase_count_within_the_window(
    event_type: EventType, pause_ms: int, window_s: float, counts: int
) -> None:
    log = (an_event("a", event_type), pause_ms, None)
    assert len(compared(log, before=a_list("a"), window_s=window_s).places) == counts


def test_view_counts_however_long_the_session_went_on_before_it() -> None:
    assert compared((an_event("a"), 100 * MINUTE_MS, None), before=a_list("a")).places == [0]


@pytest.mark.parametrize("pause_ms", [0, 100 * MINUTE_MS, BEGINS])
def test_purchase_that_names_the_last_list_counts_for_it_at_any_time(pause_ms: int) -> None:
    log = (an_event("a", "purchase", names="shop-events-0-7"), pause_ms, None)
    found = compared(log, before=a_list("b", "a", offset=7))
    assert found.ranks().tolist() == [2]
    assert found.named == [(0, "purchase", True)]


@pytest.mark.parametrize(
    "name",
    ["events-0-6", "events-1-7", "events-10-7", "0-7", "7x", "", "events-0-" + "9" * 5000, "events-0-\u0667"],
)
def test_purchase_that_names_another_list_is_counted_and_not_compared(name: str) -> None:
    log = (an_event("a", "purchase", names=name), 0, None)
    found = compared(log, before=a_list("a", offset=7))
    assert found.places == []
    assert found.named == [(0, "purchase", False)]


def test_view_that_names_another_list_is_compared_with_the_last_all_the_same() -> None:
    found = compared((an_event("a", names="events-0-3"), 0, None), before=a_list("a", offset=7))
    assert found.places == [0]
    assert found.named == [(0, "view", False)]


def test_offset_beyond_four_bytes_is_known_by_its_last_ones() -> None:
    log = (an_event("a", "cart", names=f"events-0-{2**32 + 7}"), 0, None)
    assert compared(log, before=a_list("a", offset=7)).places == [0]


def test_item_behind_the_end_of_a_short_list_is_no_hit() -> None:
    lists = [a_list("b"), a_list()]
    for one in lists:
        assert compared((an_event("a"), 0, None), before=one).ranks().tolist() == [0]


def test_item_whose_hash_is_zero_is_not_found_behind_the_end_of_a_list() -> None:
    zero = ItemId("30567025")
    assert hash_items([zero]).tolist() == [0]
    assert compared((an_event(zero), 0, None), before=a_list("b")).ranks().tolist() == [0]
    assert compared((an_event(zero), 0, None), before=a_list("b", zero)).ranks().tolist() == [2]


def test_figures_by_hand() -> None:
    rows = figures(np.array([0, 1, 4, 20]))
    assert CUTOFFS == (1, 5, 10, 20)
    assert rows.tolist() == [
        [1, 0, 0, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 1, 1, 1, 1, 1],
        [1, 0, 1, 1, 1, 0, 0.25, 0.25, 0.25],
        [1, 0, 0, 0, 1, 0, 0, 0, 0.05],
    ]


def test_figures_of_each_group_are_the_sums_of_its_comparisons() -> None:
    views, carts = (OnlineGroup(ReleaseId("r1"), "gru4rec", kind) for kind in ("view", "cart"))
    sums = figures_by_group([views, carts], np.array([0, 1, 0]), np.array([1, 2, 0]))
    assert sums[views].tolist() == [2, 1, 1, 1, 1, 1, 1, 1, 1]
    assert sums[carts].tolist() == [1, 0, 1, 1, 1, 0, 0.5, 0.5, 0.5]


@given(st.data())
def test_log_is_compared_alike_however_it_is_cut_into_batches(data: st.DataObject) -> None:
    entries = data.draw(st.lists(logged_events(), max_size=12))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(entries)))))
    held: dict[SessionId, LastList | None] = {}
    ranks: list[int] = []
    groups: list[OnlineGroup] = []
    for start, end in pairwise([0, *cuts, len(entries)]):
        part = compare(held, entries[start:end], WINDOW_S)
        ranks += part.ranks().tolist()
        names, members = part.groups()
        groups += [names[at] for at in members]
    whole = compare({}, entries, WINDOW_S)
    names, members = whole.groups()
    assert ranks == whole.ranks().tolist()
    assert groups == [names[at] for at in members]


@st.composite
def logged_events(draw: st.DrawFn) -> LoggedEvent:
    session_id = draw(st.sampled_from(["s", "t"]))
    if draw(st.integers(0, 9)) == 0:
        return EraseSession(session_id=SessionId(session_id), occurred_at_ms=0), APART, None
    names = draw(st.sampled_from([None, "events-0-7", "events-0-8"]))
    kind: EventType = draw(st.sampled_from(["view", "cart", "purchase"]))
    made = draw(
        st.none() | st.builds(a_list, st.sampled_from("abc"), release_id=st.sampled_from(["r1", "r2"]))
    )
    pause_ms = draw(st.sampled_from([BEGINS, APART, 0, 1_800_001]))
    return an_event(draw(st.sampled_from("abc")), kind, session_id, names), pause_ms, made
