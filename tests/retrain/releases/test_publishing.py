"""Publishing to a folder and to an object store: files first, the manifest last."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from models.release import POPULAR_FILE, VOCABULARY_FILE
from retrain.releases.publishing import publish_release
from retrain.releases.release_catalogue import list_releases, verify_release
from schemas.errors import InvalidRelease, Unavailable, UsageError
from schemas.release_manifest import MANIFEST_FILE
from tests.release_builder import write_release_tables


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return tmp_path / "built" / write_release_tables(tmp_path / "built", "r1", ["a", "b"])


@pytest.fixture(params=["folder", "object store"])
def releases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "folder":
        yield str(tmp_path / "releases")
        return
    bucket = f"bucket-{uuid.uuid4().hex}"
    fsspec.filesystem("memory").mkdir(f"/{bucket}")
    yield f"memory://{bucket}"
    fsspec.filesystem("memory").rm(f"/{bucket}", recursive=True)


def test_published_release_is_whole(release: Path, releases: str) -> None:
    manifest = publish_release(release, releases)
    assert verify_release(releases, manifest.release_id) == manifest
    files, root = fsspec.core.url_to_fs(releases)
    names = {path.rpartition("/")[2] for path in files.ls(f"{root}/r1", detail=False)}
    assert names == {*manifest.files, MANIFEST_FILE}


@pytest.mark.parametrize("missing", [POPULAR_FILE, VOCABULARY_FILE])
def test_publishing_that_breaks_off_leaves_no_release(release: Path, releases: str, missing: str) -> None:
    (release / missing).unlink()
    with pytest.raises((Unavailable, UsageError), match=missing):
        publish_release(release, releases)
    assert list_releases(releases) == []


def test_publishing_again_completes_what_broke_off(release: Path, releases: str) -> None:
    content = (release / VOCABULARY_FILE).read_bytes()
    (release / VOCABULARY_FILE).unlink()
    with pytest.raises((Unavailable, UsageError)):
        publish_release(release, releases)
    (release / VOCABULARY_FILE).write_bytes(content)
    manifest = publish_release(release, releases)
    assert verify_release(releases, manifest.release_id) == manifest


def test_folder_that_is_no_release_is_not_published(tmp_path: Path, releases: str) -> None:
    with pytest.raises(InvalidRelease):
        publish_release(tmp_path, releases)


def test_unknown_protocol_is_told(release: Path) -> None:
    with pytest.raises(UsageError, match="MILLRACE_RELEASES=nope://bucket"):
        publish_release(release, "nope://bucket")


def test_folder_that_cannot_be_made_is_told(release: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"the release cannot be written .* check MILLRACE_RELEASES"):
        publish_release(release, str(tmp_path / "file"))
