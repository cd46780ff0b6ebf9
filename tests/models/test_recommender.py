"""The recommender on a release whose answers are known: after an item comes its successor."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from models.recommender import Recommended, Recommender, SessionEvent
from models.release import Release, load_release
from schemas.ids import EventId, ItemId, SessionId
from schemas.item_event import EraseSession, EventType, ItemEvent
from schemas.session_state import MAX_ITEMS, SessionState
from tests.successor_release import successors, write_successor_release

ITEMS = [f"i{number}" for number in range(12)]
GAP_S = 1800
S, T = SessionId("s"), SessionId("t")


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("releases")
    write_successor_release(folder, "r1", ITEMS, GAP_S)
    write_successor_release(folder, "r2", ITEMS[::-1], GAP_S)
    write_successor_release(folder, "one-item", ["only"], GAP_S)
    return folder


@pytest.fixture(scope="module")
def release(releases: Path) -> Release:
    return load_release(releases / "r1")


def an_event(
    item: str,
    session: SessionId = S,
    at_s: int = 0,
    event_type: EventType = "view",
    event_id: str | None = None,
    consent: bool = True,
) -> SessionEvent:
    return SessionEvent(
        ItemEvent(
            session_id=session,
            item_id=ItemId(item),
            event_type=event_type,
            occurred_at_ms=at_s * 1000,
            event_id=None if event_id is None else EventId(event_id),
            consent=consent,
        ),
        partition=0,
    )


def items_of(release: Release, outcome: Recommended, at: int = -1) -> list[str]:
    recommendation = outcome.recommendations[at]
    assert recommendation is not None
    return [release.vocabulary.item_id(row) for row in recommendation.ranked.rows]


def test_list_starts_with_the_successor_of_the_latest_item(release: Release) -> None:
    outcome = Recommender(release, k=4).recommend({}, [an_event("i3"), an_event("i7")])
    assert items_of(release, outcome, 0) == ["i4", "i0", "i1", "i2"]
    assert items_of(release, outcome, 1) == ["i8", "i4", "i0", "i1"]


@given(
    picks=st.lists(st.tuples(st.sampled_from(["s", "t", "u"]), st.sampled_from(ITEMS)), max_size=14),
    cut=st.integers(0, 14),
)
def test_one_batch_and_two_batches_give_the_same_lists(
    release: Release, picks: list[tuple[str, str]], cut: int
) -> None:
    recommender = Recommender(release, k=5)
    events = [an_event(item, SessionId(session)) for session, item in picks]
    whole = recommender.recommend({}, events)
    first = recommender.recommend({}, events[:cut])
    second = recommender.recommend(first.states, events[cut:])
    split = [items_of(release, first, at) for at in range(len(events[:cut]))]
    split += [items_of(release, second, at) for at in range(len(events[cut:]))]
    assert [items_of(release, whole, at) for at in range(len(events))] == split
    assert {**first.states, **second.states} == whole.states


@given(picks=st.lists(st.sampled_from([*ITEMS, "unknown"]), min_size=1, max_size=20))
def test_list_is_the_fold_of_the_session(release: Release, picks: list[str]) -> None:
    outcome = Recommender(release, k=3).recommend({}, [an_event(item) for item in picks])
    if set(picks) == {"unknown"}:
        assert items_of(release, outcome) == ["i0", "i1", "i2"]
    else:
        assert items_of(release, outcome) == successors(ITEMS, picks, 3)


def test_states_that_were_given_are_not_changed(release: Release) -> None:
    recommender = Recommender(release, k=3)
    before = recommender.recommend({}, [an_event("i1")]).states
    copy = dict(before)
    recommender.recommend(before, [an_event("i2")])
    assert before == copy


def test_gap_starts_the_session_anew(release: Release) -> None:
    events = [an_event("i1", at_s=0), an_event("i5", at_s=GAP_S + 1)]
    outcome = Recommender(release, k=3).recommend({}, events)
    assert items_of(release, outcome) == successors(ITEMS, ["i5"], 3)
    state = outcome.states[S]
    assert state is not None
    assert state.item_ids == ("i5",)


def test_repeated_event_makes_no_step_and_says_what_it_repeats(release: Release) -> None:
    events = [an_event("i1", event_id="e1"), an_event("i2", event_id="e2"), an_event("i1", event_id="e1")]
    outcome = Recommender(release, k=3).recommend({}, events)
    last = outcome.recommendations[-1]
    assert last is not None
    assert last.repeat_of == "e1"
    assert items_of(release, outcome) == successors(ITEMS, ["i1", "i2"], 3)


def test_repeat_of_a_session_with_nothing_known_gets_the_popular_list(release: Release) -> None:
    events = [an_event("unknown", event_id="e1"), an_event("unknown", event_id="e1")]
    outcome = Recommender(release, k=2).recommend({}, events)
    assert [one.strategy for one in outcome.recommendations if one] == ["popular", "popular"]


def test_unknown_item_enters_the_list_and_makes_no_step(release: Release) -> None:
    outcome = Recommender(release, k=3).recommend({}, [an_event("i4"), an_event("unknown")])
    assert items_of(release, outcome) == successors(ITEMS, ["i4"], 3)
    state = outcome.states[S]
    assert state is not None
    assert state.item_ids == ("i4", "unknown")


def test_state_of_another_release_is_replayed_through_the_new_encoder(
    releases: Path, release: Release
) -> None:
    other = load_release(releases / "r2")
    old = Recommender(release).recommend({}, [an_event("i3"), an_event("unknown"), an_event("i5")]).states
    outcome = Recommender(other, k=4).recommend(old, [an_event("i9")])
    assert items_of(other, outcome) == successors(ITEMS[::-1], ["i3", "i5", "i9"], 4)
    state = outcome.states[S]
    assert state is not None
    assert state.release_id == "r2"


def test_items_unknown_to_the_old_release_count_under_the_new_one(releases: Path) -> None:
    small, large = load_release(releases / "one-item"), load_release(releases / "r1")
    old = Recommender(small).recommend({}, [an_event("i3")]).states
    outcome = Recommender(large, k=3).recommend(old, [an_event("i3", event_id="e")])
    assert items_of(large, outcome) == successors(ITEMS, ["i3", "i3"], 3)


def test_event_without_consent_sees_and_leaves_nothing(release: Release) -> None:
    recommender = Recommender(release, k=3)
    states = recommender.recommend({}, [an_event("i1")]).states
    outcome = recommender.recommend(states, [an_event("i8", consent=False)])
    assert items_of(release, outcome) == successors(ITEMS, ["i8"], 3)
    assert outcome.states == {}
    assert outcome.recommendations[0] is not None
    assert not outcome.recommendations[0].stored


def test_erasure_has_its_place_in_the_order(release: Release) -> None:
    erase = SessionEvent(EraseSession(session_id=S, occurred_at_ms=0), partition=0)
    recommender = Recommender(release, k=3)
    outcome = recommender.recommend({}, [an_event("i1"), erase])
    assert outcome.recommendations[1] is None
    assert outcome.states == {S: None}
    outcome = recommender.recommend({}, [an_event("i1"), erase, an_event("i2")])
    assert items_of(release, outcome) == successors(ITEMS, ["i2"], 3)


def test_items_under_an_excluded_type_are_left_out_and_the_list_stays_full(release: Release) -> None:
    events = [an_event("i4", event_type="purchase"), an_event("i3")]
    outcome = Recommender(release, k=4, excluded_types=frozenset({2})).recommend({}, events)
    assert items_of(release, outcome) == [item for item in successors(ITEMS, ["i4", "i3"], 5) if item != "i4"]


def test_unavailable_items_are_left_out_of_every_strategy(release: Release) -> None:
    unavailable = np.isin(np.arange(len(ITEMS)), [0, 4])
    recommender = Recommender(release, k=3, unavailable=unavailable)
    outcome = recommender.recommend({}, [an_event("i3"), an_event("unknown", T)])
    assert items_of(release, outcome, 0) == ["i1", "i2", "i3"]
    assert items_of(release, outcome, 1) == ["i1", "i2", "i3"]


def test_filters_that_leave_few_candidates_fetch_more(release: Release) -> None:
    unavailable = ~np.isin(np.arange(len(ITEMS)), [10, 11])
    outcome = Recommender(release, k=2, unavailable=unavailable).recommend({}, [an_event("i0")])
    assert items_of(release, outcome) == ["i10", "i11"]


def test_list_is_as_long_as_the_catalogue_where_that_is_shorter(releases: Path) -> None:
    release = load_release(releases / "one-item")
    outcome = Recommender(release, k=20).recommend({}, [an_event("only")])
    assert items_of(release, outcome) == ["only"]


def test_nothing_in_a_list_twice_nothing_excluded_scores_descend(release: Release) -> None:
    history: Sequence[SessionEvent] = [an_event(item, event_type="purchase") for item in ITEMS[:5]]
    outcome = Recommender(release, k=6, excluded_types=frozenset({2})).recommend({}, history)
    for at, one in enumerate(outcome.recommendations):
        assert one is not None
        assert (np.diff(one.ranked.scores) <= 0).all()
        assert len(set(items_of(release, outcome, at))) == 6
        assert not set(items_of(release, outcome, at)) & set(ITEMS[: at + 1])


def test_session_keeps_its_last_items_only(release: Release) -> None:
    events = [an_event(ITEMS[at % len(ITEMS)]) for at in range(MAX_ITEMS + 7)]
    state = Recommender(release).recommend({}, events).states[S]
    assert isinstance(state, SessionState)
    assert len(state.item_ids) == len(state.event_types) == MAX_ITEMS
    assert state.item_ids[-1] == ITEMS[(MAX_ITEMS + 6) % len(ITEMS)]


def test_empty_batch_changes_nothing(release: Release) -> None:
    outcome = Recommender(release).recommend({}, [])
    assert outcome.recommendations == []
    assert outcome.states == {}


@settings(deadline=None)
@given(
    histories=st.lists(
        st.lists(st.sampled_from([*ITEMS, "unknown"]), min_size=1, max_size=60), min_size=1, max_size=12
    )
)
def test_replay_of_many_sessions_at_once_is_the_fold_of_each(
    releases: Path, release: Release, histories: list[list[str]]
) -> None:
    other = load_release(releases / "r2")
    sessions = {SessionId(f"s{number}"): items for number, items in enumerate(histories)}
    events = [an_event(item, session) for session, items in sessions.items() for item in items]
    stale = Recommender(release, k=3).recommend({}, events).states
    swapped = Recommender(other, k=3).recommend(stale, [an_event("i5", session) for session in sessions])
    for session, items in sessions.items():
        folded = Recommender(other, k=3).recommend(
            {}, [an_event(item, session) for item in [*items[-MAX_ITEMS:], "i5"]]
        )
        assert swapped.states[session] == folded.states[session]


def test_encoder_state_of_another_size_is_rebuilt(release: Release) -> None:
    state = Recommender(release).recommend({}, [an_event("i3")]).states[S]
    assert state is not None
    cut = replace(state, encoder_state=state.encoder_state[:-2])
    outcome = Recommender(release, k=3).recommend({S: cut}, [an_event("i5")])
    assert items_of(release, outcome) == successors(ITEMS, ["i3", "i5"], 3)
