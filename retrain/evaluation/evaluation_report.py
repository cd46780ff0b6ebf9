"""EvaluationReport v1: everything that one `millrace evaluate` found, as `--json` writes it.

Owns the form of the whole and the file. `retrain.evaluation.evaluation_sections` has the parts,
`retrain.evaluation.evaluation_building` and the modules of metrics make the figures, docs/evaluation.md
defines each. A section that was not computed is null. Writer:
`retrain.evaluation.evaluate_commands`. Readers: the page of `--html`, the demo, scripts.
"""

from pathlib import Path

import msgspec

from retrain.evaluation.evaluation_protocol import DataDescription, ModelDescription, Protocol
from retrain.evaluation.evaluation_sections import (
    BeyondAccuracy,
    Comparison,
    Group,
    IndexLoss,
    NewItems,
    Seeds,
    Windows,
)
from retrain.evaluation.metric_tables import IntervalTable, MetricTable
from schemas.errors import UsageError

SCHEMA_VERSION = 1


class EvaluationReport(msgspec.Struct, frozen=True, kw_only=True):
    """One model, or one training configuration, on one event file."""

    model: ModelDescription
    data: DataDescription
    protocol: Protocol
    n: int
    """Predictions: every event but the last of each session."""
    sessions: int
    """Sessions with a prediction."""
    unseen_targets: int
    """Predictions whose target the model does not know: misses, counted in `n`."""
    metrics: MetricTable
    curves: dict[str, list[float]]
    """`recall`, `mrr` and `ndcg` at k = 1, 2, … up to the greatest cutoff."""
    intervals: IntervalTable | None = None
    beyond_accuracy: BeyondAccuracy | None = None
    by_position: list[Group] = []
    """By how many events of the session the list was made from."""
    by_session_length: list[Group] = []
    """By the events of the whole session."""
    by_popularity: list[Group] = []
    """By the training events of the target."""
    by_target_type: list[Group] = []
    """By the event type of the target; empty where there is one type only."""
    new_items: NewItems | None = None
    index_loss: IndexLoss | None = None
    comparisons: list[Comparison] = []
    seeds: Seeds | None = None
    windows: Windows | None = None
    fitting_s: float = 0.0
    """Seconds of wall time that training or fitting took, of a release its loading; a mean over runs."""
    wall_s: float = 0.0
    """Seconds of wall time that the answers took; likewise."""
    code_version: str = ""
    schema_version: int = SCHEMA_VERSION


def write_evaluation_report(report: EvaluationReport, path: Path) -> None:
    """Write a report as indented JSON.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))
    except OSError as error:
        raise UsageError(f"--json {path}: cannot be written ({error.strerror})") from error


def read_evaluation_report(path: Path) -> EvaluationReport:
    """Read what `write_evaluation_report` wrote.

    Raises:
        UsageError: the file is missing, or no report of this version.
    """
    try:
        report = msgspec.json.decode(path.read_bytes(), type=EvaluationReport)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: no report of `millrace evaluate --json` ({error})") from error
    if report.schema_version != SCHEMA_VERSION:
        raise UsageError(f"{path}: a report of version {report.schema_version}; {SCHEMA_VERSION} is known")
    return report
