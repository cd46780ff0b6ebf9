"""What is being served: release, side index and availability of items, bound into one immutable Recommender.

Owns the one reference that a swap replaces. Callers: the release watcher, the side index watcher and the
catalogue refresh (swap); `streams.batch_computation` (reads `served` once a batch, so that a batch is served
by one release and one side index under one catalogue).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.recommender import Recommender, SessionEvent
from models.release import Release
from models.side_index import SideIndex
from schemas.ids import ItemId, ReleaseId, SessionId
from schemas.item_event import ItemEvent
from streams.availability import Availability
from streams.metrics import WorkerMetrics


@dataclass(frozen=True)
class Served:
    """A recommender and the catalogue version that it applies."""

    recommender: Recommender
    catalogue_version: int

    @property
    def release_id(self) -> ReleaseId:
        """The release that serves."""
        return self.recommender.release.release_id

    @property
    def side_index(self) -> SideIndex | None:
        """What is searched beside the release; one without items too, for it says that there are none."""
        return self.recommender.items.side_index

    @property
    def side_index_version(self) -> int | None:
        """The version of the side index that is searched beside the release; None without one."""
        side = self.side_index
        return None if side is None else side.version


class Prepared(NamedTuple):
    """What may be served in the place of something."""

    before: Served
    after: Served


class CurrentRecommender:
    """The current recommender; None until the first release."""

    def __init__(
        self, k: int, excluded_types: frozenset[int], metrics: WorkerMetrics, latest_only: bool = False
    ) -> None:
        """Bind the policy; see `models.recommender.Recommender`."""
        self.served: Served | None = None
        self._latest_only = latest_only
        self._k = k
        self._excluded_types = excluded_types
        self._metrics = metrics
        self._availability = Availability()

    @property
    def availability(self) -> Availability:
        """The availability that is applied."""
        return self._availability

    @property
    def release(self) -> Release | None:
        """The release that is served."""
        return self.served.recommender.release if self.served else None

    @property
    def release_id(self) -> ReleaseId | None:
        """Its id."""
        return self.served.release_id if self.served else None

    @property
    def side_index(self) -> SideIndex | None:
        """What is searched beside it; see `Served.side_index`."""
        return self.served.side_index if self.served else None

    @property
    def side_index_version(self) -> int | None:
        """Its version; None without one."""
        return self.served.side_index_version if self.served else None

    def session_gap_s(self) -> float:
        """The session gap of the release that is served, seconds."""
        return self.served.recommender.release.manifest.session_gap_s if self.served else 0.0

    def use_release(self, release: Release) -> None:
        """Serve another release from the next batch on."""
        self.use(self.prepared(release))

    def prepared(self, release: Release) -> Served:
        """A release bound to the policy and to the catalogue as it is; may be called in another thread."""
        availability = self._availability
        mask = availability.mask(release.vocabulary)
        recommender = Recommender(
            release, self._k, self._excluded_types, mask, self._metrics.stage, self._latest_only
        )
        recommender.items.hashes(np.empty(0, dtype=np.int32))  # of all items, so that no batch waits for them
        return Served(recommender, availability.version)

    def use(self, prepared: Served) -> None:
        """Serve what was prepared from the next batch on, or its like, should the catalogue have changed.

        A release that is announced once more keeps its side index; with another it goes.
        """
        release = prepared.recommender.release
        self._metrics.active_release.clear()
        self._metrics.active_release.labels(release.release_id).set(1)
        is_current = prepared.catalogue_version == self._availability.version
        side = self._side_index_of(release)
        self.served = prepared if is_current and side is None else self._with_items(prepared, side)

    def with_side_index(self, side: SideIndex) -> Prepared | None:
        """What is served with other new items, for `use_side_index`; may be called in another thread.

        None where another release serves by now.
        """
        before = self.served
        if before is None or before.release_id != side.release_id:
            return None
        return Prepared(before, self._with_items(before, side))

    def use_side_index(self, prepared: Prepared) -> bool:
        """Search other new items from the next batch on.

        Returns:
            Whether it is done; not where release or catalogue are others than when it was prepared.
        """
        if self.served is not prepared.before:
            return False
        self.served = prepared.after
        return True

    def use_availability(self, availability: Availability) -> None:
        """Apply another version of the catalogue from the next batch on."""
        self._availability = availability
        if self.served is not None:
            self.served = self._with_items(self.served, self.served.side_index)

    def _side_index_of(self, release: Release) -> SideIndex | None:
        """What is searched beside the release already, where it is announced once more, unchanged."""
        before = self.served
        is_same = before is not None and before.recommender.release.manifest == release.manifest
        return before.side_index if before is not None and is_same else None

    def _with_items(self, served: Served, side: SideIndex | None) -> Served:
        """The same with a side index, under the catalogue as it is; what was searched stays remembered."""
        availability, release = self._availability, served.recommender.release
        mask = availability.mask(release.vocabulary, None if side is None else side.vocabulary)
        return Served(served.recommender.with_items(mask, side), availability.version)


def probe(recommender: Recommender) -> None:
    """Serve one made-up event; what the recommender raises is raised."""
    vocabulary = recommender.release.vocabulary
    event = ItemEvent(
        session_id=SessionId("made-up"),
        item_id=vocabulary.item_id(0) if len(vocabulary) else ItemId(""),
        event_type="view",
        occurred_at_ms=0,
    )
    recommender.recommend({}, [SessionEvent(event, 0)])
