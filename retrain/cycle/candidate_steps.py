"""The steps that make a release: train, judge on the newest slice, publish. None of them changes what runs.

Between the last two the candidate learns that slice too (`retrain.cycle.refit_step`). A training that was
killed goes on from its checkpoint, and one whose release is complete is not repeated. What the gate refuses
is published too, so that one can look at it and promote it by hand, and not announced. Caller:
`retrain.cycle.run_cycle`.
"""

import shutil
from pathlib import Path

import msgspec
from msgspec.structs import replace

from models.model_config import ModelConfig
from models.release import read_manifest
from retrain.cycle.cycle_parts import CycleParts
from retrain.cycle.incumbent_steps import check_store
from retrain.cycle.judging import judged_manifest, refusal_lines
from retrain.event_split import test_events
from retrain.gate.candidate_gate import log_verdict
from retrain.releases.publishing import publish_release
from retrain.releases.release_building import write_manifest
from retrain.runs.recorded_training import train_recorded
from retrain.runs.run_recording import RunRecorder
from retrain.training.training_resources import Resources
from schemas.ids import ReleaseId
from schemas.release_manifest import MANIFEST_FILE, ReleaseManifest
from schemas.retrain_cycle import CycleRecord


def train(parts: CycleParts, record: CycleRecord, run: RunRecorder | None) -> CycleRecord:
    """Make the candidate.

    Raises:
        UsageError: there is nothing to learn from, or the training diverged.
    """
    release_id = complete_release(parts.work.candidate)
    if release_id is None:
        assert run is not None, "a training is recorded"
        shutil.rmtree(parts.work.candidate, ignore_errors=True)
        release_id = _trained(parts, record, run).release_id
    lineage = read_manifest(parts.work.candidate / release_id).lineage
    warm = lineage is not msgspec.UNSET and lineage.warm_started_from is not None
    return replace(record, release_id=release_id, warm_start=warm)


def judge(parts: CycleParts, record: CycleRecord, run: RunRecorder | None) -> CycleRecord:
    """Have the gate compare the candidate with the incumbent; its manifest says what came of it.

    Raises:
        InvalidRelease: the candidate has no manifest.
    """
    folder = folder_of(parts, record)
    slice_ = test_events(parts.work.window(), config_of(record).test_share)
    with parts.display.judging() as show:
        incumbent = incumbent_folder(parts, record)
        report = parts.judge(folder, incumbent, slice_, parts.settings.gate_rules(), show)
    manifest = judged_manifest(read_manifest(folder), report)
    log_verdict(manifest.release_id, report)
    complete = replace(manifest, data=replace(manifest.data, log_ranges=record.ranges))
    write_manifest(folder, complete)
    if run is not None:
        run.trained(complete)
    return replace(record, metrics=complete.metrics, refusals=refusal_lines(report))


def publish(parts: CycleParts, record: CycleRecord) -> CycleRecord:
    """Copy the candidate to where releases are; to do so twice changes nothing.

    Raises:
        UsageError: the folder of releases cannot be written.
        Unavailable: the store does not answer, or the lock was lost.
    """
    parts.check_lock()
    if record.incumbent_generation:
        check_store(parts.settings.releases)
    publish_release(folder_of(parts, record), parts.settings.releases)
    if not record.refusals:
        return record
    return replace(record, outcome="refused", reason="; ".join(record.refusals))


def incumbent_folder(parts: CycleParts, record: CycleRecord) -> Path | None:
    """Where the running release was copied to, in part too: the gate then says why it cannot be loaded.

    None: nothing runs.
    """
    release_id = record.incumbent or record.unreadable_incumbent
    return parts.work.incumbent / release_id if release_id else None


def _trained(parts: CycleParts, record: CycleRecord, run: RunRecorder) -> ReleaseManifest:
    every_s = parts.settings.retrain_checkpoint_s
    resources = Resources(checkpoint=parts.work.checkpoint, checkpoint_every_s=every_s)
    with parts.display.training() as show:
        return train_recorded(
            run,
            parts.work.window(),
            config_of(record),
            parts.work.candidate,
            record.started_at,
            show,
            resources,
            warm_start=incumbent_folder(parts, record) if record.warm_start else None,
        )


def complete_release(folder: Path) -> ReleaseId | None:
    """The release that a training has completed in the folder."""
    manifests = sorted(folder.glob(f"*/{MANIFEST_FILE}"))
    return read_manifest(manifests[0].parent).release_id if manifests else None


def folder_of(parts: CycleParts, record: CycleRecord) -> Path:
    """Where the release lies that the cycle would announce."""
    assert record.release_id is not None
    made_in = parts.work.candidate if record.judged is None else parts.work.refit
    return made_in / record.release_id


def config_of(record: CycleRecord) -> ModelConfig:
    """How the candidate is trained, with the share that is kept from it for the gate."""
    config = msgspec.convert(record.config, ModelConfig)
    return config if record.judged_share is None else replace(config, test_share=record.judged_share)
