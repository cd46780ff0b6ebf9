"""`millrace archive`, as one types it."""

from pathlib import Path

import pytest

import millrace
from retrain.archive.archive_store import ArchiveStore
from retrain.archive_settings import ArchiveSettings
from schemas.errors import UsageError
from schemas.settings import read_settings
from streams.dev.ports import free_port
from tests.retrain.archive.written_archives import DAY_MS, NOON_MS, offsets_in, write_files


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert millrace.run(["archive", *arguments]) == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_compact_says_what_it_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLRACE_ARCHIVE", str(tmp_path))
    store = ArchiveStore(str(tmp_path))
    write_files(store, [(0, 3), (3, 5)])
    write_files(store, [(5, 6)], logged_at_ms=NOON_MS + DAY_MS)
    assert millrace.run(["archive", "compact"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}: 2 files merged into 1; 0 deleted by retention\n"
    assert offsets_in(store) == list(range(6))


@pytest.mark.parametrize("arguments", [["compact"], ["erase", "--session", "s"], []])
def test_archive_that_is_not_named_is_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys, *arguments) == (
        "millrace: MILLRACE_ARCHIVE is not set; give a folder or an fsspec URL, as s3://bucket/archive"
    )


@pytest.mark.parametrize("arguments", [["compact"], ["scrub"], ["erase", "--session", "s"]])
def test_archive_whose_name_is_misspelt_is_not_taken_for_an_empty_one(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "archiev"
    assert refusal(capsys, *arguments, "--archive", str(folder)) == (
        f"millrace: MILLRACE_ARCHIVE={folder}: no such folder; start `millrace archive`, which makes "
        "it, or name the one that it writes to"
    )
    assert not folder.exists()


def test_archiver_that_cannot_write_says_so_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert refusal(capsys, "--archive", str(tmp_path / "file" / "archive")) == (
        f"millrace: MILLRACE_ARCHIVE={tmp_path / 'file' / 'archive'}: cannot be written (Not a directory); "
        "mend it, or give another"
    )


def test_store_that_is_not_known_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "MILLRACE_ARCHIVE=no-such://x" in refusal(capsys, "compact", "--archive", "no-such://x")


def test_option_before_the_command_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--archive x: give it behind `compact`" in refusal(capsys, "--archive", "x", "compact")


def test_password_in_the_url_is_refused_unseen() -> None:
    with pytest.raises(UsageError, match=r"^MILLRACE_ARCHIVE=\(hidden\)") as refused:
        read_settings(ArchiveSettings, archive="ftp://me:secret@host/x")
    assert "secret" not in str(refused.value)


def test_absent_kafka_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLRACE_KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")
    monkeypatch.setenv("MILLRACE_ARCHIVE_PORT", "0")
    assert "cannot be reached; start it" in refusal(capsys, "--archive", str(tmp_path))
    assert "cannot be reached; start it" in refusal(capsys, "scrub", "--archive", str(tmp_path))


def test_file_that_is_no_parquet_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = ArchiveStore(str(tmp_path))
    write_files(store, [(0, 3), (3, 5)])
    write_files(store, [(5, 6)], logged_at_ms=NOON_MS + DAY_MS)
    Path(tmp_path, store.files()[1].path).write_bytes(b"PAR0")
    assert "no Parquet file" in refusal(capsys, "compact", "--archive", str(tmp_path))
    assert offsets_after_mending(store, tmp_path) == [0, 1, 2, 5]


def offsets_after_mending(store: ArchiveStore, folder: Path) -> list[int]:
    Path(folder, store.files()[1].path).unlink()
    return offsets_in(store)
