"""A Kafka broker in memory, for the demo and for development: no installation, nothing kept.

Owns the child process that is the broker (`mock_cluster`). It ends with the `with` block, and with this
process however that ends, because its standard input closes then.

Callers: the demo, `millrace up`, tests.
"""

import subprocess
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from schemas.errors import UsageError

END_TIMEOUT_S = 5.0


class EmbeddedKafka:
    """A broker on a free loopback port, as in `with EmbeddedKafka({"events": 32}) as broker:`.

    Args:
        topics: partitions by topic; others are made with 4 partitions when a client first asks for them.

    Attributes:
        bootstrap_servers: the broker's address, within the `with` block.
    """

    def __init__(self, topics: Mapping[str, int] | None = None) -> None:
        self._topics = dict(topics or {})
        self.bootstrap_servers = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "streams.dev.mock_cluster"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is the parent's to handle: the broker goes last
        )
        try:
            self.bootstrap_servers = self._answer()
            for name, partitions in self._topics.items():
                self.create_topic(name, partitions)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """The broker's process id."""
        return self._process.pid

    def create_topic(self, name: str, partitions: int) -> None:
        """Create a topic, which clients of the mock cannot.

        Raises:
            UsageError: it exists already, or the number of partitions is not one.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(f"{name} {partitions}\n")
        self._process.stdin.flush()
        if (answer := self._answer()) != "ok":
            raise UsageError(f"the embedded Kafka broker refused: {answer}")

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            assert self._process.stderr is not None
            reason = self._process.stderr.read().strip().splitlines() or ["it ended without a word"]
            raise UsageError(f"the embedded Kafka broker did not start: {reason[-1]}")
        return line

    def _end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()
