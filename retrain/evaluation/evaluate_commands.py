"""`millrace evaluate`: a model's figures on an event file.

Owns what the user sees; `retrain.evaluation.evaluation_options` reads the options,
`retrain.evaluation.split_evaluation` and `retrain.evaluation.window_evaluation` do the work. Mounted by
`retrain.cli`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from retrain.evaluation.evaluated_models import Workshop
    from retrain.evaluation.evaluation_report import EvaluationReport
    from retrain.report_page.html_report import Histories

app = typer.Typer()
_ACCURACY, _SPLIT, _TRAINING, _TIME = (
    "Figures",
    "What is evaluated on",
    "What is trained or fitted",
    "Windows",
)


class Part(StrEnum):
    """What is predicted."""

    test = "test"
    validation = "validation"


class TiePolicy(StrEnum):
    """See `retrain.evaluation.all_item_ranks.Ties`."""

    standard = "standard"
    conservative = "conservative"
    median = "median"


@app.command("evaluate")
def evaluate_command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A release's folder; or what is fitted first on the training part: gru4rec (--config), "
            "fast, small, large, pair, a config file, or a baseline with its options: vsknn:neighbors=100.",
        ),
    ],
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Event file: Parquet, CSV or JSONL.")],
    *,
    k: Annotated[
        str, typer.Option(help="Cutoffs, comma-separated.", rich_help_panel=_ACCURACY)
    ] = "1,5,10,20",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write all figures here.", rich_help_panel=_ACCURACY)
    ] = None,
    html_file: Annotated[
        Path | None,
        typer.Option("--html", help="Write a page with tables and plots here.", rich_help_panel=_ACCURACY),
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help="Another model on the same predictions: paired differences. Several times: several models.",
            rich_help_panel=_ACCURACY,
        ),
    ] = None,
    resamples: Annotated[
        int,
        typer.Option(
            min=0, help="Of the bootstrap over sessions; 0: no intervals.", rich_help_panel=_ACCURACY
        ),
    ] = 1000,
    all_items: Annotated[
        bool,
        typer.Option(
            "--all-items",
            help="Rank the target among the scores of all items, as publications do, not in the served list; "
            "--ties says how.",
            rich_help_panel=_ACCURACY,
        ),
    ] = False,
    ties: Annotated[
        TiePolicy | None,
        typer.Option(help="What equal scores count, with --all-items.", rich_help_panel=_ACCURACY),
    ] = None,
    exclude: Annotated[
        str,
        typer.Option(
            help="Leave items out of a release's lists that the session has under these event types.",
            rich_help_panel=_ACCURACY,
        ),
    ] = "",
    on: Annotated[
        Part,
        typer.Option(
            help="validation: the last of the training sessions, which a model fitted here then leaves out.",
            rich_help_panel=_SPLIT,
        ),
    ] = Part.test,
    test_share: Annotated[
        float | None,
        typer.Option(help="In place of the one of the release's config or --config.", rich_help_panel=_SPLIT),
    ] = None,
    validation_share: Annotated[
        float, typer.Option(help="Of the training sessions.", rich_help_panel=_SPLIT)
    ] = 0.1,
    event_type_map: Annotated[
        str | None,
        typer.Option(
            help="Other names, as in addtocart=cart,order=purchase [MILLRACE_EVENT_TYPE_MAP].",
            rich_help_panel=_SPLIT,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Of gru4rec: a file, or fast, small, large, pair.", rich_help_panel=_TRAINING),
    ] = None,
    session_gap_s: Annotated[
        float | None,
        typer.Option(
            help="In place of the config's; 0: never. A baseline takes a release's.",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            min=0,
            help="Train configurations with seeds 1 to so many; mean and std.",
            rich_help_panel=_TRAINING,
        ),
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="Keep the releases trained here in this folder.", rich_help_panel=_TRAINING),
    ] = None,
    windows: Annotated[
        int,
        typer.Option(
            min=0,
            help="Predict the last so many windows of time, each after training on what is before it.",
            rich_help_panel=_TIME,
        ),
    ] = 0,
    window_hours: Annotated[
        float, typer.Option(min=0.001, help="Length of a window.", rich_help_panel=_TIME)
    ] = 24.0,
    train_hours: Annotated[
        float | None,
        typer.Option(
            min=0.001, help="Train on so much before each window; else on all.", rich_help_panel=_TIME
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            help="Where the last window ends, RFC 3339; else at the log's end.", rich_help_panel=_TIME
        ),
    ] = None,
) -> None:
    """Measure a model on an event file: every prefix of every session predicts the next item.

    A release answers through the code that serves it; all its items are ranked. Uses the rows with
    split=test; in a file without a split the sessions that train left out. See docs/evaluation.md.
    """
    from retrain.evaluation.evaluation_options import (
        check_window_options,
        evaluation_plan,
        excluded_types,
        model_sources,
    )
    from retrain.evaluation.evaluation_report import write_evaluation_report
    from retrain.evaluation.evaluation_text import report_text
    from retrain.evaluation.split_evaluation import evaluate_split, split_parts
    from retrain.evaluation.time_windows import last_windows, windows_end
    from retrain.evaluation.window_evaluation import evaluate_windows
    from retrain.event_split import read_log
    from retrain.report_page.html_report import write_html_report
    from schemas.output_paths import check_output_file, check_output_folder

    check_output_file("--json", json_file)
    check_output_file("--html", html_file)
    if out is not None:
        check_output_folder("--out", out)
    check_window_options(windows, on, {"--until": until, "--train-hours": train_hours})
    plan = evaluation_plan(k, all_items, ties.value if ties else None, seeds, resamples, exclude)
    overrides = {"session_gap_s": session_gap_s, "test_share": test_share}
    sources = model_sources([model, *(compare or [])], config, overrides, plan)
    log = read_log(path, _event_types(event_type_map))
    with _workshop(out, excluded_types(exclude)) as workshop:
        if windows:
            steps = last_windows(log, windows, window_hours, train_hours, windows_end(until))
            report = evaluate_windows(sources, log, steps, path, plan, workshop)
        else:
            parts = split_parts(log, path, on.value, sources[0].config.test_share, validation_share)
            report = evaluate_split(sources, parts, plan, workshop)
    typer.echo(report_text(report))
    if json_file is not None:
        write_evaluation_report(report, json_file)
    if html_file is not None:
        write_html_report([report], _histories(report, [model, *(compare or [])]), html_file)


def _histories(report: "EvaluationReport", models: Sequence[str]) -> "Histories":
    """Of the releases among the models, from the runs beside them."""
    from retrain.runs.recorded_training import RUNS
    from retrain.runs.run_folder import release_histories

    described = (report.model, *(comparison.model for comparison in report.comparisons))
    ids = {each.release_id for each in described if each.release_id is not None}
    folders = {Path(each).absolute().parent / RUNS for each in models}
    return {name: epochs for runs in folders for name, epochs in release_histories(runs, ids).items()}


@contextmanager
def _workshop(out: Path | None, excluded: frozenset[int]) -> "Iterator[Workshop]":
    """Where releases are trained: in `out`, or in a folder that is gone afterwards."""
    from tempfile import TemporaryDirectory

    from retrain.evaluation.evaluated_models import Workshop
    from retrain.training.training_display import progress_bar, training_display

    with TemporaryDirectory(prefix="millrace-evaluate-") as temporary:
        yield Workshop(
            releases=out or Path(temporary),
            excluded_types=excluded,
            training_display=training_display,
            evaluation_display=lambda name: progress_bar(f"evaluating {name}"),
        )


def _event_types(given: str | None) -> Mapping[str, str]:
    from schemas.settings import SharedSettings, read_settings

    return read_settings(SharedSettings, event_type_map=given).event_type_map
