"""What a training shows: a bar on a terminal, a line an epoch elsewhere."""

import sys
from io import StringIO

import pytest

from retrain.training.training_display import training_display
from retrain.training.training_loop import TrainingProgress


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def a_report(epoch: int, events: int) -> TrainingProgress:
    return TrainingProgress(
        epoch=epoch, epochs=2, events=events, total_events=200, loss=1.5, events_per_s=12_345.6
    )


def test_elsewhere_than_on_a_terminal_each_epoch_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with training_display() as show:
        for report in (
            a_report(1, 50),
            a_report(1, 100),
            a_report(2, 150),
            a_report(2, 200),
            a_report(2, 200),
        ):
            show(report)
    assert capsys.readouterr().err.splitlines() == [
        "epoch 1 of 2: loss 1.5000, 12,346 events/s",
        "epoch 2 of 2: loss 1.5000, 12,346 events/s",
    ]


def test_terminal_shows_a_bar_with_loss_and_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    with training_display() as show:
        show(a_report(1, 100))
    shown = terminal.getvalue()
    assert "training" in shown
    assert "50%" in shown
    assert "loss 1.5000, 12,346 events/s" in shown
