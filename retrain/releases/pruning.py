"""Pruning: releases that no policy keeps are removed, their manifests first.

Without its manifest a release does not exist: whoever is killed on the way leaves a folder that nobody
serves, and that a later pruning removes. Owns the order of the removal; `retrain.releases.retention`
decides. Writer: of the store of releases, beside `retrain.releases.publishing`. Callers: `millrace releases
prune`, the retrain cycle after it has marked a release running.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from retrain.releases.announcing import read_announcements
from retrain.releases.release_catalogue import list_releases, list_unfinished
from retrain.releases.release_store import is_local, open_store
from retrain.releases.retention import Fate, Policy, decide
from retrain.settings import ReleaseSettings
from schemas.connections import kafka_arguments
from schemas.errors import Unavailable, UsageError
from schemas.ids import ReleaseId
from schemas.release_manifest import MANIFEST_FILE


def prune_releases(
    settings: ReleaseSettings, now: datetime, in_use: Collection[ReleaseId] = (), dry_run: bool = False
) -> list[Fate]:
    """Remove the releases that the settings do not keep.

    A release that is promoted between the reading of the announcements and its removal is removed all the
    same: promote none that is old while this runs.

    Args:
        settings: where releases and their topic are, and how much is kept.
        now: the present, with a time zone.
        in_use: releases that somebody serves whatever was announced, as workers say in their heartbeats.
        dry_run: remove nothing.

    Returns:
        What has become of each release, or would.

    Raises:
        UsageError: nothing was ever announced, so that what runs is not known; or a folder cannot be removed.
        Unavailable: Kafka or the object store does not answer.
    """
    listed, unfinished = list_releases(settings.releases), list_unfinished(settings.releases)
    announced = read_announcements(kafka_arguments(settings), settings.releases_topic)
    if not announced:
        raise UsageError(
            f"topic {settings.releases_topic}: nothing was announced, so which release runs is not known "
            "and nothing is removed; announce it first: millrace releases promote RELEASE"
        )
    policy = Policy(settings.releases_keep, settings.releases_keep_days)
    fates = decide(listed, unfinished, [one.announcement for one in announced], in_use, policy, now)
    if not dry_run:
        for fate in fates:
            if not fate.kept:
                remove_release(settings.releases, fate.release_id)
    return fates


def remove_release(
    releases: str, release_id: ReleaseId, before_each: Callable[[str], None] = lambda _: None
) -> None:
    """Remove one release, or what is left of it.

    Args:
        releases: a folder, or an fsspec URL such as s3://bucket/releases.
        release_id: which one.
        before_each: called with the path of each file before its removal; the manifest's comes first.

    Raises:
        UsageError: the folder cannot be removed.
        Unavailable: the object store does not answer.
    """
    files, root = open_store(releases)
    folder = f"{root}/{release_id}"
    manifest = f"{folder}/{MANIFEST_FILE}"
    try:
        paths: list[str] = sorted(files.find(folder), key=lambda path: not _is(path, manifest))
        for path in paths:
            before_each(path)
            files.rm_file(path)
        if files.exists(folder):
            files.rm(folder, recursive=True)
    except Exception as error:  # each object store's client raises errors of its own classes
        if not is_local(files):
            raise Unavailable(f"{folder}: {error}") from error
        raise UsageError(
            f"{folder}: the release cannot be removed ({error}); check its permissions"
        ) from error


def _is(path: Any, other: str) -> bool:
    return str(path).strip("/") == other.strip("/")
