"""`millrace dead-letters show|replay`: what could not be processed, and sending it once more.

Mounted by `streams.cli`.
"""

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import UsageError

if TYPE_CHECKING:
    from streams.dead_letter_reading import LetterFilter, StoredLetter

app = typer.Typer(help="Show and replay the events that could not be processed.")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SHOWN_BYTES = 60
_PIPED_WIDTH = 200

TopicOption = Annotated[str | None, typer.Option("--topic", help="Only those that came from this topic.")]
ErrorOption = Annotated[
    str | None, typer.Option("--error", help="Only those with this in the error's class or message.")
]
SinceOption = Annotated[
    str | None, typer.Option("--since", help="Only failures since: 30m, 2h, 7d, or an RFC 3339 time.")
]


@app.command("show")
def show(
    topic: TopicOption = None,
    error: ErrorOption = None,
    since: SinceOption = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most: the latest.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one letter a line.")] = False,
) -> None:
    """Show the dead letters, the latest at the end."""
    import asyncio
    from collections import deque

    from schemas.settings import SharedSettings, read_settings
    from streams.dead_letter_reading import read_letters

    wanted, settings = _filter(topic, error, since), read_settings(SharedSettings)

    async def latest() -> "deque[StoredLetter]":
        letters: deque[StoredLetter] = deque(maxlen=limit)
        async for letter in read_letters(settings, wanted):
            letters.append(letter)
        return letters

    letters = list(asyncio.run(latest()))
    if as_json:
        for letter in letters:
            typer.echo(_as_json(letter))
    elif letters:
        _print_table(letters)
    else:
        typer.echo(f"no such dead letters on topic {settings.dead_letter_topic}")


@app.command("replay")
def replay(
    topic: TopicOption = None,
    error: ErrorOption = None,
    since: SinceOption = None,
    max_hops: Annotated[int, typer.Option(min=1, help="How often a message may be replayed in all.")] = 3,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count them, send nothing.")] = False,
) -> None:
    """Send dead letters once more to the topic and partition they came from."""
    import asyncio

    from schemas.settings import SharedSettings, read_settings
    from streams.dead_letter_reading import read_letters
    from streams.dead_letter_replaying import replay_letters

    settings = read_settings(SharedSettings)
    letters = read_letters(settings, _filter(topic, error, since))
    count = asyncio.run(replay_letters(settings, letters, max_hops, dry_run))
    typer.echo(f"{'would send' if dry_run else 'sent'} {count.sent}")
    if count.spent:
        typer.echo(f"left out {count.spent} that were replayed {max_hops} times; see --max-hops")
    if count.too_large:
        typer.echo(f"left out {count.too_large} that are too large for their topic")


def _filter(topic: str | None, error: str | None, since: str | None) -> "LetterFilter":
    from streams.dead_letter_reading import LetterFilter

    return LetterFilter(topic, error, None if since is None else parse_since(since, datetime.now(UTC)))


def parse_since(text: str, now: datetime) -> datetime:
    """`30m`, `2h`, `7d`: so long before now; or an RFC 3339 time, UTC where it names no zone.

    Raises:
        UsageError: it is neither.
    """
    number, unit = text[:-1], text[-1:]
    try:
        if number.isdecimal() and unit in _UNITS:
            return now - timedelta(**{_UNITS[unit]: int(number)})
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--since {text}: give 30m, 2h, 7d, or a time as 2026-01-31T12:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _as_json(letter: "StoredLetter") -> bytes:
    import msgspec
    from msgspec.structs import asdict

    key, value = letter.record.key, letter.record.value
    return msgspec.json.encode(
        {
            "failed_at": letter.reason.failed_at,
            **asdict(letter.reason),
            "letter_partition": letter.record.partition,
            "letter_offset": letter.record.offset,
            "key": None if key is None else key.decode(errors="backslashreplace"),
            "value": None if value is None else value.decode(errors="backslashreplace"),
        }
    )


def _print_table(letters: "list[StoredLetter]") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    columns = [Column(name, no_wrap=True) for name in ("failed at", "from", "stage", "error")]
    table = Table(*columns, "message", "value", box=None)
    for letter in letters:
        reason, value = letter.reason, letter.record.value or b""
        shown = value[:_SHOWN_BYTES].decode(errors="backslashreplace")
        cells = (
            f"{reason.failed_at:%Y-%m-%d %H:%M:%S}Z",
            letter.origin,
            reason.stage,
            reason.class_name,
            reason.message,
            shown + ("…" if len(value) > _SHOWN_BYTES else ""),
        )
        table.add_row(*(escape(_printable(cell)) for cell in cells))
    Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH).print(table)


def _printable(text: str) -> str:
    """Without what could move a terminal's cursor: the bytes come from anyone."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
