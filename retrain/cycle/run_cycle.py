"""One cycle from its first step that is left to its outcome: each step saved before the next begins.

    window     read the event log, keep it
    incumbent  copy the running release here
    train      from its weights or from scratch; sessions and temporal split are made there
    judge      incumbent and candidate on the same newest slice, the gate
    refit      what passed learns that slice too
    publish    files first, manifest last; what was refused ends here
    announce   by claiming the next generation
    wait       until every live worker has reported it
    mark       say that it runs
    watch      its errors and its online hit rate; go back where a limit is breached
    prune      remove the old releases that the policy does not keep

What is killed goes on at the step that was not saved; each can be repeated. Nothing before `announce` changes
what runs. Owns the order, and which failure ends a cycle for good; not owned: beginning and resuming
(`retrain.cycle.cycle_opening`). Caller: `retrain.cycle.retrain_once`.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext

from msgspec.structs import replace

from retrain.cycle.announce_steps import announce, mark, wait
from retrain.cycle.candidate_steps import config_of, judge, publish, train
from retrain.cycle.cycle_parts import CycleParts
from retrain.cycle.incumbent_steps import check_store, fetch_incumbent, keep_window
from retrain.cycle.interruption import interruption_line
from retrain.cycle.refit_step import refit
from retrain.cycle.watch_steps import prune, watch
from retrain.runs.run_recording import RunPlan, RunRecorder, recorded_run
from schemas.cycle_status import CycleStatus, CycleSummary
from schemas.errors import Unavailable, UsageError, in_one_line
from schemas.output_paths import check_output_folder
from schemas.retrain_cycle import STEPS, CycleRecord, Outcome, Step

Work = Callable[[CycleParts, CycleRecord, RunRecorder | None], CycleRecord]
_LOGGER = logging.getLogger("millrace.retrain.cycle")
_WORK: dict[Step, Work] = {
    "window": lambda parts, record, _: keep_window(parts, record),
    "incumbent": lambda parts, record, _: fetch_incumbent(parts, record),
    "train": train,
    "judge": judge,
    "refit": refit,
    "publish": lambda parts, record, _: publish(parts, record),
    "announce": lambda parts, record, _: announce(parts, record),
    "wait": lambda parts, record, _: wait(parts, record),
    "mark": lambda parts, record, _: mark(parts, record),
    "watch": lambda parts, record, _: watch(parts, record),
    "prune": lambda parts, record, _: prune(parts, record),
}
_TIMED: dict[Step, str] = {
    "judge": "judging",
    "refit": "refit",
    "publish": "publishing",
    "announce": "announcing",
}
"""What the run's record calls the steps that do not measure themselves."""
_UNREPEATABLE: tuple[Step, ...] = ("window", "incumbent", "train", "judge")
"""Where a refusal of what was given would only be repeated."""
_STILL_DUE: dict[Outcome, tuple[Step, ...]] = {"unconfirmed": ("watch",), "refused": ("prune",)}
"""Though the outcome stands: some workers serve an unconfirmed release, and refused ones pile up."""


def run_cycle(parts: CycleParts, record: CycleRecord, holder: str) -> CycleSummary:
    """Run what is left of a cycle.

    Args:
        parts: what the steps work with.
        record: as it was saved last.
        holder: who runs it, in words.

    Returns:
        What came of it, which the board shows too.

    Raises:
        UsageError: a setting or the data cannot work.
        InvalidRelease: the candidate cannot be served.
        Unavailable: a service or the disc is away; the next run goes on where this one was.
    """
    step: Step = STEPS[0]
    try:
        with ExitStack() as stack:
            run: RunRecorder | None = None
            for step in STEPS:
                if not _is_due(step, record):
                    continue
                if step == "train":
                    run = stack.enter_context(_recording(parts, record))
                record = _step(parts, record, step, holder, run)
    except OSError as error:
        if isinstance(error.__context__, Unavailable):  # the run's record could not even be ended
            raise error.__context__ from error
        raise Unavailable(f"retrain cycle, step {step}: {error}") from error
    except Unavailable:
        raise
    except KeyboardInterrupt:
        parts.say(interruption_line(record, step))
        raise
    except Exception as error:  # the boundary of a cycle: it must not be gone on with for ever
        if isinstance(error, UsageError) and step not in _UNREPEATABLE:
            raise
        close(parts, replace(record, outcome="failed", reason=f"{step}: {in_one_line(error)}"))
        raise
    return close(parts, record)


def _is_due(step: Step, record: CycleRecord) -> bool:
    """Whether it is left to do; one that an older version's cycle went past is not made up for."""
    at_or_behind = STEPS[STEPS.index(step) :]
    if record.done.keys() & set(at_or_behind):
        return False
    return record.outcome is None or step in _STILL_DUE.get(record.outcome, ())


def close(parts: CycleParts, record: CycleRecord) -> CycleSummary:
    """Tell the outcome of a cycle and remove its files; to do so twice changes nothing."""
    summary = _summary(parts, record)
    if parts.shared is not None:
        parts.shared.lock.check()
        parts.shared.board.over(summary)
    parts.reached("closing told")
    parts.work.save(replace(record, closed=True))
    parts.work.empty()
    return summary


def _step(
    parts: CycleParts, record: CycleRecord, step: Step, holder: str, run: RunRecorder | None
) -> CycleRecord:
    parts.check_lock()
    if parts.shared is not None:
        parts.shared.board.now_at(_status(parts, record, step, holder))
    parts.reached(f"{step} begins")
    began = parts.clock.monotonic()
    with run.timed(_TIMED[step]) if run and step in _TIMED else nullcontext():
        made = _WORK[step](parts, record, run)
    parts.reached(f"{step} made")
    seconds = round(parts.clock.monotonic() - began, 3)
    saved = replace(made, done={**record.done, step: seconds})
    parts.work.save(saved)
    _LOGGER.info("retrain cycle %s: %s took %.1f s", record.cycle_id, step, seconds)
    parts.reached(f"{step} saved")
    return saved


def _recording(parts: CycleParts, record: CycleRecord) -> AbstractContextManager[RunRecorder]:
    if record.incumbent_generation:
        check_store(parts.settings.releases)
    check_output_folder("MILLRACE_RUNS", parts.runs)
    return recorded_run(parts.runs, RunPlan("retrain", config_of(record), record.source, record.events))


def _status(parts: CycleParts, record: CycleRecord, step: Step, holder: str) -> CycleStatus:
    return CycleStatus(
        cycle_id=record.cycle_id,
        trigger=record.trigger,
        started_at=record.started_at,
        step=step,
        step_since=parts.clock.now(),
        holder=holder,
        attempt=record.attempts,
    )


def _summary(parts: CycleParts, record: CycleRecord) -> CycleSummary:
    assert record.outcome is not None
    return CycleSummary(
        cycle_id=record.cycle_id,
        trigger=record.trigger,
        started_at=record.started_at,
        ended_at=parts.clock.now(),
        outcome=record.outcome,
        reason="; ".join(filter(None, (record.reason, _without_refit(record)))),
        release_id=record.release_id,
        judged=record.judged,
        incumbent=record.incumbent,
        generation=record.generation,
        warm_start=record.warm_start,
        events=record.events,
        seconds=record.done,
        metrics=record.metrics,
        refusals=record.refusals,
        refused_by=record.refused_by,
        late=record.late,
        request_ids=record.request_ids,
        attempts=record.attempts,
    )


def _without_refit(record: CycleRecord) -> str:
    return f"without the newest events: {record.why_no_refit}" if record.why_no_refit else ""
