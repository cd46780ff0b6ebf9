"""What a training shows while it runs: a progress bar on a terminal, else a line an epoch.

Callers: `retrain.training.training_commands`, `retrain.retrain_commands`.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from retrain.training.training_loop import TrainingProgress


@contextmanager
def training_display() -> Iterator["Callable[[TrainingProgress], None]"]:
    """A progress bar on a terminal; elsewhere a line an epoch."""
    if sys.stderr.isatty():
        with progress_bar("training") as show:
            yield lambda at: show(at.events, at.total_events, _speed_and_loss(at))
    else:
        yield _EpochLines().show


class _EpochLines:
    """Prints the last report of each epoch: when the next one begins, or all are over."""

    def __init__(self) -> None:
        self._last: TrainingProgress | None = None
        self._shown = 0

    def show(self, at: "TrainingProgress") -> None:
        if self._last is not None and at.epoch > self._last.epoch:
            self._print(self._last)
        if at.events == at.total_events:
            self._print(at)
        self._last = at

    def _print(self, at: "TrainingProgress") -> None:
        if at.epoch > self._shown:
            self._shown = at.epoch
            typer.echo(f"epoch {at.epoch} of {at.epochs}: {_speed_and_loss(at)}", err=True)


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[..., None]]:
    """A progress bar on standard error, on a terminal only; called with done, total and a remark."""
    columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TextColumn("{task.fields[remark]}"))
    with Progress(
        TextColumn(what), *columns, console=Console(stderr=True), disable=not sys.stderr.isatty()
    ) as progress:
        task = progress.add_task(what, remark="")
        yield lambda done, total, remark="": progress.update(task, completed=done, total=total, remark=remark)


def _speed_and_loss(at: "TrainingProgress") -> str:
    return f"loss {at.loss:.4f}, {at.events_per_s:,.0f} events/s"
