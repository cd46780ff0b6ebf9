"""The first steps of a cycle: keep the window on disc, fetch the release that runs.

The incumbent is what the topic of releases announces now. It is copied into the work folder and verified
there, for the training begins with its weights and the gate compares the candidate with it; a policy that
removes old releases meanwhile changes nothing. Caller: `retrain.cycle.run_cycle`.
"""

import logging
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from models.model_config import ModelConfig
from models.release import read_manifest
from retrain.cycle.cycle_parts import CycleParts
from retrain.judged_share import judged_share
from retrain.learned_until import learned_until
from retrain.releases.announcing import read_running
from retrain.releases.release_copying import local_release
from retrain.releases.release_store import open_store
from schemas.connections import kafka_arguments
from schemas.errors import InvalidRelease, Unavailable, UsageError
from schemas.ids import ReleaseId
from schemas.release_manifest import Lineage, ReleaseManifest
from schemas.retrain_cycle import CycleRecord

_LOGGER = logging.getLogger("millrace.retrain.cycle")


def keep_window(parts: CycleParts, record: CycleRecord) -> CycleRecord:
    """Read what the cycle learns from, and keep it.

    Raises:
        UsageError: there is nothing.
        Unavailable: Kafka does not answer.
    """
    window = parts.read_window()
    if window.events.is_empty():
        raise UsageError(
            f"no events to learn from in topic {', '.join(parts.settings.event_topics)}; widen "
            "MILLRACE_RETRAIN_WINDOW_H or --since, or give --events FILE"
        )
    parts.work.save_window(window.events)
    newest_ms: Any = window.events["occurred_at_ms"].max()
    newest = None if newest_ms is None else datetime.fromtimestamp(newest_ms / 1000, UTC)
    return replace(record, events=len(window.events), ranges=window.ranges, newest_event_at=newest)


def fetch_incumbent(parts: CycleParts, record: CycleRecord) -> CycleRecord:
    """Copy the running release here; decide whether the training begins with its weights, and what it leaves.

    Raises:
        UsageError: the window cannot be read.
        Unavailable: Kafka or the store of releases does not answer.
    """
    settings = parts.settings
    running = read_running(kafka_arguments(settings), settings.releases_topic)
    if running is None:
        return record
    check_store(settings.releases)
    known = replace(
        record,
        incumbent_generation=running.generation,
        incumbent_newest_event_at=_newest_event_at(parts, running.release_id),
    )
    try:
        folder = local_release(settings.releases, running.release_id, parts.work.incumbent, in_place=False)
    except InvalidRelease as error:
        _LOGGER.warning("the running release cannot be compared with nor begun from: %s", error)
        return replace(known, unreadable_incumbent=running.release_id)
    manifest = read_manifest(folder)
    warm = not record.from_scratch and not scratch_is_due(manifest, settings.retrain_from_scratch_every)
    share = _judged_share(parts, record, manifest)
    return replace(known, incumbent=running.release_id, warm_start=warm, judged_share=share)


def _judged_share(parts: CycleParts, record: CycleRecord, incumbent: ReleaseManifest) -> float:
    """Saved with this step, so that training, gate and refit cut the window at one place."""
    wanted = msgspec.convert(record.config, ModelConfig).test_share
    enough = parts.settings.gate_min_predictions
    return judged_share(parts.work.window(), wanted, learned_until(incumbent), enough)


def _newest_event_at(parts: CycleParts, release_id: ReleaseId) -> datetime | None:
    """Of a release that a cycle has marked running."""
    marked = parts.shared.board.running() if parts.shared else None
    return marked.newest_event_at if marked and marked.release_id == release_id else None


def check_store(releases: str) -> None:
    """Make sure that the place of releases is there, where a release was announced from it.

    A folder that is gone (a volume that is not mounted) would otherwise be made anew, empty.

    Raises:
        UsageError: the URL's protocol is not known.
        Unavailable: it is not there now.
    """
    files, root = open_store(releases)
    try:
        there = files.exists(root)
    except Exception as error:  # each object store's client raises errors of its own classes
        raise Unavailable(f"{releases}: {error}") from error
    if not there:
        raise Unavailable(f"MILLRACE_RELEASES={releases}: is not there now, though a release of it runs")


def scratch_is_due(incumbent: ReleaseManifest, every: int) -> bool:
    """Whether the next training begins from scratch, so that at most `every` - 1 warm ones follow each other.

    Args:
        incumbent: whose lineage tells how many warm trainings lie behind it; one without a lineage has none.
        every: 1: always.
    """
    warm = incumbent.lineage.warm_cycles if isinstance(incumbent.lineage, Lineage) else 0
    return warm + 1 >= every
