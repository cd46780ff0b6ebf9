"""Whole cycles on a real Kafka and Redis: what each comes to, and what it leaves behind."""

import asyncio
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from msgspec.structs import replace

from retrain.cycle.cycle_parts import CycleClock
from retrain.cycle.work_folder import WorkFolder
from retrain.releases.announcing import announce
from retrain.releases.release_catalogue import read_release_manifest
from schemas.connections import kafka_arguments
from schemas.cycle_status import CycleSummary
from schemas.errors import InvalidRelease, Unavailable, UsageError
from schemas.gate_report import GateRefusal, GateReport
from schemas.ids import ReleaseId
from schemas.redis_keys import CYCLE_FENCE, CYCLE_LOCK
from schemas.worker_heartbeat import LIVE_S
from tests.release_builder import corrupt
from tests.retrain.cycle.cycle_stage import CONFIG, CycleStage, WatchingDisplay, cycle_stage
from tests.services.kafka_broker import Kafka
from tests.waiting import until


def at(place: str, act: Callable[[], object]) -> Callable[[str], None]:
    """What does something when a cycle is at a place, once."""
    acts = [act]

    def reached(there: str) -> None:
        if there == place and acts:
            acts.pop()()

    return reached


def report(*refused: str) -> GateReport:
    refusals = [GateRefusal(rule=rule, figure=0.1, threshold=0.2, message="too low") for rule in refused]
    return GateReport(passed=not refused, refusals=refusals, figures={"recall@20": 0.1})


def refuse(*_: object) -> GateReport:
    return report("popularity", "coverage")


def test_second_cycle_begins_with_the_first_ones_release(stage: CycleStage) -> None:
    first, second = stage.run(), stage.run()
    assert (first.outcome, first.incumbent, first.warm_start) == ("running", None, False)
    assert (second.outcome, second.incumbent, second.warm_start) == ("running", first.release_id, True)
    one, two = stage.announced()
    assert (two.generation, two.release_id, two.previous) == (2, second.release_id, one.release_id)
    assert two.reason == f"retrain cycle {second.cycle_id}: test"
    board = stage.board()
    assert board.history == [second, first]
    assert (board.lock, board.current) == (None, None)
    assert board.running is not None
    assert (board.running.release_id, board.running.generation) == (second.release_id, 2)
    assert board.running.newest_event_at == datetime.fromtimestamp(newest_ms(stage) / 1000, UTC)
    assert second.seconds.keys() == {
        "window", "incumbent", "train", "judge", "refit", "publish", "announce", "wait", "mark", "watch",
        "prune",
    }  # fmt: skip
    assert {path.name for path in stage.settings.retrain_work.iterdir()} == {"cycle.json", ".lock"}


def newest_ms(stage: CycleStage) -> int:
    newest = pl.read_parquet(stage.events)["timestamp"].max()
    assert isinstance(newest, int)
    return newest


def test_every_nth_cycle_trains_from_scratch(
    kafka: Kafka, redis_url: str, prefix: str, tmp_path: Path
) -> None:
    short = {"retrain_from_scratch_every": 3, "retrain_history": 1}  # it is counted by the releases
    stage = cycle_stage(kafka, redis_url, prefix, tmp_path, **short)
    assert [stage.run().warm_start for _ in range(5)] == [False, True, True, False, True]
    assert not stage.run(stage.plan(from_scratch=True)).warm_start


async def test_of_two_cycles_at_once_one_runs_and_the_other_says_who(stage: CycleStage) -> None:
    training, refused = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold(_: int) -> None:
        loop.call_soon_threadsafe(training.set)
        asyncio.run_coroutine_threadsafe(refused.wait(), loop).result()

    running = asyncio.create_task(asyncio.to_thread(stage.run, display=WatchingDisplay(hold)))
    await training.wait()
    with pytest.raises(UsageError, match=r"a retrain cycle runs already: .*, process \d+, folder /"):
        await asyncio.to_thread(stage.run)
    current = stage.board().current
    assert current is not None
    assert current.step == "train"
    refused.set()
    assert (await running).outcome == "running"
    assert await asyncio.to_thread(stage.generations) == [1]


def test_refused_candidate_is_published_and_not_announced(stage: CycleStage) -> None:
    first = stage.run()
    refused = stage.run(judge=refuse)
    assert (refused.outcome, refused.refusals) == (
        "refused",
        [f"{rule}: too low (figure 0.1, threshold 0.2)" for rule in ("popularity", "coverage")],
    )
    assert stage.generations() == [1]
    assert refused.release_id is not None
    manifest = read_release_manifest(stage.settings.releases, refused.release_id)
    assert (manifest.gate, manifest.metrics["recall@20"]) == (refuse(), 0.1)
    running = stage.board().running
    assert running is not None
    assert running.release_id == first.release_id
    assert list(refused.seconds)[-2:] == ["publish", "prune"]


def test_gate_is_asked_with_the_incumbents_release(stage: CycleStage) -> None:
    first = stage.run()
    asked: list[tuple[str, str | None, int]] = []

    def judge(candidate: Path, incumbent: Path | None, events: pl.DataFrame, *_: object) -> GateReport:
        asked.append((candidate.name, incumbent.name if incumbent else None, len(events)))
        assert incumbent is None or (incumbent / "manifest.json").exists()
        return report()

    second = stage.run(judge=judge)
    (candidate, incumbent, events), (refit, beside, same_events) = asked
    assert (candidate, incumbent) == (second.judged, first.release_id)
    assert (refit, beside, same_events) == (second.release_id, None, events)
    assert 0 < events < second.events


@pytest.mark.parametrize("harm", [corrupt, lambda store, release_id: shutil.rmtree(store / release_id)])
def test_incumbent_that_cannot_be_copied_is_named_in_the_verdict(
    stage: CycleStage, harm: Callable[[Path, ReleaseId], object]
) -> None:
    first = stage.run().release_id
    assert first is not None
    harm(Path(stage.settings.releases), first)
    second = stage.run()
    assert (second.outcome, second.incumbent, second.warm_start) == ("running", None, False)
    assert second.release_id is not None
    gate = read_release_manifest(stage.settings.releases, second.release_id).gate
    assert isinstance(gate, GateReport)
    assert gate.incumbent == first
    assert gate.passed_over["recall_loss"].startswith("the incumbent cannot be loaded: ")


async def test_cycle_waits_until_every_live_worker_has_the_release(stage: CycleStage) -> None:
    stage.beat("w1")
    stage.beat("w2")
    stage.beat("gone", age_s=LIVE_S + 1)
    cycle = asyncio.create_task(asyncio.to_thread(stage.run))
    await until(lambda: step_of(stage) == "wait")
    stage.beat("w1", generation=1)
    assert not cycle.done()
    assert stage.board().running is None
    stage.beat("w2", generation=1)
    summary = await cycle
    assert (summary.outcome, summary.late, summary.refused_by) == ("running", [], {})


def step_of(stage: CycleStage) -> str:
    current = stage.board().current
    return current.step if current else ""


async def test_worker_that_goes_silent_blocks_no_cycle(stage: CycleStage) -> None:
    stage.beat("w1", age_s=LIVE_S - 2)
    assert (await asyncio.to_thread(stage.run)).outcome == "running"


def test_worker_that_does_not_follow_is_named(
    kafka: Kafka, redis_url: str, prefix: str, tmp_path: Path
) -> None:
    stage = cycle_stage(kafka, redis_url, prefix, tmp_path, retrain_wait_s=0.1)
    stage.beat("w1", generation=1)
    stage.beat("w2")
    summary = stage.run()
    assert (summary.outcome, summary.late) == ("unconfirmed", ["w2"])
    assert "w2 did not report it within 0.1 s (MILLRACE_RETRAIN_WAIT_S)" in summary.reason
    assert "watch" in summary.seconds
    assert "mark" not in summary.seconds
    assert stage.board().running is None


def test_worker_that_refuses_the_release_is_named_and_not_waited_for(stage: CycleStage) -> None:
    stage.beat("good", generation=1)
    refusing = at("announce saved", lambda: stage.beat("old", refused=refusals(stage)))
    summary = stage.run(reached=refusing)
    assert (summary.outcome, summary.refused_by) == ("running", {"old": "opset 99"})
    assert summary.reason == "worker old refuses it: opset 99"


def refusals(stage: CycleStage) -> dict[ReleaseId, str]:
    return {stage.announced()[-1].release_id: "opset 99"}


def refused_by_all(stage: CycleStage, place: str = "announce saved") -> Callable[[str], None]:
    return at(place, lambda: stage.beat("old", refused=refusals(stage)))


def test_release_that_every_live_worker_refuses_is_rolled_back_at_once(stage: CycleStage) -> None:
    first = stage.run()
    assert first.release_id is not None
    marked = stage.board().running
    summary = stage.run(reached=refused_by_all(stage))
    assert summary.outcome == "rolled_back"
    assert "refused by every live worker: worker old refuses it: opset 99" in summary.reason
    last = stage.announced()[-1]
    assert (last.generation, last.release_id, last.previous) == (3, first.release_id, summary.release_id)
    running = stage.board().running
    assert running is not None
    assert marked is not None
    assert (running.release_id, running.generation) == (first.release_id, 3)
    assert running.newest_event_at == marked.newest_event_at
    assert summary.seconds.keys().isdisjoint({"mark", "watch", "prune"})


def test_first_release_that_every_live_worker_refuses_has_nothing_to_go_back_to(stage: CycleStage) -> None:
    summary = stage.run(reached=refused_by_all(stage))
    assert (summary.outcome, summary.reason) == (
        "unconfirmed",
        "worker old refuses it: opset 99; no release ran before it",
    )
    assert stage.generations() == [1]


def test_corrupt_incumbent_is_not_gone_back_to(stage: CycleStage) -> None:
    first = stage.run()
    assert first.release_id is not None

    def act() -> None:
        stage.beat("old", refused=refusals(stage))
        corrupt(Path(stage.settings.releases), ReleaseId(str(first.release_id)))

    summary = stage.run(reached=at("announce saved", act))
    assert summary.outcome == "unconfirmed"
    assert "; the one before it cannot be served: release " in summary.reason
    assert stage.generations() == [1, 2]


def test_another_release_announced_meanwhile_is_not_rolled_back(stage: CycleStage) -> None:
    stage.run()

    def act() -> None:
        stage.beat("old", refused=refusals(stage))
        announce_another(stage)

    summary = stage.run(reached=at("announce saved", act))
    assert summary.outcome == "superseded"
    assert stage.generations() == [1, 2, 3]


@pytest.mark.parametrize("place", ["wait made", "wait saved"])
def test_rollback_of_a_killed_cycle_is_not_repeated(stage: CycleStage, place: str) -> None:
    stage.run()

    def interrupt() -> None:
        raise KeyboardInterrupt

    refuse_, stop = refused_by_all(stage), at(place, interrupt)

    def reached(there: str) -> None:
        refuse_(there)
        stop(there)

    with pytest.raises(KeyboardInterrupt):
        stage.run(reached=reached)
    summary = stage.run()
    assert summary.outcome == "rolled_back"
    assert stage.generations() == [1, 2, 3]


def test_store_that_disappears_is_waited_for_and_not_made_anew(stage: CycleStage) -> None:
    stage.run()
    store, away = Path(stage.settings.releases), Path(stage.settings.releases + "-away")
    with pytest.raises(Unavailable, match="is not there now, though a release of it runs"):
        stage.run(reached=at("judge saved", lambda: store.rename(away)))
    assert not store.exists()
    with pytest.raises(Unavailable, match="is not there now"):
        stage.run()
    assert not store.exists()
    assert stage.generations() == [1]
    away.rename(store)
    summary = stage.run()
    assert (summary.outcome, summary.attempts) == ("running", 3)
    assert stage.generations() == [1, 2]


def test_running_release_that_is_gone_is_done_without(stage: CycleStage) -> None:
    first = stage.run()
    shutil.rmtree(Path(stage.settings.releases, str(first.release_id)))
    second = stage.run()
    assert (second.outcome, second.incumbent, second.generation) == ("running", None, 2)


def announce_another(stage: CycleStage) -> ReleaseId:
    first = stage.announced()[0].release_id
    announce(kafka_arguments(stage.settings), stage.settings.releases_topic, first)
    return first


@pytest.mark.parametrize("place", ["train saved", "announce begins", "announce checked"])
def test_cycle_announces_nothing_where_somebody_else_has_meanwhile(stage: CycleStage, place: str) -> None:
    first = stage.run()
    summary = stage.run(reached=at(place, lambda: announce_another(stage)))
    assert summary.outcome == "superseded"
    assert f"{first.release_id} (generation 2) is announced now" in summary.reason
    running = max(stage.announced(), key=lambda one: one.generation)
    assert running.release_id == first.release_id
    assert stage.run().outcome == "running"


def test_release_that_is_rolled_back_before_it_is_marked_does_not_run(stage: CycleStage) -> None:
    first = stage.run()
    summary = stage.run(reached=at("wait saved", lambda: announce_another(stage)))
    assert summary.outcome == "superseded"
    running = stage.board().running
    assert running is not None
    assert running.release_id == first.release_id


def steal_lock(stage: CycleStage) -> None:
    """Another process takes the lock of one that was stopped for longer than it lives."""
    token = stage.redis.incr(CYCLE_FENCE)
    stage.redis.set(CYCLE_LOCK, f"{token} nonce another", px=60_000)


@pytest.mark.parametrize("place", ["train made", "judge saved", "publish saved"])
def test_holder_that_lost_the_lock_announces_nothing(stage: CycleStage, place: str) -> None:
    with pytest.raises(Unavailable, match="lock of the retrain cycle was lost"):
        stage.run(reached=at(place, lambda: steal_lock(stage)))
    assert stage.generations() == []
    assert stage.board().lock == "another"
    stage.redis.delete(CYCLE_LOCK)
    assert stage.run().outcome == "running"


def test_folder_of_a_suspended_process_is_not_worked_in_by_another(stage: CycleStage) -> None:
    held = WorkFolder(stage.settings.retrain_work).held()
    with held, pytest.raises(UsageError, match="another process works there"):
        stage.run()
    assert stage.board().lock is None
    assert stage.run().outcome == "running"


def test_lock_that_expired_and_nobody_took_is_held_again(stage: CycleStage) -> None:
    summary = stage.run(reached=at("judge made", lambda: stage.redis.delete(CYCLE_LOCK)))
    assert summary.outcome == "running"


@pytest.mark.parametrize(
    ("changes", "settings", "why"),
    [
        ({"restart": True}, {}, "--restart was given"),
        ({"config": replace(CONFIG, batch_size=8)}, {}, "another model config"),
        (
            {"since": "2026-01-01T00:00:00Z"},
            {},
            "and this command from events.parquet since 2026-01-01T00:00:00Z",
        ),
        ({"from_scratch": True}, {}, "--from-scratch was given"),
        ({}, {"retrain_resume_h": 0}, r"over 0 h ago \(MILLRACE_RETRAIN_RESUME_H\)"),
    ],
)
def test_cycle_of_another_plan_is_begun_anew(
    kafka: Kafka,
    redis_url: str,
    prefix: str,
    tmp_path: Path,
    changes: dict[str, object],
    settings: dict[str, object],
    why: str,
) -> None:
    stage = cycle_stage(kafka, redis_url, prefix, tmp_path, **settings)
    interrupted(stage)
    summary = stage.run(stage.plan(**changes))
    assert (summary.outcome, summary.attempts) == ("running", 1)
    abandoned = stage.board().history[-1]
    assert abandoned.outcome == "abandoned"
    assert re.search(why, abandoned.reason)


def interrupted(stage: CycleStage, place: str = "train saved") -> None:
    """A cycle that ended as with Ctrl-C."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stage.run(reached=at(place, interrupt))


def test_interrupted_cycle_goes_on(stage: CycleStage) -> None:
    interrupted(stage)
    assert stage.run().attempts == 2
    assert stage.trainings() == 1


def test_cycle_that_is_given_up_behind_its_mark_has_a_running_release(stage: CycleStage) -> None:
    interrupted(stage, "mark saved")
    second = stage.run(stage.plan(restart=True))
    first = stage.board().history[-1]
    assert (first.outcome, first.reason) == ("running", "not watched to the end: --restart was given")
    assert (second.outcome, second.incumbent, second.generation) == ("running", first.release_id, 2)


def test_candidate_that_cannot_be_judged_ends_the_cycle(stage: CycleStage) -> None:
    def judge(*_: object) -> GateReport:
        raise InvalidRelease("it has no vectors")

    with pytest.raises(InvalidRelease):
        stage.run(judge=judge)
    (failed,) = stage.board().history
    assert (failed.outcome, failed.reason) == ("failed", "judge: it has no vectors")
    assert stage.generations() == []
    assert stage.run().attempts == 1


def test_bug_in_a_step_ends_the_cycle_and_is_named(stage: CycleStage) -> None:
    def judge(*_: object) -> GateReport:
        raise ZeroDivisionError("division by zero")

    with pytest.raises(ZeroDivisionError):
        stage.run(judge=judge)
    assert stage.board().history[0].reason == "judge: ZeroDivisionError: division by zero"


def test_record_that_cannot_be_read_is_told_and_begun_anew_on_request(stage: CycleStage) -> None:
    stage.settings.retrain_work.mkdir()
    (stage.settings.retrain_work / "cycle.json").write_text("{")
    with pytest.raises(UsageError, match=r"cycle\.json: cannot be read .* `--restart`"):
        stage.run()
    assert stage.run(stage.plan(restart=True)).outcome == "running"


def test_history_keeps_the_last_cycles(kafka: Kafka, redis_url: str, prefix: str, tmp_path: Path) -> None:
    stage = cycle_stage(kafka, redis_url, prefix, tmp_path, retrain_history=2)
    kept = [stage.run().cycle_id for _ in range(3)]
    assert [one.cycle_id for one in stage.board().history] == [kept[2], kept[1]]


def test_durations_are_those_of_the_clock(stage: CycleStage) -> None:
    ticks = iter(range(10_000))
    clock = CycleClock(
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=1),
        monotonic=lambda: float(next(ticks)),
    )
    summary: CycleSummary = stage.run(clock=clock)
    assert summary.started_at == datetime(2026, 1, 2, tzinfo=UTC)
    assert summary.seconds["train"] == 1.0
