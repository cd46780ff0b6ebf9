"""How a cycle is shown: bars on a terminal, or nothing. Callers: the commands of retrain."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from retrain.training.training_display import progress_bar, training_display
from retrain.training.training_loop import TrainingProgress


class TerminalDisplay:
    """Bars on a terminal."""

    def training(self) -> AbstractContextManager[Callable[[TrainingProgress], None]]:
        """Around the training."""
        return training_display()

    def judging(self) -> AbstractContextManager[Callable[[int, int], None]]:
        """Around the evaluation."""
        return progress_bar("evaluating")


class NoDisplay:
    """For a process whose log says enough."""

    @contextmanager
    def training(self) -> Iterator[Callable[[TrainingProgress], None]]:
        """Around the training."""
        yield lambda _: None

    @contextmanager
    def judging(self) -> Iterator[Callable[[int, int], None]]:
        """Around the evaluation."""
        yield lambda _done, _total: None
