"""What an import shows: a progress bar while it runs, and lines of what it did.

Caller: `retrain.import_commands`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from retrain.importers.importing import READING, ImportReport


class _Amount(ProgressColumn):
    """Bytes where a step counts bytes, else a number."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes, self._events = DownloadColumn(), MofNCompleteColumn()

    def render(self, task: Task) -> Text:
        return (self._bytes if task.description == READING else self._events).render(task)


class ImportDisplay:
    """Steps as bars, one below the other; the reading counts in bytes, the writing in events."""

    def __init__(self, progress: Progress) -> None:
        """Show in `progress`."""
        self._progress = progress
        self._task: TaskID | None = None

    def step(self, name: str, total: int) -> None:
        """End the bar before and begin one."""
        if self._task is not None:
            done = self._progress.tasks[self._task]
            self._progress.update(self._task, total=done.completed or 1, completed=done.completed or 1)
        self._task = self._progress.add_task(name, total=total or None)

    def advance(self, amount: int) -> None:
        """Move the bar."""
        if self._task is not None:
            self._progress.advance(self._task, amount)


@contextmanager
def import_display(terminal: bool | None = None) -> Iterator[ImportDisplay]:
    """Progress bars on standard error, on a terminal only; `terminal` says whether it is one, None: look."""
    console = Console(stderr=True, force_terminal=terminal)
    columns = (TextColumn("{task.description}"), BarColumn(), _Amount(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield ImportDisplay(progress)


def report_lines(
    target: Path, report: ImportReport, left_out: Mapping[str, int] | None = None, zoneless: bool = False
) -> list[str]:
    """What the user is told at the end."""
    lines = [f"{target}: {_events(report.written)} in time order"]
    lines += [f"left out: {_events(count)} {reason}" for reason, count in sorted((left_out or {}).items())]
    if report.written < report.read:
        lines.append(f"left out: {_events(report.read - report.written)} by the filters")
    if zoneless:
        lines.append("times without a zone were taken as UTC")
    return lines


def _events(count: int) -> str:
    return f"{count:,} event" if count == 1 else f"{count:,} events"
