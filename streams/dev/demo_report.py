"""The demo's result: every number as it was measured, as JSON and as a table.

Owns the counting; the measuring is `demo_live`, `lookup_check` and `millrace evaluate`. Caller: the demo.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
from rich.table import Table

from schemas.errors import UsageError
from schemas.ids import ItemId, ReleaseId
from streams.dev.demo_live import LiveRun
from streams.dev.emitted_recall import next_items, recall_at
from streams.dev.lookup_check import LookupCheck

K = 20
_LEAST_CLICKS = 30
"""Next clicks from which on the report compares with popularity."""
Row = tuple[str, str, str]


class Freshness(msgspec.Struct, frozen=True):
    """Milliseconds from when an event was due until its list was read in the topic."""

    p50: float
    p99: float


class DemoSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What `millrace demo --json` writes."""

    events: int
    recommendations: int
    """Events with a list in the topic."""
    missing: int
    """Events without one."""
    dead_letters: int
    duplicates: int
    """Lists that came again under the same id."""
    recall_at_20_emitted: float
    recall_at_20_offline: float
    popularity_recall_at_20: float
    recall_n: int
    """Prefixes that have a next item; one that the release does not know is a miss."""
    recall_n_offline: int | None
    events_per_s: float
    events_per_s_n: int
    freshness_ms: Freshness
    freshness_n: int
    freshness_rate: float
    """Events a second while freshness was measured."""
    lookup_equals_topic: bool
    lookup_checked: int
    release_id: ReleaseId
    items: int
    seconds: float
    """The whole run, from the first line to the last."""


class OfflineRecall(msgspec.Struct, frozen=True):
    """What `millrace evaluate` found."""

    recall_at_20: float
    n: int | None = None


def summarise(
    events: pl.DataFrame,
    run: LiveRun,
    offline: OfflineRecall,
    popular: Sequence[ItemId],
    lookup: LookupCheck,
    *,
    items: int,
    seconds: float,
) -> DemoSummary:
    """Count.

    Args:
        events: the live events, in the order in which they were sent.
        run: what was sent and read.
        offline: of the same release on the same events.
        popular: the release's most popular items.
        lookup: what the lookup said.
        items: how many the release knows.
        seconds: how long it all took.
    """
    lists = [run.reader.lists.get(run.positions[row]) for row in range(len(events))]
    targets = next_items(events)
    emitted = recall_at(K, targets, [None if one is None else one.item_ids for one in lists])
    found = [one for one in lists if one is not None]
    p50, p99 = np.percentile(run.freshness_ms, [50, 99]).tolist() if run.freshness_ms else (0.0, 0.0)
    return DemoSummary(
        events=len(events),
        recommendations=len(found),
        missing=len(events) - len(found),
        dead_letters=len(run.reader.dead_letters),
        duplicates=run.reader.duplicates,
        recall_at_20_emitted=round(emitted.value, 6),
        recall_at_20_offline=offline.recall_at_20,
        popularity_recall_at_20=round(recall_at(K, targets, [popular] * len(events)).value, 6),
        recall_n=emitted.n,
        recall_n_offline=offline.n,
        events_per_s=round(run.events_per_s, 1),
        events_per_s_n=run.fast_events,
        freshness_ms=Freshness(round(p50, 2), round(p99, 2)),
        freshness_n=len(run.freshness_ms),
        freshness_rate=round(run.paced_rate, 1),
        lookup_equals_topic=lookup.equal,
        lookup_checked=lookup.checked,
        release_id=Counter(one.release_id for one in found).most_common(1)[0][0] if found else ReleaseId(""),
        items=items,
        seconds=round(seconds, 1),
    )


def write_summary(summary: DemoSummary, path: Path) -> None:
    """Write the JSON file.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")
    except OSError as error:
        raise UsageError(f"--json {path}: {error.strerror}; give a file in a folder that exists") from error


def summary_table(summary: DemoSummary) -> Table:
    """The numbers for the terminal."""
    table = Table.grid(padding=(0, 2))
    for name, value, remark in (
        _of_counts(summary),
        *_of_quality(summary),
        *_of_time(summary),
        _of_http(summary),
    ):
        table.add_row(name, f"[bold]{value}[/]", f"[dim]{remark}[/]")
    return table


def _of_counts(summary: DemoSummary) -> Row:
    unanswered = f"{summary.missing} without a list, {summary.dead_letters} dead letters"
    return "Events", f"{summary.events:,}", unanswered


def _of_quality(summary: DemoSummary) -> tuple[Row, Row]:
    emitted, popular = summary.recall_at_20_emitted, summary.popularity_recall_at_20
    offline = f"offline {summary.recall_at_20_offline:.4f}; {summary.recall_n:,} next clicks"
    lift = _lift(emitted, popular, summary.recall_n)
    return ("Recall@20 emitted", f"{emitted:.4f}", offline), ("Recall@20 popular", f"{popular:.4f}", lift)


def _lift(emitted: float, popular: float, clicks: int) -> str:
    if clicks < _LEAST_CLICKS:
        return "too few clicks to compare"
    return f"beaten {emitted / popular:.1f} times" if popular else "finds none"


def _of_time(summary: DemoSummary) -> tuple[Row, Row]:
    freshness = summary.freshness_ms
    fast = f"{summary.events_per_s_n:,} events, first sent to last list read"
    paced = f"p99 {freshness.p99:.0f} ms; event due to list read, at {summary.freshness_rate:,.0f}/s"
    return (
        ("Speed", f"{summary.events_per_s:,.0f} events/s", fast),
        ("Freshness", f"p50 {freshness.p50:.0f} ms", paced),
    )


def _of_http(summary: DemoSummary) -> Row:
    answer = "yes" if summary.lookup_equals_topic else "[red]no[/]"
    return "HTTP equals topic", answer, f"the latest lists of {summary.lookup_checked:,} sessions"
