from pathlib import Path

import polars as pl
import pytest

from schemas.errors import UsageError
from schemas.event_files import read_events
from schemas.item_event import DEFAULT_EVENT_TYPE_MAP
from streams.dev.demo_events import file_events, shop_events, split_by_end

TYPES = dict(DEFAULT_EVENT_TYPE_MAP)


def test_sessions_that_end_last_are_live_and_stay_whole() -> None:
    events = pl.DataFrame({"session_id": ["a", "b", "a", "c", "d", "c", "e", "a"]})

    split = split_by_end(events, live_share=0.4)

    assert split.filter(pl.col("split") == "test")["session_id"].to_list() == ["a", "a", "e", "a"]
    assert len(split) == len(events)


def test_split_of_the_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("session_id,item_id,timestamp,split\ns,a,3,test\nt,b,1,train\ns,c,2,test\n")

    demo = file_events(path, TYPES)

    assert demo.past["item_id"].to_list() == ["b"]
    assert demo.live["item_id"].to_list() == ["c", "a"]


def test_file_that_cannot_be_split_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("session_id,item_id\ns,a\n")

    with pytest.raises(UsageError, match=r"1 sessions are too few .* it takes 6: "):
        file_events(path, TYPES)


def test_log_file_reads_back_as_the_same_events(tmp_path: Path) -> None:
    demo = shop_events(seed=1, sessions=30)
    demo.write(tmp_path / "log.parquet")

    read = read_events(tmp_path / "log.parquet")

    columns = ["session_id", "item_id", "event_type", "occurred_at_ms", "split"]
    assert read.select(columns).equals(demo.events.select(columns))
