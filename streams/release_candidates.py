"""Which announced releases might be served still, newest first. Caller: `streams.release_watcher`.

An announcement stays a candidate until its release or a newer one is served, or until it is refused. It is
refused for good: a mended release is announced again, under a generation of its own.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from schemas.ids import ReleaseId
from schemas.release_announcement import ReleaseAnnouncement


class Candidates:
    """The announcements above the served generation that were not refused."""

    def __init__(self) -> None:
        self._served = 0
        self._open: dict[int, ReleaseAnnouncement] = {}
        self._refused: set[tuple[int, ReleaseId]] = set()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._open)

    def newest_first(self) -> list[ReleaseAnnouncement]:
        """All of them, the greatest generation first."""
        return [self._open[generation] for generation in sorted(self._open, reverse=True)]

    def add(self, announcements: Iterable[ReleaseAnnouncement]) -> bool:
        """Take what was announced, known or new; whether there is a candidate more.

        Of announcements under one generation the first counts.
        """
        before = len(self._open)
        for announcement in announcements:
            self._add(announcement)
        is_more = len(self._open) > before
        if is_more and not self._served:
            self._add_previous()
        return is_more

    def serve(self, generation: int) -> None:
        """A generation is served; those up to it are none any more."""
        self._served = generation
        self._open = {one: found for one, found in self._open.items() if one > generation}

    def refuse(self, announcement: ReleaseAnnouncement) -> None:
        """A release must not be served."""
        self._refused.add((announcement.generation, announcement.release_id))
        del self._open[announcement.generation]

    def _add(self, announcement: ReleaseAnnouncement) -> None:
        generation = announcement.generation
        if generation > self._served and (generation, announcement.release_id) not in self._refused:
            self._open.setdefault(generation, announcement)

    def _add_previous(self) -> None:
        """Compaction may have left the last announcement alone: the one before it is named in it."""
        last = self._open[max(self._open)]
        if last.previous is not None:
            self._add(replace(last, release_id=last.previous, generation=last.generation - 1, previous=None))
