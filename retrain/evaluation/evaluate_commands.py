"""`millrace evaluate`: a model's figures on an event file.

Owns the defaults and the order of the steps; `retrain.evaluation.evaluate_arguments` has what the user sees
of the options, `retrain.evaluation.evaluation_options` reads them, `retrain.evaluation.split_evaluation` and
`retrain.evaluation.window_evaluation` do the work. Mounted by `retrain.cli`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from retrain.evaluation.evaluate_arguments import (
    AllItemsOption,
    CompareOption,
    ConfigOption,
    CutoffsOption,
    ExcludeOption,
    HtmlOption,
    JsonOption,
    ModelArgument,
    OutOption,
    Part,
    PartOption,
    ResamplesOption,
    RunsOption,
    SeedsOption,
    SessionGapOption,
    TestShareOption,
    TiesOption,
    TrainHoursOption,
    TypeMapOption,
    UntilOption,
    ValidationShareOption,
    WindowHoursOption,
    WindowsOption,
)
from retrain.training.training_commands import FileArgument

if TYPE_CHECKING:
    from retrain.evaluation.evaluation_report import EvaluationReport
    from retrain.report_page.html_report import Histories

app = typer.Typer()
VALIDATION_SHARE = 0.1
WINDOW_HOURS = 24.0


@app.command("evaluate")
def evaluate_command(
    model: ModelArgument,
    path: FileArgument,
    *,
    k: CutoffsOption = "1,5,10,20",
    json_file: JsonOption = None,
    html_file: HtmlOption = None,
    compare: CompareOption = None,
    resamples: ResamplesOption = 1000,
    all_items: AllItemsOption = False,
    ties: TiesOption = None,
    exclude: ExcludeOption = "",
    on: PartOption = Part.test,
    test_share: TestShareOption = None,
    validation_share: ValidationShareOption = None,
    event_type_map: TypeMapOption = None,
    config: ConfigOption = None,
    session_gap_s: SessionGapOption = None,
    seeds: SeedsOption = 0,
    out: OutOption = None,
    runs: RunsOption = None,
    windows: WindowsOption = 0,
    window_hours: WindowHoursOption = None,
    train_hours: TrainHoursOption = None,
    until: UntilOption = None,
) -> None:
    """Measure a model on an event file: every prefix of every session predicts the next item.

    A release answers through the code that serves it; all its items are ranked. Uses the rows with
    split=test; in a file without a split the sessions that train left out. See docs/evaluation.md.
    """
    from retrain.evaluation.evaluation_options import (
        check_part_options,
        check_training_folders,
        evaluation_plan,
        excluded_types,
        model_sources,
    )
    from retrain.evaluation.evaluation_report import write_evaluation_report
    from retrain.evaluation.evaluation_text import report_text
    from retrain.evaluation.evaluation_workshop import opened_workshop
    from retrain.evaluation.split_evaluation import evaluate_split, split_parts
    from retrain.evaluation.time_windows import last_windows, windows_end
    from retrain.evaluation.window_evaluation import evaluate_windows
    from retrain.event_split import read_log
    from retrain.report_page.html_report import write_html_report
    from schemas.output_paths import check_output_file, check_output_folder

    check_output_file("--json", json_file)
    check_output_file("--html", html_file)
    folders = {"--out": out, "--runs": runs}
    for option, folder in folders.items():
        if folder is not None:
            check_output_folder(option, folder)
    of_windows = {"--until": until, "--train-hours": train_hours, "--window-hours": window_hours}
    check_part_options(windows, on, of_windows, validation_share)
    plan = evaluation_plan(k, all_items, ties.value if ties else None, seeds, resamples, exclude)
    overrides = {"session_gap_s": session_gap_s, "test_share": test_share}
    sources = model_sources([model, *(compare or [])], config, overrides, plan)
    check_training_folders(sources, folders)
    log = read_log(path, _event_types(event_type_map))
    part = "windows" if windows else on.value
    held_out = VALIDATION_SHARE if validation_share is None else validation_share
    with opened_workshop(out, runs, path, part, excluded_types(exclude)) as workshop:
        if windows:
            steps = last_windows(log, windows, window_hours or WINDOW_HOURS, train_hours, windows_end(until))
            report = evaluate_windows(sources, log, steps, path, plan, workshop)
        else:
            parts = split_parts(log, path, part, sources[0].config.test_share, held_out)
            report = evaluate_split(sources, parts, plan, workshop)
        histories = _histories(report, [model, *(compare or [])], workshop.runs)
    typer.echo(report_text(report))
    if json_file is not None:
        write_evaluation_report(report, json_file)
    if html_file is not None:
        write_html_report([report], histories, html_file)


def _histories(report: "EvaluationReport", models: Sequence[str], runs: Path) -> "Histories":
    """Of the trainings here, and of the releases among the models from the runs beside them."""
    from retrain.report_page.html_report import releases_in
    from retrain.runs.recorded_training import RUNS
    from retrain.runs.run_folder import release_histories

    ids = releases_in([report])
    folders = {runs, *(Path(each).absolute().parent / RUNS for each in models)}
    return {name: epochs for of in folders for name, epochs in release_histories(of, ids).items()}


def _event_types(given: str | None) -> Mapping[str, str]:
    from schemas.settings import SharedSettings, read_settings

    return read_settings(SharedSettings, event_type_map=given).event_type_map
