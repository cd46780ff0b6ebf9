"""The files of a run's folder, v1: what a training was told, where it ran, how it went and how it ended.

Writer: `retrain.runs.run_folder`. Readers: `retrain.runs.run_folder`, people, scripts. A run without
`end.json` was killed, or is still under way.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

from schemas.release_manifest import DataRange

RUN_SCHEMA_VERSION = 1
START_FILE = "run.json"
CONFIG_FILE = "config.toml"
HISTORY_FILE = "history.csv"
METRICS_FILE = "metrics.json"
END_FILE = "end.json"
RUNS_FILE = "runs.csv"
"""Beside the folders of the runs: a line for each that has ended."""
Status = Literal["finished", "failed", "interrupted"]
HISTORY_COLUMNS = ("epoch", "loss", "events_per_s", "events", "elapsed_s")


class MachineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a run ran on."""

    cpu: str
    cores: int
    """Of the machine."""
    usable_cores: int
    """That the process may use."""
    memory_bytes: int | None
    system: str
    accelerator: str | None = None
    threads: dict[str, str] = {}
    """Variables that say how many threads the libraries take."""


class CodeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What ran."""

    code_version: str
    git_commit: str | None = None
    """Of the checkout that the code lies in; None outside of one, or without git."""
    git_changed: bool | None = None
    """Tracked files differ from the commit."""
    python: str
    libraries: dict[str, str]
    """Name to version, of those that are installed."""


class RunSource(msgspec.Struct, frozen=True, kw_only=True):
    """Where the events came from."""

    name: str
    """The file's name, or the topics."""
    sha256: str | None = None
    """Of the file."""
    bytes: int | None = None


class RunStart(msgspec.Struct, frozen=True, kw_only=True):
    """`run.json`, written before the work begins."""

    run_id: str
    command: str
    """`train`, `retrain` or `tune`."""
    started_at: datetime
    seed: int
    source: RunSource
    events: int
    """Rows of the log, the parts that are kept for judging included."""
    test_share: float
    validation_share: float = 0.0
    """Of the training sessions, held out; 0: none."""
    config: dict[str, Any]
    code: CodeFacts
    machine: MachineFacts
    tags: dict[str, str] = {}
    """What else tells runs apart, as a trial's number."""
    schema_version: int = RUN_SCHEMA_VERSION


class EpochRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A line of `history.csv`, written when the epoch ends."""

    epoch: int
    loss: float
    """Mean training loss an event."""
    events_per_s: float
    events: int
    """Trained since the start, in all epochs."""
    elapsed_s: float
    """Since the run started."""


class ScoreRange(msgspec.Struct, frozen=True, kw_only=True):
    """What scores the release serves: the range to expect, so that a drift or a wrong scale is seen."""

    p01: float
    """One of a hundred scores is below."""
    p99: float
    lists: int
    """Lists of the sample."""


class RunEnd(msgspec.Struct, frozen=True, kw_only=True):
    """`end.json`, written last."""

    status: Status
    reason: str = ""
    """Of a failure, one line."""
    ended_at: datetime
    seconds: dict[str, float]
    """How long the parts took; `total` is the whole."""
    release_id: str | None = None
    data: DataRange | None = None
    """What was trained on, with its hash; None where the run ended before."""
    score_range: ScoreRange | None = None
    schema_version: int = RUN_SCHEMA_VERSION
