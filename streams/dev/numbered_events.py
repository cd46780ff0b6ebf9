"""Events that bear a number, by which the list that answers them is known again: `event_id` is `load-17`.

Callers: `paced_load`, `lookup_polling`, `soak`.
"""

import itertools
from pathlib import Path
from typing import NamedTuple

import msgspec

_PREFIX = "load-"


class NumberedEvent(NamedTuple):
    """An event as it is produced."""

    session_id: str
    value: bytes


class _EventId(msgspec.Struct):
    """All that is read of a list."""

    event_id: str = ""


_DECODER = msgspec.json.Decoder(_EventId)


def numbered_events(path: Path, first: int, count: int) -> list[NumberedEvent]:
    """So many events of a file, numbered from `first` on.

    Args:
        path: ItemEvent JSON a line; taken from line `first` on, and again from the start after the last one.
        first: the number of the first event.
        count: how many.
    """
    lines = path.read_bytes().splitlines()
    chosen = itertools.islice(itertools.cycle(lines), first % len(lines), first % len(lines) + count)
    return [_numbered(line, first + at) for at, line in enumerate(chosen)]


def number_of(list_json: bytes | None) -> int | None:
    """The number of the event that a list answers; None where it is no numbered one."""
    event_id = _DECODER.decode(list_json).event_id if list_json else ""
    return int(event_id.removeprefix(_PREFIX)) if event_id.startswith(_PREFIX) else None


def _numbered(line: bytes, number: int) -> NumberedEvent:
    fields = {**msgspec.json.decode(line), "event_id": f"{_PREFIX}{number}"}
    return NumberedEvent(str(fields["session_id"]), msgspec.json.encode(fields))
