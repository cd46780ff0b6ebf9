"""Running `millrace import` in a test: what it says, refuses, leaves behind, and how far it says it is."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import millrace


@dataclass
class NotedProgress:
    """Notes each step: its name, its total, and how much of it was done."""

    steps: list[list[Any]] = field(default_factory=list)

    def step(self, name: str, total: int) -> None:
        self.steps.append([name, total, 0])

    def advance(self, amount: int) -> None:
        self.steps[-1][2] += amount


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one line that `millrace import` ends with; its exit code is 2 and it leaves nothing behind."""
    before = _files()
    assert millrace.run(["import", *map(str, arguments)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert _files() == before
    return lines[0].removeprefix("millrace: ")


def imported(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[str]:
    """What `millrace import` says, line by line, when it is done."""
    assert millrace.run(["import", *map(str, arguments)]) == 0
    return capsys.readouterr().out.splitlines()


def rows(path: Path, *columns: str) -> list[tuple[Any, ...]]:
    """These columns of an event file; `occurred_at` as the time that it shows."""
    frame = pl.read_parquet(path).with_columns(pl.col("occurred_at").dt.strftime("%Y-%m-%d %H:%M:%S%.3f"))
    return frame.select(columns).rows()


def _files() -> set[Path]:
    """What there is in the working folder, which the tests make their own."""
    return {
        Path(folder) / name for folder, folders, files in os.walk(Path.cwd()) for name in (*folders, *files)
    }
