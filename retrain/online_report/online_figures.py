"""From comparisons to the rows of a report: rates, intervals, sums, and what the named lists did.

Owns the figures; pure. Caller: `retrain.online_report.online_reporting`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.online_quality import CUTOFFS, OnlineGroup, figures, ranks_of
from retrain.evaluation.bootstrap import Bootstrap, metric_intervals
from retrain.evaluation.ranking_metrics import Values
from retrain.online_report.followed_sessions import Followed
from retrain.online_report.logged_lists import LoggedLists
from retrain.online_report.online_report import NamedRow, OnlineRow, OnlineSums
from schemas.ids import ReleaseId

METRICS = ("hit_rate", "mrr")


@dataclass(frozen=True, eq=False)
class Comparisons:
    """The comparisons of a range."""

    groups: list[OnlineGroup]
    members: NDArray[np.int64]
    """int64 [n]: the place of each comparison's group."""
    ranks: NDArray[np.int64]
    session: NDArray[np.int64]
    """int64 [n]: a number for each session."""


class _Named(NamedTuple):
    """An event that names a list which was found."""

    is_last: bool
    rank: int
    position: int | None


def comparisons_of(followed: Followed) -> Comparisons:
    """The comparisons whose events lie in the range."""
    compared = followed.compared
    groups, members = compared.groups()
    kept = np.array([place in followed.in_range for place in compared.places], dtype=np.bool_)
    numbers: dict[str, int] = {}
    session = [numbers.setdefault(event.session_id, len(numbers)) for event in compared.events]
    return Comparisons(groups, members[kept], compared.ranks()[kept], np.array(session, dtype=np.int64)[kept])


def group_rows(found: Comparisons, bootstrap: Bootstrap) -> list[OnlineRow]:
    """A row for each release, strategy and event type that there are comparisons of."""
    rows = []
    for at, group in sorted(enumerate(found.groups), key=lambda one: one[1]):
        if (chosen := found.members == at).any():
            rows.append(_row(group.release_id, group, found, chosen, bootstrap))
    return rows


def release_rows(found: Comparisons, bootstrap: Bootstrap) -> list[OnlineRow]:
    """A row for each release, in the order in which their lists are first met."""
    releases = list(dict.fromkeys(group.release_id for group in found.groups))
    rows = []
    for release_id in releases:
        own = [at for at, group in enumerate(found.groups) if group.release_id == release_id]
        if (chosen := np.isin(found.members, own)).any():
            rows.append(_row(release_id, None, found, chosen, bootstrap))
    return rows


def named_rows(followed: Followed, lists: LoggedLists) -> tuple[list[NamedRow], int]:
    """What the lists did that events name, and how many events name one that was not found."""
    found: dict[OnlineGroup, list[_Named]] = {}
    unknown = 0
    for place, _, is_last in followed.compared.named:
        event = followed.events[place]
        logged = lists.by_id.get(event.recommendation_id) if event.recommendation_id else None
        if place not in followed.in_range:
            continue
        if logged is None:
            unknown += 1
            continue
        group = OnlineGroup(logged.last.release_id, logged.last.strategy, event.event_type)
        rank = int(ranks_of([event.item_id], [logged.last.packed])[0])
        found.setdefault(group, []).append(_Named(is_last, rank, event.position))
    return [_named_row(group, some) for group, some in sorted(found.items())], unknown


def _row(
    release_id: ReleaseId,
    group: OnlineGroup | None,
    found: Comparisons,
    chosen: NDArray[np.bool_],
    bootstrap: Bootstrap,
) -> OnlineRow:
    """Of a group, or of all groups of a release."""
    each = figures(found.ranks[chosen])
    sums, ks = each.sum(axis=0).tolist(), len(CUTOFFS)
    totals = dict(zip(METRICS, (sums[1 : 1 + ks], sums[1 + ks :]), strict=True))
    by_k = [str(k) for k in CUTOFFS]
    columns = each[:, 1:].astype(np.float32).T.reshape(len(METRICS), ks, -1)
    values: Values = {
        name: dict(zip(CUTOFFS, of_metric, strict=True))
        for name, of_metric in zip(METRICS, columns, strict=True)
    }
    numbers, session = np.unique(found.session[chosen], return_inverse=True)
    return OnlineRow(
        release_id=release_id,
        strategy=group.strategy if group else None,
        event_type=group.event_type if group else None,
        n=len(each),
        sessions=len(numbers),
        metrics={
            name: {k: total / len(each) for k, total in zip(by_k, of_metric, strict=True)}
            for name, of_metric in totals.items()
        },
        intervals=metric_intervals(values, session.astype(np.int32), bootstrap),
        sums=OnlineSums(
            hits=dict(zip(by_k, map(int, totals["hit_rate"]), strict=True)),
            reciprocal_ranks=dict(zip(by_k, totals["mrr"], strict=True)),
        ),
    )


def _named_row(group: OnlineGroup, some: Sequence[_Named]) -> NamedRow:
    places = [one.position for one in some if one.position is not None and one.position >= 1]
    return NamedRow(
        release_id=group.release_id,
        strategy=group.strategy,
        event_type=group.event_type,
        n=len(some),
        last=sum(one.is_last for one in some),
        in_list=sum(one.rank > 0 for one in some),
        mean_reciprocal_rank=sum(1 / one.rank for one in some if one.rank) / len(some),
        with_position=len(places),
        mean_reciprocal_position=sum(1 / place for place in places) / len(places) if places else None,
    )
