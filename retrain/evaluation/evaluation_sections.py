"""The sections of an EvaluationReport: groups, coverage and diversity, comparisons, seeds, windows.

Owns their form, not the figures; docs/evaluation.md defines each. Reader and writer:
`retrain.evaluation.evaluation_report`.
"""

import msgspec

from retrain.evaluation.evaluation_protocol import ModelDescription
from retrain.evaluation.metric_tables import AtK, IntervalTable, MetricTable


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
