"""The steps that make a release run: announce it, wait for the workers, mark it running.

An announcement claims one generation, the one behind the incumbent's that the candidate was compared with,
and no other. So the log decides as a compare-and-set does: of two that claim a generation the first counts,
for workers and for `claim_generation` alike. Where anybody has announced anything since the incumbent was
read, the cycle announces nothing and says so. That is what holds a process back that was stopped (a suspended
machine) between the last look at its lock and its message: either a later cycle has announced, then the
message counts for nobody; or none has, then it is the announcement of a candidate that was compared with what
still runs.

Caller: `retrain.cycle.run_cycle`.
"""

from functools import partial

from msgspec.structs import replace

from retrain.cycle.cycle_parts import CycleParts, Shared
from retrain.cycle.incumbent_steps import check_store
from retrain.cycle.later_announcements import candidate_of, now_announced, overtaken
from retrain.cycle.live_workers import Reported, reported, wait_for_workers
from retrain.release_watch.going_back import go_back
from retrain.releases.announcing import claim_generation
from retrain.releases.release_catalogue import verify_release
from schemas.connections import kafka_arguments
from schemas.cycle_status import RunningRelease
from schemas.errors import InvalidRelease
from schemas.release_announcement import ReleaseAnnouncement
from schemas.retrain_cycle import CycleRecord


def announce(parts: CycleParts, record: CycleRecord) -> CycleRecord:
    """Verify the release where it lies and announce it; one that is announced already is not again.

    Raises:
        InvalidRelease: it is incomplete or corrupt there.
        Unavailable: Kafka, Redis or the store does not answer, or the lock was lost.
    """
    release_id = candidate_of(record)
    check_store(parts.settings.releases)
    verify_release(parts.settings.releases, release_id)
    running = now_announced(parts)
    if running is not None and running.release_id == release_id:
        return replace(record, generation=running.generation)
    if (running.generation if running else 0) != record.incumbent_generation:
        return overtaken(parts, record, running)
    wanted = ReleaseAnnouncement(
        release_id=release_id,
        generation=record.incumbent_generation + 1,
        announced_at=parts.clock.now(),
        previous=running.release_id if running else None,
        reason=f"retrain cycle {record.cycle_id}: {record.trigger}",
    )
    parts.check_lock()
    parts.reached("announce checked")
    settings = parts.settings
    if claim_generation(kafka_arguments(settings), settings.releases_topic, wanted):
        return replace(record, generation=wanted.generation)
    return overtaken(parts, record, now_announced(parts))


def wait(parts: CycleParts, record: CycleRecord) -> CycleRecord:
    """Wait until every live worker has reported the release, or can never serve it; not for ever.

    Where none of them can ever serve it, the incumbent is announced again.

    Raises:
        Unavailable: Redis does not answer; to go back, Kafka or the store does not; or the lock was lost.
    """
    if parts.shared is None:
        return record
    look = partial(reported, parts.shared.redis, candidate_of(record), record.generation)
    seen = wait_for_workers(look, parts.settings.retrain_wait_s, parts.clock.monotonic, parts.clock.sleep)
    waited = replace(record, late=seen.late, refused_by=seen.refused)
    if seen.live and len(seen.refused) == seen.live:
        return _go_back(parts, waited)
    if problem := _problem(seen, parts.settings.retrain_wait_s):
        return replace(waited, outcome="unconfirmed", reason=problem)
    return waited


def mark(parts: CycleParts, record: CycleRecord) -> CycleRecord:
    """Say that the release runs, unless another has been announced since.

    Raises:
        Unavailable: Kafka or Redis does not answer, or the lock was lost.
    """
    running = now_announced(parts)
    if running is None or running.release_id != record.release_id:
        return overtaken(parts, record, running)
    if parts.shared is not None:
        _mark(parts, parts.shared, record)
    return replace(record, reason="; ".join(_refusal_lines(record.refused_by)))


def _go_back(parts: CycleParts, record: CycleRecord) -> CycleRecord:
    """Every live worker refuses the release, and one that starts now would: announce the incumbent again."""
    refusals = "; ".join(_refusal_lines(record.refused_by))
    if record.incumbent is None:
        return replace(record, outcome="unconfirmed", reason=f"{refusals}; no release ran before it")
    parts.check_lock()
    breach = f"refused by every live worker: {refusals}"
    try:
        went = go_back(parts.settings, candidate_of(record), record.generation, record.incumbent, breach)
    except InvalidRelease as error:
        why = f"{refusals}; the one before it cannot be served: {error}"
        return replace(record, outcome="unconfirmed", reason=why)
    return overtaken(parts, record, went or now_announced(parts))


def _mark(parts: CycleParts, shared: Shared, record: CycleRecord) -> None:
    shared.lock.check()
    shared.board.runs(
        RunningRelease(
            release_id=candidate_of(record),
            generation=record.generation,
            cycle_id=record.cycle_id,
            marked_at=parts.clock.now(),
            newest_event_at=record.newest_event_at,
        )
    )


def _problem(seen: Reported, timeout_s: float) -> str:
    if not seen.late:
        return ""
    late = (
        f"{', '.join(seen.late)} did not report it within {timeout_s:g} s (MILLRACE_RETRAIN_WAIT_S); see the "
        "log there"
    )
    return "; ".join([*_refusal_lines(seen.refused), late])


def _refusal_lines(refused: dict[str, str]) -> list[str]:
    return [f"worker {worker} refuses it: {why}" for worker, why in sorted(refused.items())]
