"""What running children warn of, taken from their logs as they grow. Caller: `millrace up`."""

import re
from collections.abc import Iterator
from pathlib import Path

_WARNING = re.compile(r"\[(warning|error|critical) *\]|\"level\": *\"(warning|error|critical)\"")


class LogWarnings:
    """Reads log files on from where they end now.

    Args:
        logs: log files of children, as text or JSON.
    """

    def __init__(self, logs: list[Path]) -> None:
        self._read = {log: log.stat().st_size for log in logs}

    def new(self) -> Iterator[str]:
        """Whole lines with a warning or an error since the last call, each with its program's name."""
        for path, read in self._read.items():
            with path.open("rb") as log:
                log.seek(read)
                whole, newline, _ = log.read().rpartition(b"\n")
            self._read[path] = read + len(whole) + len(newline)
            for line in whole.decode(errors="replace").splitlines():
                if _WARNING.search(line):
                    yield f"{path.stem.partition('-')[0]}: {line}"
