"""What the demo says while it works: one line a step, with the time it took. Callers: it, `millrace up`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status
from rich.table import Table


class Step:
    """A step under way: what it is doing now, and what it will have done."""

    def __init__(self, status: Status, doing: str) -> None:
        self._status = status
        self.outcome = doing

    def now(self, doing: str) -> None:
        """Say what is being done."""
        self._status.update(f"{doing} …")

    def done(self, outcome: str) -> None:
        """Say what the step came to; shown when it is over."""
        self.outcome = outcome


class Narrator:
    """Writes to one console."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def step(self, doing: str) -> Iterator[Step]:
        """A spinner while the step goes on, then a line with its outcome; where it fails, only the error."""
        started = time.monotonic()
        with self.console.status(f"{doing} …") as status:
            step = Step(status, doing)
            yield step
        line = Table.grid(expand=True, padding=(0, 1))
        line.add_column(width=1)
        line.add_column(ratio=1)
        line.add_column(justify="right")
        line.add_row("[green]✓[/]", step.outcome, f"[dim]{time.monotonic() - started:.1f} s[/]")
        self.console.print(line)

    def say(self, *lines: object) -> None:
        """Lines of text, cut at the width of the terminal, or tables."""
        for line in lines:
            self.console.print(line, highlight=False, no_wrap=True, overflow="ellipsis")

    def say_plain(self, text: str) -> None:
        """Text as it is, to be copied."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)
