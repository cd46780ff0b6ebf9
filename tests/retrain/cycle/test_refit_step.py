"""The step behind the gate: what is announced has learned the slice, or is the candidate that was judged."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import polars as pl
import pytest
from msgspec.structs import replace

from models.model_config import ModelConfig
from models.release import VOCABULARY_FILE, load_release
from retrain.cycle.cycle_parts import CycleClock
from retrain.cycle.work_folder import WINDOW_FILE, WorkFolder
from retrain.event_split import test_events as slice_of
from retrain.releases.release_catalogue import read_release_manifest
from schemas.cycle_status import CycleSummary
from schemas.errors import Unavailable, UsageError
from schemas.gate_report import GateReport
from schemas.ids import ReleaseId
from schemas.release_manifest import Refit, ReleaseManifest
from schemas.timestamps import from_epoch_ms, to_epoch_ms
from tests.release_builder import corrupt
from tests.retrain.cycle.cycle_stage import CONFIG, CycleStage, cycle_stage
from tests.retrain.cycle.test_whole_cycles import at, newest_ms, report
from tests.retrain.planted_sessions import ring_events
from tests.services.kafka_broker import Kafka

NEWS = "only in the newest session"


def with_news(events: Path, sessions: int = 150) -> None:
    """Give the last item of the newest session another name."""
    log = ring_events(sessions=sessions, noise=0).rename({"occurred_at_ms": "timestamp"})
    is_last = pl.int_range(pl.len()) == len(log) - 1
    named = pl.when(is_last).then(pl.lit(NEWS)).otherwise("item_id")
    log.with_columns(item_id=named).write_parquet(events)


def with_an_event_of_2099(events: Path, sessions: int) -> None:
    """Sessions, of which the first goes on far ahead."""
    log = ring_events(sessions=sessions, noise=0)
    ahead = log.head(1).with_columns(occurred_at_ms=pl.lit(to_epoch_ms(datetime(2099, 1, 1, tzinfo=UTC))))
    pl.concat([log, ahead]).rename({"occurred_at_ms": "timestamp"}).write_parquet(events)


def manifest_of(stage: CycleStage, summary: CycleSummary) -> ReleaseManifest:
    assert summary.release_id is not None
    return read_release_manifest(stage.settings.releases, summary.release_id)


def judged_then(*outcomes: GateReport) -> tuple[Callable[..., GateReport], list[tuple[str, str | None]]]:
    """A judge with these answers, and what it was asked."""
    answers, asked = list(outcomes), list[tuple[str, str | None]]()

    def judge(candidate: Path, incumbent: Path | None, *_: object) -> GateReport:
        asked.append((candidate.name, incumbent.name if incumbent else None))
        return answers.pop(0)

    return judge, asked


def test_announced_release_has_learned_the_slice_that_it_was_judged_on(stage: CycleStage) -> None:
    with_news(stage.events)
    summary = stage.run()
    assert (summary.outcome, summary.reason) == ("running", "")
    assert summary.judged not in {None, summary.release_id}
    release = load_release(Path(stage.settings.releases, str(summary.release_id)))
    manifest = release.manifest
    assert NEWS in release.vocabulary.item_ids
    log = pl.read_parquet(stage.events)
    assert manifest.data.events == len(log)
    last = manifest.data.last_event_at
    assert last is not None
    assert last.timestamp() * 1000 == newest_ms(stage)
    assert isinstance(manifest.refit, Refit)
    assert isinstance(manifest.refit.learned, msgspec.Struct)
    assert manifest.refit.learned.events == len(slice_of(log, CONFIG.test_share))


def test_figures_are_of_the_candidate_before_it_learned_what_they_are_measured_on(stage: CycleStage) -> None:
    with_news(stage.events)
    summary = stage.run()
    manifest = manifest_of(stage, summary)
    gate, refit = manifest.gate, manifest.refit
    assert isinstance(gate, GateReport)
    assert isinstance(refit, Refit)
    assert isinstance(refit.check, GateReport)
    assert (gate.measured_on, gate.incumbent) == (summary.judged, None)
    assert (refit.check.incumbent, refit.check.measured_on) == (summary.judged, msgspec.UNSET)
    assert manifest.metrics == summary.metrics
    assert manifest.metrics["recall@20"] == gate.figures["recall@20"]
    assert refit.check.figures["incumbent_recall@20"] == gate.figures["recall@20"]
    assert refit.check.figures["recall@20"] > gate.figures["recall@20"]


def test_only_the_announced_release_is_published(stage: CycleStage) -> None:
    summary = stage.run()
    published = {path.parent.name for path in Path(stage.settings.releases).glob("*/manifest.json")}
    assert published == {summary.release_id}


def test_warm_cycles_are_counted_without_the_refits(stage: CycleStage) -> None:
    first, second = stage.run(), stage.run()
    lineage = manifest_of(stage, second).lineage
    assert lineage is not msgspec.UNSET
    assert (lineage.warm_started_from, lineage.warm_cycles) == (first.release_id, 1)
    assert manifest_of(stage, first).lineage is msgspec.UNSET


def test_candidate_whose_refit_fails_is_announced_as_it_was_judged(
    stage: CycleStage, caplog: pytest.LogCaptureFixture
) -> None:
    judge, asked = judged_then(report(), report("recall_loss"))
    summary = stage.run(judge=judge)
    why = "recall_loss: too low (figure 0.1, threshold 0.2)"
    assert (summary.outcome, summary.judged) == ("running", None)
    assert summary.reason == f"without the newest events: {why}"
    assert asked[0][0] == summary.release_id
    assert asked[1][0] != summary.release_id
    manifest = manifest_of(stage, summary)
    assert manifest.refit == Refit(check=report("recall_loss"), why_not=why)
    assert manifest.gate == report()
    (line,) = [one.getMessage() for one in caplog.records if "goes on as it was judged" in one.getMessage()]
    assert why in line
    assert stage.board().history[0].reason == summary.reason


def spoilt_cycle(stage: CycleStage, place: str, spoil: Callable[[], object]) -> tuple[CycleSummary, str]:
    """A cycle that something befalls at a place: its summary, and why it announces the judged candidate."""
    summary = stage.run(reached=at(place, spoil))
    assert (summary.outcome, summary.judged, stage.generations()) == ("running", None, [1])
    refit = manifest_of(stage, summary).refit
    assert isinstance(refit, Refit)
    assert summary.reason == f"without the newest events: {refit.why_not}"
    return summary, str(refit.why_not)


def test_refit_that_cannot_be_loaded_is_not_announced(stage: CycleStage) -> None:
    def spoil() -> None:
        (manifest,) = (stage.settings.retrain_work / "refit").glob("*/manifest.json")
        corrupt(manifest.parent.parent, ReleaseId(manifest.parent.name), VOCABULARY_FILE)

    _, why = spoilt_cycle(stage, "refit trained", spoil)
    assert f": {VOCABULARY_FILE} is corrupt" in why


def test_bug_in_the_pass_costs_no_cycle_and_is_logged_whole(
    stage: CycleStage, caplog: pytest.LogCaptureFixture
) -> None:
    def spoil() -> None:
        raise ArithmeticError("of the\n  export")

    _, why = spoilt_cycle(stage, "refit trained", spoil)
    assert why == "ArithmeticError: of the export"
    (line,) = [one for one in caplog.records if one.exc_info]
    assert line.name == "millrace.retrain.cycle"
    assert isinstance(line.exc_info, tuple)
    assert line.exc_info[0] is ArithmeticError


def test_window_that_cannot_be_read_again_costs_the_refit_and_no_more(stage: CycleStage) -> None:
    window = stage.settings.retrain_work / WINDOW_FILE
    _, why = spoilt_cycle(stage, "judge saved", lambda: window.write_bytes(b"no Parquet"))
    assert "the window cannot be read" in why


def test_window_without_times_has_no_refit(stage: CycleStage) -> None:
    pl.read_parquet(stage.events).drop("timestamp").write_parquet(stage.events)
    _, why = spoilt_cycle(stage, "judge saved", lambda: None)
    assert why.startswith("the window's events have no times")


def test_disc_that_refuses_the_refits_folder_is_waited_for(stage: CycleStage) -> None:
    in_its_place = stage.settings.retrain_work / "refit"
    with pytest.raises(Unavailable, match=r"step refit: .*refit"):
        stage.run(reached=at("judge saved", lambda: in_its_place.write_text("")))
    assert (stage.board().history, stage.generations()) == ([], [])
    in_its_place.unlink()
    summary = stage.run()
    assert (summary.outcome, summary.reason, summary.attempts) == ("running", "", 2)
    assert summary.judged is not None


def test_check_of_a_refit_is_no_verdict_in_the_log_of_the_gate(
    stage: CycleStage, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "millrace.retrain.gate"):
        summary = stage.run()
    lines = [one.getMessage() for one in caplog.records if one.name == "millrace.retrain.gate"]
    assert [line.split()[:3] for line in lines] == [["gate", "passed", f"release={summary.judged}"]]


def test_refit_beside_a_candidate_of_enough_predictions_is_compared_with_it(stage: CycleStage) -> None:
    enough = replace(report(), figures={"recall@20": 0.1, "predictions": 20.0})
    judge, asked = judged_then(enough, report())
    summary = stage.run(judge=judge)
    assert asked == [(summary.judged, None), (summary.release_id, summary.judged)]


def test_refused_candidate_is_not_refitted_nor_the_window_read_for_it(stage: CycleStage) -> None:
    judge, asked = judged_then(report("coverage"))
    window = stage.settings.retrain_work / WINDOW_FILE
    summary = stage.run(judge=judge, reached=at("judge saved", lambda: window.write_bytes(b"no Parquet")))
    assert (summary.outcome, asked) == ("refused", [(summary.release_id, None)])
    assert manifest_of(stage, summary).refit is msgspec.UNSET


def test_window_too_small_for_a_slice_is_announced_as_it_was_learned(stage: CycleStage) -> None:
    with_news(stage.events, sessions=4)
    summary = stage.run()
    assert (summary.outcome, summary.judged, summary.reason) == ("running", None, "")
    assert NEWS in load_release(Path(stage.settings.releases, str(summary.release_id))).vocabulary.item_ids


def test_factorization_learns_the_slice_too(stage: CycleStage) -> None:
    with_news(stage.events)
    config = ModelConfig(strategy="als", als_factors=8, als_iterations=3)
    summary = stage.run(stage.plan(config=config))
    assert summary.judged is not None
    assert NEWS in load_release(Path(stage.settings.releases, str(summary.release_id))).vocabulary.item_ids


def test_refit_that_was_made_before_a_kill_is_not_made_again(stage: CycleStage) -> None:
    stage.die_at("refit trained")
    (folder,) = (stage.settings.retrain_work / "refit").glob("*/manifest.json")
    encoder = folder.parent / "encoder.onnx"
    made, found = encoder.stat().st_mtime_ns, list[int]()

    def look() -> None:
        found.append(encoder.stat().st_mtime_ns)

    summary = stage.run(reached=at("refit saved", look))
    assert (summary.outcome, summary.release_id) == ("running", folder.parent.name)
    assert found == [made]


@pytest.mark.parametrize("place", ["judge saved", "publish saved", "announce saved"])
def test_cycle_of_a_version_without_the_step_goes_on(stage: CycleStage, place: str) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    judge, _ = judged_then(report(), report("recall_loss"))
    with pytest.raises(KeyboardInterrupt):
        stage.run(judge=judge, reached=at(place, interrupt))
    work = WorkFolder(stage.settings.retrain_work)
    record = work.record()
    assert record is not None
    before = {step: seconds for step, seconds in record.done.items() if step != "refit"}
    work.save(replace(record, done=before, why_no_refit="", judged_share=None))
    summary = stage.run()
    assert summary.outcome == "running"
    assert ("refit" in summary.seconds) == (place == "judge saved")
    assert (summary.judged is None) == (place != "judge saved")
    assert stage.generations() == [1]


def test_second_cycle_keeps_back_what_the_first_has_not_learned(
    kafka: Kafka, redis_url: str, prefix: str, tmp_path: Path
) -> None:
    stage = cycle_stage(kafka, redis_url, prefix, tmp_path, gate_min_predictions=10)
    first = stage.run()
    ring_events(sessions=160, noise=0).rename({"occurred_at_ms": "timestamp"}).write_parquet(stage.events)
    second = stage.run()
    gate = manifest_of(stage, second).gate
    assert isinstance(gate, GateReport)
    assert gate.newer_than == manifest_of(stage, first).data.last_event_at
    assert manifest_of(stage, second).config["test_share"] == 0.5 * 10 / 160
    third = manifest_of(stage, stage.run()).gate
    assert isinstance(third, GateReport)
    assert third.newer_than is msgspec.UNSET
    assert "0 predictions of the slice are later than" in str(third.whole_slice)


def test_event_of_a_clock_that_is_ahead_leaves_the_next_cycle_what_is_new(
    kafka: Kafka, redis_url: str, prefix: str, tmp_path: Path
) -> None:
    stage = cycle_stage(kafka, redis_url, prefix, tmp_path, gate_min_predictions=10)
    first, second = (from_epoch_ms(newest_ms(stage) + minutes * 60_000 + 30_000) for minutes in (0, 10))
    with_an_event_of_2099(stage.events, sessions=150)
    stage.run(clock=CycleClock(now=lambda: first))
    with_an_event_of_2099(stage.events, sessions=160)
    gate = manifest_of(stage, stage.run(clock=CycleClock(now=lambda: second))).gate
    assert isinstance(gate, GateReport)
    assert (gate.newer_than, gate.whole_slice) == (first, msgspec.UNSET)


def test_damaged_window_ends_a_cycle_that_has_not_trained(stage: CycleStage) -> None:
    stage.run()
    window = stage.settings.retrain_work / WINDOW_FILE
    with pytest.raises(UsageError, match="the window cannot be read"):
        stage.run(reached=at("window saved", lambda: window.write_bytes(b"no Parquet")))
    assert [one.outcome for one in stage.board().history] == ["failed", "running"]
    assert stage.run().outcome == "running"


def test_log_warns_of_no_refit_where_the_slice_was_learned(
    stage: CycleStage, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "millrace.retrain.cycle"):
        stage.run()
    assert [one for one in caplog.records if "as it was judged" in one.getMessage()] == []
