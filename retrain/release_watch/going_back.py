"""Going back from a watched release to the one before it, unless anybody has announced anything since.

The announcement claims the generation behind the watched one's and no other, so of a rollback and a person's
promotion at the same moment one counts, by the log. Writer: through `retrain.releases.announcing`. Caller:
`retrain.release_watch.release_watch`.
"""

from datetime import UTC, datetime

from retrain.releases.announcing import claim_generation, read_announcements, running_announcement
from retrain.releases.release_catalogue import verify_release
from schemas.connections import kafka_arguments
from schemas.ids import ReleaseId
from schemas.release_announcement import ReleaseAnnouncement
from schemas.settings import SharedSettings


def go_back(
    settings: SharedSettings, release_id: ReleaseId, generation: int, previous: ReleaseId, reason: str
) -> ReleaseAnnouncement | None:
    """Announce the release before the watched one.

    Args:
        settings: where releases and their topic are.
        release_id: what is watched.
        generation: the one that announced it.
        previous: where to go back to.
        reason: why, for the announcement.

    Returns:
        The announcement that was made; None where another one than the watched one runs by now.

    Raises:
        InvalidRelease: the release to go back to is incomplete or corrupt; nothing was announced.
        Unavailable: Kafka or the object store does not answer.
    """
    kafka = kafka_arguments(settings)
    running = running_announcement(read_announcements(kafka, settings.releases_topic))
    if running is not None and _is_it(running, generation, previous, reason):
        return running
    if running is None or (running.generation, running.release_id) != (generation, release_id):
        return None
    verify_release(settings.releases, previous)
    wanted = ReleaseAnnouncement(
        release_id=previous,
        generation=generation + 1,
        announced_at=datetime.now(UTC),
        previous=release_id,
        reason=reason,
    )
    return wanted if claim_generation(kafka, settings.releases_topic, wanted) else None


def _is_it(running: ReleaseAnnouncement, generation: int, previous: ReleaseId, reason: str) -> bool:
    """Whether this rollback was announced by a try before, of which the answer was lost."""
    return (running.generation, running.release_id, running.reason) == (generation + 1, previous, reason)
