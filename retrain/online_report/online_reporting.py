"""Making the report of online quality: which records, by which rules, and its parts.

Owns the order. Caller: `retrain.online_report.online_report_commands`.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from typing import NamedTuple

from models.online_quality import CUTOFFS
from retrain.evaluation.bootstrap import CONFIDENCE, Bootstrap
from retrain.log_reading import Record
from retrain.online_report.followed_sessions import Followed, Rules, follow
from retrain.online_report.logged_lists import LoggedLists
from retrain.online_report.online_figures import comparisons_of, group_rows, named_rows, release_rows
from retrain.online_report.online_report import OnlineReport
from retrain.online_report.topic_ranges import Progress, TimeRange, in_log_order, read_topics
from retrain.releases.release_catalogue import read_release_manifest
from schemas.errors import InvalidRelease, UsageError
from schemas.ids import ReleaseId
from schemas.settings import SharedSettings
from schemas.timestamps import to_epoch_ms


class ReportRange(NamedTuple):
    """What is reported on."""

    since: datetime
    """Events that Kafka took at this time or later count."""
    until: datetime
    """Those that it took then or later do not."""
    lead_h: float
    """Hours before `since` that are read too, for the lists of sessions that went on."""
    session_gap_s: float | None
    """Of all releases; None: as their manifests say."""
    latest_only: bool
    """See `retrain.online_report.followed_sessions.Rules`."""


def make_online_report(
    settings: SharedSettings, wanted: ReportRange, bootstrap: Bootstrap, progress: Progress
) -> OnlineReport:
    """Read lists and events of a range and compare them.

    Args:
        settings: where Kafka and the releases are, the topics' names, the attribution window.
        wanted: the range.
        bootstrap: of the intervals.
        progress: see `retrain.online_report.topic_ranges.Progress`.

    Raises:
        UsageError: a topic does not exist, or no event of the range can be compared.
        InvalidRelease: a list names a release that is not in the store, so its session gap is not known.
        Unavailable: Kafka or the store of releases do not answer.
    """
    since_ms = to_epoch_ms(wanted.since)
    begin_ms = since_ms - int(wanted.lead_h * 3_600_000)
    lists = LoggedLists()
    topics, everything_since = [settings.recommendations_topic], TimeRange(begin_ms, None)
    read_topics(settings, topics, everything_since, lists.take, progress)
    gaps_s = _session_gaps(settings.releases, lists, wanted.session_gap_s)
    events = _events(settings, TimeRange(begin_ms, to_epoch_ms(wanted.until)), progress)
    followed = follow(events, lists, _rules(settings, wanted, gaps_s))
    found = comparisons_of(followed)
    if not len(found.ranks):
        raise UsageError(_nothing_found(wanted, followed))
    named, unknown = named_rows(followed, lists)
    return OnlineReport(
        since=wanted.since,
        until=wanted.until,
        event_topics=settings.event_topics,
        recommendations_topic=settings.recommendations_topic,
        attribution_window_s=settings.attribution_window_s,
        cutoffs=list(CUTOFFS),
        confidence=CONFIDENCE,
        counts={**followed.counts, "named_unknown": unknown, "unreadable_lists": lists.unreadable},
        session_gaps_s=gaps_s,
        releases=release_rows(found, bootstrap),
        groups=group_rows(found, bootstrap),
        named=named,
        code_version=version("millrace"),
    )


def _events(settings: SharedSettings, wanted: TimeRange, progress: Progress) -> Iterator[Record]:
    """The records of the event topics, in log order."""
    by_partition = defaultdict[tuple[str, int], list[Record]](list)

    def take(record: Record) -> None:
        if wanted.until_ms is None or record.timestamp < wanted.until_ms:  # not every broker knows of times
            by_partition[record.topic, record.partition].append(record)

    read_topics(settings, settings.event_topics, wanted, take, progress)
    return in_log_order(by_partition.values())


def _rules(settings: SharedSettings, wanted: ReportRange, gaps_s: dict[ReleaseId, float]) -> Rules:
    longest_s = 0.0 if 0 in gaps_s.values() else max(gaps_s.values(), default=0.0)  # 0: no gap ends a session
    return Rules(
        event_type_map=settings.event_type_map,
        max_clock_skew_s=settings.max_clock_skew_s,
        attribution_window_s=settings.attribution_window_s,
        gap_s=lambda release_id: longest_s if release_id is None else gaps_s[release_id],
        latest_only=wanted.latest_only,
        since_ms=to_epoch_ms(wanted.since),
    )


def _session_gaps(releases: str, lists: LoggedLists, given_s: float | None) -> dict[ReleaseId, float]:
    """By release, in the order of their first lists."""
    ids = dict.fromkeys(one.last.release_id for one in lists.by_id.values())
    if given_s is not None:
        return dict.fromkeys(ids, given_s)
    try:
        return {one: read_release_manifest(releases, one).session_gap_s for one in ids}
    except InvalidRelease as error:
        raise InvalidRelease(
            f"{error}; lists of the range are of it: give its session gap by --session-gap-s where it is gone"
        ) from error


def _nothing_found(wanted: ReportRange, followed: Followed) -> str:
    counts = followed.counts
    found = f"from {wanted.since:%Y-%m-%d %H:%M}Z to {wanted.until:%Y-%m-%d %H:%M}Z"
    if not counts["events"]:
        return f"no events {found}; give another range (--since, --until), or see MILLRACE_EVENT_TOPICS"
    return (
        f"nothing to compare {found}: of {counts['events']} events {counts['without_list']} have no list in "
        "the topic, and none follows one in its session; give another range (--since, --until)"
    )
