"""Going back from a watched release to the one before it, unless anybody has announced anything since.

The announcement claims the generation behind the watched one's and no other, so of a rollback and a person's
promotion at the same moment one counts, by the log. Writer: through `retrain.releases.announcing`. Callers:
`retrain.release_watch.release_watch`, `retrain.cycle`.
"""

from datetime import UTC, datetime

from retrain.releases.announcing import claim_generation, read_running
from retrain.releases.release_catalogue import verify_release
from schemas.connections import kafka_arguments
from schemas.ids import ReleaseId
from schemas.release_announcement import ReleaseAnnouncement
from schemas.settings import SharedSettings

_REASON = "automatic rollback of"


def go_back(
    settings: SharedSettings, release_id: ReleaseId, generation: int, previous: ReleaseId, breach: str
) -> ReleaseAnnouncement | None:
    """Announce the release before the watched one.

    Args:
        settings: where releases and their topic are.
        release_id: what is watched.
        generation: the one that announced it.
        previous: where to go back to.
        breach: why, for the announcement.

    Returns:
        The announcement that was made; None where another one than the watched one runs by now.

    Raises:
        InvalidRelease: the release to go back to is incomplete or corrupt; nothing was announced.
        Unavailable: Kafka or the object store does not answer.
    """
    kafka = kafka_arguments(settings)
    running = read_running(kafka, settings.releases_topic)
    if running is not None and is_rollback_of(running, release_id, generation, previous):
        return running  # of a try before, of which the answer was lost
    if running is None or (running.generation, running.release_id) != (generation, release_id):
        return None
    verify_release(settings.releases, previous)
    wanted = ReleaseAnnouncement(
        release_id=previous,
        generation=generation + 1,
        announced_at=datetime.now(UTC),
        previous=release_id,
        reason=f"{_REASON} {release_id}: {breach}",
    )
    return wanted if claim_generation(kafka, settings.releases_topic, wanted) else None


def is_rollback_of(
    running: ReleaseAnnouncement, release_id: ReleaseId, generation: int, previous: ReleaseId | None
) -> bool:
    """Whether an announcement is what `go_back` has made of these."""
    if (running.generation, running.release_id) != (generation + 1, previous):
        return False
    return isinstance(running.reason, str) and running.reason.startswith(f"{_REASON} {release_id}: ")
