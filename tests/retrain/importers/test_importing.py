"""An import as a whole: the same file from blocks of any size, progress in bytes, all or nothing."""

import random
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rich.console import Console
from rich.progress import Progress

from retrain.importers.delimited_events import Reading
from retrain.importers.event_filters import EventFilters
from retrain.importers.import_display import ImportDisplay, import_display
from retrain.importers.importing import ImportReport, NoProgress, Shaping
from retrain.importers.publishers import import_files, retailrocket_files, yoochoose_files
from schemas.errors import UsageError
from tests.retrain.importers.import_runs import NotedProgress, refusal

LINE_BYTES = 30
FILTERED = EventFilters(min_item_support=3, min_session_length=2, max_session_length=9)


def events_csv(path: Path, visitors: int = 12, events: int = 80) -> Path:
    chance = random.Random(5)
    lines = ["timestamp,visitorid,event,itemid,transactionid"]
    for _ in range(events):
        time = 1433221332117 + chance.randrange(20_000_000)
        kind = chance.choice(["view", "view", "addtocart", "transaction"])
        lines.append(f"{time},{chance.randrange(visitors)},{kind},{chance.randrange(15)},")
    path.write_text("\n".join(lines))
    return path


def write(source: Path, target: Path, filters: EventFilters, held_bytes: int) -> pl.DataFrame:
    shaping = Shaping(filters, visitor_gap_s=1800, run_bytes=held_bytes)
    reading = Reading(block_bytes=held_bytes)
    import_files(retailrocket_files(source), source, target, shaping, reading, NoProgress())
    return pl.read_parquet(target)


@pytest.mark.parametrize("filters", [EventFilters(), FILTERED], ids=["all", "filtered"])
@pytest.mark.parametrize("held_bytes", [2 * LINE_BYTES, 20 * LINE_BYTES])
def test_file_is_the_same_however_little_is_held_in_memory(filters: EventFilters, held_bytes: int) -> None:
    source = events_csv(Path("events.csv"))
    whole = write(source, Path("whole.parquet"), filters, held_bytes=2**24)
    assert len(whole) == 80 or filters is FILTERED
    assert len(whole) > 10
    assert_frame_equal(write(source, Path("pieces.parquet"), filters, held_bytes), whole)


def test_progress_counts_the_bytes_of_all_files_then_the_events() -> None:
    clicks, buys = Path("yoochoose-clicks.dat"), Path("yoochoose-buys.dat")
    clicks.write_text("1,2014-04-07T10:51:09.277Z,214536502,0\n" * 9)
    buys.write_text("1,2014-04-07T10:51:09.277Z,214536502,1,1\n" * 5)
    progress = NotedProgress()
    files = yoochoose_files(Path(), None)
    report = import_files(files, Path(), Path("y.parquet"), Shaping(), Reading(block_bytes=99), progress)
    assert report == ImportReport(read=14, written=14)
    size = clicks.stat().st_size + buys.stat().st_size
    assert progress.steps == [["reading", size, size], ["writing", 14, 14]]


def test_progress_names_the_passes_of_the_filters() -> None:
    progress = NotedProgress()
    source = events_csv(Path("events.csv"))
    shaping = Shaping(EventFilters(min_session_length=2), 1800)
    import_files(retailrocket_files(source), source, Path("e.parquet"), shaping, Reading(), progress)
    assert [name for name, *_ in progress.steps] == ["reading", "filtering, pass 1", "writing"]


def test_terminal_shows_a_bar_for_each_step() -> None:
    console = Console(record=True, force_terminal=True, width=100)
    with Progress(console=console) as progress:
        display = ImportDisplay(progress)
        display.advance(1)
        display.step("reading", 10)
        display.advance(10)
        display.step("filtering, pass 1", 0)
        display.step("writing", 5)
        display.advance(5)
    shown = console.export_text()
    assert all(step in shown for step in ("reading", "filtering, pass 1", "writing"))
    assert [(task.completed, task.total) for task in progress.tasks] == [(10, 10), (1, 1), (5, 5)]


def test_bytes_are_shown_while_reading_and_events_after(capsys: pytest.CaptureFixture[str]) -> None:
    with import_display(terminal=True) as display:
        display.step("reading", 2_000_000)
        display.advance(2_000_000)
        display.step("writing", 7)
        display.advance(7)
    shown = capsys.readouterr().err
    assert "2.0/2.0 MB" in shown
    assert "7/7" in shown


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("events.csv", "events.csv: event files are written as .parquet; name it so"),
        ("none/e.parquet", "DST none/e.parquet: there is no folder none"),
        ("folder.parquet", "DST folder.parquet: this is a folder; give a file"),
    ],
)
def test_target_is_checked_before_reading(target: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("folder.parquet").mkdir()
    source = events_csv(Path("broken.csv"))
    source.write_text("wrong from the first line\n")
    assert refusal(capsys, "retailrocket", source, target) == said


@pytest.mark.parametrize("publisher", ["otto", "retailrocket", "yoochoose", "diginetica", "rees46"])
def test_missing_file_is_refused(publisher: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys, publisher, "none.csv", "e.parquet") == "none.csv: no such file"


@pytest.mark.parametrize("publisher", ["otto", "retailrocket", "yoochoose", "diginetica", "rees46"])
def test_empty_file_is_refused(publisher: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty.csv").touch()
    assert refusal(capsys, publisher, "empty.csv", "e.parquet").startswith("empty.csv: no events in the file")


def test_failed_import_leaves_the_older_file(capsys: pytest.CaptureFixture[str]) -> None:
    source, target = events_csv(Path("events.csv")), Path("e.parquet")
    write(source, target, EventFilters(), 2**20)
    before = target.read_bytes()
    source.write_text(source.read_text() + "\nbroken")
    assert refusal(capsys, "retailrocket", source, target).startswith("events.csv:82: 1 field, 5 are needed")
    assert target.read_bytes() == before


def test_disk_that_takes_no_more_is_said_in_one_line() -> None:
    """The folder vanishes while the events are read, as a full disk would show: by an OSError."""
    folder = Path("there")
    folder.mkdir()
    source = events_csv(Path("events.csv"))

    class Vanishing(NoProgress):
        def advance(self, amount: int) -> None:  # noqa: ARG002
            for path in folder.iterdir():
                path.rename(f"away-{path.name}")

    shaping = Shaping(run_bytes=1)
    with pytest.raises(UsageError, match=r"^there/e\.parquet: cannot be written \(No such file or directory"):
        import_files(
            retailrocket_files(source), source, folder / "e.parquet", shaping, Reading(), Vanishing()
        )
