"""EvaluationReport v1: everything that one `millrace evaluate` found, as `--json` writes it.

Owns the form, not the figures: `retrain.evaluation.evaluation` and the modules of metrics make them;
docs/evaluation.md defines each. A section that was not computed is null. Writer:
`retrain.evaluation.evaluate_commands`. Readers: the page of `--html`, the demo, scripts.
"""

from pathlib import Path
from typing import Any

import msgspec

from schemas.errors import UsageError

SCHEMA_VERSION = 1

AtK = dict[str, float]
"""A figure at each cutoff: `{"5": 0.41, "20": 0.71}`."""
MetricTable = dict[str, AtK]
"""`{"recall": AtK, "mrr": AtK, "ndcg": AtK}`."""
Interval = tuple[float, float]
"""Lower and upper bound."""
IntervalTable = dict[str, dict[str, Interval]]
"""Beside a `MetricTable`: `{"recall": {"20": [0.70, 0.71]}}`."""


class ModelDescription(msgspec.Struct, frozen=True, kw_only=True):
    """What was evaluated."""

    name: str
    """As it stands in tables: `gru4rec`, or a baseline's `vsknn:neighbors=100`."""
    items: int
    """Items that it knows."""
    session_gap_s: float
    """The session rule's gap in seconds; 0: no gap ends a session."""
    release_id: str | None = None
    """None where it is no release, or one of several seeds or windows."""
    strategy: str | None = None
    """Of the release."""
    index: str | None = None
    """The kind of the release's index."""
    config: dict[str, Any] = {}
    """The release's model config."""
    learned_elsewhere: bool = False
    """Whether the release learned from other events than the training part: it may know what is predicted."""


class DataDescription(msgspec.Struct, frozen=True, kw_only=True):
    """What it was evaluated on."""

    file: str
    """The event file's name, without its folder."""
    part: str
    """`test`, `validation` or `windows`."""
    split: str
    """`column` where the file says what is test, else `last sessions` (the share of `test_share`)."""
    events: int
    """Events of that part."""
    train_events: int
    """Events of the part to learn from; popularity is counted in it."""
    catalogue_items: int
    """Items that occur anywhere in the training part or in this one."""
    test_share: float | None = None
    """Where the file does not say what is test."""
    sha256: str | None = None
    """Of the file."""


class Protocol(msgspec.Struct, frozen=True, kw_only=True):
    """How it was evaluated."""

    cutoffs: list[int]
    """The k of the metrics, rising."""
    ranking: str
    """`served`: place in the emitted list, ties by row. `all items`: rank among the scores of all items."""
    ties: str | None = None
    """`standard`, `conservative` or `median`, where all items are ranked."""
    excluded_event_types: list[str] = []
    """Items that the session has under one of these were left out of its lists."""
    confidence: float | None = None
    """Of all intervals, 0.95; None: there are none."""
    resamples: int = 0
    """Of the bootstrap over sessions."""
    bootstrap_seed: int | None = None
    """Of the resampling."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of some of the predictions."""

    label: str
    """As it stands in tables: `3`, `5-9`, `20+`, `cart`."""
    n: int
    """Predictions."""
    metrics: MetricTable
    least: int | None = None
    """The smallest position, length or popularity in the group."""
    greatest: int | None = None
    """The largest; None: no bound."""


class NewItems(msgspec.Struct, frozen=True, kw_only=True):
    """Targets that the training part hardly has."""

    unseen: int
    """Predictions whose target never occurs in the training part."""
    rare_below: int
    """An item of fewer training events than this is rare."""
    rare: Group
    """The targets that are rare and not unseen."""
    unseen_or_rare: Group
    """Both."""
    listed_share: AtK | None = None
    """The share of the list entries that are rare items; None under `windows`."""


class BeyondAccuracy(msgspec.Struct, frozen=True, kw_only=True):
    """Coverage, diversity, novelty; each at each cutoff, of the lists that the predictions come from."""

    item_coverage: AtK
    """The share of the items that the model knows which are in at least one list."""
    catalogue_coverage: AtK
    """The share of all items of the file's used parts which are in at least one list."""
    hit_coverage: AtK
    """The share of the distinct target items that are hit at least once."""
    aggregate_diversity: AtK
    """How many distinct items the lists show."""
    exposure_gini: AtK
    """Gini index of the items' exposures: 0 all items alike, 1 one item only."""
    exposure_entropy: AtK
    """Shannon entropy of the exposures in bits."""
    inter_session_diversity: AtK
    """Mean share of a list that differs from a list of another session."""
    novelty: AtK
    """Mean self-information of the listed items in bits."""
    average_popularity: AtK
    """Mean training events of the listed items (ARP)."""
    target_popularity: float
    """Mean training events of the targets."""
    popularity_lift: AtK
    """(average_popularity - target_popularity) / target_popularity."""
    intra_list_diversity_embedding: AtK | None = None
    """Mean of 1 - cosine over the pairs of a list; None: the model has no item vectors."""
    intra_list_diversity_category: AtK | None = None
    """Share of the pairs of a list with different categories; None: the file has no categories."""


class IndexLoss(msgspec.Struct, frozen=True, kw_only=True):
    """What the approximate index of a release costs: the same release with the exact search beside it."""

    index: str
    """The kind of the release's own index."""
    exact_metrics: MetricTable
    """With the exact search."""
    difference: MetricTable
    """Own index minus exact search."""
    intervals: IntervalTable | None = None
    """Of the difference, paired."""
    overlap: AtK
    """Mean share of the exact list's items that are in the list of the own index."""
    same_lists: AtK
    """The share of lists that are the same, order included."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Another model on the same predictions."""

    model: ModelDescription
    """The other one."""
    unseen_targets: int
    """Predictions whose target the other model does not know."""
    metrics: MetricTable
    """The other model's."""
    difference: MetricTable
    """The evaluated model minus the other one."""
    intervals: IntervalTable | None = None
    """Of the difference, paired: both models over the same resampled sessions."""
    significant: dict[str, dict[str, bool]] | None = None
    """Whether the interval of the difference leaves out 0."""
    curves: dict[str, list[float]] = {}
    """The other model's; as in `EvaluationReport`, like what follows."""
    by_position: list[Group] = []
    by_session_length: list[Group] = []
    by_popularity: list[Group] = []
    by_target_type: list[Group] = []
    beyond_accuracy: BeyondAccuracy | None = None
    fitting_s: float = 0.0
    wall_s: float = 0.0


class SeedRun(msgspec.Struct, frozen=True, kw_only=True):
    """One of several trainings that differ in the seed."""

    seed: int
    release_id: str
    training_s: float
    """Seconds of wall time, data preparation included."""
    metrics: MetricTable


class Seeds(msgspec.Struct, frozen=True, kw_only=True):
    """Several trainings; the report's other figures are means over them."""

    runs: list[SeedRun]
    mean: MetricTable
    std: MetricTable
    """Standard deviation over the runs (n - 1)."""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the time-ordered evaluation."""

    train_from_ms: int | None
    """Epoch milliseconds; None: from the log's beginning."""
    train_until_ms: int
    """T: events before it were learned from, events from it on were predicted."""
    test_until_ms: int
    """The window's end, itself not in the window."""
    train_events: int
    n: int
    sessions: int
    unseen_targets: int
    metrics: MetricTable
    intervals: IntervalTable | None = None


class Windows(msgspec.Struct, frozen=True, kw_only=True):
    """Train up to T, evaluate what follows, slide; the report's other figures are over all predictions.

    A session in several windows counts in each of them, and once in the report's `sessions`.
    """

    windows: list[Window]
    mean: MetricTable
    """Every window counts the same."""
    std: MetricTable
    """Standard deviation over the windows (n - 1)."""


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
