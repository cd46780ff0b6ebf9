"""SideIndexAnnouncement v1: the messages on the `side-indexes` topic, as JSON: a version claimed, or ready.

Writer: `retrain.side_index.side_index_announcing`. Readers: the same, `streams.side_index_watcher`. The topic
is compacted and has one partition. The key of what is ready is its release's id, so that the last version of
each release stays; claims have keys of their own.
"""

from datetime import datetime

import msgspec

from schemas.ids import ReleaseId


class SideIndexAnnouncement(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a side index."""

    release_id: ReleaseId
    version: int
    """Rises over the whole topic; of two claims to one version the first in the log has it."""
    announced_at: datetime
    ready: bool
    """False: a builder claims the version and is about to write it; readers pass it over."""
    items: int = 0
    schema_version: int = 1

    @property
    def key(self) -> bytes:
        """The message's key."""
        return self.release_id.encode() if self.ready else b"claim:" + self.release_id.encode()


_DECODER = msgspec.json.Decoder(SideIndexAnnouncement)


def encode_side_index_announcement(announcement: SideIndexAnnouncement) -> bytes:
    """JSON bytes of the announcement."""
    return msgspec.json.encode(announcement)


def decode_side_index_announcement(value: bytes) -> SideIndexAnnouncement:
    """The announcement from its bytes.

    Raises:
        msgspec.DecodeError: the bytes are no SideIndexAnnouncement v1.
    """
    return _DECODER.decode(value)
