"""Vocabulary: the one place where an item's id and its row are converted.

Owns the order of rows in `item_vectors.npy`, the index, `popular` and `similar`. Callers: everything in
`models` and `retrain`.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.item_hashes import hash_items, packed_hashes
from schemas.errors import InvalidRelease
from schemas.ids import ItemId

UNKNOWN = -1
"""The row of an item that is not in the vocabulary, in arrays of rows."""


class Vocabulary:
    """An immutable one-to-one map between item ids and rows 0..len-1."""

    def __init__(self, item_ids: Sequence[ItemId]) -> None:
        self._item_ids = tuple(item_ids)
        self._rows = {item_id: row for row, item_id in enumerate(self._item_ids)}
        if len(self._rows) != len(self._item_ids):
            raise ValueError("an item id occurs twice in the vocabulary")

    def __len__(self) -> int:
        return len(self._item_ids)

    @property
    def item_ids(self) -> tuple[ItemId, ...]:
        """All ids in the order of their rows."""
        return self._item_ids

    @property
    def known_rows(self) -> Mapping[ItemId, int]:
        """Row by id, for loops that ask for many."""
        return self._rows

    @cached_property
    def item_hashes(self) -> NDArray[np.uint8]:
        """uint8 [items, ITEM_BYTES]: the items' hashes; made at the first use, 0.2 us an item."""
        return packed_hashes(hash_items(self._item_ids))

    def row(self, item_id: ItemId) -> int:
        """The item's row, or `UNKNOWN`."""
        return self._rows.get(item_id, UNKNOWN)

    def rows(self, item_ids: Iterable[ItemId]) -> NDArray[np.int32]:
        """The items' rows, int32 [n]; `UNKNOWN` where an item is not known."""
        find = self._rows.get
        return np.array([find(item_id, UNKNOWN) for item_id in item_ids], dtype=np.int32)

    def item_id(self, row: int) -> ItemId:
        """The id at a row; a row outside 0..len-1 is a bug of the caller."""
        assert row >= 0
        return self._item_ids[row]

    def save(self, path: Path) -> None:
        """Write the ids in row order as a MessagePack array."""
        path.write_bytes(msgspec.msgpack.encode(self._item_ids))


def load_vocabulary(path: Path) -> Vocabulary:
    """Read what `Vocabulary.save` wrote.

    Raises:
        InvalidRelease: the file is not a MessagePack array of distinct strings.
    """
    try:
        return Vocabulary(msgspec.msgpack.decode(path.read_bytes(), type=list[ItemId]))
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidRelease(f"{path}: {error}") from error
