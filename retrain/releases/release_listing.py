"""How releases are shown: as a table, as JSON lines, and what becomes of them when they are pruned.

Caller: `retrain.releases.release_commands`.
"""

import sys
from collections.abc import Iterator, Sequence

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from retrain.releases.announcing import Announced, running_announcement
from retrain.releases.release_catalogue import ListedRelease
from retrain.releases.retention import Fate
from retrain.releases.rollback_target import gate_refusals, search_rollback
from schemas.gate_report import GateReport
from schemas.release_announcement import ReleaseAnnouncement
from schemas.release_manifest import ReleaseManifest

_PIPED_WIDTH = 1000
"""A release a line, also where its metrics and the reason of its announcement are long."""
_ACCURACY = ("recall@20", "mrr@20", "popularity_recall@20", "predictions")
_COUNTS = {"predictions"}
"""The metrics that are whole numbers."""


def print_releases(listed: Sequence[ListedRelease], announced: Sequence[Announced]) -> None:
    """A table, with what the gate said and which release is announced."""
    running = running_announcement(announced)
    previous, _ = search_rollback([one.announcement for one in announced], listed)
    table = Table(
        Column("release", no_wrap=True), "created", "items", "gate", "metrics", "announced", box=None
    )
    for release in listed:
        release_id, manifest, problem = release
        mark = "previous: a rollback goes to it" if release_id == previous else ""
        if running and running.release_id == release_id:
            mark = f"running: {describe_announcement(running)}"
        if manifest is None:
            table.add_row(escape(release_id), "", "", "", escape(f"unreadable: {problem}"), escape(mark))
            continue
        metrics = "  ".join(_metric(name, value) for name, value in _figures(manifest).items())
        created = f"{manifest.created_at:%Y-%m-%d %H:%M:%S}Z"
        row = (release_id, created, f"{manifest.items:,}", gate_outcome(release), metrics, mark)
        table.add_row(*map(escape, row))
    Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH).print(table)


def json_lines(listed: Sequence[ListedRelease], announced: Sequence[Announced]) -> Iterator[bytes]:
    """One JSON object a release."""
    running = running_announcement(announced)
    previous, _ = search_rollback([one.announcement for one in announced], listed)
    for release in listed:
        own = running if running and running.release_id == release.release_id else None
        yield msgspec.json.encode(
            {
                **release._asdict(),
                "gate": gate_outcome(release),
                "announced_as_generation": own.generation if own else None,
                "forced": bool(own and own.forced),
                "reason": (own.reason or None) if own else None,
                "is_rollback_target": release.release_id == previous,
            }
        )


def describe_announcement(announcement: ReleaseAnnouncement) -> str:
    """Its generation, when and why."""
    forced = ", forced" if announcement.forced is True else ""
    reason = f", {announcement.reason}" if announcement.reason else ""
    return (
        f"generation {announcement.generation}, {announcement.announced_at:%Y-%m-%d %H:%M}Z{forced}{reason}"
    )


def gate_outcome(release: ListedRelease) -> str:
    """What the gate said of a release; empty where it was not asked."""
    if release.manifest is None or not isinstance(release.manifest.gate, GateReport):
        return ""
    rules = gate_refusals(release)
    return f"refused: {', '.join(rules)}" if rules else "passed"


def print_fates(fates: Sequence[Fate], dry_run: bool) -> None:
    """A line a release: removed, or why it is kept."""
    removed = "would be removed" if dry_run else "removed"
    for fate in fates:
        typer.echo(f"{fate.release_id}: {f'kept: {fate.kept}' if fate.kept else removed}")
    count = sum(not fate.kept for fate in fates)
    typer.echo(f"{count} of {len(fates)} {removed}")


def _figures(manifest: ReleaseManifest) -> dict[str, float]:
    """Its metrics; the accuracy that the gate measured, where they have none."""
    gate = manifest.gate.figures if isinstance(manifest.gate, GateReport) else {}
    return {name: gate[name] for name in _ACCURACY if name in gate} | manifest.metrics


def _metric(name: str, value: float) -> str:
    return f"{name} {value:,.0f}" if name in _COUNTS else f"{name} {value:.4f}"
