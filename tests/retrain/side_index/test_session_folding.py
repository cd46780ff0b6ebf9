"""Sessions as the builder folds them: the query before an event is the one that the worker searched with."""

from pathlib import Path

import numpy as np
import pytest

from models.recommender import Recommender
from models.release import Release, load_release
from retrain.side_index.session_folding import SessionFolding
from tests.retrain.side_index.side_events import click, erased
from tests.successor_release import write_successor_release

ITEMS = [f"i{row}" for row in range(6)]
DAY_S = 86_400.0


@pytest.fixture
def release(tmp_path: Path) -> Release:
    write_successor_release(tmp_path, "r", ITEMS)
    return load_release(tmp_path / "r")


@pytest.fixture
def folding(release: Release) -> SessionFolding:
    return SessionFolding(release, sessions=100, ttl_s=DAY_S)


def test_query_before_an_event_is_the_one_after_the_event_before(
    release: Release, folding: SessionFolding
) -> None:
    events = [click("s", "i1", 0), click("t", "i4", 1), click("s", "new", 2), click("s", "i2", 3)]
    searched = Recommender(release).encode(events).queries

    whole = folding.fold(events)

    assert whole.led.tolist() == [False, False, True, True]
    assert np.array_equal(whole.before[2], searched[0])
    assert np.array_equal(whole.before[3], searched[2])
    assert np.array_equal(whole.after, searched)


def test_batches_make_no_difference(release: Release) -> None:
    events = [click(f"s{at % 3}", f"i{at % 5}", 1000 * at) for at in range(30)]
    at_once = SessionFolding(release, 100, DAY_S).fold(events)
    bit_by_bit = SessionFolding(release, 100, DAY_S)
    parts = [bit_by_bit.fold(events[start : start + 4]) for start in range(0, 30, 4)]

    assert np.array_equal(np.concatenate([part.before for part in parts]), at_once.before)
    assert np.array_equal(np.concatenate([part.led for part in parts]), at_once.led)


def test_event_after_the_session_gap_was_led_to_by_nothing(folding: SessionFolding) -> None:
    gap_ms = 1_800_000
    folded = folding.fold([click("s", "i1", 0), click("s", "new", gap_ms + 1), click("s", "i2", gap_ms + 2)])

    assert folded.led.tolist() == [False, False, False]


def test_session_of_new_items_alone_leads_to_nothing(folding: SessionFolding) -> None:
    folded = folding.fold([click("s", "new", 0), click("s", "newer", 1)])

    assert folded.led.tolist() == [False, False]
    assert folded.known.tolist() == [False, False]


def test_event_without_consent_is_not_learned_from(folding: SessionFolding) -> None:
    folded = folding.fold([click("s", "i1", 0), click("s", "new", 1, consent=False)])

    assert [event.item_id for event in folded.events] == ["i1"]


def test_repeated_event_counts_once(folding: SessionFolding) -> None:
    folding.fold([click("s", "i1", 0, event_id="a")])
    folded = folding.fold([click("s", "i1", 0, event_id="a"), click("s", "new", 1, event_id="b")])

    assert [event.item_id for event in folded.events] == ["new"]
    assert folded.led.tolist() == [True]


def test_erased_session_is_forgotten(folding: SessionFolding) -> None:
    folded = folding.fold([click("s", "i1", 0), erased("s", 1), click("s", "new", 2)])

    assert folded.led.tolist() == [False, False]


def test_sessions_that_were_quiet_for_longest_make_room(release: Release) -> None:
    folding = SessionFolding(release, sessions=2, ttl_s=DAY_S)
    folding.fold([click("a", "i1", 0), click("b", "i1", 1), click("a", "i2", 2), click("c", "i1", 3)])

    assert len(folding) == 2
    assert folding.fold([click("a", "new", 4)]).led.tolist() == [True]
    assert folding.fold([click("b", "new", 5)]).led.tolist() == [False]


def test_session_is_forgotten_after_its_time(release: Release) -> None:
    folding = SessionFolding(release, sessions=100, ttl_s=60)
    folding.fold([click("a", "i1", 0)])
    folding.fold([click("b", "i1", 61_000)])

    assert len(folding) == 1
