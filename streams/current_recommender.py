"""What is being served: release, side index and availability of items, bound into one immutable Recommender.

Owns the one reference that a swap replaces. Callers: the release watcher and the side index watcher (swap),
the catalogue refresh,
`streams.batch_processor`
(reads `served` once per batch, so that a batch is served by one release under one catalogue).
"""

from dataclasses import dataclass
from pathlib import Path

from models.probe_answers import check_probes
from models.recommender import Recommender, SessionEvent
from models.release import Release, load_release
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
    def side_index(self) -> SideIndex | None:
        """What is searched beside the release."""
        return self.recommender.items.side

    @property
    def side_index_version(self) -> int | None:
        """The version of the side index that is searched beside the release; None without one."""
        side = self.side_index
        return None if side is None else side.version


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
    def release_id(self) -> ReleaseId | None:
        """The release that is served."""
        return self.served.recommender.release.release_id if self.served else None

    def session_gap_s(self) -> float:
        """The session gap of the release that is served, seconds."""
        return self.served.recommender.release.manifest.session_gap_s if self.served else 0.0

    def use_release(self, release: Release) -> None:
        """Serve another release from the next batch on."""
        self._metrics.active_release.clear()
        self._metrics.active_release.labels(release.release_id).set(1)
        self._bind(release, None)

    def use_side_index(self, side: SideIndex) -> bool:
        """Search other new items from the next batch on.

        Returns:
            Whether it is done; not where another release serves by now.
        """
        if self.served is None or self.release_id != side.release_id:
            return False
        self._bind(self.served.recommender.release, side)
        return True

    def use_availability(self, availability: Availability) -> None:
        """Apply another version of the catalogue from the next batch on."""
        self._availability = availability
        if self.served is not None:
            self._bind(self.served.recommender.release, self.served.side_index)

    def _bind(self, release: Release, side: SideIndex | None) -> None:
        mask = self._availability.mask(release.vocabulary, None if side is None else side.vocabulary)
        recommender = self._recommender(release).with_items(mask, side)
        self.served = Served(recommender, self._availability.version)

    def _recommender(self, release: Release) -> Recommender:
        """One of the release, which goes on with what it remembers where that is served already."""
        if self.served is not None and self.served.recommender.release is release:
            return self.served.recommender
        return Recommender(
            release, self._k, self._excluded_types, None, self._metrics.stage, self._latest_only
        )


def load_warm(folder: Path, threads: int) -> Release:
    """Load a release and let it answer: its probes as on the machine that built it, else a made-up event.

    Its first real event is not slow then. Runs in a thread.

    Raises:
        InvalidRelease: see `models.release.load_release` and `models.probe_answers.check_probes`.
    """
    release = load_release(folder, threads)
    if not check_probes(folder, release):
        probe(Recommender(release))
    return release


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
