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

from schemas.errors import Unavailable, UsageError
from schemas.ids import ReleaseId
from schemas.release_announcement import ReleaseAnnouncement
from streams.announcement_topic import AnnouncementTopic
from streams.backoff import Backoff
from streams.ending_tasks import end_task, reached
from streams.health import Health
from streams.release_candidates import Candidates
from streams.release_fetching import fetch_release, may_pass
from streams.release_listeners import ReleaseListeners
from streams.retrying import until_available

T = TypeVar("T")
log = structlog.get_logger("millrace.releases")

TOPIC_PART = "releases topic"
"""The name in `Health` of the topic of announcements."""
STORE_PART = "release store"
"""The name in `Health` of the place where releases lie, and of the one where they are copied to."""
FIRST_RETRY_S = 1.0
LAST_RETRY_S = 30.0
"""A release that cannot be fetched or loaded now is tried again after so long, at last."""


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
        listeners: ReleaseListeners[T],
    ) -> None:
        """Prepare; nothing is connected yet.

        Args:
            load: from a release's local folder to what is served of it; runs in a thread.
            releases: folder or URL of releases, see `fetch_release`.
            cache: where releases from elsewhere are copied to.
            topic: the announcements; opened and closed here.
            health: where it shows that Kafka or the releases are away.
            listeners: who is told, in the event loop.
        """
        self._load = load
        self._releases = releases
        self._cache = cache
        self._topic = topic
        self._health = health
        self._listeners = listeners
        self._candidates = Candidates()
        self._backoff = Backoff(FIRST_RETRY_S, LAST_RETRY_S)
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
        """Read the topic to its end and serve the last announcement; waits for Kafka and store without end.

        What is announced later is followed in the background. Afterwards `current` is None only where no
        release was announced, or none of those announced can be served.

        Raises:
            UsageError: the setting of where releases are cannot work.
        """
        self._task = asyncio.create_task(self._follow(), name="release-watcher")
        await reached(self._caught_up, self._task)

    async def wait_for_release(self) -> T:
        """What is served, as soon as there is a release."""
        assert self._task is not None, "start the watcher first"
        await reached(self._served, self._task)
        assert self._running is not None
        return self._running.value

    async def stop(self) -> None:
        """Stop following; what is served stays readable."""
        if self._task is not None:
            await end_task(self._task)

    async def _follow(self) -> None:
        """Catch up, follow, and again where Kafka fails."""
        try:
            while True:
                await self._consider(await until_available(self._topic.open, TOPIC_PART, self._health))
                with contextlib.suppress(Unavailable):
                    while True:
                        await self._consider(await self._topic.next())
        except UsageError as error:
            self._health.fail(STORE_PART, str(error))
            raise
        except Exception as error:  # a bug must not freeze the release silently: readiness turns red
            log.exception("releases are not followed any more")
            self._health.fail(TOPIC_PART, repr(error))
            raise
        finally:
            await self._topic.close()

    async def _consider(self, announcements: list[ReleaseAnnouncement]) -> None:
        """Serve what is new, or what could not be fetched and is to be tried again by now."""
        if self._candidates.add(announcements):
            self._backoff.reset()
        if self._candidates and self._backoff.is_over():
            await self._serve_newest()
        if self._running or not self._candidates:
            self._caught_up.set()

    async def _serve_newest(self) -> None:
        """Serve the greatest generation; one below it where it is refused, or waits and none is served."""
        trouble = ""
        for announcement in self._candidates.newest_first():
            try:
                await self._serve(announcement)
                break
            except UsageError:
                raise
            except Exception as error:  # noqa: BLE001  # the loader's boundary: the old one keeps serving
                if not may_pass(error):
                    self._refuse(announcement, error)
                    continue
                trouble = trouble or f"release {announcement.release_id} waits, tried again: {error}"
                if self._running or isinstance(error, Unavailable):  # the store is away for the others too
                    break
        self._show(trouble)

    async def _serve(self, announcement: ReleaseAnnouncement) -> None:
        """Load a release and swap to it."""
        release_id, generation = announcement.release_id, announcement.generation
        self._listeners.tried(release_id)
        value = await asyncio.to_thread(
            lambda: self._load(fetch_release(self._releases, release_id, self._cache))
        )
        self._listeners.swapped(value)
        self._running = Running(generation, release_id, value)
        self._candidates.serve(generation)
        self._served.set()
        log.info("serving release", release_id=release_id, generation=generation)

    def _refuse(self, announcement: ReleaseAnnouncement, error: Exception) -> None:
        release_id, generation = announcement.release_id, announcement.generation
        log.error("release refused", release_id=release_id, generation=generation, exc_info=error)
        self._candidates.refuse(announcement)
        self._listeners.refused(release_id, error)

    def _show(self, trouble: str) -> None:
        """Say what a release waits for, and when it is tried again; without a release this is not ready."""
        if not trouble:
            self._health.recover(STORE_PART)
            return
        show = self._health.warn if self._running else self._health.fail
        show(STORE_PART, trouble)
        self._backoff.begin()
