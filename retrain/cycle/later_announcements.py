"""What becomes of a cycle whose release is not, or no longer, the announced one: superseded or rolled back.

Owns telling the two apart, and that the board names what runs again. Callers: `retrain.cycle.announce_steps`,
`retrain.cycle.watch_steps`.
"""

from msgspec.structs import replace

from retrain.cycle.cycle_parts import CycleParts
from retrain.release_watch.going_back import is_rollback_of
from retrain.releases.announcing import read_running
from schemas.connections import kafka_arguments
from schemas.cycle_status import RunningRelease
from schemas.ids import ReleaseId
from schemas.release_announcement import ReleaseAnnouncement
from schemas.retrain_cycle import CycleRecord


def candidate_of(record: CycleRecord) -> ReleaseId:
    """The release that the cycle has made."""
    assert record.release_id is not None
    return record.release_id


def now_announced(parts: CycleParts) -> ReleaseAnnouncement | None:
    """What workers follow now.

    Raises:
        Unavailable: Kafka does not answer.
    """
    return read_running(kafka_arguments(parts.settings), parts.settings.releases_topic)


def overtaken(parts: CycleParts, record: CycleRecord, running: ReleaseAnnouncement | None) -> CycleRecord:
    """The cycle's outcome where something else than its release is announced.

    Raises:
        Unavailable: Redis does not answer, or the lock was lost.
    """
    release_id, generation = candidate_of(record), record.generation
    if running is not None and is_rollback_of(running, release_id, generation, record.incumbent):
        return _rolled_back(parts, record, running)
    now = f"{running.release_id} (generation {running.generation})" if running else "nothing"
    fate = "was announced" if generation else "was not announced"
    reason = (
        f"{release_id} {fate}, and {now} is announced now; it was compared with generation "
        f"{record.incumbent_generation}. The next cycle compares anew, or `millrace releases promote` it"
    )
    return replace(record, outcome="superseded", reason=reason)


def _rolled_back(parts: CycleParts, record: CycleRecord, running: ReleaseAnnouncement) -> CycleRecord:
    if parts.shared is not None:
        parts.shared.lock.check()
        parts.shared.board.runs(
            RunningRelease(
                release_id=running.release_id,
                generation=running.generation,
                cycle_id=record.cycle_id,
                marked_at=parts.clock.now(),
                newest_event_at=record.incumbent_newest_event_at,
            )
        )
    reason = f"{running.reason}; {running.release_id} runs again, as generation {running.generation}"
    return replace(record, outcome="rolled_back", reason=reason)
