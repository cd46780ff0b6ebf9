"""Erased sessions and users: left out at once, and physically gone after scrubbing, whatever is killed."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import msgspec
import polars as pl
import pytest

import millrace
from retrain.archive.archive_compaction import compact
from retrain.archive.archive_retention import expire
from retrain.archive.archive_scrubbing import scrub
from retrain.archive.archive_store import ArchiveStore
from retrain.archive.archive_upkeep import retain
from retrain.archive.archived_log import ArchivedLog
from retrain.archive.erasure_requests import ErasureRequest, ask, forget_requests, read_requests
from retrain.archive.erasures import erased_by_rows, no_erasures
from retrain.event_recording import EventRecorder
from schemas.ids import SessionId, UserId
from schemas.item_event import DEFAULT_EVENT_TYPE_MAP, EraseSession, encode_erase_session
from tests.retrain.archive.archiver_runs import an_event
from tests.retrain.archive.crashing_store import killed_at_every_step
from tests.retrain.archive.written_archives import (
    DAY_MS,
    NOON_MS,
    a_record,
    bytes_with,
    sessions_in,
    write_files,
    write_records,
)


def an_erase(session_id: str, user_id: str | None = None, whole_user: bool = False) -> bytes:
    return encode_erase_session(
        EraseSession(
            session_id=SessionId(session_id),
            occurred_at_ms=5,
            user_id=None if user_id is None else UserId(user_id),
            whole_user=whole_user,
        )
    )


def write(folder: Path, *values: bytes, at: int = 0, logged_at_ms: int = NOON_MS) -> ArchiveStore:
    """A file of these messages."""
    store = ArchiveStore(str(folder))
    write_records(
        store, [a_record(value, at + number, 0, logged_at_ms + number) for number, value in enumerate(values)]
    )
    return store


def learned(store: ArchiveStore) -> list[str]:
    recorder = EventRecorder(DEFAULT_EVENT_TYPE_MAP, 3600)
    return recorder.recorded(ArchivedLog(store)).events["session_id"].to_list()


def erase(archive: Path, *arguments: str) -> int:
    return millrace.run(["archive", "erase", *arguments, "--archive", str(archive)])


def test_session_with_an_erase_event_is_left_out_and_gone_after_scrubbing(tmp_path: Path) -> None:
    write(tmp_path, an_event("gone"), an_event("kept"), an_event("gone"))
    store = write(tmp_path, an_event("gone"), an_erase("gone"), at=3)
    assert learned(store) == ["kept"]
    assert len(bytes_with(tmp_path, "gone")) == 2
    scrubbed = scrub(store, no_erasures())
    assert (scrubbed.sessions, scrubbed.files, scrubbed.rows) == (1, 2, 3)
    assert sessions_in(store) == learned(store) == ["kept"]
    assert bytes_with(tmp_path, "gone") == []
    assert scrub(store, no_erasures()).files == 0


def test_erase_event_that_is_still_in_the_topic_counts(tmp_path: Path) -> None:
    store = write(tmp_path, an_event("gone"), an_event("kept"))
    in_topic = pl.DataFrame(
        {
            "session_id": ["gone"],
            "event_type": ["erase"],
            "user_id": [None],
            "topic": ["events"],
            "partition": [0],
            "offset": [2],
            "logged_at_ms": [NOON_MS],
        },
        schema_overrides={"user_id": pl.String, "partition": pl.Int32},
    )
    scrub(store, erased_by_rows(in_topic))
    assert sessions_in(store) == ["kept"]


def test_command_forgets_a_session_also_where_it_is_archived_later(tmp_path: Path) -> None:
    store = write(tmp_path, an_event("gone"), an_event("kept"))
    assert erase(tmp_path, "--session", "gone") == 0
    assert sessions_in(store) == ["kept"]
    write(tmp_path, an_event("gone"), an_event("new"), at=2)  # from the tail of the topic
    assert learned(store) == ["kept", "new"]
    scrub(store, no_erasures())
    assert sessions_in(store) == ["kept", "new"]


def test_command_forgets_all_sessions_of_a_user_up_to_now(tmp_path: Path) -> None:
    values = [
        an_event("s1"),
        an_event("s1", user_id="u"),
        an_event("s2", user_id="v"),
        an_event("s3", user_id="u"),
    ]
    store = write(tmp_path, *values)
    assert erase(tmp_path, "--user", "u") == 0
    assert sessions_in(store) == ["s2"]
    assert bytes_with(tmp_path, "'u'") == []
    in_a_hundred_years = NOON_MS + 36_500 * DAY_MS
    write(tmp_path, an_event("s4", user_id="u"), at=4, logged_at_ms=in_a_hundred_years)
    assert learned(store) == ["s2", "s4"]


def test_user_erased_by_the_lookup_is_gone_with_the_sessions_that_redis_had_forgotten(tmp_path: Path) -> None:
    store = write(
        tmp_path,
        an_event("old", user_id="u"),
        an_event("live", user_id="u"),
        an_event("other", user_id="v"),
        an_erase("live", "u", whole_user=True),
        an_event("later", user_id="u"),
    )
    assert learned(store) == ["other", "later"]
    scrub(store, no_erasures())
    assert sessions_in(store) == ["other", "later"]


def test_session_that_goes_on_after_it_was_erased_is_new_as_it_is_online(tmp_path: Path) -> None:
    store = write(tmp_path, an_event("s", "before"), an_erase("s"), an_event("s", "after"))
    recorder = EventRecorder(DEFAULT_EVENT_TYPE_MAP, 3600)
    assert recorder.recorded(ArchivedLog(store)).events["item_id"].to_list() == ["after"]
    scrub(store, no_erasures())
    assert (bytes_with(tmp_path, "before"), len(bytes_with(tmp_path, "after"))) == ([], 1)


def test_erase_event_whose_clock_is_before_the_window_counts_in_it(tmp_path: Path) -> None:
    store = write(tmp_path, an_event("gone"), an_event("kept"))
    write(tmp_path, an_erase("gone"), at=2, logged_at_ms=NOON_MS - 1000)
    recorder = EventRecorder(DEFAULT_EVENT_TYPE_MAP, 3600, since_ms=NOON_MS)
    assert recorder.recorded(ArchivedLog(store)).events["session_id"].to_list() == ["kept"]


def test_session_of_a_scrubbed_user_is_still_known_when_more_of_it_is_archived(tmp_path: Path) -> None:
    store = write(tmp_path, an_event("s", user_id="u"), an_event("kept"))
    assert erase(tmp_path, "--user", "u") == 0
    assert bytes_with(tmp_path, "'u'") == []
    write(tmp_path, an_event("s"), an_event("new"), at=2)  # from the topic's tail; it does not name the user
    assert learned(store) == ["kept", "new"]


def test_erase_event_of_one_session_leaves_the_users_others(tmp_path: Path) -> None:
    store = write(tmp_path, an_event("s1", user_id="u"), an_event("s2", user_id="u"), an_erase("s1", "u"))
    assert learned(store) == ["s2"]


def test_nobody_to_erase_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert erase(tmp_path) == 2
    assert "nobody to erase; give --session" in capsys.readouterr().err


def test_scrubbing_killed_at_any_step_is_ended_by_the_next_run(tmp_path: Path) -> None:
    def fresh(step: int) -> Path:
        folder = tmp_path / str(step)
        write(folder, an_event("gone"), an_event("a"))
        write(folder, an_event("b"), at=2)
        write(folder, an_event("gone"), an_event("c"), an_erase("gone"), at=3)
        return folder

    lives = 0
    for folder in killed_at_every_step(fresh, lambda store: scrub(store, no_erasures())):
        lives += 1
        store = ArchiveStore(str(folder))
        assert learned(store) == ["a", "b", "c"]
        scrub(store, no_erasures())
        assert learned(store) == sessions_in(store) == ["a", "b", "c"]
        assert bytes_with(folder, "gone") == []
    assert lives == 8  # around the new file and the deletion, of each of two files


def test_erasing_killed_at_any_step_has_forgotten_once_the_request_is_there(tmp_path: Path) -> None:
    def fresh(step: int) -> Path:
        folder = tmp_path / str(step)
        write(folder, an_event("gone"), an_event("a"))
        return folder

    def work(store: ArchiveStore) -> None:
        ask(store, ErasureRequest(asked_at_ms=NOON_MS, session_id="gone"))
        scrub(store, no_erasures())

    for folder in killed_at_every_step(fresh, work):
        store = ArchiveStore(str(folder))
        is_asked = bool(read_requests(store))
        assert learned(store) == (["a"] if is_asked else ["gone", "a"])
        work(store)
        assert bytes_with(folder, "gone") == []


def test_file_merged_from_unscrubbed_ones_is_scrubbed_by_the_next_run(tmp_path: Path) -> None:
    write(tmp_path, an_event("gone"), an_event("a"))
    store = write(tmp_path, an_event("b"), an_erase("gone"), at=2)
    old = {file: Path(tmp_path, file.path).read_bytes() for file in store.files()}
    scrub(store, no_erasures())
    for file, content in old.items():  # a process that slept all the while writes what it had read
        Path(tmp_path, file.path).write_bytes(content)
    write_files(store, [(4, 5)], logged_at_ms=NOON_MS + DAY_MS)
    compact(store, 1000)
    assert learned(store) == ["a", "b", "s4"]
    scrub(store, no_erasures())
    assert bytes_with(tmp_path, "gone") == []


class MergedMeanwhile(ArchiveStore):
    """An archiver merges the files when the first is about to be rewritten."""

    is_merged = False

    def write(self, path: str, fill: Callable[[Path], None]) -> int:
        """Make a file, after the archiver's."""
        if not self.is_merged:
            self.is_merged = True
            compact(ArchiveStore(self.url), 1000)
        return super().write(path, fill)


def test_file_that_is_merged_while_it_is_scrubbed_is_scrubbed_as_what_became_of_it(tmp_path: Path) -> None:
    write(tmp_path, an_event("gone"), an_event("a"))
    store = write(tmp_path, an_event("b"), an_erase("gone"), at=2)
    write_files(store, [(4, 5)], logged_at_ms=NOON_MS + DAY_MS)
    scrub(MergedMeanwhile(str(tmp_path)), no_erasures())
    assert sessions_in(store) == ["a", "b", "s4"]
    assert bytes_with(tmp_path, "gone") == []


def test_what_killed_processes_left_unfinished_is_swept_when_it_is_old(tmp_path: Path) -> None:
    left = tmp_path / ".unfinished-0123"
    left.write_bytes(b"a part of a file")
    now_s = left.stat().st_mtime
    assert ArchiveStore(str(tmp_path), clock=lambda: now_s + 60).sweep() == 0
    assert ArchiveStore(str(tmp_path), clock=lambda: now_s + 3601).sweep() == 1
    assert not left.exists()


def test_retention_deletes_whole_days_and_old_requests(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path, an_event(f"s{number}"), at=number, logged_at_ms=NOON_MS + number * DAY_MS)
    store = ArchiveStore(str(tmp_path))
    today = pl.Series([NOON_MS + 3 * DAY_MS]).cast(pl.Datetime("ms")).dt.date()[0]
    assert expire(store, 2, today) == 1
    assert sessions_in(store) == ["s1", "s2", "s3"]
    assert not (tmp_path / "day=2026-01-01").exists()
    ask(store, ErasureRequest(asked_at_ms=NOON_MS, session_id="s"))
    assert retain(store, 0) == 0
    assert retain(store, 1) == 3
    assert read_requests(store) == []


def test_request_is_kept_for_what_lies_in_the_next_days_file(tmp_path: Path) -> None:
    store = write(tmp_path, an_event("new"), logged_at_ms=NOON_MS + DAY_MS)
    write(tmp_path, an_event("gone"), at=1, logged_at_ms=NOON_MS - 1)  # its clock went back
    Path(tmp_path, "day=2026-01-01").rename(tmp_path / "day=2026-01-02-")
    for path in Path(tmp_path, "day=2026-01-02-").iterdir():
        path.rename(tmp_path / "day=2026-01-02" / path.name)
    ask(store, ErasureRequest(asked_at_ms=NOON_MS, session_id="gone"))
    forget_requests(store, 1, date(2026, 1, 3))
    assert learned(store) == ["new"]
    forget_requests(store, 1, date(2026, 1, 4))
    assert read_requests(store) == []


def test_request_that_cannot_be_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "erasures").mkdir()
    (tmp_path / "erasures" / "2026-01-01-x.json").write_bytes(msgspec.json.encode({"session_id": 5}))
    assert millrace.run(["archive", "scrub", "--no-topic", "--archive", str(tmp_path)]) == 2
    assert "2026-01-01-x.json: no request to erase" in capsys.readouterr().err
