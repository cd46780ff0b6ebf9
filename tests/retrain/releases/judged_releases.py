"""Builders of releases that the gate has judged."""

from datetime import datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from retrain.releases.release_catalogue import ListedRelease
from schemas.gate_report import GateRefusal, GateReport
from schemas.ids import ReleaseId
from schemas.release_announcement import ReleaseAnnouncement
from schemas.release_manifest import MANIFEST_FILE, decode_release_manifest, encode_release_manifest
from tests.release_builder import a_manifest

REFUSAL = GateRefusal(
    rule="recall_loss",
    figure=-0.05,
    threshold=-0.01,
    message="Recall@20 differs from the incumbent's by -0.0420",
)
PASSED = GateReport(passed=True, refusals=[], figures={"recall@20": 0.5})
REFUSED = GateReport(passed=False, refusals=[REFUSAL], figures={"recall@20": 0.4})


def judge_in_place(releases: Path, release_id: ReleaseId, gate: GateReport) -> None:
    """Write what the gate said into a release's manifest."""
    path = releases / release_id / MANIFEST_FILE
    manifest = decode_release_manifest(path.read_bytes())
    path.write_bytes(encode_release_manifest(replace(manifest, gate=gate)))


def listed(release_id: str, created_at: datetime, gate: GateReport | None = None) -> ListedRelease:
    """A release of a listing; without `gate` one that the gate was never asked about."""
    manifest = replace(a_manifest(release_id), created_at=created_at)
    if gate is not None:
        manifest = replace(manifest, gate=gate)
    return ListedRelease(ReleaseId(release_id), manifest)


def history(*release_ids: str, start: datetime, step_days: float = 1) -> list[ReleaseAnnouncement]:
    """Announcements of these releases, one every so many days."""
    return [
        ReleaseAnnouncement(
            release_id=ReleaseId(release_id),
            generation=at + 1,
            announced_at=start + timedelta(days=at * step_days),
            previous=ReleaseId(release_ids[at - 1]) if at else None,
        )
        for at, release_id in enumerate(release_ids)
    ]
