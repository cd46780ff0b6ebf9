"""ReleaseWatcher: keeps the announced release loaded, and swaps it by replacing one reference.

What a release is, is the loader's business: the whole `Release` in the worker, its tables in the lookup.
Callers: their composition roots.
"""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import structlog
from msgspec.structs import replace

from schemas.errors import Unavailable, UsageError
from schemas.ids import ReleaseId
from schemas.release_announcement import ReleaseAnnouncement
from streams.announcement_topic import AnnouncementTopic
from streams.ending_tasks import end_task
from streams.health import Health
from streams.release_fetching import fetch_release
from streams.retrying import until_available

T = TypeVar("T")
log = structlog.get_logger("millrace.releases")

TOPIC_PART = "releases topic"
"""The name in `Health` of the topic of announcements."""
STORE_PART = "release store"
"""The name in `Health` of the place where releases lie."""


class Running(NamedTuple, Generic[T]):
    """The release that is served, and the generation that announced it."""

    generation: int
    release_id: ReleaseId
    value: T


class ReleaseWatcher(Generic[T]):
    """Follows the announcements. `start` once, `stop` once; the properties may be read at any time."""

    def __init__(
        self,
        load: Callable[[Path], T],
        releases: str,
        cache: Path,
        topic: AnnouncementTopic,
        health: Health,
        on_swap: Callable[[T], None] = lambda _: None,
        on_refused: Callable[[ReleaseId, Exception], None] = lambda *_: None,
    ) -> None:
        """Prepare; nothing is connected yet.

        Args:
            load: from a release's local folder to what is served of it; runs in a thread.
            releases: folder or URL of releases, see `fetch_release`.
            cache: where releases from elsewhere are copied to.
            topic: the announcements; opened and closed here.
            health: where it shows that Kafka or the releases are away.
            on_swap: called with each release that is served from now on, in the event loop.
            on_refused: called with each release that was announced and cannot be served.
        """
        self._load = load
        self._releases = releases
        self._cache = cache
        self._topic = topic
        self._health = health
        self._on_swap = on_swap
        self._on_refused = on_refused
        self._running: Running[T] | None = None
        self._served = asyncio.Event()
        self._caught_up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def current(self) -> T | None:
        """What is served; None before the first release."""
        return self._running.value if self._running else None

    @property
    def generation(self) -> int:
        """The generation that is served; 0 before the first release."""
        return self._running.generation if self._running else 0

    @property
    def release_id(self) -> ReleaseId | None:
        """The release that is served; None before the first."""
        return self._running.release_id if self._running else None

    async def start(self) -> None:
        """Read the topic to its end and serve the last announcement; waits for Kafka without end.

        What is announced later is followed in the background. Afterwards `current` is None only where no
        release was announced, or none of those announced can be served.

        Raises:
            UsageError: the setting of where releases are cannot work.
        """
        self._task = asyncio.create_task(self._follow(), name="release-watcher")
        await self._until(self._caught_up)

    async def wait_for_release(self) -> T:
        """What is served, as soon as there is a release."""
        await self._until(self._served)
        assert self._running is not None
        return self._running.value

    async def stop(self) -> None:
        """Stop following; what is served stays readable."""
        if self._task is not None:
            await end_task(self._task)

    async def _until(self, event: asyncio.Event) -> None:
        """Wait for the event; should the following end before it, raise what ended it."""
        assert self._task is not None, "start the watcher first"
        waiter = asyncio.create_task(event.wait())
        try:
            await asyncio.wait({waiter, self._task}, return_when=asyncio.FIRST_COMPLETED)
            if not event.is_set():
                self._task.result()
        finally:
            waiter.cancel()

    async def _follow(self) -> None:
        """Catch up, follow, and again where Kafka fails; generations keep a release from loading twice."""
        try:
            while True:
                await self._serve_newest(await until_available(self._topic.open, TOPIC_PART, self._health))
                self._caught_up.set()
                with contextlib.suppress(Unavailable):
                    while True:
                        await self._serve_newest(await self._topic.next())
        except UsageError as error:
            self._health.fail(STORE_PART, str(error))
            raise
        except Exception as error:  # a bug must not freeze the release silently: readiness turns red
            log.exception("releases are not followed any more")
            self._health.fail(TOPIC_PART, repr(error))
            raise
        finally:
            await self._topic.close()

    async def _serve_newest(self, announcements: list[ReleaseAnnouncement]) -> None:
        """Serve the greatest generation above the present one, or the next below it where that is refused."""
        newer: dict[int, ReleaseAnnouncement] = {}
        for announcement in announcements:
            if announcement.generation > self.generation:
                newer.setdefault(announcement.generation, announcement)
        if newer and self._running is None:
            _add_previous(newer)
        for generation in sorted(newer, reverse=True):
            if await self._serve(newer[generation]):
                return

    async def _serve(self, announcement: ReleaseAnnouncement) -> bool:
        """Load a release and swap to it; False where it is refused and the old one stays."""
        release_id, generation = announcement.release_id, announcement.generation
        try:
            value = await until_available(
                lambda: asyncio.to_thread(self._fetch_and_load, release_id), STORE_PART, self._health
            )
            self._on_swap(value)
        except UsageError:
            raise
        except Exception as error:  # the loader's boundary: whatever is wrong, the old release keeps serving
            log.exception("release refused", release_id=release_id, generation=generation)
            self._on_refused(release_id, error)
            return False
        self._running = Running(generation, release_id, value)
        self._served.set()
        log.info("serving release", release_id=release_id, generation=generation)
        return True

    def _fetch_and_load(self, release_id: ReleaseId) -> T:
        return self._load(fetch_release(self._releases, release_id, self._cache))


def _add_previous(newer: dict[int, ReleaseAnnouncement]) -> None:
    """Compaction may have left the last announcement alone: the one before it is named in it."""
    last = newer[max(newer)]
    if last.previous is not None:
        generation = last.generation - 1
        newer.setdefault(
            generation, replace(last, release_id=last.previous, generation=generation, previous=None)
        )
