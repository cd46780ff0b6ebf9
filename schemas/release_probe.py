"""ReleaseProbes v1: `probes.msgpack` of a release, a few sessions and the lists that they must be given.

Writer: `retrain.releases.probe_writing`. Reader: `models.probe_answers`, before a process serves the release.
The sessions are prefixes of sessions that the release was trained on: items and event types, no ids of
sessions or users, no times.
"""

import msgspec

from schemas.ids import ItemId

PROBES_FILE = "probes.msgpack"
"""Not in every release: those built before it existed have none."""
SCHEMA_VERSION = 1


class ReleaseProbe(msgspec.Struct, frozen=True, kw_only=True):
    """A session just before its last event, and the list that this event gave on the building machine."""

    item_ids: tuple[ItemId, ...]
    """In order, at least one; the last is the event's."""
    event_types: bytes
    """A code for each item, those of `models.session_rule.EVENT_TYPE_CODES`."""
    encoder_state: bytes
    """float16 [state_size] before the last event; empty where that is the first."""
    list_items: tuple[ItemId, ...]
    """Best first."""
    list_scores: tuple[float, ...]
    """Beside the items."""


class ReleaseProbes(msgspec.Struct, frozen=True, kw_only=True):
    """All probes of a release."""

    probes: tuple[ReleaseProbe, ...]
    schema_version: int = SCHEMA_VERSION


_DECODER = msgspec.msgpack.Decoder(ReleaseProbes)


def encode_release_probes(probes: ReleaseProbes) -> bytes:
    """MessagePack bytes of the probes."""
    return msgspec.msgpack.encode(probes)


def decode_release_probes(value: bytes) -> ReleaseProbes:
    """The probes from their bytes.

    Raises:
        msgspec.DecodeError: the bytes are no ReleaseProbes of a known version.
    """
    probes = _DECODER.decode(value)
    if probes.schema_version != SCHEMA_VERSION:
        raise msgspec.ValidationError(
            f"probes of version {probes.schema_version}; version {SCHEMA_VERSION} is known"
        )
    return probes
