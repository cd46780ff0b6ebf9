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
from retrain.cycle.live_workers import Reported, reported, wait_for_workers
from retrain.releases.announcing import claim_generation, read_announcements, running_announcement
from retrain.releases.release_catalogue import verify_release
from schemas.connections import kafka_arguments
from schemas.cycle_status import RunningRelease
from schemas.ids import ReleaseId
from schemas.release_announcement import ReleaseAnnouncement
from schemas.retrain_cycle import CycleRecord


def announce(parts: CycleParts, record: CycleRecord) -> CycleRecord:
    """Verify the release where it lies and announce it; one that is announced already is not again.

    Raises:
        InvalidRelease: it is incomplete or corrupt there.
        Unavailable: Kafka, Redis or the store does not answer, or the lock was lost.
    """
    release_id = _candidate(record)
    verify_release(parts.settings.releases, release_id)
    running = _running(parts)
    if running is not None and running.release_id == release_id:
        return replace(record, generation=running.generation)
    if (running.generation if running else 0) != record.incumbent_generation:
        return _superseded(record, running)
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
    return _superseded(record, _running(parts))


def wait(parts: CycleParts, record: CycleRecord) -> CycleRecord:
    """Wait until every live worker has reported the release, or can never serve it; not for ever.

    Raises:
        Unavailable: Redis does not answer.
    """
    if parts.shared is None:
        return record
    look = partial(reported, parts.shared.redis, _candidate(record), record.generation)
    seen = wait_for_workers(look, parts.settings.retrain_wait_s, parts.clock.monotonic, parts.clock.sleep)
    waited = replace(record, late=seen.late, refused_by=seen.refused)
    if problem := _problem(seen, parts.settings.retrain_wait_s):
        return replace(waited, outcome="unconfirmed", reason=problem)
    return waited


def mark(parts: CycleParts, record: CycleRecord) -> CycleRecord:
    """Say that the release runs, unless another has been announced since.

    Raises:
        Unavailable: Kafka or Redis does not answer, or the lock was lost.
    """
    running = _running(parts)
    if running is None or running.release_id != record.release_id:
        return _superseded(record, running)
    if parts.shared is not None:
        _mark(parts, parts.shared, record)
    return replace(record, reason="; ".join(_refusal_lines(record.refused_by)))


def _mark(parts: CycleParts, shared: Shared, record: CycleRecord) -> None:
    shared.lock.check()
    shared.board.runs(
        RunningRelease(
            release_id=_candidate(record),
            generation=record.generation,
            cycle_id=record.cycle_id,
            marked_at=parts.clock.now(),
            newest_event_at=record.newest_event_at,
        )
    )


def _running(parts: CycleParts) -> ReleaseAnnouncement | None:
    kafka = kafka_arguments(parts.settings)
    return running_announcement(read_announcements(kafka, parts.settings.releases_topic))


def _superseded(record: CycleRecord, running: ReleaseAnnouncement | None) -> CycleRecord:
    now = f"{running.release_id} (generation {running.generation})" if running else "nothing"
    fate = "was announced" if record.generation else "was not announced"
    reason = (
        f"{record.release_id} {fate}, and {now} is announced now, not the release that it was compared with "
        f"(generation {record.incumbent_generation}); the next cycle compares anew, or `millrace releases "
        "promote` it"
    )
    return replace(record, outcome="superseded", reason=reason)


def _problem(seen: Reported, timeout_s: float) -> str:
    lines = _refusal_lines(seen.refused)
    if seen.late:
        lines.append(
            f"{', '.join(seen.late)} did not report it within {timeout_s:g} s (MILLRACE_RETRAIN_WAIT_S); see "
            "the log there"
        )
    elif len(seen.refused) < seen.live or not seen.live:
        return ""
    return "; ".join(lines)


def _refusal_lines(refused: dict[str, str]) -> list[str]:
    return [f"worker {worker} refuses it: {why}" for worker, why in sorted(refused.items())]


def _candidate(record: CycleRecord) -> ReleaseId:
    assert record.release_id is not None
    return record.release_id
