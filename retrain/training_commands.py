"""`millrace train` and `millrace evaluate`: an event file to a release, and its figures on an event file.

Owns what the user sees; the work is done by `retrain.training_run` and `retrain.evaluation`.
Mounted by `retrain.cli`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from retrain.evaluation import Evaluation
    from schemas.release_manifest import ReleaseManifest

app = typer.Typer()
FileArgument = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="Event file: Parquet, CSV or JSONL."),
]
EventTypeMapOption = Annotated[
    str | None,
    typer.Option(help="Other names, as in addtocart=cart,order=purchase [MILLRACE_EVENT_TYPE_MAP]."),
]
RunsOption = Annotated[
    Path | None,
    typer.Option(help="Folder in which the run gets its folder; without it `runs` in that of the releases."),
]


@app.command("train")
def train_command(
    path: FileArgument,
    out: Annotated[Path, typer.Option(help="Folder of releases; the release gets its own folder in it.")],
    *,
    config: Annotated[
        Path | None, typer.Option(help="Model config, TOML or JSON; see docs/configuration.md.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="In place of the config's.")] = None,
    session_gap_s: Annotated[float | None, typer.Option(help="In place of the config's; 0: never.")] = None,
    test_share: Annotated[float | None, typer.Option(help="In place of the config's.")] = None,
    hold_out_validation: Annotated[
        float,
        typer.Option(
            help="Leave out this share of the training sessions, those that end last, as tune does."
        ),
    ] = 0.0,
    runs: RunsOption = None,
    event_type_map: EventTypeMapOption = None,
) -> None:
    """Train a release on an event file.

    Learns from the rows with split=train; in a file without a split from all sessions but the last tenth.
    A folder beside the releases keeps the run: its config, seed, data, code, machine, history and figures.
    """
    from models.model_config import load_model_config
    from retrain.event_split import hold_out_validation as held_out
    from retrain.event_split import read_log
    from retrain.recorded_training import RUNS, file_source, train_recorded
    from retrain.run_recording import RunPlan, recorded_run, utc_now
    from retrain.training_display import training_display
    from schemas.output_paths import check_output_folder

    runs = runs or out / RUNS
    check_output_folder("--out", out)
    check_output_folder("--runs", runs)
    overrides = {"seed": seed, "session_gap_s": session_gap_s, "test_share": test_share}
    model_config = load_model_config(config, overrides)
    log = read_log(path, _event_types(event_type_map))
    if hold_out_validation:
        log = held_out(log, model_config.test_share, hold_out_validation)
    plan = RunPlan("train", model_config, file_source(path), len(log), hold_out_validation)
    with recorded_run(runs, plan) as run, training_display() as show:
        manifest = train_recorded(run, log, model_config, out, utc_now(), show)
    typer.echo(f"{_described(manifest, out)}\nrun {run.folder}")


@app.command("evaluate")
def evaluate_command(
    release: Annotated[Path, typer.Argument(metavar="RELEASE", help="A release's folder.")],
    path: FileArgument,
    k: Annotated[str, typer.Option(help="Cutoffs, comma-separated.")] = "1,5,10,20",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here as well.")] = None,
    exclude: Annotated[
        str,
        typer.Option(help="Leave out items that the session has under these event types, comma-separated."),
    ] = "",
    test_share: Annotated[
        float | None, typer.Option(help="In place of the one of the release's config.")
    ] = None,
    event_type_map: EventTypeMapOption = None,
) -> None:
    """Measure a release on an event file, through the code that serves it: every prefix, all items ranked.

    Uses the rows with split=test; in a file without a split the sessions that train left out.
    """
    from models.model_config import ModelConfig
    from models.release import load_release
    from retrain.evaluation import evaluate
    from retrain.event_split import read_log, test_events
    from retrain.served_release import ServedRelease
    from retrain.training_display import progress_bar
    from schemas.output_paths import check_output_file

    check_output_file("--json", json_file)
    cutoffs, excluded = _cutoffs(k), _type_codes(exclude)
    loaded = load_release(release)
    if test_share is None:
        test_share = loaded.manifest.config.get("test_share", ModelConfig().test_share)
    log = read_log(path, _event_types(event_type_map))
    with progress_bar("evaluating") as show:
        model = ServedRelease(loaded, excluded)
        evaluation = evaluate(model, test_events(log, test_share), cutoffs, show)
    typer.echo(_report(evaluation, cutoffs))
    if json_file is not None:
        _write_json(json_file, loaded.manifest, evaluation, exclude)


def _event_types(given: str | None) -> Mapping[str, str]:
    from schemas.settings import SharedSettings, read_settings

    return read_settings(SharedSettings, event_type_map=given).event_type_map


def _cutoffs(given: str) -> list[int]:
    from schemas.errors import UsageError

    parts = given.split(",")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise UsageError(f"--k {given}: give whole numbers from 1, comma-separated, as in 1,5,10,20")
    return sorted({int(part) for part in parts})


def _type_codes(given: str) -> frozenset[int]:
    from models.session_rule import EVENT_TYPE_CODES
    from schemas.errors import UsageError

    names = [name.strip() for name in given.split(",") if name.strip()]
    if unknown := [name for name in names if name not in EVENT_TYPE_CODES]:
        raise UsageError(f"--exclude {given}: {unknown[0]!r} is none of {', '.join(EVENT_TYPE_CODES)}")
    return frozenset(EVENT_TYPE_CODES[name] for name in names)


def _described(manifest: "ReleaseManifest", out: Path) -> str:
    data = manifest.data
    return (
        f"{out / manifest.release_id}\n{manifest.items:,} items, {data.sessions:,} sessions, {data.events:,} "
        f"events, training loss {manifest.metrics['training_loss']:.4f}"
    )


def _report(evaluation: "Evaluation", cutoffs: list[int]) -> str:
    protocol = (
        f"{evaluation.n:,} predictions in {evaluation.sessions:,} sessions; the targets of "
        f"{evaluation.unseen_targets:,} are not known to the release and count as misses"
    )
    lines = [protocol, f"{'k':>4}  {'recall':>7}  {'mrr':>7}  {'ndcg':>7}"]
    for k in cutoffs:
        figures = (evaluation.metrics[f"{name}@{k}"] for name in ("recall", "mrr", "ndcg"))
        lines.append(f"{k:>4}  " + "  ".join(f"{figure:7.4f}" for figure in figures))
    return "\n".join(lines)


def _write_json(path: Path, manifest: "ReleaseManifest", evaluation: "Evaluation", exclude: str) -> None:
    import msgspec

    from schemas.errors import UsageError

    figures = {
        "release_id": manifest.release_id,
        "n": evaluation.n,
        "sessions": evaluation.sessions,
        "unseen_targets": evaluation.unseen_targets,
        "session_gap_s": manifest.session_gap_s,
        "excluded_event_types": exclude,
        **evaluation.metrics,
    }
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2))
    except OSError as error:
        raise UsageError(f"--json {path}: cannot be written ({error.strerror})") from error
