"""Log lines that a library repeats: of each kind the first, then one a minute with how many were left out.

A kind is a logger and a message before its values are filled in. For the Kafka client, which writes a hundred
lines a second while no broker answers. Caller: `schemas.logs`.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

QUIET_S = 60.0


@dataclass
class _Kind:
    shown_at_s: float
    left_out: int = 0


class OnceAMinute(logging.Filter):
    """Lets one line of each kind through in a minute; threads may log at once."""

    def __init__(self, library: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Bind.

        Args:
            library: the logger whose lines, and those below it, are counted; all others pass.
            clock: seconds.
        """
        super().__init__()
        self._of_library = logging.Filter(library)
        self._clock = clock
        self._kinds: dict[tuple[str, object], _Kind] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is shown; one that is shown after others were left out says how many."""
        if not self._of_library.filter(record):
            return True
        name, now_s = (record.name, record.msg), self._clock()
        with self._lock:
            last = self._kinds.get(name)
            if last is not None and now_s < last.shown_at_s + QUIET_S:
                last.left_out += 1
                return False
            self._kinds[name] = _Kind(now_s)
        if last is not None and last.left_out:
            record.msg = f"{record.getMessage()} ({last.left_out} more of these left out since the last one)"
            record.args = None
        return True
