"""The format of OTTO's recsys-dataset -> an event file.

Owns the format: a JSON object a line, `{"session": 1, "events": [{"aid": 2, "ts": 1659304800025, "type":
"clicks"}]}`, times in epoch milliseconds, types clicks, carts and orders. Read line by line; sorting and
writing are `retrain.importers.event_file_writing`. Caller: `millrace import otto`.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import polars as pl
from msgspec import Meta

from retrain.importers.event_file_writing import TIME_COLUMN, write_event_file
from schemas.errors import UsageError
from schemas.item_event import DEFAULT_EVENT_TYPE_MAP
from schemas.timestamps import MAX_TIME_MS

CHUNK_EVENTS = 1_000_000
"""Events in memory at once; the whole process then takes about 500 MB."""
_EXAMPLE = '{"session": 1, "events": [{"aid": 2, "ts": 1659304800025, "type": "clicks"}]}'
_SHOWN = 80
_Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class OttoEvent(msgspec.Struct, frozen=True, gc=False):
    """One event of a session."""

    aid: _Id
    ts: Annotated[int, Meta(ge=0, le=MAX_TIME_MS)]
    type: Literal["clicks", "carts", "orders"]


class OttoSession(msgspec.Struct, frozen=True):
    """One line of the file."""

    session: _Id
    events: list[OttoEvent]


_DECODER = msgspec.json.Decoder(OttoSession)


def import_otto(
    source: Path,
    target: Path,
    progress: Callable[[int], None] = lambda _: None,
    chunk_events: int = CHUNK_EVENTS,
) -> int:
    """Turn a file of OTTO's format into an event file in time order.

    Args:
        source: the `.jsonl` file.
        target: the `.parquet` file; it appears when it is complete.
        progress: called with the bytes of the source read so far.
        chunk_events: events held in memory at once, about.

    Returns:
        How many events there are.

    Raises:
        UsageError: a file cannot be read or written, there is no event, or a line is wrong.
    """
    if not source.is_file():
        raise UsageError(f"{source}: no such file")
    events = write_event_file(_chunks(source, progress, chunk_events), target)
    if events == 0:
        raise UsageError(f"{source}: no events in the file; a line is {_EXAMPLE}")
    return events


def _chunks(source: Path, progress: Callable[[int], None], chunk_events: int) -> Iterator[pl.DataFrame]:
    sessions: list[OttoSession] = []
    held = 0
    for session in _sessions(source, progress):
        sessions.append(session)
        held += len(session.events)
        if held >= chunk_events:
            yield _frame(sessions)
            sessions, held = [], 0
    if held:
        yield _frame(sessions)


def _sessions(source: Path, progress: Callable[[int], None]) -> Iterator[OttoSession]:
    read_bytes = 0
    try:
        with source.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                read_bytes += len(line)
                if line.strip():
                    yield _decoded(line, f"{source}:{number}")
                progress(read_bytes)
    except OSError as error:
        raise UsageError(f"{source}: cannot be read ({error.strerror})") from error


def _decoded(line: bytes, place: str) -> OttoSession:
    try:
        return _DECODER.decode(line)
    except msgspec.ValidationError as error:
        reason, _, rest = str(error).partition(" - at `")
        path = rest.rstrip("`") or "$"
        raise UsageError(
            f"{place}: {path}: {reason}, the value is {_shown(_value_at(line, path))}; a line is {_EXAMPLE}"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"{place}: no JSON ({error}): {_shown(line.strip())}; a line is {_EXAMPLE}"
        ) from error


def _value_at(line: bytes, path: str) -> Any:
    """What stands at a path such as `$.events[3].ts`."""
    value = msgspec.json.decode(line)
    for name, place in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        value = value[name] if name else value[int(place)]
    return value


def _shown(value: object) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _frame(sessions: list[OttoSession]) -> pl.DataFrame:
    events = [event for session in sessions for event in session.events]
    lengths = [len(session.events) for session in sessions]
    ids = pl.DataFrame({"session_id": [session.session for session in sessions], "events": lengths})
    return ids.select(pl.col("session_id").repeat_by("events").explode().drop_nulls()).with_columns(
        pl.col("session_id").cast(pl.String),
        item_id=pl.Series([event.aid for event in events], dtype=pl.Int64).cast(pl.String),
        event_type=pl.Series([DEFAULT_EVENT_TYPE_MAP[event.type] for event in events], dtype=pl.String),
        **{TIME_COLUMN: pl.Series([event.ts for event in events], dtype=pl.Int64)},
    )
