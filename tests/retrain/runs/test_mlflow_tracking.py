"""Runs in a real MLflow store, and what a store that cannot be used costs."""

import shutil
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from retrain.runs.run_recording import recorded_run
from schemas.errors import UsageError
from tests.retrain.runs.recorded_runs import NOON, TickingClock, a_plan, progress


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    uri = f"file:{tmp_path / 'store'}"
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return uri


def the_run(uri: str, experiment: str = "millrace") -> Run:
    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    (run,) = client.search_runs([found.experiment_id])
    return run


def test_run_is_in_the_store_with_parameters_history_figures_and_folder(tmp_path: Path, store: str) -> None:
    with recorded_run(tmp_path / "runs", a_plan(trial="3"), TickingClock()) as recorder:
        recorder.follow(progress(1, 5.0))
        recorder.follow(progress(2, 4.0))
        recorder.add_metrics({"recall@20": 0.5})
    run, client = the_run(store), MlflowClient(store)
    assert (run.info.run_name, run.info.status) == (recorder.folder.name, "FINISHED")
    assert (run.data.params["hidden_size"], run.data.params["seed"]) == ("8", "7")
    assert (run.data.tags["trial"], run.data.tags["source"]) == ("3", "clicks.parquet")
    assert run.data.metrics["recall_at_20"] == 0.5
    assert run.data.metrics["seconds/total"] > 0
    assert [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, "loss")] == [(1, 5.0)]
    assert run.info.start_time == 1000 * NOON.timestamp()
    artifacts = {one.path for one in client.list_artifacts(run.info.run_id)}
    assert {"run.json", "config.toml", "history.csv", "metrics.json", "end.json"} <= artifacts


def test_failed_run_is_failed_in_the_store_with_its_reason(tmp_path: Path, store: str) -> None:
    with pytest.raises(ValueError, match="odd"), recorded_run(tmp_path / "runs", a_plan()):
        raise ValueError("odd")
    run = the_run(store)
    assert (run.info.status, run.data.tags["reason"]) == ("FAILED", "ValueError: odd")


def test_experiment_has_the_name_of_mlflows_own_variable(
    tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "shop")
    for command in ("train", "tune"):
        with recorded_run(tmp_path / command, a_plan(command)):
            pass
    client = MlflowClient(store)
    found = client.get_experiment_by_name("shop")
    assert found is not None
    assert len(client.search_runs([found.experiment_id])) == 2


def test_store_that_cannot_be_used_ends_the_run_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nosuch://place")
    worked = False
    with (
        pytest.raises(UsageError, match="MLFLOW_TRACKING_URI=nosuch://place: "),
        recorded_run(tmp_path / "runs", a_plan()),
    ):
        worked = True
    assert not worked


def test_store_that_goes_away_costs_a_warning_and_not_the_run(
    tmp_path: Path, store: str, caplog: pytest.LogCaptureFixture
) -> None:
    with recorded_run(tmp_path / "runs", a_plan()) as recorder:
        shutil.rmtree(tmp_path / "store")
        recorder.follow(progress(1, 5.0))
        recorder.follow(progress(2, 4.0))
    assert (recorder.folder / "end.json").exists()
    assert caplog.text.count("the rest of this run is not reported there") == 1
