"""The last list of a session, packed into its state: enough to see whether the next event was in it.

Owns the bytes of `SessionState.last_list`. An item is 3 bytes of a hash: of the events that miss a list one
in 840 000 counts as a hit. With 4 bytes a full state would grow over 1.5 KB, and over the size that Redis'
allocator gives it. Writer: `models.last_lists`. Readers: the same, `models.online_quality`,
`schemas.session_state`.
"""

from typing import get_args

import msgspec

from schemas.ids import ReleaseId
from schemas.recommendation_list import Strategy

MAX_LISTED = 20
"""The first items of a list that are kept, and so the greatest cutoff of online figures."""
ITEM_BYTES = 3
HEADER_BYTES = 6
_MOST_BYTES = HEADER_BYTES + ITEM_BYTES * MAX_LISTED
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
"""In the order of their codes. Appended to, never reordered."""
STRATEGY_CODES: dict[Strategy, int] = {strategy: code for code, strategy in enumerate(STRATEGIES)}
_MOST_DIGITS = 19
"""Of an offset, an int64."""


class LastList(msgspec.Struct, frozen=True, gc=False):
    """A list that a session has got."""

    release_id: ReleaseId
    packed: bytes
    """A byte each for the strategy's code and the number of items kept; 4 bytes little-endian: the offset of
    its event, modulo 2^32; then the hash of each item (`models.item_hashes`), best first."""
    partition: int
    """Of its event: the session's, so that it need not be packed."""

    @property
    def strategy(self) -> Strategy:
        """What made it."""
        return STRATEGIES[self.packed[0]]

    def is_named(self, recommendation_id: str) -> bool:
        """Whether this is the list that an event names; the topic is not compared, it is not kept."""
        topic_and_partition, _, offset = recommendation_id.rpartition("-")
        return (
            topic_and_partition.endswith(f"-{self.partition}")
            and offset.isascii()
            and offset.isdecimal()
            and len(offset) <= _MOST_DIGITS
            and int(offset) & 0xFFFFFFFF == int.from_bytes(self.packed[2:HEADER_BYTES], "little")
        )


def pack_list(strategy: Strategy, offset: int, item_hashes: bytes) -> bytes:
    """`LastList.packed`.

    Args:
        strategy: what made the list.
        offset: of the event that it answers.
        item_hashes: `ITEM_BYTES` for each of its first items, at most `MAX_LISTED`, best first.
    """
    header = bytes((STRATEGY_CODES[strategy], len(item_hashes) // ITEM_BYTES))
    return header + (offset & 0xFFFFFFFF).to_bytes(HEADER_BYTES - len(header), "little") + item_hashes


def write_last_list(last: LastList | None, state_release_id: ReleaseId) -> bytes:
    """The bytes in a state; the release is left out where it is the state's own, as it nearly always is."""
    if last is None:
        return b""
    return last.packed if last.release_id == state_release_id else last.packed + last.release_id.encode()


def read_last_list(value: bytes, state_release_id: ReleaseId, partition: int) -> LastList | None:
    """What `write_last_list` wrote, in the state of a session of this partition."""
    if not value:
        return None
    end = HEADER_BYTES + ITEM_BYTES * value[1]
    release_id = ReleaseId(value[end:].decode()) if len(value) > end else state_release_id
    return LastList(release_id, value[:end], partition)


def check_last_list(value: bytes) -> None:
    """Refuse bytes that are none.

    Raises:
        msgspec.ValidationError: they are cut off, or of a strategy or a length that is not known.
    """
    if not value:
        return
    end = HEADER_BYTES + ITEM_BYTES * value[1] if len(value) >= HEADER_BYTES else 0
    if len(value) == end <= _MOST_BYTES and value[0] < len(STRATEGIES):
        return  # as it nearly always is
    known = end and value[0] < len(STRATEGIES) and value[1] <= MAX_LISTED
    if not known or len(value) < end or not _is_text(value[end:]):
        raise msgspec.ValidationError("session state whose last list cannot be read")


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
