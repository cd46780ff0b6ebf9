"""`millrace evaluate` from the outside: files in, files and exit codes out."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from millrace import run
from models.model_config import ModelConfig
from models.model_config_file import load_model_config
from retrain.evaluation.evaluation_report import EvaluationReport, read_evaluation_report
from retrain.runs.run_folder import read_run
from retrain.training.training_run import train_release
from tests.retrain.planted_sessions import ring_events

SMALL = '{"hidden_size": 8, "epochs": 1, "min_steps": 50, "batch_size": 16, "n_negatives": 8}'
HELD_OUT = pl.col("session_id").str.slice(1).cast(pl.Int32) >= 270


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluation")


@pytest.fixture(scope="module")
def log_file(folder: Path) -> Path:
    path = folder / "events.parquet"
    kind = pl.when(pl.col("item_id").str.starts_with("0")).then(pl.lit("cart")).otherwise(pl.lit("view"))
    ring_events().with_columns(event_type=kind, category_id=pl.col("item_id").str.slice(0, 1)).rename(
        {"occurred_at_ms": "timestamp"}
    ).write_parquet(path)
    return path


@pytest.fixture(scope="module")
def config_file(folder: Path) -> Path:
    path = folder / "small.json"
    path.write_text(SMALL)
    return path


def train(config: ModelConfig, releases: Path) -> Path:
    manifest = train_release(ring_events(), config, releases, datetime(2026, 5, 4, tzinfo=UTC))
    return releases / manifest.release_id


@pytest.fixture(scope="module")
def release(folder: Path, config_file: Path) -> Path:
    return train(load_model_config(config_file), folder / "exact")


def evaluated(tmp_path: Path, *arguments: object) -> EvaluationReport:
    figures = tmp_path / "figures.json"
    assert run(["evaluate", *map(str, arguments), "--json", str(figures), "--resamples", "50"]) == 0
    return read_evaluation_report(figures)


def test_release_is_evaluated_on_what_training_left_out(
    release: Path, log_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = evaluated(tmp_path, release, log_file, "--k", "20,5")
    held_out = ring_events().filter(HELD_OUT)
    assert (report.model.release_id, report.model.strategy) == (release.name, "gru4rec")
    assert (report.sessions, report.n, report.data.events) == (30, len(held_out) - 30, len(held_out))
    recall, bounds = report.metrics["recall"], report.intervals
    assert 0 < recall["5"] <= recall["20"] <= 1
    assert report.curves["recall"][4] == pytest.approx(recall["5"])
    assert len(report.curves["ndcg"]) == 20
    assert bounds is not None
    assert bounds["recall"]["5"][0] <= recall["5"] <= bounds["recall"]["5"][1]
    assert f"{recall['20']:.4f}" in capsys.readouterr().out


def test_every_section_of_the_report_is_filled(release: Path, log_file: Path, tmp_path: Path) -> None:
    report = evaluated(tmp_path, release, log_file)
    found = report.beyond_accuracy
    assert found is not None
    assert found.intra_list_diversity_embedding is not None
    assert found.intra_list_diversity_category is not None
    assert report.new_items is not None
    assert report.new_items.listed_share is not None
    assert report.index_loss is None
    assert {group.label for group in report.by_target_type} == {"view", "cart"}
    for groups in (report.by_position, report.by_session_length, report.by_popularity):
        assert sum(group.n for group in groups) == report.n


def test_split_column_decides_what_is_evaluated(release: Path, log_file: Path, tmp_path: Path) -> None:
    in_test = pl.col("session_id").is_in(["s0", "s1", "s2"])
    split = pl.when(in_test).then(pl.lit("test")).otherwise(pl.lit("train"))
    with_split = tmp_path / "split.parquet"
    pl.read_parquet(log_file).with_columns(split=split).write_parquet(with_split)
    report = evaluated(tmp_path, release, with_split)
    assert (report.sessions, report.data.split, report.data.test_share) == (3, "column", None)


def test_validation_part_is_the_end_of_the_training_sessions(
    release: Path, log_file: Path, tmp_path: Path
) -> None:
    report = evaluated(tmp_path, release, log_file, "--on", "validation", "--validation-share", "0.2")
    assert (report.sessions, report.data.part) == (54, "validation")


def test_release_that_learned_from_other_events_is_named(
    release: Path, log_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = evaluated(tmp_path, release, log_file, "--compare", release, "--on", "validation")
    assert report.model.learned_elsewhere
    assert report.comparisons[0].model.learned_elsewhere
    assert "learned from other events than the training part here" in capsys.readouterr().out


def test_excluded_types_are_applied_and_reported(release: Path, log_file: Path, tmp_path: Path) -> None:
    report = evaluated(tmp_path, release, log_file, "--exclude", "view,cart")
    assert report.protocol.excluded_event_types == ["view", "cart"]


def test_a_model_does_not_differ_from_itself(
    release: Path, log_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = evaluated(tmp_path, release, log_file, "--compare", release, "--k", "5")
    (comparison,) = report.comparisons
    assert comparison.difference == {"recall": {"5": 0}, "mrr": {"5": 0}, "ndcg": {"5": 0}}
    assert comparison.intervals == {name: {"5": (0, 0)} for name in ("recall", "mrr", "ndcg")}
    assert comparison.significant == {name: {"5": False} for name in ("recall", "mrr", "ndcg")}
    assert "includes 0" in capsys.readouterr().out


def test_difference_is_the_first_model_minus_the_other(
    release: Path, log_file: Path, config_file: Path, tmp_path: Path
) -> None:
    trained_more = tmp_path / "more.toml"
    trained_more.write_text("hidden_size = 16\nepochs = 2\nmin_steps = 150\nbatch_size = 16\n")
    report = evaluated(
        tmp_path, "gru4rec", log_file, "--config", config_file, "--compare", trained_more, "--k", "1"
    )
    (comparison,) = report.comparisons
    gained = comparison.difference["recall"]["1"]
    assert gained < 0
    assert gained == pytest.approx(report.metrics["recall"]["1"] - comparison.metrics["recall"]["1"])
    assert comparison.intervals is not None
    lower, upper = comparison.intervals["recall"]["1"]
    assert lower <= gained <= upper
    assert report.model.name == "gru4rec"
    assert comparison.model.name == "more.toml"
    assert comparison.beyond_accuracy is not None
    assert len(comparison.curves["recall"]) == 1


def test_ranks_among_all_items_equal_the_served_ones_where_nothing_ties(
    release: Path, log_file: Path, tmp_path: Path
) -> None:
    served = evaluated(tmp_path, release, log_file)
    for ties in ("standard", "median", "conservative"):
        among_all = evaluated(tmp_path, release, log_file, "--all-items", "--ties", ties)
        assert (among_all.protocol.ranking, among_all.protocol.ties) == ("all items", ties)
        for name, at_k in served.metrics.items():
            assert among_all.metrics[name] == pytest.approx(at_k)


def test_approximate_index_is_reported_beside_the_exact_search(
    release: Path, log_file: Path, config_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    approximate = train(load_model_config(config_file, {"index": "pq_fastscan"}), tmp_path)
    exact = evaluated(tmp_path, release, log_file)
    report = evaluated(tmp_path, approximate, log_file)
    loss = report.index_loss
    assert loss is not None
    assert loss.index == "pq_fastscan"
    assert loss.exact_metrics == exact.metrics
    lost = report.metrics["recall"]["20"] - exact.metrics["recall"]["20"]
    assert loss.difference["recall"]["20"] == pytest.approx(lost, abs=1e-6)
    assert 0 < loss.overlap["20"] <= 1
    assert "index loss" in capsys.readouterr().out


def test_seeds_are_trained_and_averaged(
    log_file: Path, config_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--config", config_file, "--seeds", "2", "--out", tmp_path / "kept", "--k", "1,5"]
    report = evaluated(tmp_path, "gru4rec", log_file, *options)
    assert report.seeds is not None
    first, second = report.seeds.runs
    assert (first.seed, second.seed) == (1, 2)
    kept = {path.name for path in (tmp_path / "kept").iterdir()}
    assert kept == {first.release_id, second.release_id, "runs"}
    figures = [run.metrics["mrr"]["5"] for run in report.seeds.runs]
    assert figures[0] != figures[1]
    assert report.seeds.mean["mrr"]["5"] == pytest.approx(sum(figures) / 2)
    assert report.metrics["mrr"]["5"] == pytest.approx(sum(figures) / 2, abs=1e-6)
    assert report.seeds.std["mrr"]["5"] == pytest.approx(abs(figures[0] - figures[1]) / 2**0.5)
    assert report.beyond_accuracy is not None
    assert "seed 2" in capsys.readouterr().out


def test_every_training_leaves_a_run_and_its_curves_on_the_page(
    log_file: Path, config_file: Path, tmp_path: Path
) -> None:
    page, runs = tmp_path / "page.html", tmp_path / "runs"
    options = ["--seeds", "2", "--runs", runs, "--html", page, "--on", "validation"]
    report = evaluated(tmp_path, config_file, log_file, *options)
    assert report.seeds is not None
    recorded = [read_run(folder) for folder in sorted(runs.glob("evaluate-*"))]
    assert [(run.start.seed, run.start.tags) for run in recorded] == [
        (1, {"evaluated on": "validation"}), (2, {"evaluated on": "validation"}),
    ]  # fmt: skip
    ends = [run.end for run in recorded if run.end is not None]
    assert [end.release_id for end in ends] == [run.release_id for run in report.seeds.runs]
    assert all(end.score_range is not None and end.status == "finished" for end in ends)
    assert [round(end.seconds["training"], 2) for end in ends] == [
        run.training_s for run in report.seeds.runs
    ]
    assert len((runs / "runs.csv").read_text().splitlines()) == 3
    assert f"{config_file.name}, seed 2" in page.read_text().partition("Loss by epoch")[2]


def test_windows_are_trained_before_and_predicted_one_after_the_other(
    log_file: Path, config_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--config", config_file, "--windows", "2", "--window-hours", "0.5", "--train-hours", "2"]
    report = evaluated(tmp_path, "gru4rec", log_file, *options, "--compare", config_file)
    assert report.windows is not None
    first, second = report.windows.windows
    assert first.test_until_ms == second.train_until_ms
    assert second.train_until_ms - (second.train_from_ms or 0) == 2 * 3_600_000
    assert first.n + second.n == report.n
    assert first.sessions + second.sessions == report.sessions
    mean = (first.metrics["recall"]["5"] + second.metrics["recall"]["5"]) / 2
    assert report.windows.mean["recall"]["5"] == pytest.approx(mean)
    assert report.comparisons[0].difference["recall"] == {"1": 0, "5": 0, "10": 0, "20": 0}
    assert "window from" in capsys.readouterr().out


def test_baseline_is_fitted_on_the_training_part_with_the_sessions_of_the_release(
    release: Path, log_file: Path, tmp_path: Path
) -> None:
    report = evaluated(tmp_path, release, log_file, "--compare", "popular", "--session-gap-s", "0")
    (comparison,) = report.comparisons
    assert (comparison.model.name, comparison.model.release_id) == ("popular", None)
    assert comparison.model.session_gap_s == 0
    alone = evaluated(tmp_path, "popular", log_file, "--session-gap-s", "0")
    assert alone.metrics == comparison.metrics
    assert alone.beyond_accuracy is not None
    assert alone.beyond_accuracy.intra_list_diversity_embedding is None
    assert alone.beyond_accuracy.aggregate_diversity["20"] == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--k", "5,none"], "--k 5,none: give whole numbers from 1"),
        (["--k", "0"], "--k 0: give whole numbers from 1"),
        (["--exclude", "view,seen"], "--exclude view,seen: 'seen' is none of view, cart, purchase"),
        (["--json", "/dev/null/figures.json"], "--json /dev/null/figures.json: there is no folder /dev/null"),
        (["--out", "/dev/null/releases"], "--out /dev/null/releases: /dev/null is a file"),
        (["--all-items"], "--all-items: say what equal scores count, --ties standard, conservative, median"),
        (["--ties", "median"], "--ties median: the served path ranks by (score, row); give --all-items"),
        (["--all-items", "--ties", "median", "--exclude", "view"], "--exclude view: filters lists only"),
        (["--seeds", "2"], "--seeds 2: nothing is trained here; give gru4rec or a config file"),
        (["--out", "kept"], "--out kept: nothing is trained here; leave it out, or give a configuration"),
        (["--compare", "sr", "--runs", "kept"], "--runs kept: nothing is trained here"),
        (["--config", "any.toml"], "--config any.toml: is for MODEL gru4rec"),
        (["--windows", "2"], "the log covers 5.0 h, which leaves too little to train on"),
        (["--windows", "1", "--window-hours", "1"], "is a release, trained before"),
        (["--until", "2026-01-31"], "--until 2026-01-31: is for --windows"),
        (["--train-hours", "2"], "--train-hours 2.0: is for --windows"),
        (["--windows", "1", "--on", "validation"], "--on validation: windows are cut by time"),
        (["--windows", "1", "--validation-share", "0.2"], "--validation-share 0.2: is for --on validation"),
        (["--window-hours", "2"], "--window-hours 2.0: is for --windows"),
        (["--runs", "/dev/null/runs"], "--runs /dev/null/runs: /dev/null is a file; give a folder"),
        (["--on", "validation", "--validation-share", "0"], "--validation-share 0: use more than 0"),
        (["--test-share", "1.5"], "--test-share 1.5: use 0 to 0.9"),
        (
            ["--on", "validation", "--validation-share", "2"],
            "--validation-share 2: use more than 0, at most 0.9",
        ),
        (["--test-share", "0"], "events.parquet: nothing to predict: --test-share 0 leaves no session"),
        (
            ["--compare", "sr", "--exclude", "cart"],
            "--exclude cart: filters releases only; leave it or sr out",
        ),
        (["--compare", "none.toml"], "model config none.toml: cannot be read (No such file or directory)"),
        (
            ["--compare", "sr:steps=999"],
            "baseline sr:steps=999: steps is 999; use a whole number, at least 1",
        ),
        (["--compare", "no-such-thing"], "MODEL no-such-thing: neither a release's folder nor a config file"),
    ],
)
def test_wrong_options_are_one_line_and_exit_code_2(
    release: Path, log_file: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert run(["evaluate", str(release), str(log_file), *options]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_folder_that_is_no_release_is_one_line_and_exit_code_2(
    log_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", str(tmp_path), str(log_file)]) == 2
    assert "is no release: manifest.json cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), ("{}", "no report"), ('{"schema_version": 2}', "no report")],
)
def test_file_that_is_no_report_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    from schemas.errors import UsageError

    path = tmp_path / "figures.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=message):
        read_evaluation_report(path)
