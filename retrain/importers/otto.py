"""The format of OTTO's recsys-dataset -> an event file.

Owns the format: a JSON object a line, `{"session": 1, "events": [{"aid": 2, "ts": 1659304800025, "type":
"clicks"}]}`, times in epoch milliseconds, types clicks, carts and orders. A time before 1990, as seconds
taken for milliseconds are, is refused. Caller: `millrace import otto`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import polars as pl
from msgspec import Meta

from retrain.importers.event_file_writing import TIME_COLUMN
from retrain.importers.event_times import PLAUSIBLE_MS
from retrain.importers.importing import (
    READING,
    ImportProgress,
    ImportReport,
    NoProgress,
    Shaping,
    import_events,
)
from retrain.importers.line_blocks import BLOCK_BYTES, LineBlock, line_blocks
from schemas.errors import UsageError
from schemas.item_event import DEFAULT_EVENT_TYPE_MAP

_EXAMPLE = '{"session": 1, "events": [{"aid": 2, "ts": 1659304800025, "type": "clicks"}]}'
_SHOWN = 80
_Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class OttoEvent(msgspec.Struct, frozen=True, gc=False):
    """One event of a session."""

    aid: _Id
    ts: Annotated[int, Meta(ge=PLAUSIBLE_MS[0], lt=PLAUSIBLE_MS[1])]
    type: Literal["clicks", "carts", "orders"]


class OttoSession(msgspec.Struct, frozen=True):
    """One line of the file."""

    session: _Id
    events: list[OttoEvent]


_DECODER = msgspec.json.Decoder(OttoSession)


def import_otto(
    source: Path,
    target: Path,
    shaping: Shaping | None = None,
    progress: ImportProgress | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> ImportReport:
    """Turn a file of OTTO's format into an event file in time order.

    Args:
        source: the `.jsonl` file, plain or gzipped.
        target: the `.parquet` file; it appears when it is complete.
        shaping: filters; none by default.
        progress: told the steps.
        block_bytes: of the source, in memory at once.

    Raises:
        UsageError: a file cannot be read or written, there is no event, or a line is wrong.
    """
    if not source.is_file():
        raise UsageError(f"{source}: no such file")
    progress = progress or NoProgress()
    progress.step(READING, source.stat().st_size)
    frames = _frames(source, progress, block_bytes)
    return import_events(frames, source, target, shaping or Shaping(), progress)


def _frames(source: Path, progress: ImportProgress, block_bytes: int) -> Iterator[pl.DataFrame]:
    for block in line_blocks(source, progress.advance, block_bytes):
        sessions = [_decoded(line, at, block) for at, line in enumerate(block.lines()) if line.strip()]
        yield _frame(sessions)


def _decoded(line: bytes, at: int, block: LineBlock) -> OttoSession:
    try:
        return _DECODER.decode(line)
    except msgspec.ValidationError as error:
        reason, _, rest = str(error).partition(" - at `")
        path = rest.rstrip("`") or "$"
        raise UsageError(
            f"{block.place(at)}: {path}: {reason}, the value is {_shown(_value_at(line, path))}; "
            f"a line is {_EXAMPLE}"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"{block.place(at)}: no JSON ({error}): {_shown(line.strip())}; a line is {_EXAMPLE}"
        ) from error


def _value_at(line: bytes, path: str) -> Any:
    """What stands at a path such as `$.events[3].ts`."""
    value = msgspec.json.decode(line.decode(errors="replace"))
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
