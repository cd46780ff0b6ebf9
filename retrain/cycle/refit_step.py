"""The step behind the gate: the candidate learns the slice that it was judged on, and is announced as that.

No cycle is lost by it: where the pass fails, the judged candidate goes on, and log, summary and manifest say
why. Caller: `retrain.cycle.run_cycle`.
"""

import logging
import shutil
from pathlib import Path

from msgspec.structs import replace

from models.release import read_manifest
from retrain.cycle.candidate_steps import complete_release, config_of, folder_of
from retrain.cycle.cycle_parts import CycleParts
from retrain.cycle.incumbent_steps import check_store
from retrain.cycle.refitting import refitted
from retrain.event_split import test_events
from retrain.lasting_files import make_folder
from retrain.runs.run_recording import RunRecorder
from retrain.training.refit import refit_release
from schemas.gate_report import GateReport
from schemas.retrain_cycle import CycleRecord

_LOGGER = logging.getLogger("millrace.retrain.cycle")


def refit(parts: CycleParts, record: CycleRecord, run: RunRecorder | None) -> CycleRecord:
    """Have a candidate that the gate passed learn the slice; one that it refused is left as it was judged.

    Raises:
        Unavailable: the store of releases, where the run is recorded, is not there.
        OSError: the disc does not take it.
    """
    candidate = folder_of(parts, record)
    if record.refusals or read_manifest(candidate).data.events == record.events:  # nothing was kept from it
        return record
    if record.incumbent_generation:
        check_store(parts.settings.releases)
    rules = parts.settings.gate_rules()

    def check(folder: Path, beside: Path | None) -> GateReport:
        newest = test_events(parts.work.window(), config_of(record).test_share)
        with parts.display.judging() as show:
            return parts.judge(folder, beside, newest, rules, show)

    made = refitted(candidate, lambda: _made(parts, record), check, rules.min_predictions)
    if made.why_not:
        _LOGGER.warning(
            "retrain cycle %s: release=%s goes on as it was judged, without the newest events: %s",
            record.cycle_id,
            record.release_id,
            made.why_not,
        )
        return replace(record, why_no_refit=made.why_not)
    manifest = read_manifest(made.folder)
    if run is not None:
        run.trained(manifest)
    return replace(record, release_id=manifest.release_id, judged=record.release_id)


def _made(parts: CycleParts, record: CycleRecord) -> Path:
    """The refit's folder; one that a killed process has completed is not made again."""
    release_id = complete_release(parts.work.refit)
    if release_id is None:
        shutil.rmtree(parts.work.refit, ignore_errors=True)
        make_folder(parts.work.refit)  # a disc that refuses it is waited for
        with parts.display.training() as show:
            release_id = refit_release(
                folder_of(parts, record),
                parts.work.window(),
                config_of(record),
                parts.work.refit,
                record.started_at,
                show,
            ).release_id
        parts.reached("refit trained")
    return parts.work.refit / release_id
