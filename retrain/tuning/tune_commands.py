"""`millrace tune`: the best model config for an event file, found on validation sessions.

Mounted by `retrain.cli`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrain.training.training_commands import EventTypeMapOption, FileArgument, RunsOption

if TYPE_CHECKING:
    from retrain.training.training_loop import TrainingProgress
    from retrain.tuning.tuning import Tuned
    from retrain.tuning.tuning_display import Tried

app = typer.Typer()
BEST_FILE = "best.toml"


@app.command("tune")
def tune_command(
    path: FileArgument,
    out: Annotated[Path, typer.Option(help="Folder for the runs, the study and the best config.")],
    *,
    space: Annotated[
        Path | None, typer.Option(help="What to search, TOML; without it the space of docs/training.md.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Model config with the fields that are not tuned, TOML or JSON.")
    ] = None,
    storage: Annotated[
        Path | None, typer.Option(help="The study's file; without it study.db in --out. One there goes on.")
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="In all, those of earlier starts included.")] = 30,
    objective: Annotated[
        str, typer.Option(help="What is to be great on the validation sessions.")
    ] = "0.5*recall@20+0.5*mrr@20",
    validation_share: Annotated[
        float, typer.Option(help="Of the training sessions, those that end last.")
    ] = 0.1,
    coarse_share: Annotated[
        float,
        typer.Option(
            min=0.01, max=1, help="Of the sessions to learn from, for coarse trials and first runs."
        ),
    ] = 0.25,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 1,
    session_gap_s: Annotated[float | None, typer.Option(help="In place of the config's; 0: never.")] = None,
    test_share: Annotated[float | None, typer.Option(help="In place of the config's.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of each training.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto: a GPU where there is one.")] = "cpu",
    precision: Annotated[
        str, typer.Option(help="Of matrix products: float32, bfloat16 or auto.")
    ] = "float32",
    runs: RunsOption = None,
    event_type_map: EventTypeMapOption = None,
) -> None:
    """Search for the model config that does best on validation sessions; the test part is never looked at.

    Six in ten trials are coarse: they learn from a share of the sessions. The others search finely around
    the best of these, and learn from all sessions unless they are pruned. What is stopped goes on later.
    """
    from models.model_config_file import load_model_config
    from retrain.event_split import read_log
    from retrain.runs.config_toml import config_toml
    from retrain.runs.recorded_training import RUNS, file_source
    from retrain.training.training_resources import Resources
    from retrain.tuning.tuning import TuningPlan, tune
    from retrain.tuning.tuning_display import TuningDisplay
    from retrain.tuning.tuning_objective import parse_objective
    from retrain.tuning.tuning_space import read_space
    from retrain.tuning.tuning_trial import TrialRules, tuning_data
    from schemas.output_paths import check_output_folder
    from schemas.settings import SharedSettings, read_settings

    study = storage or out / "study.db"
    check_output_folder("--out", out)
    check_output_folder("--storage", study.parent)
    base = load_model_config(config, {"session_gap_s": session_gap_s, "test_share": test_share})
    goal, space_text = parse_objective(objective), read_space(space)
    types = read_settings(SharedSettings, event_type_map=event_type_map).event_type_map
    data = tuning_data(read_log(path, types), base.test_share, validation_share, file_source(path))
    for folder in (out, study.parent):
        folder.mkdir(parents=True, exist_ok=True)
    plan = TuningPlan(
        data=data,
        base=base,
        space_text=space_text,
        objective_text=objective,
        rules=TrialRules(goal, runs or out / RUNS, Resources(threads, device, precision)),
        trials=trials,
        coarse_share=coarse_share,
        seed=seed,
        storage=study,
    )
    tuned = tune(plan, TuningDisplay(_training_bar, _show, _show_exhausted))
    text = _described(tuned, objective) + config_toml(tuned.config)
    (out / BEST_FILE).write_text(text)
    typer.echo(text, nl=False)


@contextmanager
def _training_bar() -> "Iterator[Callable[[TrainingProgress], None]]":
    """On a terminal only; a line an epoch would drown the trials."""
    from retrain.training.training_display import progress_bar

    with progress_bar("training") as show:
        yield lambda at: show(
            at.events, at.total_events, f"loss {at.loss:.4f}, {at.events_per_s:,.0f} events/s"
        )


def _show(tried: "Tried") -> None:
    figures = ", ".join(f"{name} {value:.4f}" for name, value in tried.figures.items())
    values = ", ".join(f"{name}={_short(value)}" for name, value in tried.values.items())
    outcome = f"{tried.value:.5f} ({figures})" if tried.value is not None else f"gave nothing: {tried.reason}"
    if tried.known_from is not None:
        outcome += f", known from coarse trial {tried.known_from}"
    typer.echo(
        f"{tried.phase} trial {tried.number}, {tried.share:.0%} of the sessions: {outcome}; {values}",
        err=True,
    )


def _show_exhausted(phase: str, trials: int) -> None:
    typer.echo(
        f"no more {phase} trials than {trials}: the space has hardly anything that was not tried; widen it",
        err=True,
    )


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _described(tuned: "Tuned", objective: str) -> str:
    figures = ", ".join(f"{name} {value:.4f}" for name, value in tuned.figures.items())
    return (
        f"# {objective} = {tuned.value:.5f} on the validation sessions ({figures}); the best of "
        f"{tuned.trials} trials, {tuned.pruned} of them pruned\n"
    )
