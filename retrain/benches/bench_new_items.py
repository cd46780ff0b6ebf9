"""`millrace bench new-items`: what a side index of new items is worth, and what it costs.

A release is trained on the first part of an event file, the rest replayed in time order: each event gets two
lists by the code that serves, with and without the side index of the minute before, and both are compared
with the session's next event. Caller: `retrain.benches.new_items_bench_commands`.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeVar

import polars as pl

from models.model_config import ModelConfig
from models.recommender import Recommended, Recommender, SessionEvent
from models.release import Release, load_release
from models.session_rule import starts_session
from models.side_index import SideIndex
from retrain.benches.new_item_tallies import HourTally, row_of, sum_of
from retrain.side_index.item_kinds import ItemKinds
from retrain.side_index.new_items import Limits, NewItems
from retrain.training.training_run import train_release
from schemas.bench_report import Row
from schemas.errors import UsageError
from schemas.ids import ItemId, SessionId
from schemas.item_event import ItemEvent
from schemas.item_metadata import ItemMetadata
from schemas.session_state import SessionState

T = TypeVar("T")
HOUR_MS, MINUTE_MS = 3_600_000, 60_000
WARM_UP_MS = 2 * HOUR_MS
"""So much of the training part is replayed before the first event that counts, for sessions that go on."""
K = 20


class Replay(NamedTuple):
    """What is replayed when."""

    events: pl.DataFrame
    """In log order, with times; columns as of `schemas.event_files.read_events`."""
    train_h: float
    """Hours from the first event on that the release is trained on."""
    hours: int
    """Hours after them that are replayed."""
    kinds: bool = True
    """Whether the categories of the file are known beforehand, as from a catalogue."""


class Costs(NamedTuple):
    """Seconds of the replay."""

    serving_without_s: float
    serving_with_s: float
    building_s: float
    builds: int
    events: int


def bench_new_items(
    replay: Replay, config: ModelConfig, progress: Callable[[int, int], None]
) -> tuple[list[Row], Costs]:
    """Train, replay and count.

    Args:
        replay: see there.
        config: how to train.
        progress: called with minutes replayed and their number.

    Raises:
        UsageError: there is nothing to train on or to replay.
    """
    start_ms = replay.events["occurred_at_ms"][0] + round(replay.train_h * HOUR_MS)
    time_ms = pl.col("occurred_at_ms")
    early = replay.events.filter(time_ms < start_ms)
    later = replay.events.filter(time_ms.is_between(start_ms - WARM_UP_MS, start_ms + replay.hours * HOUR_MS))
    if early.is_empty() or later.filter(time_ms >= start_ms).is_empty():
        raise UsageError(f"--train-hours {replay.train_h:g}: it leaves no events to train on or to replay")
    with TemporaryDirectory(prefix="millrace-bench-") as folder:
        manifest = train_release(early, config, Path(folder), datetime.now(UTC))
        release = load_release(Path(folder) / manifest.release_id)
        course = _Course(release, start_ms, _kinds(later if replay.kinds else later.clear(), early))
        minutes = list(_minutes(later))
        for number, minute in enumerate(minutes):
            course.run(minute)
            progress(number + 1, len(minutes))
    return course.rows(), course.costs()


class _Course:
    """The replay under way: two recommenders over one stream, and a builder."""

    def __init__(self, release: Release, start_ms: int, kinds: ItemKinds) -> None:
        self._release = release
        self._start_ms = start_ms
        self._alone = Recommender(release, K)
        self._joint = Recommender(release, K)
        self._states: dict[SessionId, SessionState | None] = {}
        self._builder = NewItems(release, kinds, Limits())
        self._awaited: dict[SessionId, tuple[int, set[ItemId], set[ItemId]]] = {}
        self._hours: dict[int, HourTally] = {}
        self._seconds = [0.0, 0.0, 0.0]
        self._builds = self._events = 0

    def run(self, minute: list[ItemEvent]) -> None:
        """A minute of events: lists, the comparison with what came, and then the next side index."""
        events = [SessionEvent(event, 0) for event in minute]
        alone = self._timed(0, lambda: self._alone.recommend(self._states, events))
        joint = self._timed(1, lambda: self._joint.recommend(self._states, events))
        self._states.update(joint.states)
        self._events += len(events)
        for at, event in enumerate(minute):
            self._compare(event)
            self._awaited[event.session_id] = (
                event.occurred_at_ms,
                _listed(self._alone, alone, at),
                _listed(self._joint, joint, at),
            )
        self._builder.take(events)
        self._timed(2, self._rebuild)

    def rows(self) -> list[Row]:
        """A row for each hour, and one for all."""
        rows = [row_of(str(hour), one) for hour, one in sorted(self._hours.items())]
        return [*rows, row_of("all", sum_of(list(self._hours.values())))]

    def costs(self) -> Costs:
        """Of the whole replay."""
        without_s, with_s, building_s = self._seconds
        return Costs(without_s, with_s, building_s, self._builds, self._events)

    def _rebuild(self) -> None:
        self._builds += 1
        items = self._builder.build()
        side = SideIndex(
            items.vocabulary, items.vectors, items.popular, self._release.release_id, self._builds
        )
        self._joint = self._joint.with_items(None, side)

    def _compare(self, event: ItemEvent) -> None:
        """Count whether the lists of the session's event before had the item."""
        awaited = self._awaited.get(event.session_id)
        if awaited is None or event.occurred_at_ms < self._start_ms:
            return
        before_ms, alone, joint = awaited
        if starts_session(before_ms, event.occurred_at_ms, self._release.manifest.session_gap_s):
            return
        hour = self._hours.setdefault((event.occurred_at_ms - self._start_ms) // HOUR_MS, HourTally())
        is_new = event.item_id not in self._release.vocabulary.known_rows
        for tally in [hour.all, hour.new] if is_new else [hour.all]:
            tally.targets += 1
            tally.without += event.item_id in alone
            tally.having += event.item_id in joint
        hour.items = self._joint.items.new

    def _timed(self, place: int, work: Callable[[], T]) -> T:
        started = time.perf_counter()
        result = work()
        self._seconds[place] += time.perf_counter() - started
        return result


def _kinds(*events: pl.DataFrame) -> ItemKinds:
    """The categories of all items, where the events have them."""
    kinds = ItemKinds()
    for some in events:
        if "category" in some.columns:
            named = some.select("item_id", "category").drop_nulls().unique("item_id", maintain_order=True)
            for item_id, category in named.iter_rows():
                kinds.describe(ItemMetadata(item_id=item_id, category=category))
    return kinds


def _listed(recommender: Recommender, recommended: Recommended, at: int) -> set[ItemId]:
    recommendation = recommended.recommendations[at]
    assert recommendation is not None
    return set(recommender.items.item_ids(recommendation.ranked.rows.tolist()))


def _minutes(events: pl.DataFrame) -> Iterator[list[ItemEvent]]:
    """The events minute by minute; minutes without any are left out."""
    minute = (pl.col("occurred_at_ms") // MINUTE_MS).alias("minute")
    fields = ["session_id", "item_id", "event_type", "occurred_at_ms"]
    for part in events.with_columns(minute).partition_by("minute", maintain_order=True):
        yield [ItemEvent(**row) for row in part.select(fields).iter_rows(named=True)]
