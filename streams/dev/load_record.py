"""What a paced load read, list by list, kept in a file: when each came, of which release, with which items.

Writer: `paced_load`. Reader: `bench_swap`.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.dev.numbered_events import number_of


class RecordedList(msgspec.Struct, frozen=True):
    """One list; times in seconds of `time.perf_counter`, which all processes of a Linux machine share."""

    number: int
    """Of its event."""
    due_s: float
    """When the event was due."""
    read_s: float
    release_id: str
    item_ids: list[str]


class LoadRecord(msgspec.Struct, frozen=True):
    """A whole load."""

    due_s: list[float]
    """Of each event."""
    lists: list[RecordedList]
    """In the order in which they were read."""


class _Item(msgspec.Struct):
    item_id: str


class _List(msgspec.Struct):
    release_id: str
    items: list[_Item]


_DECODER = msgspec.json.Decoder(_List)


def write_record(
    path: Path, due_s: NDArray[np.float64], first: int, read: Iterable[tuple[float, bytes]]
) -> None:
    """Decode what was read and write it; after the load, which it would disturb.

    Args:
        path: the file.
        due_s: float64 [events].
        first: the number of the first event.
        read: when a message of the lists' topic was read, and its value; others' lists among them.
    """
    lists = []
    for read_s, value in read:
        number = number_of(value)
        if number is not None and 0 <= number - first < len(due_s):
            one = _DECODER.decode(value)
            items = [item.item_id for item in one.items]
            lists.append(RecordedList(number, float(due_s[number - first]), read_s, one.release_id, items))
    path.write_bytes(msgspec.msgpack.encode(LoadRecord(due_s.tolist(), lists)))


def read_record(path: Path) -> LoadRecord:
    """What `write_record` wrote."""
    return msgspec.msgpack.decode(path.read_bytes(), type=LoadRecord)
