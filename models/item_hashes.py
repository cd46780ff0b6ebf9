"""Hashes of item ids, 24 bits, the same in every process: what a state keeps of the items of a list.

Owns the hash; where it is kept is `schemas.last_list`. Callers: `models.vocabulary`, `models.online_quality`.
"""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from schemas.ids import ItemId
from schemas.last_list import ITEM_BYTES, MAX_LISTED

_SPREAD = np.uint32(0x9E3779B1)
"""Odd, near 2^32 divided by the golden ratio: spreads what ids have in common (Knuth 6.4)."""
_UNUSED_BITS = 32 - 8 * ITEM_BYTES
_MASK = np.uint32((1 << 8 * ITEM_BYTES) - 1)


def hash_items(item_ids: Sequence[ItemId]) -> NDArray[np.uint32]:
    """The hash of each item, uint32 [n] below 2^24."""
    sums = np.array([crc32(item_id.encode()) for item_id in item_ids], dtype=np.uint32)
    return (sums * _SPREAD) >> np.uint32(_UNUSED_BITS)


def packed_hashes(hashes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """The same in `ITEM_BYTES` each, little-endian: uint8 [n, ITEM_BYTES]."""
    wide = hashes.astype("<u4").view(np.uint8).reshape(-1, 4)
    return np.ascontiguousarray(wide[:, :ITEM_BYTES])


def unpacked_hashes(lists: Sequence[bytes]) -> NDArray[np.uint32]:
    """The hashes of lists that are packed so, uint32 [n, MAX_LISTED].

    Args:
        lists: n times `ITEM_BYTES` * `MAX_LISTED` bytes.
    """
    joined = b"".join([*lists, b"\0"])  # the last is read with a byte more, too
    words = np.ndarray((len(lists), MAX_LISTED), "<u4", joined, strides=(ITEM_BYTES * MAX_LISTED, ITEM_BYTES))
    return words & _MASK
