"""Builders of evaluation reports."""

from collections.abc import Sequence

import msgspec

from retrain.evaluation.evaluation_protocol import DataDescription, ModelDescription, Protocol
from retrain.evaluation.evaluation_report import EvaluationReport
from retrain.evaluation.evaluation_sections import (
    BeyondAccuracy,
    Comparison,
    Group,
    IndexLoss,
    NewItems,
    SeedRun,
    Seeds,
    Window,
    Windows,
)
from retrain.evaluation.metric_tables import IntervalTable, MetricTable

RELEASE = "gru4rec-20260504T120000000000Z-cafe0123"


def table(value: float, cutoffs: Sequence[int] = (5, 20)) -> MetricTable:
    """Recall so high, MRR half and NDCG two thirds of it, at each cutoff a little higher."""
    shares = {"recall": 1.0, "mrr": 0.5, "ndcg": 2 / 3}
    return {name: {str(k): value * share * (1 + k / 100) for k in cutoffs} for name, share in shares.items()}


def intervals(value: float) -> IntervalTable:
    """A hundredth to either side."""
    metrics = table(value)
    return {name: {k: (at - 0.01, at + 0.01) for k, at in found.items()} for name, found in metrics.items()}


def a_model(name: str = RELEASE, **config: object) -> ModelDescription:
    release_id = name if name.startswith("gru4rec-") else None
    return ModelDescription(
        name=name,
        items=40,
        session_gap_s=1800,
        release_id=release_id,
        strategy="gru4rec" if release_id else None,
        config={"hidden_size": 100, **config} if release_id else {},
    )


def groups(*labels: str) -> list[Group]:
    return [
        Group(label=label, n=100 + at, metrics=table(0.3 + at / 20), least=at)
        for at, label in enumerate(labels)
    ]


def beyond(value: float) -> BeyondAccuracy:
    at_k = {"5": value, "20": 1.2 * value}
    return BeyondAccuracy(
        item_coverage=at_k,
        catalogue_coverage=at_k,
        hit_coverage=at_k,
        aggregate_diversity={"5": 12, "20": 3456},
        exposure_gini=at_k,
        exposure_entropy={"5": 4.5, "20": 5.25},
        inter_session_diversity=at_k,
        novelty={"5": 9.5, "20": 10.5},
        average_popularity={"5": 123.4, "20": 99.9},
        target_popularity=100,
        popularity_lift={"5": 0.2, "20": -0.001},
        intra_list_diversity_embedding=at_k,
    )


def a_report(
    model: ModelDescription | None = None, value: float = 0.5, **changed: object
) -> EvaluationReport:
    """With the sections that every evaluation has; `changed` gives others."""
    report = EvaluationReport(
        model=model or a_model(),
        data=DataDescription(
            file="clicks.parquet",
            part="test",
            split="column",
            events=900,
            train_events=9000,
            catalogue_items=44,
        ),
        protocol=Protocol(cutoffs=[5, 20], ranking="served", confidence=0.95, resamples=1000),
        n=700,
        sessions=200,
        unseen_targets=7,
        metrics=table(value),
        curves={name: [value * k / 20 for k in range(1, 21)] for name in ("recall", "mrr", "ndcg")},
        intervals=intervals(value),
        beyond_accuracy=beyond(value),
        by_position=groups("1", "2", "3-5"),
        by_session_length=groups("2", "3", "4+"),
        by_popularity=groups("0", "1-4", "5+"),
        code_version="0.1.0",
    )
    return msgspec.structs.replace(report, **changed)


def a_comparison(name: str = "vsknn") -> Comparison:
    return Comparison(
        model=a_model(name),
        unseen_targets=7,
        metrics=table(0.4),
        difference=table(0.1),
        intervals=intervals(0.1),
        curves={name: [0.4 * k / 20 for k in range(1, 21)] for name in ("recall", "mrr", "ndcg")},
        by_position=groups("1", "2", "3-5"),
        by_target_type=groups("view", "cart"),
        beyond_accuracy=beyond(0.4),
    )


def everything() -> EvaluationReport:
    """A report with every section."""
    window = Window(
        train_from_ms=None,
        train_until_ms=1_780_000_000_000,
        test_until_ms=1_780_086_400_000,
        train_events=5000,
        n=300,
        sessions=90,
        unseen_targets=3,
        metrics=table(0.45),
        intervals=intervals(0.45),
    )
    runs = [SeedRun(seed=seed, release_id=f"r{seed}", training_s=61.5, metrics=table(0.5)) for seed in (1, 2)]
    (rare, both) = groups("rare", "both")
    return a_report(
        comparisons=[a_comparison()],
        by_target_type=groups("view", "cart"),
        seeds=Seeds(runs=runs, mean=table(0.5), std=table(0.003)),
        windows=Windows(windows=[window], mean=table(0.45), std=table(0)),
        new_items=NewItems(
            unseen=7, rare_below=5, rare=rare, unseen_or_rare=both, listed_share={"5": 0.1, "20": 0.12}
        ),
        index_loss=IndexLoss(
            index="pq_fastscan",
            exact_metrics=table(0.51),
            difference=table(-0.01),
            overlap={"5": 0.98, "20": 0.97},
            same_lists={"5": 0.9, "20": 0.8},
        ),
    )
