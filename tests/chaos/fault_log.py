"""The fault log of a run: what struck whom, and when; in a file, and told as it happens."""

import time
from collections.abc import Callable
from pathlib import Path


class FaultLog:
    """Lines with the seconds since its beginning.

    Args:
        path: the file; written line by line, so that a run that is cut short leaves it.
        say: told every line.
    """

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self._path = path
        self._say = say
        self._began_s = time.time()
        self._notes: list[tuple[float, str]] = []

    def note(self, line: str) -> None:
        """Add a line."""
        self._notes.append((time.time(), line))
        told = f"{self.seconds:7.1f} s  {line}"
        self._say(told)
        with self._path.open("a") as file:
            file.write(told + "\n")

    @property
    def seconds(self) -> float:
        """How long ago it began."""
        return time.time() - self._began_s

    def moment(self, at_s: float) -> str:
        """A time (epoch seconds) in words: how far into the run it is, and the line before it."""
        line = next((line for noted_s, line in reversed(self._notes) if noted_s <= at_s), "the start")
        return f"from {at_s - self._began_s:.0f} s on, after: {line}"
