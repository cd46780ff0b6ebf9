"""Promote and roll back: a verified release becomes the running one.

Callers: `millrace releases`, `retrain` after the gate.
"""

from retrain.releases.announcing import announce, read_announcements, running_announcement
from retrain.releases.release_catalogue import verify_release
from schemas.connections import kafka_arguments
from schemas.errors import UsageError
from schemas.ids import ReleaseId
from schemas.release_announcement import ReleaseAnnouncement
from schemas.settings import SharedSettings


def promote(settings: SharedSettings, release_id: ReleaseId) -> ReleaseAnnouncement:
    """Verify a release where it lies and announce it.

    Raises:
        InvalidRelease: it is incomplete or corrupt; nothing was announced.
        Unavailable: Kafka or the object store does not answer.
    """
    verify_release(settings.releases, release_id)
    return announce(kafka_arguments(settings), settings.releases_topic, release_id)


def roll_back(settings: SharedSettings) -> ReleaseAnnouncement:
    """Promote the release that was announced before the running one.

    Raises:
        UsageError: there is none.
        InvalidRelease: it is incomplete or corrupt by now; nothing was announced.
        Unavailable: Kafka or the object store does not answer.
    """
    running = running_announcement(read_announcements(kafka_arguments(settings), settings.releases_topic))
    if running is None or running.previous is None:
        raise UsageError(
            f"topic {settings.releases_topic}: no release was announced before "
            f"{running.release_id if running else 'any'}; name one: millrace releases promote RELEASE"
        )
    return promote(settings, running.previous)
