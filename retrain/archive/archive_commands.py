"""`millrace archive`: the event topics as Parquet, and what becomes of it. Mounted by `retrain.cli`."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from retrain.archive.archive_store import ArchiveStore
    from retrain.archive_settings import ArchiveSettings

app = typer.Typer(help="Keep the event topics as Parquet, beyond Kafka's retention.")
ArchiveOption = Annotated[
    str | None, typer.Option("--archive", help="Folder or fsspec URL of the archive [MILLRACE_ARCHIVE].")
]


@app.callback(invoke_without_command=True)
def archive(context: typer.Context, archive: ArchiveOption = None) -> None:
    """Keep the event topics as Parquet, beyond Kafka's retention.

    Without a command: archive until SIGTERM or SIGINT.
    """
    from schemas.errors import UsageError

    if context.invoked_subcommand is None:
        run(archive)
    elif archive is not None:
        raise UsageError(f"--archive {archive}: give it behind `{context.invoked_subcommand}`")


@app.command("run")
def run(archive: ArchiveOption = None) -> None:
    """Archive until SIGTERM or SIGINT."""
    from retrain.archive.archiving import archive_events

    archive_events(_settings(archive))


@app.command("compact")
def compact_files(archive: ArchiveOption = None) -> None:
    """Merge small files now, and let days go that MILLRACE_ARCHIVE_RETENTION_DAYS does not keep."""
    from retrain.archive.archive_compaction import compact
    from retrain.archive.archive_upkeep import retain

    settings = _settings(archive)
    store = _store(settings)
    store.sweep()
    merged, into = compact(store, settings.archive_compact_rows)
    expired = retain(store, settings.archive_retention_days)
    typer.echo(f"{store.url}: {merged:,} files merged into {into:,}; {expired:,} deleted by retention")


@app.command("scrub")
def scrub_files(
    archive: ArchiveOption = None,
    topic: Annotated[
        bool, typer.Option("--topic/--no-topic", help="Look for erase events in the event topics too.")
    ] = True,
) -> None:
    """Rewrite files so that erased sessions and users are physically gone."""
    from retrain.archive.archive_scrubbing import scrub
    from retrain.archive.erasures import no_erasures
    from retrain.event_log import read_erasures

    settings = _settings(archive)
    store = _store(settings)
    erased = read_erasures(settings) if topic else no_erasures()
    typer.echo(scrub(store, erased).in_words(store.url))


@app.command("erase")
def erase(
    session: Annotated[list[str] | None, typer.Option(help="A session to forget; may be repeated.")] = None,
    user: Annotated[
        list[str] | None, typer.Option(help="A user, whose sessions up to now are to be forgotten.")
    ] = None,
    archive: ArchiveOption = None,
) -> None:
    """Forget sessions or users in the archive, now and in what is archived later of the same sessions."""
    import time

    from retrain.archive.archive_scrubbing import scrub
    from retrain.archive.erasure_requests import ErasureRequest, ask
    from retrain.archive.erasures import no_erasures
    from schemas.errors import UsageError

    if not session and not user:
        raise UsageError("nobody to erase; give --session SESSION or --user USER")
    store = _store(_settings(archive))
    now_ms = int(1000 * time.time())
    for one in session or []:
        ask(store, ErasureRequest(asked_at_ms=now_ms, session_id=one))
    for one in user or []:
        ask(store, ErasureRequest(asked_at_ms=now_ms, user_id=one))
    typer.echo(scrub(store, no_erasures()).in_words(store.url))


def _settings(archive: str | None) -> "ArchiveSettings":
    from retrain.archive_settings import ArchiveSettings
    from schemas.settings import read_settings

    return read_settings(ArchiveSettings, archive=archive)


def _store(settings: "ArchiveSettings") -> "ArchiveStore":
    from retrain.archive.archiving import archive_of

    store = archive_of(settings.archive)
    store.must_be_there()
    return store
