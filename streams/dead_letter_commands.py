"""`millrace dead-letters show|replay`: what could not be processed, and sending it once more.

Mounted by `streams.cli`.
"""

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import UsageError

if TYPE_CHECKING:
    from schemas.settings import SharedSettings
    from streams.dead_letter_reading import LatestLetters, LetterFilter, StoredLetter

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

    from schemas.settings import SharedSettings, read_settings
    from streams.dead_letter_reading import latest_letters

    wanted, settings = _filter(topic, error, since), read_settings(SharedSettings)
    shown = asyncio.run(latest_letters(settings, wanted, limit))
    if as_json:
        for letter in shown.letters:
            typer.echo(_as_json(letter, letter.place in shown.replayed))
    elif shown.letters:
        _print_table(shown)
    else:
        typer.echo(_none(settings))
    if shown.found > len(shown.letters):
        typer.echo(f"the latest {len(shown.letters)} of {shown.found}; see --limit", err=True)


@app.command("replay")
def replay(
    topic: TopicOption = None,
    error: ErrorOption = None,
    since: SinceOption = None,
    max_hops: Annotated[int, typer.Option(min=1, help="How often a message may be replayed in all.")] = 3,
    again: Annotated[bool, typer.Option("--again", help="Send also what was replayed before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count them, send nothing.")] = False,
) -> None:
    """Send dead letters once more to the topic and partition they came from, each once."""
    import asyncio

    from schemas.settings import SharedSettings, read_settings
    from streams.dead_letter_replaying import ReplayRules, replay_letters

    settings, rules = read_settings(SharedSettings), ReplayRules(max_hops, again, dry_run)
    count = asyncio.run(replay_letters(settings, _filter(topic, error, since), rules))
    if count.found:
        typer.echo(f"{'would send' if dry_run else 'sent'} {count.sent}")
    else:
        typer.echo(_none(settings))
    left_out = {
        "that were replayed before; see --again": count.replayed,
        f"that were replayed {max_hops} times; see --max-hops": count.spent,
        "whose topic or partition is gone": count.gone,
        "that are too large for their topic": count.too_large,
    }
    for why, number in left_out.items():
        if number:
            typer.echo(f"left out {number} {why}")


def _none(settings: "SharedSettings") -> str:
    return f"no such dead letters on topic {settings.dead_letter_topic}"


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


def _as_json(letter: "StoredLetter", replayed: bool) -> bytes:
    import msgspec
    from msgspec.structs import asdict

    key, value = letter.record.key, letter.record.value
    return msgspec.json.encode(
        {
            "failed_at": letter.reason.failed_at,
            **asdict(letter.reason),
            "letter_partition": letter.record.partition,
            "letter_offset": letter.record.offset,
            "replayed": replayed,
            "key": None if key is None else key.decode(errors="backslashreplace"),
            "value": None if value is None else value.decode(errors="backslashreplace"),
        }
    )


def _print_table(shown: "LatestLetters") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    columns = [Column(name, no_wrap=True) for name in ("failed at", "from", "replayed", "stage", "error")]
    table = Table(*columns, "message", "value", box=None)
    for letter in shown.letters:
        reason, value = letter.reason, letter.record.value or b""
        beginning = value[:_SHOWN_BYTES].decode(errors="backslashreplace")
        cells = (
            f"{reason.failed_at:%Y-%m-%d %H:%M:%S}Z",
            letter.origin,
            "yes" if letter.place in shown.replayed else "",
            reason.stage,
            reason.class_name,
            reason.message,
            beginning + ("…" if len(value) > _SHOWN_BYTES else ""),
        )
        table.add_row(*(escape(_printable(cell)) for cell in cells))
    Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH).print(table)


def _printable(text: str) -> str:
    """Without what could move a terminal's cursor: the bytes come from anyone."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
