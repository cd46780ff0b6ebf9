"""Promote and roll back: a verified release becomes the running one.

Owns that what the gate refused is announced by force only. Callers: `millrace releases`, `retrain` after the
gate.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from retrain.releases.announcing import announce, read_announcements, running_announcement
from retrain.releases.release_catalogue import list_releases, verify_release
from retrain.releases.rollback_target import search_rollback
from schemas.connections import kafka_arguments
from schemas.errors import InvalidRelease, UsageError
from schemas.gate_report import GateReport
from schemas.ids import ReleaseId
from schemas.release_announcement import ReleaseAnnouncement
from schemas.release_manifest import ReleaseManifest
from schemas.settings import SharedSettings

Reason = str | msgspec.UnsetType


class Rollback(NamedTuple):
    """Where a rollback by hand goes."""

    release_id: ReleaseId
    passed_over: dict[ReleaseId, str]
    """Releases that ran later, and why they are not gone back to."""


def promote(
    settings: SharedSettings, release_id: ReleaseId, reason: Reason = msgspec.UNSET, force: bool = False
) -> ReleaseAnnouncement:
    """Verify a release where it lies and announce it.

    Args:
        settings: where releases and their topic are.
        release_id: which one.
        reason: why, for the announcement.
        force: announce it though the gate refused it; the announcement says so.

    Raises:
        UsageError: the gate refused it; nothing was announced.
        InvalidRelease: it is incomplete or corrupt; nothing was announced.
        Unavailable: Kafka or the object store does not answer.
    """
    refused = refusals_in_words(verify_release(settings.releases, release_id))
    if refused and not force:
        raise UsageError(
            f"release {release_id}: the gate refused it by {'; '.join(refused)} - announce it all the same "
            "with --force"
        )
    forced = True if refused else msgspec.UNSET
    return announce(kafka_arguments(settings), settings.releases_topic, release_id, reason, forced)


def find_rollback(settings: SharedSettings) -> Rollback:
    """The last release that ran before the running one, that the gate passed and whose files are whole.

    Args:
        settings: where releases and their topic are.

    Raises:
        UsageError: there is none, or none is left.
        Unavailable: Kafka or the object store does not answer.
    """
    read = read_announcements(kafka_arguments(settings), settings.releases_topic)
    announced = [one.announcement for one in read]
    listed = list_releases(settings.releases)
    broken: dict[ReleaseId, str] = {}
    while True:
        target, passed_over = search_rollback(announced, listed, broken)
        passed_over |= {release_id: broken[release_id] for release_id in passed_over if release_id in broken}
        if target is None:
            last = running_announcement(read)
            raise UsageError(_nowhere_to_go(settings, last.release_id if last else None, passed_over))
        try:
            verify_release(settings.releases, target)
        except InvalidRelease as error:
            broken[target] = str(error)
        else:
            return Rollback(target, passed_over)


def refusals_in_words(manifest: ReleaseManifest) -> list[str]:
    """The gate's refusals of a release, each with rule, figure and threshold; none where it passed."""
    gate = manifest.gate
    if not isinstance(gate, GateReport):
        return []
    return [f"{one.rule} (figure {one.figure}, threshold {one.threshold:g})" for one in gate.refusals]


def _nowhere_to_go(
    settings: SharedSettings, running: ReleaseId | None, passed_over: Mapping[ReleaseId, str]
) -> str:
    """What to tell who wants to go back where nothing is."""
    if not passed_over:
        return (
            f"topic {settings.releases_topic}: no release was announced before {running or 'any'}; name one: "
            "millrace releases promote RELEASE"
        )
    reasons = "; ".join(f"{release_id}: {why}" for release_id, why in passed_over.items())
    return (
        f"no release that ran before {running} can be gone back to ({reasons}); see `millrace releases list` "
        f"for what is in {settings.releases}, and name one: millrace releases promote RELEASE"
    )
