import json
from pathlib import Path

import polars as pl
import pytest
from msgspec.structs import replace
from rich.console import Console

from schemas.errors import UsageError
from schemas.ids import ItemId, RecommendationId, ReleaseId, SessionId
from streams.dev.demo_live import LiveRun
from streams.dev.demo_report import DemoSummary, OfflineRecall, summarise, summary_table, write_summary
from streams.dev.list_reader import ListReader, ReadList
from streams.dev.lookup_check import LookupCheck, latest_lists
from streams.pacing import MonotonicClock

EVENTS = pl.DataFrame({"session_id": ["s", "t", "s", "s"], "item_id": ["a", "x", "b", "c"]})


def a_read_list(offset: int, *item_ids: str, session_id: str = "s") -> ReadList:
    return ReadList(
        RecommendationId(f"events-0-{offset}"),
        SessionId(session_id),
        ReleaseId("r1"),
        (0, offset),
        tuple(ItemId(item_id) for item_id in item_ids),
        0.0,
    )


def a_summary() -> DemoSummary:
    """Four events; the list of the second is missing. Next items are b and c of session s."""
    reader = ListReader(MonotonicClock())
    for one in (a_read_list(0, "b", "a"), a_read_list(2, "x"), a_read_list(3, "a")):
        reader.lists[one.position] = one
    run = LiveRun({row: (0, row) for row in range(4)}, reader, 1000.0, 3, [10.0, 20.0, 30.0], 250.0)
    return summarise(
        EVENTS,
        run,
        OfflineRecall(0.5, n=2),
        [ItemId("c")],
        LookupCheck(2, ()),
        items=4,
        seconds=12.34,
    )


def test_summary_counts_lists_missing_ones_and_recall() -> None:
    summary = a_summary()

    assert (summary.events, summary.recommendations, summary.missing) == (4, 3, 1)
    assert (summary.recall_at_20_emitted, summary.recall_n) == (0.5, 2)
    assert summary.popularity_recall_at_20 == 0.5
    assert (summary.freshness_ms.p50, summary.freshness_n) == (20.0, 3)
    assert summary.release_id == "r1"
    assert summary.lookup_equals_topic


def test_json_file_has_the_agreed_keys(tmp_path: Path) -> None:
    write_summary(a_summary(), tmp_path / "out.json")

    written = json.loads((tmp_path / "out.json").read_text())

    agreed = "events recommendations missing dead_letters recall_at_20_emitted recall_at_20_offline"
    more = "popularity_recall_at_20 events_per_s freshness_ms lookup_equals_topic release_id"
    assert {*agreed.split(), *more.split()} <= written.keys()
    assert written["freshness_ms"].keys() == {"p50", "p99"}


def test_json_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--json"):
        write_summary(a_summary(), tmp_path / "none" / "out.json")


def test_table_shows_every_figure() -> None:
    console = Console(width=160)
    with console.capture() as captured:
        console.print(summary_table(a_summary()))

    shown = captured.get()
    for figure in ("1 without a list", "0.5000", "1,000 events/s", "p50 20 ms", "yes"):
        assert figure in shown


@pytest.mark.parametrize(
    ("clicks", "popular", "said"),
    [(29, 0.1, "too few clicks to compare"), (30, 0.1, "beaten 5.0 times"), (30, 0.0, "finds none")],
)
def test_popularity_is_compared_on_enough_clicks(clicks: int, popular: float, said: str) -> None:
    console = Console(width=160)
    with console.capture() as captured:
        console.print(summary_table(replace(a_summary(), recall_n=clicks, popularity_recall_at_20=popular)))

    assert said in captured.get()


def test_answers_of_the_lookup_that_differ_are_not_equal() -> None:
    assert not LookupCheck(5, (SessionId("s"),)).equal
    assert not LookupCheck(0, ()).equal


def test_latest_list_of_a_session_has_the_greatest_offset() -> None:
    newer, older, other = a_read_list(9), a_read_list(4), a_read_list(5, session_id="t")

    assert latest_lists([newer, older, other]) == {"s": newer, "t": other}
