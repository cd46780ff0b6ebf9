"""The worker's counts, the offline evaluation and the report from the topics agree on the same events.

On a real Kafka and Redis: a worker answers a log, whose sessions are then evaluated offline.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from models.online_quality import CUTOFFS
from models.release import load_release
from retrain.evaluation.bootstrap import Bootstrap
from retrain.evaluation.predictions import predict
from retrain.evaluation.prefixes import prefixes_of
from retrain.evaluation.ranking_metrics import hits, reciprocal_ranks
from retrain.evaluation.served_release import ServedRelease
from retrain.online_report.online_report import OnlineReport, OnlineRow
from retrain.online_report.online_reporting import ReportRange, make_online_report
from schemas.item_event import EVENT_TYPES
from schemas.settings import SharedSettings, read_settings
from tests.streams.emitted_lists import EmittedLists
from tests.streams.known_traffic import STARTED_AT_MS
from tests.streams.worker_stage import RunningWorker, Stage

CATALOGUE = [f"item-{number}" for number in range(60)]
GAP_MS = 1_800_000
Log = list[tuple[str, str, str, int]]
"""Session, item, event type and time of each event."""
Figures = dict[str, list[float]]
"""By event type: predictions, hits at each k, sums of reciprocal ranks at each k."""


def drawn_log(sessions: int, seed: int) -> Log:
    """Clicks of several sessions in turn, which walk through the catalogue; some items are unknown."""
    random = np.random.default_rng(seed)
    places = random.integers(len(CATALOGUE), size=sessions)
    clock = np.full(sessions, STARTED_AT_MS)
    log: Log = []
    for _ in range(12):
        for session in random.permutation(sessions)[: sessions * 3 // 4].tolist():
            places[session] = (places[session] + random.integers(-2, 6)) % len(CATALOGUE)
            item = CATALOGUE[places[session]] if random.random() < 0.9 else f"unknown-{random.integers(9)}"
            clock[session] += random.integers(1_000, 60_000)
            if random.random() < 0.05:
                clock[session] += GAP_MS
            event_type = EVENT_TYPES[random.choice(3, p=[0.7, 0.2, 0.1])]
            log.append((f"s{session}", item, event_type, int(clock[session])))
    return log


def offline(stage: Stage, release_id: str, log: Log) -> Figures:
    """The figures of the offline evaluation; sessions are cut at gaps, as a log is before it is evaluated."""
    events = pl.DataFrame(
        log, schema=["session_id", "item_id", "event_type", "occurred_at_ms"], orient="row"
    ).with_columns(part=(pl.col("occurred_at_ms").diff().over("session_id") > GAP_MS).fill_null(value=False))
    cut = events.with_columns(
        session_id=pl.col("session_id") + "/" + pl.col("part").cum_sum().over("session_id").cast(pl.String)
    )
    release = load_release(stage.releases / release_id)
    prefixes = prefixes_of(cut.drop("part"))
    ranks = predict(ServedRelease(release), prefixes, max(CUTOFFS)).ranks
    types = prefixes.target_types.to_numpy()
    return {
        kind: [
            float(len(of_kind)),
            *(float(hits(of_kind, k).sum()) for k in CUTOFFS),
            *(float(reciprocal_ranks(of_kind, k).sum()) for k in CUTOFFS),
        ]
        for kind in EVENT_TYPES
        if len(of_kind := ranks[types == kind])
    }


def counted(worker: RunningWorker, **labels: str) -> Figures:
    """What the worker's metrics say, all strategies together."""
    figures = {
        kind: [
            worker.metric("millrace_online_predictions_total", event_type=kind, **labels),
            *(
                worker.metric(f"millrace_online_{name}_total", event_type=kind, k=str(k), **labels)
                for name in ("hits", "reciprocal_ranks")
                for k in CUTOFFS
            ),
        ]
        for kind in EVENT_TYPES
    }
    return {kind: values for kind, values in figures.items() if values[0]}


def reported(rows: list[OnlineRow]) -> Figures:
    """What the report says, all strategies together."""
    figures: Figures = {}
    for row in rows:
        assert row.event_type is not None
        values = [row.n, *row.sums.hits.values(), *row.sums.reciprocal_ranks.values()]
        before = figures.get(row.event_type, [0.0] * len(values))
        figures[row.event_type] = [a + b for a, b in zip(before, values, strict=True)]
    return figures


def assert_same(some: Figures, others: Figures) -> None:
    assert some.keys() == others.keys()
    for kind, values in some.items():
        assert values == pytest.approx(others[kind], abs=1e-9), kind


def a_report(stage: Stage, monkeypatch: pytest.MonkeyPatch, latest_only: bool = False) -> OnlineReport:
    """Of the last hour."""
    for name, value in stage.environment.items():
        monkeypatch.setenv(name, value)
    until = datetime.now(UTC) + timedelta(minutes=1)
    wanted = ReportRange(until - timedelta(hours=1), until, 1.0, None, latest_only)
    return make_online_report(read_settings(SharedSettings), wanted, Bootstrap(100), lambda _done, _all: None)


def replay(stage: Stage, worker: RunningWorker, log: Log) -> None:
    """Send a log and wait until the worker has saved all of it."""
    before = worker.metric("millrace_events_total")
    traffic = stage.traffic()
    for session_id, item_id, event_type, at_ms in log:
        traffic.click(session_id, item_id, event_type=event_type, occurred_at=at_ms)
    traffic.flush()
    worker.wait_for(lambda: worker.metric("millrace_events_total") == before + len(log), "done")


def test_worker_counts_what_the_offline_evaluation_measures_and_the_report_says(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.publish("r2", CATALOGUE)
    worker = stage.start_worker(MILLRACE_K="20", MILLRACE_EXCLUDE_EVENT_TYPES="")
    log = drawn_log(sessions=80, seed=3)
    replay(stage, worker, log)
    figures = offline(stage, "r2", log)
    assert {kind: values[0] > 20 for kind, values in figures.items()} == dict.fromkeys(EVENT_TYPES, True)
    assert 0 < figures["view"][1] < figures["view"][4] < figures["view"][0]
    assert_same(counted(worker, release_id="r2"), figures)
    report = a_report(stage, monkeypatch)
    assert_same(reported(report.groups), figures)
    assert (report.counts["events"], report.counts.get("without_list", 0)) == (len(log), 0)


def test_report_counts_as_the_worker_does_through_swaps_repeats_erasures_and_named_lists(
    stage: Stage, lists: EmittedLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.publish("r2", CATALOGUE)
    worker = stage.start_worker(MILLRACE_K="20", MILLRACE_ATTRIBUTION_WINDOW_S="40")
    monkeypatch.setenv("MILLRACE_ATTRIBUTION_WINDOW_S", "40")
    first = drawn_log(sessions=30, seed=4)
    replay(stage, worker, first)
    stage.publish("r3", CATALOGUE[::-1])
    worker.wait_for(lambda: worker.metric("millrace_active_release", release_id="r3"), "serving r3")
    traffic = stage.traffic()
    random = np.random.default_rng(5)
    for number, (session_id, item_id, event_type, at_ms) in enumerate(first):
        fields: dict[str, Any] = {"event_type": event_type, "occurred_at": at_ms + 3 * GAP_MS}
        match random.integers(8):
            case 0:
                fields["consent"] = False
            case 1 | 2:
                fields["event_id"] = f"e{number // 40}"
            case 3:
                fields["event_type"] = "erase" if number % 3 == 0 else event_type
            case 4:
                fields["recommendation_id"] = f"{traffic.topic}-0-{random.integers(60)}"
                fields["position"] = 1 + number % 20
        traffic.click(session_id, item_id, **fields)
    traffic.flush()
    total = len(first) + len(traffic.sent)
    worker.wait_for(lambda: worker.metric("millrace_events_total") == total, "done")
    report = a_report(stage, monkeypatch)
    for release_id in ("r2", "r3"):
        rows = [row for row in report.groups if row.release_id == release_id]
        assert rows, release_id
        assert_same(reported(rows), counted(worker, release_id=release_id))
    other = worker.metric("millrace_online_named_lists_total", named="other")
    last = worker.metric("millrace_online_named_lists_total", named="last")
    assert sum(row.n for row in report.named) + report.counts["named_unknown"] == other + last
    assert report.counts["repeats"] == worker.metric("millrace_repeated_events_total") > 0
    assert report.counts["erasures"] > 0
    assert report.counts["without_consent"] > 0
