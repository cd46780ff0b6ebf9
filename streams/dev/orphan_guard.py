"""A watchdog that ends what its parent leaves behind: children outlive a parent that was killed.

Owns the end of orphans only; whoever starts a child also ends it in the ordinary course. The guard is a
process of its own that reads process ids from its standard input: when that closes, the parent is gone, and
what is still listed is ended. (Linux's parent-death signal would not do: it fires when the *thread* that
started the child ends, and macOS has none.)

Caller: `child_processes`.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import IO

GRACE_S = 10.0


class OrphanGuard:
    """The parent's side: start one per process, tell it every child."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "streams.dev.orphan_guard"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C at the terminal must not end the guard before its parent
            text=True,
        )

    def watch(self, pid: int) -> None:
        """From now on the process group of `pid` does not outlive this process."""
        self._tell(f"+{pid}")

    def forget(self, pid: int) -> None:
        """`pid` has ended and was waited for; its number may be another process's soon."""
        self._tell(f"-{pid}")

    def close(self) -> None:
        """End the guard, and with it whatever is still watched."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(
            OSError
        ):  # the guard was killed: the children are still ended in the ordinary course
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()


def read_orphans(lines: Iterable[str]) -> set[int]:
    """Follow the parent's `+pid` and `-pid` lines to their end.

    Returns:
        The process ids that are still watched then.
    """
    watched: set[int] = set()
    for line in lines:
        pid = int(line[1:])
        watched = watched | {pid} if line.startswith("+") else watched - {pid}
    return watched


def end_groups(pids: Iterable[int], grace_s: float = GRACE_S) -> None:
    """SIGTERM to each process group, SIGKILL to those that are still there after `grace_s` seconds."""
    left = {pid for pid in pids if _signal_group(pid, signal.SIGTERM)}
    deadline = time.monotonic() + grace_s
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = {pid for pid in left if _signal_group(pid, 0)}
    for pid in left:
        _signal_group(pid, signal.SIGKILL)


def _signal_group(pid: int, number: int) -> bool:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def main(parent: IO[str] = sys.stdin) -> None:
    """The guard's side."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    end_groups(read_orphans(parent))


if __name__ == "__main__":
    main()
