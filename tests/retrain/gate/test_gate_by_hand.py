"""`millrace releases gate`, as one types it, from a folder and from an object store."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from msgspec.structs import replace

import millrace
from models.release import VECTORS_FILE, read_manifest
from retrain.gate.gate_rules import GateRules
from retrain.releases.release_copying import local_release
from retrain.settings import ReleaseSettings
from schemas.errors import InvalidRelease, Unavailable
from schemas.ids import ReleaseId
from schemas.release_manifest import MANIFEST_FILE, FileDigest, encode_release_manifest
from schemas.timestamps import from_epoch_ms
from tests.failing_store import FailingStore, fail_on, upload
from tests.retrain.gate.planted_candidates import (
    ITEMS,
    learned_until,
    slice_of,
    successor_answers,
    write_candidate,
)
from tests.retrain.planted_sessions import START_MS


@pytest.fixture(params=["folder", "object store"])
def releases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A sound release, an equal one, and one of fewer items."""
    folder = tmp_path / "releases"
    write_candidate(folder, "sound")
    write_candidate(folder, "before")
    write_candidate(folder, "small", successor_answers(ITEMS // 2))
    if request.param == "folder":
        yield str(folder)
        return
    bucket = f"bucket-{uuid.uuid4().hex}"
    fsspec.filesystem("memory").put(str(folder), f"/{bucket}", recursive=True)
    yield f"memory://{bucket}"
    fsspec.filesystem("memory").rm(f"/{bucket}", recursive=True)


@pytest.fixture
def events(tmp_path: Path) -> str:
    path = tmp_path / "events.parquet"
    slice_of(ITEMS // 2, sessions=2000).rename({"occurred_at_ms": "timestamp"}).write_parquet(path)
    return str(path)


def gate(release: str, events: str, releases: str, *more: str) -> int:
    return millrace.run(["releases", "gate", release, "--events", events, "--releases", releases, *more])


def test_sound_release_passes_and_every_rule_is_printed(
    releases: str, events: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gate("sound", events, releases, "--incumbent", "before") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "sound beside before: passed"
    assert ["recall_loss", "0", "-0.01", "held"] in [line.split() for line in lines]


def test_refused_release_ends_with_1_and_the_reason(
    releases: str, events: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gate("small", events, releases, "--incumbent", "sound") == 1
    lines = capsys.readouterr().out.splitlines()
    assert ["vocabulary", "0.5", "0.25", "REFUSED"] in [line.split() for line in lines]
    assert lines[-2] == "small beside sound: refused"
    assert lines[-1].startswith("  vocabulary: 30 items, 0.5000 fewer than the incumbent's 60")


@pytest.mark.parametrize(("learned_sessions", "whole"), [(1810, False), (1990, True)])
def test_what_a_refit_has_learned_does_not_count_or_is_told(
    tmp_path: Path, events: str, learned_sessions: int, whole: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    last = from_epoch_ms(START_MS + learned_sessions * 60_000)
    learned_until(write_candidate(tmp_path, "refit"), last, refit=True)
    assert gate("refit", events, str(tmp_path)) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    (counted,) = [what for first, what in lines if first == "counted"]
    told = [what for first, what in lines if first == "judged"]
    if whole:
        assert counted.startswith("the whole slice: ")
        assert len(told) == 1
        assert told[0].endswith("500 are needed: what the candidate learned counts too")
    else:
        assert (counted.strip(), told) == (f"predictions of events later than {last:%Y-%m-%dT%H:%M:%SZ}", [])


def test_thresholds_come_from_the_environment(
    tmp_path: Path, events: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_candidate(tmp_path, "sound")
    monkeypatch.setenv("MILLRACE_GATE_STEP_US", "0.001")
    assert gate("sound", events, str(tmp_path), "--test-share", "0.5") == 1
    assert "the budget is 0.001" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--test-share", "1"], "--test-share 1: use more than 0, at most 0.9"),
        (["--incumbent", "r9"], "no release"),
    ],
)
def test_wrong_call_is_one_line(
    tmp_path: Path, events: str, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_candidate(tmp_path, "sound")
    assert gate("sound", events, str(tmp_path), *arguments) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"millrace: {said}")


def test_copy_from_a_store_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_candidate(tmp_path / "built", "r1")
    store = upload(tmp_path / "built")
    files, root = fsspec.core.url_to_fs(store)
    assert local_release(store, ReleaseId("r1"), tmp_path / "a") == tmp_path / "a" / "r1"
    files.pipe_file(f"{root}/r1/{VECTORS_FILE}", b"other bytes")
    with pytest.raises(InvalidRelease, match="corrupt"):
        local_release(store, ReleaseId("r1"), tmp_path / "b")
    files.rm_file(f"{root}/r1/{VECTORS_FILE}")
    with pytest.raises(InvalidRelease, match=f"{VECTORS_FILE} is missing"):
        local_release(store, ReleaseId("r1"), tmp_path / "c")
    monkeypatch.setattr(FailingStore, "trouble", staticmethod(fail_on("encoder")))
    with pytest.raises(Unavailable, match="connection lost at encoder"):
        local_release(store, ReleaseId("r1"), tmp_path / "d")


def test_file_name_that_leads_elsewhere_is_not_copied(tmp_path: Path) -> None:
    folder = write_candidate(tmp_path / "built", "r1")
    manifest = read_manifest(folder)
    spoiled = replace(manifest, files={"../elsewhere": FileDigest("00", 1)})
    (folder / MANIFEST_FILE).write_bytes(encode_release_manifest(spoiled))
    with pytest.raises(InvalidRelease, match=r"'../elsewhere' is not a plain name"):
        local_release(upload(tmp_path / "built"), ReleaseId("r1"), tmp_path / "copy")


def test_every_threshold_is_a_setting_with_the_same_default() -> None:
    assert ReleaseSettings().gate_rules() == GateRules()
    settings = {
        name.removeprefix("gate_") for name in ReleaseSettings.model_fields if name.startswith("gate_")
    }
    assert settings == set(GateRules.__struct_fields__) - {"seed"}
