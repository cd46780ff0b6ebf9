"""The freshness replay: which release answers which event, and that none has seen what it predicts."""

from collections.abc import Sequence
from datetime import datetime
from itertools import count
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from msgspec.structs import replace

from models.model_config import ModelConfig
from models.release import read_manifest
from retrain.benches.bench_freshness import hour_rows, policy_rows
from retrain.benches.freshness_policies import policies_named
from retrain.benches.freshness_records import Hour, PolicyReplay, Span
from retrain.benches.freshness_replay import HOUR_MS, FreshnessReplay
from retrain.evaluation.bootstrap import Bootstrap
from retrain.training.training_resources import ONE_CORE
from schemas.errors import UsageError
from schemas.gate_report import GateReport
from schemas.timestamps import from_epoch_ms

CONFIG = ModelConfig(
    hidden_size=8, epochs=10, min_steps=0, batch_size=8, n_negatives=8, test_share=0, warm_epochs=10
)
NEWS_FROM = 3
"""The first hour of which all items are new."""


def a_log(hours: Sequence[int], sessions_an_hour: int = 40) -> pl.DataFrame:
    """Sessions of three events a second apart, spread over most of an hour; items by the hour."""
    rows = []
    for hour in hours:
        prefix = "new" if hour >= NEWS_FROM else "old"
        for session in range(sessions_an_hour):
            at_ms = hour * HOUR_MS + session * (3_200_000 // sessions_an_hour)
            rows += [
                (f"{hour}-{session}", f"{prefix}-{(session + step) % 5}", "view", at_ms + 1000 * step)
                for step in range(3)
            ]
    columns = ["session_id", "item_id", "event_type", "occurred_at_ms"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def replayed(
    tmp_path: Path,
    log: pl.DataFrame,
    every: str,
    hours: int = 4,
    seconds: int = 0,
    window_h: int = 4,
    config: ModelConfig = CONFIG,
) -> tuple[list[Hour], list[PolicyReplay]]:
    """The replay from hour 2 on; each look at the clock takes so many seconds."""
    ticks = count(0, seconds)
    replay = FreshnessReplay(
        log, Span(2 * HOUR_MS, hours, window_h), config, tmp_path, ONE_CORE, lambda: next(ticks)
    )
    return replay.run(policies_named(every), lambda _: None)


def recalls(replay: PolicyReplay) -> list[float]:
    return [round(float((ranks > 0).mean()), 2) for ranks in replay.ranks]


def test_only_a_release_made_after_the_news_knows_them(tmp_path: Path) -> None:
    hours, (never, hourly) = replayed(tmp_path, a_log(range(6)), "never,1h")
    assert [hour.number for hour in hours] == [0, 1, 2, 3]
    assert recalls(never) == [1, 0, 0, 0]
    assert recalls(hourly) == [1, 0, 1, 1]
    assert (never.unknown, hourly.unknown) == ([0, 80, 80, 80], [0, 80, 0, 0])


def test_the_old_release_answers_until_the_training_is_done(tmp_path: Path) -> None:
    _, (hourly,) = replayed(tmp_path, a_log(range(6)), "1h", hours=3, seconds=1600)
    assert recalls(hourly) == [1, 0, 0.5]
    assert [made.seconds for made in hourly.trainings] == [1600, 1600]


def test_a_training_learns_from_the_window_before_it_and_nothing_later(tmp_path: Path) -> None:
    _, (hourly,) = replayed(tmp_path, a_log(range(6)), "1h", window_h=1)
    assert [made.events for made in hourly.trainings] == [120, 120, 120]
    assert [made.until_ms // HOUR_MS for made in hourly.trainings] == [3, 4, 5]


def test_policies_that_did_the_same_answer_the_same(tmp_path: Path) -> None:
    _, (never, daily) = replayed(tmp_path, a_log(range(6)), "never,24h-scratch")
    assert all(np.array_equal(a, b) for a, b in zip(never.ranks, daily.ranks, strict=True))
    assert daily.trainings == []


def test_hours_without_events_are_left_out_and_train_nothing_new(tmp_path: Path) -> None:
    hours, (hourly, slow) = replayed(tmp_path, a_log([0, 1, 2, 5]), "1h,2h-scratch")
    assert [hour.number for hour in hours] == [0, 3]
    assert [made.until_ms // HOUR_MS for made in hourly.trainings] == [3]
    assert [made.until_ms // HOUR_MS for made in slow.trainings] == [4]


def test_training_that_takes_longer_than_an_hour_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a training took 4000 s"):
        replayed(tmp_path, a_log(range(6)), "1h", seconds=4000)


def test_rows_hold_the_figures_of_hours_and_their_means(tmp_path: Path) -> None:
    hours, replays = replayed(tmp_path, a_log(range(6)), "never,1h")
    rows = hour_rows(hours, replays)
    assert [(row["hour"], row["policy"]) for row in rows[:3]] == [(0, "never"), (0, "1h"), (1, "never")]
    assert rows[2]["recall_at_20"] == 0
    assert (rows[2]["from"], rows[2]["unknown_target_share"]) == ("1970-01-01T03:00Z", 1)
    never, hourly = policy_rows(hours, replays, Bootstrap(100))
    assert (never["recall_at_20"], hourly["recall_at_20"]) == (0.25, 0.75)
    assert (never["recall_at_20_gain"], hourly["recall_at_20_gain"]) == (0, 0.5)
    lower, upper = map(float, str(hourly["recall_at_20_gain_interval"]).split(" to "))
    assert 0.3 < lower < 0.5 < upper < 0.7
    assert (never["trainings"], hourly["trainings"], hourly["n"]) == (0, 3, 320)


CYCLE = replace(CONFIG, test_share=0.25)


def test_what_is_kept_back_is_never_learned(tmp_path: Path) -> None:
    _, (held,) = replayed(tmp_path, a_log(range(6)), "1h-held", config=CYCLE, window_h=1)
    assert [made.events for made in held.trainings] == [120, 120, 120]
    data = read_manifest(held.serving.folder).data
    assert (data.events, data.last_event_at) == (90, from_epoch_ms(4 * HOUR_MS + 29 * 80_000 + 2000))


def test_a_cycle_has_learned_its_window_to_the_end(tmp_path: Path) -> None:
    quick = replace(CYCLE, test_share=0.5, epochs=1, warm_epochs=1, batch_size=64)
    log = a_log(range(1, 5), sessions_an_hour=520)
    _, (cycle,) = replayed(tmp_path, log, "1h-cycle", hours=3, window_h=1, config=quick)
    assert recalls(cycle) == [1, 0, 1]
    assert (cycle.refused, cycle.judged_only) == (0, 0)
    manifest = read_manifest(cycle.serving.folder)
    assert manifest.data.last_event_at == from_epoch_ms(3 * HOUR_MS + 519 * (3_200_000 // 520) + 2000)
    assert isinstance(manifest.gate, GateReport)
    assert isinstance(manifest.gate.newer_than, datetime)


def test_a_candidate_that_the_gate_refuses_serves_nobody(tmp_path: Path) -> None:
    _, (cycle,) = replayed(tmp_path, a_log(range(6), sessions_an_hour=20), "1h-cycle", config=CYCLE)
    assert (cycle.refused, cycle.trainings) == (3, [])
