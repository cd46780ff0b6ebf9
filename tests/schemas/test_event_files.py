"""Event files: three formats in, one frame out, and one line where a file is wrong."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from schemas.errors import UsageError
from schemas.event_files import read_events

TIME = datetime(2026, 1, 1, tzinfo=UTC)
TIME_MS = 1_767_225_600_000


def written(folder: Path, suffix: str, columns: Mapping[str, Any]) -> Path:
    path = folder / f"events{suffix}"
    frame = pl.DataFrame(columns, strict=False)
    match suffix:
        case ".parquet":
            frame.write_parquet(path)
        case ".csv":
            frame.write_csv(path)
        case _:
            frame.write_ndjson(path)
    return path


def text_file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def times(path: Path) -> list[int | None]:
    return read_events(path)["occurred_at_ms"].to_list()


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_every_format_gives_the_same_frame_in_the_files_order(tmp_path: Path, suffix: str) -> None:
    path = written(
        tmp_path,
        suffix,
        {
            "session_id": [2, 1],
            "item_id": ["b", "a"],
            "event_type": ["addtocart", "view"],
            "occurred_at": ["2026-01-01T01:00:00+01:00", None],
            "split": ["train", "test"],
            "user_id": [7, None],
            "price": [1.5, None],
            "ignored": ["x", "y"],
        },
    )
    assert read_events(path).to_dicts() == [
        {
            "session_id": "2",
            "item_id": "b",
            "event_type": "cart",
            "occurred_at_ms": TIME_MS,
            "user_id": "7",
            "price": 1.5,
            "split": "train",
        },
        {
            "session_id": "1",
            "item_id": "a",
            "event_type": "view",
            "occurred_at_ms": None,
            "user_id": None,
            "price": None,
            "split": "test",
        },
    ]


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_two_columns_are_enough(tmp_path: Path, suffix: str) -> None:
    events = read_events(written(tmp_path, suffix, {"session_id": ["s"], "item_id": [5]}))
    assert events.to_dicts() == [
        {"session_id": "s", "item_id": "5", "event_type": "view", "occurred_at_ms": None}
    ]
    assert events.schema["occurred_at_ms"] == pl.Int64


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_timestamp_is_epoch_milliseconds(tmp_path: Path, suffix: str) -> None:
    assert times(written(tmp_path, suffix, {"session_id": [1], "item_id": [1], "timestamp": [5]})) == [5]


@pytest.mark.parametrize(
    ("value", "time_ms"),
    [
        (TIME, TIME_MS),
        (TIME.replace(tzinfo=None), TIME_MS),
        (5.0, 5),
        (None, None),
        ("2026-01-01T00:00:00.123Z", TIME_MS + 123),
        ("2026-01-01 00:00:00", TIME_MS),
        ("5", 5),
    ],
)
def test_every_form_of_time_is_read(tmp_path: Path, value: Any, time_ms: int | None) -> None:
    path = written(tmp_path, ".parquet", {"session_id": [1], "item_id": [1], "occurred_at": [value]})
    assert times(path) == [time_ms]


@pytest.mark.parametrize(
    "counted_ms",
    [[0, 1_433_221_332], [3000, 5000], [946_684_799], [1_433_221_332, 4_102_444_800], [1_433_221_332_117]],
)
def test_milliseconds_of_a_made_up_clock_are_no_seconds(tmp_path: Path, counted_ms: list[int]) -> None:
    columns = {"session_id": [1] * len(counted_ms), "item_id": [1] * len(counted_ms), "timestamp": counted_ms}
    assert times(written(tmp_path, ".parquet", columns)) == counted_ms


def test_times_of_another_zone_are_converted(tmp_path: Path) -> None:
    frame = pl.DataFrame({"session_id": [1], "item_id": [1], "occurred_at": [TIME]})
    path = tmp_path / "events.parquet"
    frame.with_columns(pl.col("occurred_at").dt.convert_time_zone("Europe/Paris")).write_parquet(path)
    assert times(path) == [TIME_MS]


def test_whole_ids_that_became_floats_are_whole_again(tmp_path: Path) -> None:
    path = written(tmp_path, ".parquet", {"session_id": [1.0, 2.0], "item_id": [3.0, 1e15]})
    events = read_events(path)
    assert events["session_id"].to_list() == ["1", "2"]
    assert events["item_id"].to_list() == ["3", "1000000000000000"]


def test_own_names_of_event_types_are_mapped(tmp_path: Path) -> None:
    path = written(tmp_path, ".csv", {"session_id": [1, 1], "item_id": [1, 2], "event_type": ["like", None]})
    assert read_events(path, {"like": "purchase"})["event_type"].to_list() == ["purchase", "view"]


def refusal(path: Path) -> str:
    with pytest.raises(UsageError) as refused:
        read_events(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_missing_column_is_named_with_those_found(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path, suffix, {"session_id": [1], "item": [1]})
    assert refusal(path) == (
        "no column 'item_id'; found session_id, item. Rename yours or see `millrace import`"
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("events.csv", ""),
        ("events.csv", "session_id,item_id\n"),
        ("events.jsonl", ""),
        ("events.parquet", ""),
    ],
)
def test_file_without_events_is_refused(tmp_path: Path, name: str, content: str) -> None:
    assert refusal(text_file(tmp_path, name, content)) == "no events in the file"


def test_parquet_without_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    pl.DataFrame(schema={"session_id": pl.String, "item_id": pl.String}).write_parquet(path)
    assert refusal(path) == "no events in the file"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("events.parquet", b"not parquet at all", "cannot be read as parquet: "),
        ("events.csv", "session_id,item_id\n1,a,more\n", "cannot be read as csv: "),
        ("events.jsonl", '{"session_id":1,\n', "cannot be read as jsonl: "),
        ("events.jsonl", "[1,2]\n", "cannot be read as jsonl: "),
        ("events.txt", "x", "event files end in .parquet, .csv, .jsonl"),
    ],
)
def test_unreadable_file_is_refused(tmp_path: Path, name: str, content: str | bytes, reason: str) -> None:
    assert refusal(text_file(tmp_path, name, content)).startswith(reason)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    assert refusal(tmp_path / "missing.csv") == "no such file"
    for folder in (tmp_path / "folder.csv", tmp_path):
        assert "directory" in refusal(folder)


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        (
            "occurred_at",
            ["2026-01-01T00:00:00Z", "yesterday"],
            "row 2: 'occurred_at' is 'yesterday', neither",
        ),
        ("occurred_at", [date(2026, 1, 1), None], "column 'occurred_at' has type Date; RFC 3339"),
        ("timestamp", [True, None], "column 'timestamp' has type Boolean; RFC 3339"),
        ("timestamp", [1, -1], "row 2: the time is not between 1970 and 9999"),
        ("timestamp", [10**15, 1], "row 1: the time is not between 1970 and 9999"),
        (
            "timestamp",
            [1433221332, 1433307732],
            "'timestamp' is in epoch seconds, it seems, from 1433221332 to 1433307732; give milliseconds",
        ),
        (
            "timestamp",
            [1433221332.5, None],
            "'timestamp' is in epoch seconds, it seems, from 1433221332.5 to",
        ),
        (
            "occurred_at",
            ["1433221332", "1433307732"],
            "'occurred_at' is in epoch seconds, it seems, from 1433",
        ),
        ("timestamp", [1.0, float("nan")], "row 2: 'timestamp' is nan; give epoch ms"),
        ("item_id", ["a", ""], "row 2: 'item_id' is empty or longer than 256 bytes"),
        ("item_id", [None, "a"], "row 1: 'item_id' is empty or longer than 256 bytes"),
        ("session_id", ["a", "ä" * 129], "row 2: 'session_id' is empty or longer than 256 bytes"),
        ("session_id", [1.0, 1.5], "'session_id' is 1.5; an id is a string or a whole number"),
        ("session_id", [[1], [2]], "cannot cast List type"),
        (
            "event_type",
            ["love", "hate"],
            "unknown event types hate, love; map them with --event-type-map hate=view,… to view, cart,",
        ),
    ],
)
def test_wrong_value_is_named(tmp_path: Path, column: str, values: list[Any], reason: str) -> None:
    columns = {"session_id": ["s", "s"], "item_id": ["a", "b"], column: values}
    assert refusal(written(tmp_path, ".parquet", columns)).startswith(reason)


@pytest.mark.parametrize("name", ["category", "category_id"])
def test_categories_are_read_as_text(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, ".parquet", {"session_id": [1, 1], "item_id": [1, 2], name: [1173, None]})
    assert read_events(path)["category"].to_list() == ["1173", None]


def test_category_that_is_a_list_is_ignored(tmp_path: Path) -> None:
    path = written(tmp_path, ".parquet", {"session_id": [1], "item_id": [1], "category": [["a", "b"]]})
    assert "category" not in read_events(path).columns
