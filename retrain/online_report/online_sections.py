"""The sections of the page of an online report.

Caller: `retrain.online_report.online_page`.
"""

import re
from collections.abc import Sequence

from retrain.online_report.online_report import NamedRow, OnlineReport, OnlineRow
from retrain.report_page.chart_scales import MISSING, share_text
from retrain.report_page.dot_chart import Dot, dot_chart
from retrain.report_page.line_chart import LineChart, Series, line_chart
from retrain.report_page.page_parts import Cell, charts, facts, section, side_by_side, table

_MADE_AT = re.compile(r"\d{4}(\d\d)(\d\d)T(\d\d)(\d\d)\d\dZ-")
METRIC_NAMES = {"hit_rate": "Hit rate", "mrr": "MRR"}
_COUNTS = {
    "events": "events of the range",
    "without_list": "events whose list is not in the topic (compacted, or not emitted yet)",
    "repeats": "repeats, which are not compared",
    "without_consent": "events without consent, which are not compared",
    "erasures": "erasures",
    "invalid": "messages that are no event",
    "named_unknown": "events that name a list which was not found",
    "unreadable_lists": "messages that are no list",
}


def figure(row: OnlineRow, metric: str, k: str) -> Cell:
    """A figure and its interval."""
    low, high = row.intervals[metric][k]
    return Cell(share_text(row.metrics[metric][k]), f"{share_text(low)} to {share_text(high)}")


def _names(report: OnlineReport) -> list[str]:
    """A name for each release that fits into a chart: when it was made, where its id says so."""
    ids = [row.release_id for row in report.releases]
    short = [f"{m[1]}-{m[2]} {m[3]}:{m[4]}" if (m := _MADE_AT.match(one)) else one for one in ids]
    return short if len(set(short)) == len(short) else list(ids)


def releases_section(report: OnlineReport) -> str:
    """The releases beside one another."""
    k, named = str(report.cutoffs[-1]), list(zip(_names(report), report.releases, strict=True))
    drawn = {
        f"{name}@{k}": dot_chart(
            f"{name}@{k}",
            [
                Dot(short, row.metrics[metric][k], at, row.intervals[metric][k])
                for at, (short, row) in enumerate(named)
            ],
        )
        for metric, name in METRIC_NAMES.items()
    }
    head = ["release", "events", "sessions", *(f"{name}@{k}" for name in METRIC_NAMES.values())]
    rows: list[Sequence[str | Cell]] = [
        [
            row.release_id,
            f"{row.n:,}",
            f"{row.sessions:,}",
            *(figure(row, metric, k) for metric in METRIC_NAMES),
        ]
        for row in report.releases
    ]
    explained = (
        "Each event is compared with the list that was made before it in its session, and counts for the "
        "release that made that list. Whiskers are confidence intervals by bootstrap over sessions. Releases "
        "that served at different times had different shoppers: a difference between them is not the "
        "releases' alone."
    )
    return section("By release", explained, [charts(drawn), table("Figures of each release", head, rows)])


def by_k_section(report: OnlineReport) -> str:
    """The figures over the length of the list."""
    named = list(zip(_names(report), report.releases, strict=True))
    drawn = {
        f"{name} by length of the list": line_chart(
            LineChart(
                f"{name} by k",
                "k",
                f"{name}@k",
                [_by_k(row, metric, short, at) for at, (short, row) in enumerate(named)],
                x_ticks=report.cutoffs,
            )
        )
        for metric, name in METRIC_NAMES.items()
    }
    tables = [
        table(
            f"{name}@k",
            ["k", *(row.release_id for row in report.releases)],
            [
                [str(k), *(share_text(row.metrics[metric][str(k)]) for row in report.releases)]
                for k in report.cutoffs
            ],
        )
        for metric, name in METRIC_NAMES.items()
    ]
    explained = (
        "The share of events whose item was among the first k of the list (hit rate), and the mean of "
        "1/rank, 0 beyond k (MRR)."
    )
    return section("By length of the list", explained, [charts(drawn), side_by_side(tables)])


def _by_k(row: OnlineRow, metric: str, name: str, color: int) -> Series:
    points = [(float(k), value) for k, value in row.metrics[metric].items()]
    whiskers = [(float(k), *bounds) for k, bounds in row.intervals[metric].items()]
    return Series(name, points, color, whiskers)


def groups_section(report: OnlineReport) -> str:
    """By release, strategy and event type."""
    k = str(report.cutoffs[-1])
    head = ["release", "strategy", "next event", "events", *(f"{name}@{k}" for name in METRIC_NAMES.values())]
    rows: list[Sequence[str | Cell]] = [
        [
            row.release_id,
            row.strategy or MISSING,
            row.event_type or MISSING,
            f"{row.n:,}",
            *(figure(row, metric, k) for metric in METRIC_NAMES),
        ]
        for row in report.groups
    ]
    explained = (
        "What made the list, and what the shopper did next. A cart or a purchase counts where it came within "
        f"{report.attribution_window_s:g} s after the session's event before it, or where it names the list."
    )
    return section("By strategy and type of the next event", explained, [table("Groups", head, rows)])


def named_section(named: Sequence[NamedRow]) -> str:
    """What the named lists did; nothing where no event names one."""
    if not named:
        return ""
    head = [
        "release",
        "strategy",
        "event",
        "events",
        "of the last list",
        "item in the list",
        "mean 1/rank",
        "mean 1/position",
    ]
    rows = [
        [
            row.release_id,
            row.strategy,
            row.event_type,
            f"{row.n:,}",
            f"{row.last:,}",
            f"{row.in_list:,}",
            share_text(row.mean_reciprocal_rank),
            MISSING
            if row.mean_reciprocal_position is None
            else Cell(share_text(row.mean_reciprocal_position), f"of {row.with_position:,}"),
        ]
        for row in named
    ]
    explained = (
        "Events that bear a recommendation_id: what the shop says led to them. The rank is the item's in the "
        "list that was emitted, the position the place at which the shop says that it showed it."
    )
    return section("Lists that events name", explained, [table("Named lists", head, rows)])


def measured_section(report: OnlineReport) -> str:
    """Where the figures come from."""
    named = {
        "topics": f"{', '.join(report.event_topics)}; {report.recommendations_topic}",
        "session gap": "; ".join(f"{gap:g} s ({one})" for one, gap in report.session_gaps_s.items()),
        **{said: f"{report.counts[name]:,}" for name, said in _COUNTS.items() if report.counts.get(name)},
    }
    return section("How it was measured", "What was read, and what was left out.", [facts(named)])
