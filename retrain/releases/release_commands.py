"""`millrace releases list|show|promote|rollback|gate|prune`: which releases there are, what becomes of them.

Owns what one types; `retrain.releases.release_listing` has the tables. Mounted by `retrain.cli`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from retrain.releases.announcing import Announced
    from retrain.settings import ReleaseSettings
    from schemas.release_announcement import ReleaseAnnouncement

app = typer.Typer(help="List, show, judge, promote, roll back and remove releases.")
ReleasesOption = Annotated[
    str | None, typer.Option("--releases", help="Folder or fsspec URL of releases [MILLRACE_RELEASES].")
]
ReleaseArgument = Annotated[str, typer.Argument(metavar="RELEASE", help="The release's id.")]
ReasonOption = Annotated[
    str | None, typer.Option("--reason", help="Why; it stands in the announcement.", show_default=False)
]


@app.command("list")
def list_all(
    releases: ReleasesOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one release a line.")] = False,
) -> None:
    """List the releases, the newest first, with what the gate said and which one is announced."""
    from retrain.releases.release_catalogue import list_releases
    from retrain.releases.release_listing import json_lines, print_releases

    settings = _settings(releases)
    listed = list_releases(settings.releases)
    announced, note = _announced(settings)
    if as_json:
        for line in json_lines(listed, announced):
            typer.echo(line)
        return
    if listed:
        print_releases(listed, announced)
    else:
        typer.echo(f"no releases in {settings.releases}; make one with `millrace retrain once`")
    if note:
        typer.echo(note, err=True)


@app.command("show")
def show(release: ReleaseArgument, releases: ReleasesOption = None) -> None:
    """Print a release's manifest, after its files were compared with the hashes in it."""
    from retrain.releases.release_catalogue import verify_release
    from retrain.releases.release_listing import describe_announcement
    from schemas.ids import ReleaseId
    from schemas.release_manifest import encode_release_manifest

    settings = _settings(releases)
    manifest = verify_release(settings.releases, ReleaseId(release))
    typer.echo(encode_release_manifest(manifest))
    announced, note = _announced(settings)
    for _, announcement in announced:
        if announcement.release_id == release:
            typer.echo(f"announced as {describe_announcement(announcement)}", err=True)
    if note:
        typer.echo(note, err=True)


@app.command("promote")
def promote_release(
    release: ReleaseArgument,
    releases: ReleasesOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Though the gate refused it; the announcement says so.")
    ] = False,
    reason: ReasonOption = None,
) -> None:
    """Verify a release and announce it: every worker and lookup swaps to it."""
    from retrain.releases.release_promotion import promote
    from schemas.ids import ReleaseId

    why = _by_hand("promoted", reason)
    _say(promote(_settings(releases), ReleaseId(release), why, force))


@app.command("rollback")
def roll_back_release(releases: ReleasesOption = None, reason: ReasonOption = None) -> None:
    """Announce the last release that ran before the announced one and that the gate passed."""
    from retrain.releases.release_promotion import find_rollback, promote
    from schemas.errors import UsageError

    settings = _settings(releases)
    rollback = find_rollback(settings)
    for release_id, problem in rollback.passed_over.items():
        typer.echo(f"passed over {release_id}: {problem}", err=True)
    announcement = promote(settings, rollback.release_id, _by_hand("rolled back", reason))
    _say(announcement)
    try:
        second = find_rollback(settings).release_id
    except UsageError:  # the release that was left had been forced in
        typer.echo("a second rollback would find no release that the gate passed")
    else:
        typer.echo(f"a second rollback would announce {second} again")


@app.command("gate")
def gate_release(
    release: ReleaseArgument,
    events: Annotated[
        Path, typer.Option(help="Event file: its rows with split=test, or its last sessions, are predicted.")
    ],
    incumbent: Annotated[
        str | None,
        typer.Option(metavar="RELEASE", help="Compare with this release; without it with none."),
    ] = None,
    test_share: Annotated[
        float | None,
        typer.Option(help="Share of the sessions, the last; without it that of the release's training."),
    ] = None,
    releases: ReleasesOption = None,
) -> None:
    """Hold the gate's rules against a release and print them; changes nothing. Exit code 1: refused."""
    from retrain.gate.gate_by_hand import examine_by_hand
    from retrain.gate.gate_table import print_report
    from schemas.ids import ReleaseId

    other = ReleaseId(incumbent) if incumbent else None
    report = examine_by_hand(_settings(releases), ReleaseId(release), other, events, test_share)
    print_report(ReleaseId(release), report)
    if not report.passed:
        raise typer.Exit(1)


@app.command("prune")
def prune(
    releases: ReleasesOption = None,
    keep: Annotated[
        int | None, typer.Option(help="So many that passed, the newest [MILLRACE_RELEASES_KEEP].")
    ] = None,
    keep_days: Annotated[
        float | None,
        typer.Option(help="What was made or announced in so many days [MILLRACE_RELEASES_KEEP_DAYS]."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing.")] = False,
) -> None:
    """Remove old releases; never the announced one nor the one that a rollback goes to."""
    from datetime import UTC, datetime

    from retrain.releases.pruning import prune_releases
    from retrain.releases.release_listing import print_fates

    settings = _settings(releases, releases_keep=keep, releases_keep_days=keep_days)
    print_fates(prune_releases(settings, datetime.now(UTC), dry_run=dry_run), dry_run)


def _settings(releases: str | None, **overrides: object) -> "ReleaseSettings":
    from retrain.settings import ReleaseSettings
    from schemas.settings import read_settings

    return read_settings(ReleaseSettings, releases=releases, **overrides)


def _announced(settings: "ReleaseSettings") -> tuple[list["Announced"], str]:
    """What the topic holds; without Kafka nothing, and a note that says so."""
    from retrain.releases.announcing import read_announcements
    from schemas.connections import kafka_arguments
    from schemas.errors import Unavailable

    try:
        return read_announcements(kafka_arguments(settings), settings.releases_topic), ""
    except Unavailable as error:
        return [], f"which release is announced is not known: {error}"


def _by_hand(what: str, reason: str | None) -> str:
    return f"{what} by hand: {reason}" if reason else f"{what} by hand"


def _say(announcement: "ReleaseAnnouncement") -> None:
    forced = ", though the gate refused it" if announcement.forced is True else ""
    typer.echo(f"announced {announcement.release_id} as generation {announcement.generation}{forced}")
