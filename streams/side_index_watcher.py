"""SideIndexWatcher: keeps the newest side index of the running release loaded.

Nothing depends on it: without a side index the release is served alone, and what cannot be read leaves the
one before in its place. Callers: `streams.worker` and `streams.lookup.serving`, each with what it serves.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any, NoReturn, Protocol, TypeVar

import structlog
from prometheus_client import Counter, Gauge

from models.release import ReleaseTables
from models.side_index import SideIndex, load_side_index
from schemas.errors import InvalidRelease, Unavailable
from schemas.ids import ReleaseId
from schemas.side_index_announcement import SideIndexAnnouncement
from streams.backoff import Backoff
from streams.health import Health
from streams.release_fetching import may_pass
from streams.side_index_fetching import fetched_side_index
from streams.side_index_topic import SideIndexTopic

log = structlog.get_logger("millrace.side_index")
PART = "side index"
"""The name in `Health` of what keeps new items from being recommended."""
FIRST_RETRY_S = 1.0
LAST_RETRY_S = 30.0
REOPEN_S = 1.0
P = TypeVar("P")


class Current(Protocol[P]):
    """What a process serves now."""

    @property
    def release(self) -> ReleaseTables | None:
        """None before the first release."""
        ...

    @property
    def side_index(self) -> SideIndex | None:
        """What is searched beside it, also where that has no items; None before the first of the release."""
        ...

    def with_side_index(self, side: SideIndex) -> P | None:
        """What is served with another one; called in a thread. None where another release serves by now."""
        ...

    def use_side_index(self, prepared: P) -> bool:
        """Serve that from now on; whether it is done: not where it was made of what is served no more."""
        ...


class Shown(Protocol):
    """The metrics of a process that say what is searched."""

    side_index_version: Gauge
    side_index_items: Gauge
    side_index_age: Gauge
    side_indexes_refused: Counter


class SideIndexWatcher:
    """The watching of one process, as a task that ends when it is cancelled."""

    def __init__(
        self, releases: str, topic: SideIndexTopic, current: Current[Any], health: Health, metrics: Shown
    ) -> None:
        """Prepare; nothing is connected yet.

        Args:
            releases: folder or URL of releases.
            topic: the announcements; opened and closed here.
            current: what is served; a side index is swapped to in the event loop.
            health: where it shows that new items cannot be followed; the process stays ready.
            metrics: of what is searched.
        """
        self._releases = releases
        self._topic = topic
        self._current = current
        self._health = health
        self._metrics = metrics
        self._newest: dict[ReleaseId, SideIndexAnnouncement] = {}
        self._refused: set[int] = set()
        self._announced_at = 0.0
        self._backoff = Backoff(FIRST_RETRY_S, LAST_RETRY_S)
        metrics.side_index_version.set_function(lambda: _version(current.side_index))
        metrics.side_index_items.set_function(lambda: len(current.side_index or ()))
        metrics.side_index_age.set_function(self._age_s)

    async def run(self) -> NoReturn:
        """Follow the topic, and again where Kafka fails."""
        try:
            while True:
                try:
                    self.take(await self._topic.open())
                    self._health.recover(PART)
                    while True:
                        await self.look()
                        self.take(await self._topic.next())
                except Unavailable as error:
                    self._health.warn(PART, str(error))
                except Exception as error:  # a bug here must not end the process, which serves without
                    log.exception("side indexes are followed anew")
                    self._health.warn(PART, repr(error))
                await asyncio.sleep(REOPEN_S)
        finally:
            await self._topic.close()

    async def look(self) -> None:
        """Serve the newest side index of the running release, if it is not served yet."""
        release = self._current.release
        if release is None:
            return
        wanted = self._newest.get(release.release_id)
        if wanted is None or wanted.version <= _version(self._current.side_index):
            self._health.recover(PART)  # what waited was of another release, or is superseded
        elif wanted.version not in self._refused and self._backoff.is_over():
            await self._serve(wanted, release)

    def take(self, announcements: Iterable[SideIndexAnnouncement]) -> None:
        """Remember the greatest version of each release; of a release that is announced later, too."""
        for one in announcements:
            known = self._newest.get(one.release_id)
            if one.ready and (known is None or one.version > known.version):
                self._newest[one.release_id] = one

    async def _serve(self, wanted: SideIndexAnnouncement, release: ReleaseTables) -> None:
        try:
            side = await asyncio.to_thread(self._load, wanted, release)
        except Exception as error:  # noqa: BLE001  # the loader's boundary: the one before goes on
            self._put_off(wanted, error)
            return
        say = log.info if self._current.side_index is None else log.debug  # each version would be many lines
        if await self._search(side):
            self._announced_at = wanted.announced_at.timestamp()
            self._backoff.reset()
            self._health.recover(PART)
            say("searching side index", release_id=side.release_id, version=side.version, items=len(side))

    async def _search(self, side: SideIndex) -> bool:
        """Swap to it, unless another release serves by now.

        What is swapped to is made in a thread, for that looks through the whole catalogue; and made anew
        where what it was made of is not served any more.
        """
        while (prepared := await asyncio.to_thread(self._current.with_side_index, side)) is not None:
            if self._current.use_side_index(prepared):
                return True
        return False

    def _load(self, wanted: SideIndexAnnouncement, release: ReleaseTables) -> SideIndex:
        with fetched_side_index(self._releases, wanted.release_id, wanted.version) as folder:
            side = load_side_index(folder, release)
        if side.version != wanted.version:
            raise InvalidRelease(f"side index {folder}: it says that it is version {side.version}")
        return side

    def _age_s(self) -> float:
        return 0.0 if self._current.side_index is None else max(0.0, time.time() - self._announced_at)

    def _put_off(self, wanted: SideIndexAnnouncement, error: Exception) -> None:
        """Refuse it, or try it again later where it may be there then."""
        if may_pass(error):
            self._health.warn(PART, f"version {wanted.version} waits, tried again: {error}")
            self._backoff.begin()
            return
        self._refused.add(wanted.version)
        self._metrics.side_indexes_refused.inc()
        log.error("side index refused", version=wanted.version, exc_info=error)


def _version(side: SideIndex | None) -> int:
    """Of what is searched; 0: nothing. Not the truth of `side`: one without items has a version, too."""
    return 0 if side is None else side.version
