"""`millrace retrain status`: what it says while a cycle runs, after one was killed, and of those before."""

import json

import pytest

import millrace
from schemas.ids import ReleaseId
from schemas.redis_keys import CYCLE_HISTORY, CYCLE_LOCK
from streams.dev.ports import free_port
from tests.retrain.cycle.cycle_stage import CycleStage


@pytest.fixture
def status(
    stage: CycleStage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> "Status":
    monkeypatch.setenv("MILLRACE_REDIS_URL", stage.settings.redis_url)
    return Status(capsys)


class Status:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *options: str) -> str:
        self._capsys.readouterr()
        assert millrace.run(["retrain", "status", *options]) == 0
        return self._capsys.readouterr().out


def test_nothing_has_run_yet(status: Status) -> None:
    assert status().splitlines() == [
        "no cycle runs", "no release is marked running", "no worker is live", "no cycle is over yet",
    ]  # fmt: skip


def test_running_cycle_is_shown_with_its_step_and_holder(stage: CycleStage, status: Status) -> None:
    said: list[str] = []

    def look(place: str) -> None:
        if place == "judge begins":
            said.append(status())

    summary = stage.run(reached=look)
    (line, *_) = said[0].splitlines()
    assert line.startswith(f"{summary.cycle_id} (test): step judge since 20")
    assert f", at {stage.board().lock or ''}" in line


def test_killed_cycle_is_shown_as_killed(stage: CycleStage, status: Status) -> None:
    def interrupt(place: str) -> None:
        if place == "train saved":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stage.run(reached=interrupt)
    assert "step train since" in status()
    assert "was killed there" in status()
    stage.redis.set(CYCLE_LOCK, "7 nonce another process")
    assert "was killed there" in status()


def test_lock_without_a_step_is_a_beginning(stage: CycleStage, status: Status) -> None:
    stage.redis.set(CYCLE_LOCK, "7 nonce host, process 3")
    assert status().startswith("a cycle begins: host, process 3\n")


def test_live_workers_are_told_by_what_they_serve_and_refuse(stage: CycleStage, status: Status) -> None:
    stage.beat("new", generation=3, release_id=ReleaseId("r1"))
    stage.beat("old", generation=2, release_id=ReleaseId("r2"), refused={ReleaseId("r3"): "opset 99"})
    stage.beat("also", generation=3, release_id=ReleaseId("r1"))
    stage.beat("empty")
    stage.beat("gone", age_s=60)
    assert status().splitlines()[2:6] == [
        "live workers that serve r1 (generation 3): 2",
        "live workers that serve r2 (generation 2): 1",
        "live workers without a release: 1",
        "worker old refuses r3: opset 99",
    ]
    assert {one["worker_id"] for one in json.loads(status("--json"))["workers"]} == {
        "new", "old", "also", "empty",
    }  # fmt: skip


def test_history_tells_outcomes_durations_and_reasons(stage: CycleStage, status: Status) -> None:
    first, second = stage.run(), stage.run()
    stage.redis.hset(CYCLE_HISTORY, "cycle-9", b"of a later version")
    said = status()
    assert f"{second.release_id} was marked running as generation 2 at 20" in said
    assert "events until 2026-" in said
    rows = [line for line in said.splitlines() if "cycle-2" in line]
    assert [row.split()[2] for row in rows] == [second.cycle_id, first.cycle_id]
    assert "running" in rows[0]
    assert "train " in rows[0]
    assert first.cycle_id not in status("--last", "1")


def test_json_has_all_of_it(stage: CycleStage, status: Status) -> None:
    summary = stage.run()
    found = json.loads(status("--json"))
    assert found["running"]["release_id"] == summary.release_id
    assert found["history"][0]["seconds"].keys() == summary.seconds.keys()
    assert found["current"] is None


def test_redis_that_is_away_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MILLRACE_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    assert millrace.run(["retrain", "status"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("millrace: Redis does not answer")
