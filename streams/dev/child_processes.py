"""Child processes of the demo, of `millrace up` and of the tests: started, awaited, ended, none left behind.

Owns their lives: each child has its own process group and log file, is ended on the way out of the `with`
block (SIGTERM, then SIGKILL), and also when this process is killed (`orphan_guard`). It signals only
processes that it started. It does not know what the children do.

Callers: `embedded_redis`, the demo, `millrace up`; the services and chaos tests.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from schemas.errors import MillraceError
from streams.dev.orphan_guard import OrphanGuard

POLL_S = 0.05
LOG_TAIL_LINES = 15


class ChildFailed(MillraceError):
    """A child ended early or was not ready in time; the message has the end of its log."""


class Child:
    """One running child; made by `ChildProcesses.start`.

    Attributes:
        name: what messages call it.
        process: the process, leader of its own process group.
        log_path: where its standard output and error go.
    """

    def __init__(
        self, name: str, process: subprocess.Popen[bytes], log_path: Path, guard: OrphanGuard
    ) -> None:
        self.name = name
        self.process = process
        self.log_path = log_path
        self._guard = guard
        guard.watch(process.pid)

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """The last lines it logged."""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def wait_until(self, ready: Callable[[], bool], timeout_s: float, what: str = "ready") -> None:
        """Wait on a condition of the child, looking every 50 ms.

        Args:
            ready: the condition.
            timeout_s: how long at most.
            what: the condition in words, for the message.

        Raises:
            ChildFailed: the child ended first, or the time is over.
        """
        deadline = time.monotonic() + timeout_s
        while not ready():
            if not self.is_running():
                raise ChildFailed(
                    f"{self.name} ended with exit code {self.process.returncode}\n{self.log_tail()}"
                )
            if time.monotonic() > deadline:
                raise ChildFailed(f"{self.name} was not {what} after {timeout_s:g} s\n{self.log_tail()}")
            time.sleep(POLL_S)

    def wait_until_ready(self, base_url: str, timeout_s: float = 30.0) -> None:
        """Wait until `GET {base_url}/readyz` says 200.

        Raises:
            ChildFailed: the child ended first, or the time is over.
        """
        self.wait_until(lambda: answers_ok(f"{base_url}/readyz"), timeout_s)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the child alone, if it still runs."""
        if self.is_running():
            self.process.send_signal(number)

    def kill(self) -> None:
        """Kill -9 the child and all in its process group, and wait for its end."""
        self._signal_group(signal.SIGKILL)
        self._wait(timeout_s=None)

    def terminate(self, timeout_s: float = 15.0) -> int:
        """End it: SIGTERM, and SIGKILL to its group when it is still there after `timeout_s` seconds.

        Returns:
            Its exit code; negative is the number of the signal that ended it.
        """
        self.send_signal(signal.SIGTERM)
        self.send_signal(signal.SIGCONT)  # a stopped process does not even see a SIGTERM
        try:
            self._wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
        return self.process.returncode

    def wait(self, timeout_s: float) -> int:
        """Wait for its own end.

        Returns:
            Its exit code.

        Raises:
            ChildFailed: it still runs after `timeout_s` seconds.
        """
        try:
            self._wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise ChildFailed(f"{self.name} still runs after {timeout_s:g} s\n{self.log_tail()}") from error
        return self.process.returncode

    def _wait(self, timeout_s: float | None) -> None:
        self.process.wait(timeout_s)
        self._guard.forget(self.pid)

    def _signal_group(self, number: signal.Signals) -> None:
        if self.is_running():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)


class ChildProcesses:
    """Starts children, and ends those that still run on the way out, the last started first.

    Args:
        log_folder: where their logs go; by default a temporary folder that goes away with the block.

    Attributes:
        started: every child, also those that have ended, in the order of their start.
    """

    def __init__(self, log_folder: Path | None = None) -> None:
        self._at_end = contextlib.ExitStack()
        self._log_folder = log_folder or Path(
            self._at_end.enter_context(
                tempfile.TemporaryDirectory(prefix="millrace-", ignore_cleanup_errors=True)
            )
        )
        self._guard = OrphanGuard()
        self._at_end.callback(self._guard.close)
        self.started: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._at_end:  # also when a second Ctrl-C cuts the loop short: the guard then ends the rest
            for child in reversed(self.started):
                child.terminate()

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Child:
        """Start a command as a child in its own process group.

        Args:
            name: for messages and the log's file name.
            command: program and arguments.
            env: variables beside those of this process.
            cwd: its working folder; this process's by default.
        """
        log_path = self._log_folder / f"{name}-{len(self.started)}.log"
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                start_new_session=True,
            )
        child = Child(name, process, log_path, self._guard)
        self.started.append(child)
        return child

    def start_millrace(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, name: str | None = None
    ) -> Child:
        """Start `millrace ARGUMENTS` with this very Python, as in `start_millrace("worker", env={...})`."""
        command = [sys.executable, "-m", "millrace", *arguments]
        return self.start(name or str(arguments[0]), command, env={"PYTHONUNBUFFERED": "1", **(env or {})})


def answers_ok(url: str, timeout_s: float = 2.0) -> bool:
    """Whether `GET url` on a loopback service gives 200 now."""
    direct = urllib.request.build_opener(
        urllib.request.ProxyHandler({})
    )  # no proxy stands between us and loopback
    try:
        with direct.open(url, timeout=timeout_s) as response:
            return bool(response.status == 200)
    except OSError:  # URLError and HTTPError are OSErrors too
        return False
