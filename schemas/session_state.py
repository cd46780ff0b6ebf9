"""SessionState v1: what Redis keeps of a session, as a MessagePack array.

Writer: `streams.redis_session_store` (the save script). Readers: the same. Folded by `models.session_rule`.
The item list is the truth. The encoder state is a cache that belongs to the release named beside it: under
another release it is rebuilt from the list. Packed columns keep the value under 1.5 KB at 50 items with ids
of 10 bytes and 100 units, and make an append a concatenation of bytes. A worker that does not know the last
field reads the state without it, and writes it so: then the session's next event is not compared.
"""

from hashlib import blake2b

import msgspec

from schemas.ids import EventId, ItemId, ReleaseId
from schemas.last_list import check_last_list

VERSION = 1
MAX_ITEMS = 50
"""The last items that a session keeps, and the last event ids that it recognises."""
HASH_BYTES = 8
TIME_BYTES = 4


class SessionState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A session's history and the encoder's state after it."""

    version: int = VERSION
    release_id: ReleaseId = ReleaseId("")
    """The release that computed `encoder_state`; empty before any."""
    item_ids: tuple[ItemId, ...] = ()
    """The last items in log order, oldest first, repeats kept."""
    event_types: bytes = b""
    """One code a byte beside each item (`schemas.item_event.EVENT_TYPES`)."""
    times_s: bytes = b""
    """uint32 little-endian beside each item: epoch seconds of the event."""
    event_hashes: bytes = b""
    """8 bytes for each of the last event ids, oldest first."""
    encoder_state: bytes = b""
    """float16 little-endian [state_size]; empty before the first known item."""
    last_event_at_ms: int = 0
    """The greatest event time so far, epoch milliseconds."""
    home_partition: int = 0
    """The partition that the session's events come from."""
    last_list: bytes = b""
    """The list that the session got last (`schemas.last_list.write_last_list`); empty where it has none."""


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(SessionState)
_ARRAY_OF_9, _NO_BYTES = b"\x99", b"\xc4\x00"


def encode_session_state(state: SessionState) -> bytes:
    """MessagePack bytes of the state; without a last list they are those from before there was the field."""
    value = _ENCODER.encode(state)
    return value if state.last_list else _ARRAY_OF_9 + value[1 : -len(_NO_BYTES)]


def decode_session_state(value: bytes) -> SessionState:
    """The state from its bytes.

    Raises:
        msgspec.DecodeError: the bytes are no SessionState, or one of another version.
    """
    state = _DECODER.decode(value)
    if state.version != VERSION:
        raise msgspec.ValidationError(
            f"session state of version {state.version}; this worker reads version {VERSION}"
        )
    items = len(state.item_ids)
    if (
        items != len(state.event_types)
        or items * TIME_BYTES != len(state.times_s)
        or len(state.event_hashes) % HASH_BYTES
        or len(state.encoder_state) % 2
    ):
        raise msgspec.ValidationError("session state whose columns have different lengths")
    check_last_list(state.last_list)
    return state


def hash_event_id(event_id: EventId) -> bytes:
    """8 bytes that stand for an event id, the same in every process."""
    return blake2b(event_id.encode(), digest_size=HASH_BYTES).digest()
