"""A candidate that breaks one rule is refused for exactly that; a sound one passes."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from index.item_index import ItemIndex
from models.release import ENCODER_FILE, INDEX_FILE, VECTORS_FILE, load_release
from retrain.gate.candidate_gate import examine, log_verdict
from retrain.gate.engine_figures import measure_engine
from retrain.gate.gate_rules import GateRules
from schemas.errors import InvalidRelease
from schemas.gate_report import GateReport
from schemas.ids import ReleaseId
from schemas.release_manifest import IndexSpec
from tests.retrain.gate.planted_candidates import (
    ITEMS,
    LISTED,
    Matrix,
    seal,
    slice_of,
    successor_answers,
    write_candidate,
)

RULES = GateRules(resamples=200)
EVENTS = slice_of(ITEMS)
FEW_ITEMS = slice_of(LISTED)
"""The slice holds the first 20 items only; so does the popular list."""
MANY = 600
"""Items enough that an approximate index does not look at all of them."""
LATENCIES = [f"{name}_latency_{batch}" for name in ("step", "search") for batch in (1, 256)]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_candidate(tmp_path_factory.mktemp("releases"), "sound")


def refused_by(report: GateReport) -> list[str]:
    assert report.passed == (not report.refusals)
    return [refusal.rule for refusal in report.refusals]


def spoil_rows(answers: Matrix, rows: range) -> Matrix:
    """After these items nothing is known: all scores are 0."""
    answers[rows] = 0
    return answers


def first_items_only() -> Matrix:
    """The successor first, within the first 20 items; no other is ever listed."""
    answers = successor_answers(ITEMS)
    answers[:, LISTED:] = -1
    answers[LISTED - 1, 0] = 1
    return answers


def one_list_mostly() -> Matrix:
    """After three quarters of the first 20 items one and the same list."""
    answers = first_items_only()
    answers[: 3 * LISTED // 4, :LISTED] = np.linspace(1, 0.5, LISTED)
    return answers


def popular_in_any_order() -> Matrix:
    """The 20 popular items after every item, each time in another order."""
    answers = np.zeros((ITEMS, ITEMS), dtype=np.float32)
    answers[:, :LISTED] = 1 + np.random.default_rng(2).random((ITEMS, LISTED)) / 10
    return answers


def lists_not_learned() -> Matrix:
    """After a third of the items any others."""
    answers = successor_answers(ITEMS)
    answers[::3] = np.random.default_rng(5).random((ITEMS // 3, ITEMS))
    return answers


def successor_second() -> Matrix:
    """The successor is in the list, behind another item."""
    answers = successor_answers(ITEMS)
    answers[np.arange(ITEMS), (np.arange(ITEMS) + 7) % ITEMS] = 2
    return answers


def ticking(step_us: float, search_us: float) -> Callable[[], float]:
    """A clock on which every timed step and search takes so long; steps are timed first."""

    def moments() -> Iterator[float]:
        now = 0.0
        for at in range(1_000_000):
            yield now
            if at % 2 == 0:
                now += (step_us if at < 2 * 42 else search_us) / 1e6

    ticks = moments()
    return lambda: next(ticks)


def test_sound_candidate_passes_beside_an_equal_incumbent_and_alone(tmp_path: Path, sound: Path) -> None:
    candidate = write_candidate(tmp_path, "candidate")
    beside = examine(candidate, sound, EVENTS, RULES)
    assert refused_by(beside) == []
    assert (beside.incumbent, beside.passed_over) == ("sound", {})
    assert beside.figures["recall@20"] == beside.figures["incumbent_recall@20"] == 1
    assert beside.figures["recall@20_difference"] == 0
    assert beside.figures["predictions"] > 500
    alone = examine(candidate, None, EVENTS, RULES)
    assert refused_by(alone) == []
    assert alone.incumbent is None
    assert alone.passed_over == dict.fromkeys(
        ["recall_loss", "mrr_loss", "coverage_loss", "vocabulary"], "there is no incumbent"
    )


@pytest.mark.parametrize(
    ("answers", "events", "rules", "broken"),
    [
        (successor_answers(ITEMS) * np.float32(1e9), EVENTS, RULES, ["score_range"]),
        (spoil_rows(successor_answers(ITEMS), range(0, ITEMS, 3)), EVENTS, RULES, ["flat_lists"]),
        (one_list_mostly(), FEW_ITEMS, RULES, ["same_lists"]),
        (popular_in_any_order(), EVENTS, RULES, ["popularity"]),
        (first_items_only(), FEW_ITEMS, GateRules(coverage=0.5), ["coverage"]),
    ],
    ids=lambda value: str(value) if isinstance(value, list) else "",
)
def test_candidate_without_an_incumbent_is_refused_for_exactly_what_it_breaks(
    tmp_path: Path, answers: Matrix, events: pl.DataFrame, rules: GateRules, broken: list[str]
) -> None:
    assert refused_by(examine(write_candidate(tmp_path, "r", answers), None, events, rules)) == broken


@pytest.mark.parametrize(
    ("answers", "events", "broken"),
    [
        (lists_not_learned(), EVENTS, ["recall_loss", "mrr_loss"]),
        (successor_second(), EVENTS, ["mrr_loss"]),
        (first_items_only(), FEW_ITEMS, ["coverage_loss"]),
    ],
    ids=lambda value: str(value) if isinstance(value, list) else "",
)
def test_candidate_that_is_worse_than_the_incumbent_is_refused_for_exactly_that(
    tmp_path: Path, answers: Matrix, events: pl.DataFrame, broken: list[str]
) -> None:
    incumbent = write_candidate(tmp_path, "incumbent")
    candidate = write_candidate(tmp_path, "candidate", answers)
    assert refused_by(examine(candidate, incumbent, events, RULES)) == broken
    assert refused_by(examine(candidate, None, events, RULES)) == []


def test_shrunk_vocabulary_is_refused(tmp_path: Path, sound: Path) -> None:
    small = write_candidate(tmp_path, "small", successor_answers(2 * ITEMS // 3))
    report = examine(small, sound, slice_of(2 * ITEMS // 3), RULES)
    assert refused_by(report) == ["vocabulary"]
    (refusal,) = report.refusals
    assert refusal.figure == pytest.approx(1 / 3, abs=1e-5)
    assert refusal.threshold == 0.25


def test_nan_in_the_vectors_is_refused_and_nothing_else_judged(tmp_path: Path, sound: Path) -> None:
    vectors = np.eye(ITEMS, dtype=np.float32)
    vectors[3, 4] = np.nan
    report = examine(write_candidate(tmp_path, "r", vectors=vectors), sound, EVENTS, RULES)
    assert refused_by(report) == ["finite_vectors"]
    assert report.figures["nonfinite_vectors"] == 1
    assert report.passed_over["recall_loss"] == report.passed_over["index_recall"]
    assert report.passed_over["index_recall"] == "the candidate cannot be loaded"


def test_encoder_whose_outputs_are_not_finite_is_refused_and_asked_for_no_list(
    tmp_path: Path, sound: Path
) -> None:
    answers = successor_answers(ITEMS)
    answers[5, 6] = np.nan
    report = examine(write_candidate(tmp_path, "r", answers), sound, EVENTS, RULES)
    assert "finite_outputs" in refused_by(report)
    assert report.passed_over["finite_scores"] == "its encoder's outputs are not finite"
    assert "recall@20" not in report.figures


def test_infinite_score_of_finite_vectors_and_queries_is_refused(tmp_path: Path) -> None:
    huge = np.float32(1e30)
    candidate = write_candidate(
        tmp_path, "r", successor_answers(ITEMS) * huge, np.eye(ITEMS, dtype=np.float32) * huge
    )
    assert "finite_scores" in refused_by(examine(candidate, None, EVENTS, RULES))


def test_index_of_spoiled_parameters_is_refused(tmp_path: Path) -> None:
    spoiled = IndexSpec(kind="pq_fastscan", parameters={"nlist": 64, "nprobe": 1, "refine": 1})
    folder = write_candidate(tmp_path, "r", successor_answers(MANY), index=spoiled)
    report = examine(folder, None, slice_of(MANY), RULES)
    assert refused_by(report) == ["index_recall"]
    (refusal,) = report.refusals
    assert refusal.figure is not None
    assert refusal.figure < refusal.threshold == 0.99


def test_index_over_other_vectors_is_refused(tmp_path: Path) -> None:
    scan = IndexSpec(kind="pq_fastscan", parameters={"nlist": 0, "refine": 1})
    rolled = np.roll(np.eye(MANY, dtype=np.float32), 30, axis=1)
    answers, events = successor_answers(MANY), slice_of(MANY)
    other = write_candidate(tmp_path, "other", answers, vectors=rolled, index=scan)
    folder = write_candidate(tmp_path, "r", answers, index=scan)
    assert refused_by(examine(folder, None, events, RULES)) == []
    (folder / INDEX_FILE).write_bytes((other / INDEX_FILE).read_bytes())
    seal(folder, MANY, scan)
    assert "index_recall" in refused_by(examine(folder, None, events, RULES))


@pytest.mark.parametrize(
    ("step_us", "search_us", "broken"),
    [
        (1.0, 1.0, []),
        (3000.0, 1.0, ["step_latency_1"]),
        (1e6, 1.0, ["step_latency_1", "step_latency_256"]),
        (1.0, 11_000.0, ["search_latency_1"]),
        (1.0, 1e6, ["search_latency_1", "search_latency_256"]),
    ],
)
def test_slow_encoder_or_index_is_refused(
    sound: Path, step_us: float, search_us: float, broken: list[str]
) -> None:
    report = examine(sound, None, EVENTS, RULES, clock=ticking(step_us, search_us))
    assert refused_by(report) == broken
    assert report.figures["step_us_1"] == pytest.approx(step_us)
    assert report.figures["search_us_256"] == pytest.approx(search_us / 256, abs=1e-6)


@dataclass(frozen=True)
class InterruptedIndex:
    """An index whose every search is kept from the processor for longer than it may take."""

    index: ItemIndex

    def search(self, queries: NDArray[np.float32], n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        threading.Event().wait(1.2 * RULES.search_us / 1e6)
        return self.index.search(queries, n)


def test_time_that_other_processes_take_is_not_the_candidates(sound: Path) -> None:
    release = load_release(sound)
    interrupted = replace(release, index=cast("ItemIndex", InterruptedIndex(release.index)))
    times = measure_engine(interrupted, EVENTS, None, RULES).timings
    assert max(times.search_us.values()) < RULES.search_us / 2


def test_latency_names_the_setting_that_allows_more(sound: Path) -> None:
    report = examine(sound, None, EVENTS, RULES, clock=ticking(1e6, 1e6))
    remedies = [refusal.message.partition("or raise ")[2] for refusal in report.refusals]
    names = ("STEP_US", "BATCH_STEP_US", "SEARCH_US", "BATCH_SEARCH_US")
    assert remedies == [f"MILLRACE_GATE_{name}" for name in names]


def test_too_few_predictions_keep_the_incumbent_and_hold_back_no_first_release(sound: Path) -> None:
    few = slice_of(ITEMS, sessions=20)
    report = examine(sound, sound, few, RULES)
    assert refused_by(report) == ["min_predictions"]
    assert report.passed_over["recall_loss"] == "fewer than 500 predictions"
    first = examine(sound, None, few, RULES)
    assert refused_by(first) == []
    assert first.passed_over["min_predictions"] == "there is no incumbent"
    assert first.passed_over["popularity"] == "fewer than 500 predictions"


SINGLE_EVENTS = EVENTS.unique("session_id", maintain_order=True)


@pytest.mark.parametrize(
    "events",
    [
        EVENTS.clear(),
        SINGLE_EVENTS,
        SINGLE_EVENTS.with_columns(occurred_at_ms=pl.lit(None, dtype=pl.Int64)),
    ],
    ids=["empty", "single events", "without times"],
)
def test_slice_without_predictions_still_proves_encoder_and_index(sound: Path, events: pl.DataFrame) -> None:
    report = examine(sound, None, events, RULES)
    assert refused_by(report) == []
    assert report.figures["index_recall@20"] == 1
    assert report.passed_over["finite_scores"] == "there is nothing to predict"
    assert refused_by(examine(sound, sound, events, RULES)) == ["min_predictions"]


def test_slice_of_unknown_items_is_judged_by_the_popular_list_alone(sound: Path) -> None:
    unknown = EVENTS.with_columns(item_id="new " + pl.col("item_id"))
    report = examine(sound, None, unknown, RULES)
    assert refused_by(report) == ["same_lists"]
    assert report.figures["index_recall@20"] == 1
    assert report.figures["recall@20"] == report.figures["popularity_recall@20"] == 0


def test_incumbent_that_cannot_be_loaded_is_recorded_and_warned_of(
    tmp_path: Path, sound: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = write_candidate(tmp_path, "broken")
    (broken / VECTORS_FILE).unlink()
    report = examine(sound, broken, EVENTS, RULES)
    assert refused_by(report) == []
    assert report.incumbent == "broken"
    assert report.passed_over["recall_loss"].startswith("the incumbent cannot be loaded: release broken: ")
    assert report.passed_over["vocabulary"] == report.passed_over["recall_loss"]
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "cannot be loaded, nothing is compared" in warning.getMessage()


def test_candidate_that_cannot_be_loaded_is_refused(tmp_path: Path, sound: Path) -> None:
    folder = write_candidate(tmp_path, "r")
    (folder / ENCODER_FILE).write_bytes(b"no graph")
    seal(folder, ITEMS, IndexSpec(kind="exact"))
    assert refused_by(examine(folder, sound, EVENTS, RULES)) == ["loadable"]


def test_folder_that_is_no_release_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(InvalidRelease):
        examine(tmp_path, None, EVENTS, RULES)


def test_every_refusal_is_a_log_line_with_rule_figure_and_threshold(
    tmp_path: Path, sound: Path, caplog: pytest.LogCaptureFixture
) -> None:
    report = examine(write_candidate(tmp_path, "r", lists_not_learned()), sound, EVENTS, RULES)
    log_verdict(ReleaseId("r"), report)
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(lines) == len(report.refusals) == 2
    for line, refusal in zip(lines, report.refusals, strict=True):
        start = f"gate refused release=r rule={refusal.rule} figure={refusal.figure} threshold=-0.01: "
        assert line.startswith(start)


def test_figures_follow_from_releases_events_and_seed(tmp_path: Path, sound: Path) -> None:
    candidate = write_candidate(tmp_path, "r", lists_not_learned())
    once, again = (examine(candidate, sound, EVENTS, RULES, clock=ticking(1, 1)) for _ in range(2))
    assert once == again


def test_progress_covers_both_releases(sound: Path) -> None:
    seen: list[tuple[int, int]] = []
    examine(sound, sound, EVENTS, RULES, lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] == 2 * seen[0][0]
