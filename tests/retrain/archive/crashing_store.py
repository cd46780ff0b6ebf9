"""An archive whose process dies at a step: before or after a file appears, before or after one is deleted."""

from collections.abc import Callable, Iterator
from pathlib import Path

from retrain.archive.archive_store import ArchiveStore


class Crash(BaseException):
    """The process is killed: nothing catches it."""


class CrashingStore(ArchiveStore):
    """Dies at its n-th step."""

    def __init__(self, url: str, crash_at: int) -> None:
        super().__init__(url)
        self._left = crash_at

    def _step(self) -> None:
        self._left -= 1
        if not self._left:
            raise Crash

    def write(self, path: str, fill: Callable[[Path], None]) -> int:
        """Make a file, or die before it is renamed or after."""

        def then_die(unfinished: Path) -> None:
            fill(unfinished)
            self._step()

        size = super().write(path, then_die)
        self._step()
        return size

    def delete(self, path: str) -> None:
        """Delete a file, or die before or after it."""
        self._step()
        super().delete(path)
        self._step()


def killed_at_every_step(
    fresh: Callable[[int], Path], work: Callable[[ArchiveStore], object]
) -> Iterator[Path]:
    """The archive that is left by a process that died at its first step, at its second, and so on.

    Args:
        fresh: makes an archive for each life.
        work: what the process does.
    """
    for step in range(1, 1000):
        folder = fresh(step)
        try:
            work(CrashingStore(str(folder), step))
        except Crash:
            yield folder
        else:
            assert step > 1, "the work has no step to die at"
            return
