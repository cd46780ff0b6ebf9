"""`millrace import otto`: the publisher's lines to an event file, wrong lines by file, line and field."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from retrain.importers.importing import ImportReport, Shaping
from retrain.importers.otto import import_otto
from schemas.errors import UsageError
from schemas.event_files import read_events
from tests.retrain.importers.import_runs import NotedProgress, imported, refusal

START_MS = 1_659_304_800_000
TWO_SESSIONS = """\
{"session":5,"events":[{"aid":1,"ts":1659304800003,"type":"clicks"},{"aid":2,"ts":1659304800005,"type":"orders"}]}
{"session":6,"events":[]}

{"session":7,"events":[{"aid":3,"ts":1659304800001,"type":"carts"},{"aid":1,"ts":1659304800005,"type":"clicks"}]}
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "otto.jsonl"
    path.write_text(TWO_SESSIONS)
    return path


def test_sessions_become_events_in_time_order_with_mapped_types(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "events.parquet"
    assert imported(capsys, "otto", source, target) == [f"{target}: 4 events in time order"]
    events = read_events(target)
    assert events.rows() == [
        ("7", "3", "cart", START_MS + 1),
        ("5", "1", "view", START_MS + 3),
        ("5", "2", "purchase", START_MS + 5),
        ("7", "1", "view", START_MS + 5),
    ]
    assert pl.read_parquet(target)["occurred_at"][0] == datetime(2022, 7, 31, 22, 0, 0, 1000, tzinfo=UTC)


@pytest.mark.parametrize("held_bytes", [1, 500, 2000, 2**24])
def test_file_is_the_same_however_little_is_held_in_memory(tmp_path: Path, held_bytes: int) -> None:
    source, target = tmp_path / "otto.jsonl", tmp_path / "events.parquet"
    times = [START_MS + (session * 37 + at * 11) % 23 for session in range(20) for at in range(5)]
    source.write_text(
        "".join(
            f'{{"session":{session},"events":['
            + ",".join(f'{{"aid":{at},"ts":{times[session * 5 + at]},"type":"clicks"}}' for at in range(5))
            + "]}\n"
            for session in range(20)
        )
    )
    report = import_otto(source, target, Shaping(run_bytes=held_bytes), block_bytes=held_bytes)
    assert report == ImportReport(read=100, written=100)
    rows = [(str(at // 5), str(at % 5), "view", times[at]) for at in range(100)]
    assert read_events(target).rows() == sorted(rows, key=lambda row: row[3])


def test_progress_ends_at_the_size_of_the_file(source: Path, tmp_path: Path) -> None:
    progress = NotedProgress()
    import_otto(source, tmp_path / "events.parquet", progress=progress, block_bytes=20)
    size = source.stat().st_size
    assert progress.steps == [["reading", size, size], ["writing", 4, 4]]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            '{"session":1,"events":[{"aid":1,"ts":1659304800025}]}',
            "$.events[0]: Object missing required field `type`",
        ),
        ('{"session":1}', 'missing required field `events`, the value is {"session":1}'),
        ('{"session":"x","events":[]}', '$.session: Expected `int`, got `str`, the value is "x"'),
        (
            '{"session":1,"events":[{"aid":1,"ts":1659304800025,"type":"clicks"},{"aid":1,"ts":1659304800}]}',
            "$.events[1].ts: Expected `int` >= 631152000000, the value is 1659304800",
        ),
        (
            '{"session":1,"events":[{"aid":1,"ts":1659304800025,"type":"buy"}]}',
            "$.events[0].type: Invalid enum value 'buy'",
        ),
        ('{"session":1,', 'no JSON (Input data was truncated): {"session":1,'),
        ("session,aid,ts,type", "no JSON (JSON is malformed"),
    ],
)
def test_wrong_line_is_named_with_field_and_value(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    source.write_text(f"{TWO_SESSIONS}{line}\n")
    message = refusal(capsys, "otto", source, tmp_path / "events.parquet")
    assert message.startswith(f"{source}:5: ")
    assert said in message
    assert "a line is " in message


def test_line_that_is_not_utf8_is_named(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source.write_bytes(b'{"session":1,"events":[{"aid":1,"ts":2,"type":"\xff\xfe"}]}\n')
    assert refusal(capsys, "otto", source, tmp_path / "events.parquet").startswith(f"{source}:1: ")


@pytest.mark.parametrize("content", ["", "\n", '{"session":1,"events":[]}\n'])
def test_source_without_events_is_refused(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    source.write_text(content)
    assert "no events in the file" in refusal(capsys, "otto", source, tmp_path / "events.parquet")


def test_missing_source_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such file" in refusal(capsys, "otto", tmp_path / "none.jsonl", tmp_path / "events.parquet")


def test_target_that_is_no_parquet_file_is_refused(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "written as .parquet" in refusal(capsys, "otto", source, tmp_path / "events.csv")


def test_target_in_a_missing_folder_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        import_otto(source, tmp_path / "none" / "events.parquet")


def test_failed_import_leaves_the_older_file(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "events.parquet"
    import_otto(source, target)
    source.write_text(f"{TWO_SESSIONS}broken\n")
    refusal(capsys, "otto", source, target)
    assert len(read_events(target)) == 4
