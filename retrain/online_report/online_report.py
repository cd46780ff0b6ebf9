"""OnlineReport v1: how well lists did by the events after them, as `millrace online-report --json` writes it.

Owns the form and the file; docs/online-quality.md defines each figure. Writer:
`retrain.online_report.online_report_commands`. Readers: `millrace report`, scripts.
"""

from datetime import datetime
from pathlib import Path

import msgspec

from retrain.evaluation.metric_tables import AtK, IntervalTable, MetricTable
from schemas.errors import UsageError
from schemas.ids import ReleaseId
from schemas.item_event import EventType
from schemas.recommendation_list import Strategy

SCHEMA_VERSION = 1


class OnlineSums(msgspec.Struct, frozen=True):
    """What a worker counts of the same events."""

    hits: dict[str, int]
    """By k."""
    reciprocal_ranks: AtK


class OnlineRow(msgspec.Struct, frozen=True, kw_only=True):
    """The comparisons with the lists of one release; of one strategy and one event type, or of all."""

    release_id: ReleaseId
    strategy: Strategy | None = None
    event_type: EventType | None = None
    """Of the event after the list."""
    n: int
    """Comparisons."""
    sessions: int
    metrics: MetricTable
    """`hit_rate` and `mrr` at each k."""
    intervals: IntervalTable = {}
    sums: OnlineSums


class NamedRow(msgspec.Struct, frozen=True, kw_only=True):
    """The events that name a list of one release and strategy."""

    release_id: ReleaseId
    strategy: Strategy
    event_type: EventType
    n: int
    last: int
    """Those that name the last list of their session."""
    in_list: int
    """Those whose item is among the list's first items."""
    mean_reciprocal_rank: float
    """Over `n`; 0 for an item that is not there."""
    with_position: int
    """Those that say at which place the item was shown."""
    mean_reciprocal_position: float | None
    """Over `with_position`."""


class OnlineReport(msgspec.Struct, frozen=True, kw_only=True):
    """A range of the topics."""

    since: datetime
    until: datetime
    event_topics: list[str]
    recommendations_topic: str
    attribution_window_s: float
    cutoffs: list[int]
    confidence: float
    counts: dict[str, int]
    """Of the events of the range; `named_unknown`: those that name a list that was not found."""
    session_gaps_s: dict[ReleaseId, float]
    releases: list[OnlineRow]
    """All comparisons of each release, the release of the latest list last."""
    groups: list[OnlineRow]
    """By release, strategy and event type."""
    named: list[NamedRow]
    code_version: str = ""
    schema_version: int = SCHEMA_VERSION


def write_online_report(report: OnlineReport, path: Path) -> None:
    """Write a report as indented JSON.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))
    except OSError as error:
        raise UsageError(f"--json {path}: cannot be written ({error.strerror})") from error


class _Kind(msgspec.Struct):
    """What tells an online report from one of an evaluation."""

    recommendations_topic: str | None = None


def read_online_report(path: Path) -> OnlineReport | None:
    """Read what `write_online_report` wrote; None where the file is of another kind, or cannot be read.

    Raises:
        UsageError: it is an online report, and none of this version.
    """
    try:
        value = path.read_bytes()
        if msgspec.json.decode(value, type=_Kind).recommendations_topic is None:
            return None
    except (OSError, msgspec.DecodeError):
        return None
    try:
        report = msgspec.json.decode(value, type=OnlineReport)
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: no report of `millrace online-report --json` ({error})") from error
    if report.schema_version != SCHEMA_VERSION:
        raise UsageError(f"{path}: a report of version {report.schema_version}; {SCHEMA_VERSION} is known")
    return report
