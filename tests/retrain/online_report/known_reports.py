"""Reports with made-up figures, as the page's tests draw them."""

from datetime import UTC, datetime

from models.online_quality import CUTOFFS
from retrain.online_report.online_report import NamedRow, OnlineReport, OnlineRow, OnlineSums
from schemas.ids import ReleaseId
from schemas.item_event import EventType
from schemas.recommendation_list import Strategy

OLD, NEW = ReleaseId("20260101T030000Z-1a2b3c4d"), ReleaseId("20260101T150000Z-5e6f7a8b")


def a_row(
    release_id: ReleaseId,
    rate: float,
    n: int,
    strategy: Strategy | None = None,
    event_type: EventType | None = None,
) -> OnlineRow:
    """A row whose hit rate at the greatest k is `rate`."""
    rates = {str(k): round(rate * (0.4 + 0.6 * at / (len(CUTOFFS) - 1)), 4) for at, k in enumerate(CUTOFFS)}
    mrr = {k: round(value * 0.6, 4) for k, value in rates.items()}
    width = 1 / n**0.5
    return OnlineRow(
        release_id=release_id,
        strategy=strategy,
        event_type=event_type,
        n=n,
        sessions=n // 3,
        metrics={"hit_rate": rates, "mrr": mrr},
        intervals={
            name: {k: (value - width, value + width) for k, value in at_k.items()}
            for name, at_k in {"hit_rate": rates, "mrr": mrr}.items()
        },
        sums=OnlineSums({k: int(n * value) for k, value in rates.items()}, {k: n * mrr[k] for k in mrr}),
    )


def a_report(named: bool = True) -> OnlineReport:
    """Two releases, two strategies, three event types."""
    rows: list[NamedRow] = [
        NamedRow(
            release_id=NEW,
            strategy="gru4rec",
            event_type="purchase",
            n=412,
            last=388,
            in_list=401,
            mean_reciprocal_rank=0.4321,
            with_position=300,
            mean_reciprocal_position=0.5123,
        ),
        NamedRow(
            release_id=OLD,
            strategy="gru4rec",
            event_type="cart",
            n=3,
            last=0,
            in_list=0,
            mean_reciprocal_rank=0.0,
            with_position=0,
            mean_reciprocal_position=None,
        ),
    ]
    return OnlineReport(
        since=datetime(2026, 1, 1, tzinfo=UTC),
        until=datetime(2026, 1, 2, tzinfo=UTC),
        event_topics=["events"],
        recommendations_topic="recommendations",
        attribution_window_s=1800.0,
        cutoffs=list(CUTOFFS),
        confidence=0.95,
        counts={"events": 123_456, "repeats": 12, "without_list": 1_234, "named_unknown": 2},
        session_gaps_s={OLD: 1800.0, NEW: 1800.0},
        releases=[a_row(OLD, 0.6612, 40_000), a_row(NEW, 0.6934, 52_000)],
        groups=[
            a_row(OLD, 0.67, 39_000, "gru4rec", "view"),
            a_row(OLD, 0.21, 1_000, "popular", "view"),
            a_row(NEW, 0.62, 2_000, "gru4rec", "cart"),
            a_row(NEW, 0.58, 400, "gru4rec", "purchase"),
            a_row(NEW, 0.71, 49_600, "gru4rec", "view"),
        ],
        named=rows if named else [],
        code_version="0.1.0",
    )
