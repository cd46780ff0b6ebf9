"""The gate by hand: releases where they lie, and the last part of an event file.

Owns which part of the file is predicted. Caller: `millrace releases gate`.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from retrain.event_split import GREATEST_SHARE, read_log, test_events
from retrain.gate.candidate_gate import examine, log_verdict
from retrain.gate_settings import GateSettings
from retrain.releases.release_catalogue import verify_release
from retrain.releases.release_copying import local_release
from retrain.training.training_display import progress_bar
from schemas.errors import UsageError
from schemas.gate_report import GateReport
from schemas.ids import ReleaseId
from schemas.release_manifest import ReleaseManifest

_TEST_SHARE = 0.1


def examine_by_hand(
    settings: GateSettings,
    release_id: ReleaseId,
    incumbent: ReleaseId | None,
    events: Path,
    test_share: float | None,
) -> GateReport:
    """Examine a release of the store.

    What it learned in a refit does not count, as long as the rest is enough to judge on; the report says so.

    Args:
        settings: where the releases are, and the thresholds.
        release_id: the candidate.
        incumbent: what it is compared with; None: nothing.
        events: an event file; its rows with split=test, in a file without a split its last sessions.
        test_share: their share; None: as in the candidate's training.

    Raises:
        UsageError: the file or the share cannot be used.
        InvalidRelease: there is no such release, or one of them is incomplete or corrupt.
        Unavailable: the object store does not answer.
    """
    if test_share is not None and not 0 < test_share <= GREATEST_SHARE:
        raise UsageError(f"--test-share {test_share:g}: use more than 0, at most {GREATEST_SHARE}")
    manifest = verify_release(settings.releases, release_id)
    log = read_log(events, settings.event_type_map)
    newest = test_events(log, _share_of(manifest) if test_share is None else test_share)
    with TemporaryDirectory(prefix="millrace-gate-") as name, progress_bar("gate") as show:
        workplace = Path(name)
        candidate = local_release(settings.releases, release_id, workplace)
        other = local_release(settings.releases, incumbent, workplace) if incumbent else None
        report = examine(candidate, other, newest, settings.gate_rules(), show, refit_counts=False)
    log_verdict(release_id, report)
    return report


def _share_of(manifest: ReleaseManifest) -> float:
    """What its training left out, which a refit may have learned since; else the usual share, all seen."""
    return float(manifest.config.get("test_share") or _TEST_SHARE)
