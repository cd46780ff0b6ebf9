"""`millrace releases list|show|promote|rollback`: which releases there are, and which one is announced.

Mounted by `retrain.cli`.
"""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from retrain.releases.release_catalogue import ListedRelease
    from schemas.release_announcement import ReleaseAnnouncement
    from schemas.settings import SharedSettings

_PIPED_WIDTH = 200
_COUNTS = {"predictions"}
"""The metrics that are whole numbers."""

app = typer.Typer(help="List, show, promote and roll back releases.")
ReleasesOption = Annotated[
    str | None, typer.Option("--releases", help="Folder or fsspec URL of releases [MILLRACE_RELEASES].")
]
ReleaseArgument = Annotated[str, typer.Argument(metavar="RELEASE", help="The release's id.")]


@app.command("list")
def list_all(
    releases: ReleasesOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one release a line.")] = False,
) -> None:
    """List the releases, the newest first, and mark the one that is announced."""
    import msgspec

    from retrain.releases.release_catalogue import list_releases

    settings = _settings(releases)
    listed = list_releases(settings.releases)
    running, note = _running(settings)
    if as_json:
        for release in listed:
            generation = running.generation if running and running.release_id == release.release_id else None
            typer.echo(msgspec.json.encode({**release._asdict(), "announced_as_generation": generation}))
        return
    if listed:
        _print_table(listed, running)
    else:
        typer.echo(f"no releases in {settings.releases}; make one with `millrace retrain once`")
    if note:
        typer.echo(note, err=True)


@app.command("show")
def show(release: ReleaseArgument, releases: ReleasesOption = None) -> None:
    """Print a release's manifest, after its files were compared with the hashes in it."""
    from retrain.releases.release_catalogue import verify_release
    from schemas.ids import ReleaseId
    from schemas.release_manifest import encode_release_manifest

    manifest = verify_release(_settings(releases).releases, ReleaseId(release))
    typer.echo(encode_release_manifest(manifest))


@app.command("promote")
def promote_release(release: ReleaseArgument, releases: ReleasesOption = None) -> None:
    """Verify a release and announce it: every worker and lookup swaps to it."""
    from retrain.releases.release_promotion import promote
    from schemas.ids import ReleaseId

    _say(promote(_settings(releases), ReleaseId(release)))


@app.command("rollback")
def roll_back_release(releases: ReleasesOption = None) -> None:
    """Announce the release that was announced before the running one."""
    from retrain.releases.release_promotion import roll_back

    announcement = roll_back(_settings(releases))
    _say(announcement)
    typer.echo(f"a second rollback would announce {announcement.previous} again")


def _settings(releases: str | None) -> "SharedSettings":
    from retrain.settings import ReleaseSettings
    from schemas.settings import read_settings

    return read_settings(ReleaseSettings, releases=releases)


def _running(settings: "SharedSettings") -> tuple["ReleaseAnnouncement | None", str]:
    """The running announcement; without Kafka none, and a note that says so."""
    from retrain.releases.announcing import read_announcements, running_announcement
    from schemas.connections import kafka_arguments
    from schemas.errors import Unavailable

    try:
        announced = read_announcements(kafka_arguments(settings), settings.releases_topic)
    except Unavailable as error:
        return None, f"which release is announced is not known: {error}"
    return running_announcement(announced), ""


def _print_table(listed: list["ListedRelease"], running: "ReleaseAnnouncement | None") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    table = Table(Column("release", no_wrap=True), "created", "items", "metrics", "announced", box=None)
    for release_id, manifest, problem in listed:
        mark = f"generation {running.generation}" if running and running.release_id == release_id else ""
        if manifest is None:
            table.add_row(escape(release_id), "", "", escape(f"unreadable: {problem}"), mark)
            continue
        metrics = "  ".join(
            f"{name} {value:,.0f}" if name in _COUNTS else f"{name} {value:.4f}"
            for name, value in manifest.metrics.items()
        )
        created = f"{manifest.created_at:%Y-%m-%d %H:%M:%S}Z"
        table.add_row(escape(release_id), created, f"{manifest.items:,}", metrics, mark)
    Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH).print(table)


def _say(announcement: "ReleaseAnnouncement") -> None:
    typer.echo(f"announced {announcement.release_id} as generation {announcement.generation}")
