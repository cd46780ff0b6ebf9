"""Online quality: how well each list did by the event that came after it. The rule, and its figures.

Pure; the same code in the worker, which has the last list of each session in its state, and in the report,
which reads lists and events from their topics. Callers: `streams.online_comparison`,
`streams.online_counts`, `retrain.online_report`.

The rule. An event is compared with the last list that was made before it in its session, and counts for the
release and the strategy that made that list. The first event of a session has no list before it; after a gap
a session begins anew. Repeats, events without consent and erasures are not compared, and no list of theirs
replaces the one before. A cart or a purchase is compared where it is attributed to that list: where it comes
within the window after the session's event before it, or, if it bears a `recommendation_id`, where it names
that list. One that names another list is counted as such and not compared. Without windows and names it is
the protocol of offline evaluation (`retrain.evaluation.prefixes`).
"""

from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.item_hashes import hash_items, unpacked_hashes
from models.session_rule import APART, BEGINS
from schemas.ids import ItemId, ReleaseId, SessionId
from schemas.item_event import EraseSession, EventType, ItemEvent
from schemas.last_list import HEADER_BYTES, ITEM_BYTES, MAX_LISTED, STRATEGIES, LastList
from schemas.recommendation_list import Strategy

CUTOFFS = (1, 5, 10, MAX_LISTED)
"""The k of the figures."""
FIGURES = 1 + 2 * len(CUTOFFS)
"""Of a group: the predictions, for each k the hits, for each k the sum of the reciprocal ranks."""


class OnlineGroup(NamedTuple):
    """What is counted together."""

    release_id: ReleaseId
    strategy: Strategy
    event_type: EventType
    """Of the event that was compared."""


LoggedEvent: TypeAlias = "tuple[ItemEvent | EraseSession, int, LastList | None]"
"""An event of a log, its pause (`models.session_rule.pause_ms`, or `APART`), and the list that it got: None
where none was made, or one that replaces none."""


class NamedList(NamedTuple):
    """An event that bears a `recommendation_id`."""

    place: int
    event_type: EventType
    is_last: bool
    """Whether it names the last list of its session."""


@dataclass(eq=False)
class Compared:
    """The comparisons of a log."""

    places: list[int] = field(default_factory=list)
    """Where in the log each compared event stands."""
    events: list[ItemEvent] = field(default_factory=list)
    """Beside it, the event, and what it was compared with."""
    lists: list[LastList] = field(default_factory=list)
    named: list[NamedList] = field(default_factory=list)

    def ranks(self) -> NDArray[np.int64]:
        """int64 [compared]: the rank of each event's item in its list, from 1; 0 where it is not there."""
        return ranks_of([event.item_id for event in self.events], [one.packed for one in self.lists])

    def groups(self) -> tuple[list[OnlineGroup], NDArray[np.int64]]:
        """The groups that there are, and int64 [compared]: the place of each comparison's among them."""
        codes: dict[tuple[ReleaseId, int, EventType], int] = {}
        members = [
            codes.setdefault((one.release_id, one.packed[0], event.event_type), len(codes))
            for one, event in zip(self.lists, self.events, strict=True)
        ]
        groups = [OnlineGroup(release, STRATEGIES[code], kind) for release, code, kind in codes]
        return groups, np.array(members, dtype=np.int64)


def compare(
    held: MutableMapping[SessionId, LastList | None], log: Iterable[LoggedEvent], window_s: float
) -> Compared:
    """Compare the events of a log with the lists before them.

    Args:
        held: the last list of each session before the log; afterwards, that behind it.
        log: in log order.
        window_s: how long after its session's last event a cart or a purchase is attributed to the last list,
            seconds; 0: for as long as the session goes on.
    """
    compared = Compared()
    for place, (event, pause_ms, made) in enumerate(log):
        if isinstance(event, EraseSession):
            held[event.session_id] = None
            continue
        if pause_ms == APART:
            continue
        last = held.get(event.session_id)
        if event.event_type == "view" and event.recommendation_id is None:
            is_answer = pause_ms >= 0
        else:
            is_answer = _is_attributed(compared.named, place, event, pause_ms, last, window_s)
        if is_answer and last is not None:
            compared.places.append(place)
            compared.events.append(event)
            compared.lists.append(last)
        if made is not None or pause_ms == BEGINS:
            held[event.session_id] = made
    return compared


def _is_attributed(
    named: list[NamedList],
    place: int,
    event: ItemEvent,
    pause_ms: int,
    last: LastList | None,
    window_s: float,
) -> bool:
    """Whether an event counts for its session's last list; the list that it names is noted."""
    is_last = None
    if event.recommendation_id is not None:
        is_last = last is not None and last.is_named(event.recommendation_id)
        named.append(NamedList(place, event.event_type, is_last))
    if event.event_type == "view":
        return pause_ms >= 0
    if is_last is not None:
        return is_last
    return pause_ms >= 0 and (not window_s or pause_ms <= window_s * 1000)


def ranks_of(item_ids: Sequence[ItemId], lists: Sequence[bytes]) -> NDArray[np.int64]:
    """The rank of each item in its list.

    Args:
        item_ids: n items.
        lists: beside them `schemas.last_list.LastList.packed`.

    Returns:
        int64 [n], from 1; 0 where the item is not there.
    """
    if not lists:
        return np.zeros(0, dtype=np.int64)
    size = ITEM_BYTES * MAX_LISTED
    listed = unpacked_hashes([one[HEADER_BYTES:].ljust(size, b"\0") for one in lists])
    found = listed == hash_items(item_ids)[:, None]
    ranks = np.where(found.any(axis=1), found.argmax(axis=1) + 1, 0)
    lengths = np.array([one[1] for one in lists])
    return np.where(ranks <= lengths, ranks, 0)  # behind the last item stand zeros, a hash like any


def figures(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """What each comparison adds to the figures of its group, float64 [n, FIGURES].

    Args:
        ranks: int64 [n], see `Compared.ranks`.
    """
    hits = (ranks[:, None] > 0) & (ranks[:, None] <= np.array(CUTOFFS))
    reciprocal = hits / np.maximum(ranks, 1)[:, None]
    return np.concatenate([np.ones((len(ranks), 1)), hits, reciprocal], axis=1)


def figures_by_group(
    groups: Sequence[OnlineGroup], members: NDArray[np.int64], ranks: NDArray[np.int64]
) -> dict[OnlineGroup, NDArray[np.float64]]:
    """The figures of each group, float64 [FIGURES]; zeros where it has no comparison.

    Args:
        groups: all that occur.
        members: int64 [n], of each comparison the place of its group.
        ranks: int64 [n], beside them.
    """
    sums = (members == np.arange(len(groups))[:, None]).astype(np.float64) @ figures(ranks)
    return dict(zip(groups, sums, strict=True))
