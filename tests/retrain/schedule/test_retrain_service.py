"""`millrace retrain --schedule`, the process: what begins a cycle, what it survives, what it shows."""

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import millrace
from retrain.cycle.cycle_lock import take_lock
from schemas.redis_keys import SCHEDULE_DUE, WORKERS
from schemas.retrain_request import RetrainRequest
from schemas.worker_heartbeat import WorkerHeartbeat, encode_worker_heartbeat
from streams.dev.ports import free_port
from tests.retrain.schedule.retrain_stage import START_S, RetrainStage

YESTERDAY_S = 1_780_000_000
NIGHTLY = "0 3 * * *"
TAKEN = 'millrace_retrain_requests_total{kind="taken"}'
RUNNING = 'millrace_retrain_cycles_total{outcome="running"}'


def a_request(request_id: str, **fields: object) -> RetrainRequest:
    given = {"request_id": request_id, "requested_at": datetime(2026, 1, 1, tzinfo=UTC), **fields}
    return RetrainRequest(**given)  # type: ignore[arg-type]


@pytest.mark.timeout(400)
def test_missed_time_is_caught_up_with_once_and_requests_are_answered(stage: RetrainStage) -> None:
    stage.produce_events()
    stage.redis.set(SCHEDULE_DUE, YESTERDAY_S)
    service = stage.start(NIGHTLY)
    (first,) = stage.wait_for_cycles(service, 1)
    assert first.outcome == "running"
    assert first.trigger.startswith("schedule, 20")
    stage.wait_for(service, lambda: stage.metric(RUNNING) == 1.0, "counting the cycle")

    stage.produce(stage.environment["MILLRACE_RETRAIN_REQUESTS_TOPIC"], b"{", b"")
    stage.ask(a_request("r1"), a_request("r2", reason="a sale", from_scratch=True), a_request("r1"))
    _, second = stage.wait_for_cycles(service, 2)
    assert (second.trigger, second.request_ids) == ("request r1; request r2: a sale", ["r1", "r2"])
    assert (second.warm_start, second.generation) == (False, 2)

    stage.wait_for(service, lambda: stage.metric(RUNNING) == 2.0, "counting both")
    assert stage.metric('millrace_retrain_requests_total{kind="invalid"}') == 2.0
    assert stage.metric('millrace_retrain_requests_total{kind="repeated"}') == 1.0
    assert stage.metric('millrace_retrain_step_seconds_count{step="train"}') == 2.0
    assert stage.metric('millrace_retrain_gate_total{verdict="passed"}') == 2.0
    running = f'millrace_retrain_running_release{{release_id="{second.release_id}"}}'
    stage.wait_for(service, lambda: stage.metric(running) == 2.0, "showing the release")
    age = "millrace_retrain_data_age_seconds"  # known once the release is marked, too
    stage.wait_for(service, lambda: stage.metric(age) > 0, "showing the age of its data")
    assert stage.metric("millrace_retrain_last_success_timestamp_seconds") > YESTERDAY_S
    assert stage.page("/nothing") is None
    assert service.terminate(START_S) == 0

    again = stage.start(NIGHTLY)
    stage.ask(a_request("r3"))
    (*_, third) = stage.wait_for_cycles(again, 3)
    assert third.request_ids == ["r3"]
    assert len(stage.board().history) == 3


@pytest.mark.timeout(400)
def test_scheduled_time_with_nothing_new_is_left_out_and_new_events_begin_a_cycle(
    stage: RetrainStage,
) -> None:
    stage.produce_events()
    service = stage.start(NIGHTLY, MILLRACE_RETRAIN_AFTER_EVENTS="100")
    (first,) = stage.wait_for_cycles(service, 1)
    assert first.trigger.endswith(" new events")
    stage.wait_for(service, lambda: stage.metric("millrace_retrain_cycle_runs") == 0.0, "idle")
    stage.redis.set(SCHEDULE_DUE, YESTERDAY_S)
    left_out = "millrace_retrain_left_out_total"
    stage.wait_for(service, lambda: stage.metric(left_out) == 1.0, "leaving the time out")
    new = stage.produce_events(seed=4)
    _, second = stage.wait_for_cycles(service, 2)
    assert second.trigger == f"{new:,} new events"
    assert len(stage.board().history) == 2


@pytest.mark.timeout(400)
def test_scheduled_time_of_a_cycle_that_could_not_even_begin_is_due_again(stage: RetrainStage) -> None:
    stage.produce_events()
    stage.redis.set(SCHEDULE_DUE, YESTERDAY_S)
    failed = 'millrace_retrain_cycles_total{outcome="error"}'
    with stage.work_folder().held():
        service = stage.start(NIGHTLY)
        stage.wait_for(service, lambda: stage.metric(failed) >= 2.0, "failing twice")
    (only,) = stage.wait_for_cycles(service, 1)
    assert only.outcome == "running"
    assert only.trigger.startswith("schedule, 20")


@pytest.mark.timeout(400)
def test_cycle_of_a_stopped_process_goes_on_at_the_next_start_and_answers_no_scheduled_time(
    stage: RetrainStage,
) -> None:
    long_one = Path(stage.environment["MILLRACE_RETRAIN_CONFIG"])
    long_one.write_text('{"hidden_size": 8, "epochs": 1, "min_steps": 3000, "batch_size": 16}')
    stage.produce_events()
    stage.ask(a_request("r1"))
    service = stage.start()
    stage.wait_for(service, lambda: step_of(stage) == "train", "training")
    assert service.terminate(START_S) == 0
    assert stage.board().lock is None
    stage.redis.set(SCHEDULE_DUE, YESTERDAY_S)
    again = stage.start(NIGHTLY)
    (only,) = stage.wait_for_cycles(again, 1)
    assert (only.outcome, only.attempts, only.request_ids) == ("running", 2, ["r1"])
    stage.wait_for(again, lambda: stage.metric(TAKEN) == 1.0, "given the request again")
    left_out = "millrace_retrain_left_out_total"
    stage.wait_for(again, lambda: stage.metric(left_out) == 1.0, "finding nothing new at the scheduled time")
    assert len(stage.board().history) == 1


@pytest.mark.timeout(400)
def test_cycle_outlives_a_schedule_that_is_killed(stage: RetrainStage) -> None:
    long_one = Path(stage.environment["MILLRACE_RETRAIN_CONFIG"])
    long_one.write_text('{"hidden_size": 8, "epochs": 1, "min_steps": 3000, "batch_size": 16}')
    stage.produce_events()
    stage.ask(a_request("r1"))
    service = stage.start()
    stage.wait_for(service, lambda: step_of(stage) == "train", "training")
    service.send_signal(signal.SIGKILL)
    assert service.wait(START_S) == -signal.SIGKILL
    again = stage.start()
    (only,) = stage.wait_for_cycles(again, 1)
    assert (only.outcome, only.attempts, only.request_ids) == ("running", 1, ["r1"])
    stage.wait_for(again, lambda: stage.metric(TAKEN) == 1.0, "given the request again")
    stage.ask(a_request("r2"))
    _, second = stage.wait_for_cycles(again, 2)
    assert second.request_ids == ["r2"]


def step_of(stage: RetrainStage) -> str:
    current = stage.board().current
    return current.step if current else ""


@pytest.mark.timeout(400)
def test_failing_cycle_is_counted_and_tried_again(stage: RetrainStage) -> None:
    stage.produce_events()
    stage.ask(a_request("r1"))
    service = stage.start()
    stage.wait_for_cycles(service, 1)
    store, away = Path(stage.environment["MILLRACE_RELEASES"]), stage.settings().retrain_work.parent / "away"
    store.rename(away)
    stage.ask(a_request("r2"))
    failed = 'millrace_retrain_cycles_total{outcome="error"}'
    stage.wait_for(service, lambda: stage.metric(failed) >= 1.0, "failing")
    away.rename(store)
    _, second = stage.wait_for_cycles(service, 2)
    assert (second.outcome, second.request_ids) == ("running", ["r2"])
    assert second.attempts > 1


@pytest.mark.timeout(400)
def test_cycle_that_can_never_work_is_not_tried_for_ever(stage: RetrainStage) -> None:
    stage.ask(a_request("r1"))
    service = stage.start()
    (only,) = stage.wait_for_cycles(service, 1)
    assert (only.outcome, only.request_ids) == ("failed", ["r1"])
    assert only.reason.startswith("window: no events to learn from in topic")
    stage.produce_events()
    stage.ask(a_request("r2"))
    _, second = stage.wait_for_cycles(service, 2)
    assert (second.outcome, second.request_ids) == ("running", ["r2"])


@pytest.mark.timeout(400)
def test_process_waits_while_a_cycle_runs_elsewhere_and_ends_on_ctrl_c(stage: RetrainStage) -> None:
    stage.produce_events()
    elsewhere = take_lock(stage.redis, "another machine", 60)
    stage.ask(a_request("r1"))
    service = stage.start()
    stage.wait_for(service, lambda: stage.metric(TAKEN) == 1.0, "taking the request")
    assert stage.metric("millrace_retrain_cycle_runs") == 0.0
    assert stage.board().history == []
    elsewhere.give_back()
    stage.wait_for_cycles(service, 1)
    service.send_signal(signal.SIGINT)
    assert service.wait(START_S) == 0


@pytest.mark.timeout(400)
def test_release_is_shown_as_running_while_its_cycle_still_watches_it(stage: RetrainStage) -> None:
    stage.produce_events()
    ahead = datetime.now(UTC) + timedelta(minutes=10)  # its clock, so that it stays live
    worker = WorkerHeartbeat(worker_id="w", at=ahead, started_at=ahead, ready=True, generation=1)
    stage.redis.hset(WORKERS, "w", encode_worker_heartbeat(worker))
    stage.ask(a_request("r1"))
    service = stage.start(MILLRACE_RETRAIN_WATCH_S="120")
    stage.wait_for(service, lambda: step_of(stage) == "watch", "watching")
    running = stage.board().running
    assert running is not None
    shown = f'millrace_retrain_running_release{{release_id="{running.release_id}"}}'
    stage.wait_for(service, lambda: stage.metric(shown) == 1.0, "showing the release")
    assert stage.metric("millrace_retrain_cycle_runs") == 1.0
    assert service.terminate(START_S) == 0
    assert stage.board().lock is None
    assert f"{running.release_id} goes on running as generation 1" in service.log_path.read_text()
    again = stage.start(MILLRACE_RETRAIN_WATCH_S="0")
    (only,) = stage.wait_for_cycles(again, 1)
    assert (only.outcome, only.attempts) == ("running", 2)


def test_port_that_is_taken_is_told_with_its_setting(
    stage: RetrainStage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in stage.environment.items():
        monkeypatch.setenv(name, value)
    port = stage.redis.connection_pool.connection_kwargs["port"]
    monkeypatch.setenv("MILLRACE_RETRAIN_PORT", str(port))
    assert refusal(capsys, "--schedule", NIGHTLY).startswith(f"millrace: MILLRACE_RETRAIN_PORT={port}: ")


def test_topic_that_was_not_created_is_told(
    stage: RetrainStage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in stage.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MILLRACE_RETRAIN_REQUESTS_TOPIC", "there-is-no-such-topic")
    said = refusal(capsys, "--schedule", NIGHTLY)
    assert said.startswith("millrace: topic there-is-no-such-topic: ")
    assert said.endswith("run `millrace topics create`")


def test_wrong_schedule_is_told_before_any_connection(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MILLRACE_KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")
    assert "MILLRACE_RETRAIN_SCHEDULE=0 3: it has not" in refusal(capsys, "--schedule", "0 3")
    assert "--schedule and --timezone are of" in refusal(capsys, "--schedule", NIGHTLY, "status")


def test_without_schedule_or_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert millrace.run(["retrain"]) == 2
    assert "--schedule" in capsys.readouterr().out


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert millrace.run(["retrain", *arguments]) == 2
    return capsys.readouterr().err.splitlines()[-1]
