"""ReleaseAnnouncement v1: the message on the `releases` topic that makes workers swap, as JSON.

Writer: `retrain` (publish, promote, rollback). Readers: `streams.release_watcher` in workers and lookups.
The topic is compacted, has one partition, and the key is the release line's name, so its last message is the
running release.
"""

from datetime import datetime

import msgspec

from schemas.ids import ReleaseId

RELEASE_LINE = b"default"
"""The key of every announcement: one line of releases per topic."""


class ReleaseAnnouncement(msgspec.Struct, frozen=True, kw_only=True):
    """Which release to serve from now on."""

    release_id: ReleaseId
    generation: int
    """Rises with every announcement, a rollback included; a reader ignores what is not above its own."""
    announced_at: datetime
    previous: ReleaseId | None = None
    """The release that was announced before: compaction may have removed its announcement."""
    reason: str | msgspec.UnsetType = msgspec.UNSET
    """Why it was announced: a cycle, a person's promotion or rollback, an automatic rollback."""
    forced: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether a person announced it though the gate had refused it."""
    schema_version: int = 1


_DECODER = msgspec.json.Decoder(ReleaseAnnouncement)


def encode_release_announcement(announcement: ReleaseAnnouncement) -> bytes:
    """JSON bytes of the announcement."""
    return msgspec.json.encode(announcement)


def decode_release_announcement(value: bytes) -> ReleaseAnnouncement:
    """The announcement from its bytes.

    Raises:
        msgspec.DecodeError: the bytes are no ReleaseAnnouncement v1.
    """
    return _DECODER.decode(value)
