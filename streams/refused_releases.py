"""The releases that this worker refuses, and why, for its heartbeat.

Caller: `streams.worker_releases` notes what the release watcher tells.
"""

from schemas.ids import ReleaseId

REMEMBERED = 8
_REASON_LENGTH = 500


class RefusedReleases:
    """The last few refusals; one that is tried again is none until it is refused again."""

    def __init__(self) -> None:
        self.reasons: dict[ReleaseId, str] = {}

    def note(self, release_id: ReleaseId, error: Exception) -> None:
        """A release was announced and can never be served here."""
        self.forget(release_id)
        reason = str(error) or type(error).__name__
        latest = list(self.reasons.items())[1 - REMEMBERED :]
        self.reasons = {**dict(latest), release_id: reason[:_REASON_LENGTH]}

    def forget(self, release_id: ReleaseId) -> None:
        """A release was announced again and is tried anew."""
        self.reasons = {one: reason for one, reason in self.reasons.items() if one != release_id}
