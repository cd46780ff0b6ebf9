"""`millrace train`: an event file to a release.

Owns what the user sees; the work is done by `retrain.runs.recorded_training`. Mounted by `retrain.cli`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
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
    threads: Annotated[
        int,
        typer.Option(
            min=1,
            help="Members of an ensemble that are trained at the same time. Of a single network: two are "
            "faster on idle cores, and slower on busy ones.",
        ),
    ] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto: a GPU where there is one.")] = "cpu",
    precision: Annotated[
        str, typer.Option(help="Of matrix products: float32, bfloat16, or auto: bfloat16 where it is faster.")
    ] = "float32",
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="Go on from this file after a kill, with the same result; it is removed at the end."
        ),
    ] = None,
    warm_start: Annotated[
        Path | None,
        typer.Option(
            metavar="RELEASE_DIR",
            help="Begin with the weights of this release, where they fit; for warm_epochs of the config.",
        ),
    ] = None,
    runs: RunsOption = None,
    event_type_map: EventTypeMapOption = None,
) -> None:
    """Train a release on an event file.

    Learns from the rows with split=train; in a file without a split from all sessions but the last tenth.
    A folder beside the releases keeps the run: its config, seed, data, code, machine, history and figures.
    """
    from models.model_config_file import load_model_config
    from models.release import read_manifest
    from retrain.event_split import hold_out_validation as held_out
    from retrain.event_split import read_log
    from retrain.runs.recorded_training import RUNS, file_source, train_recorded
    from retrain.runs.run_recording import RunPlan, recorded_run, utc_now
    from retrain.training.training_display import training_display
    from retrain.training.training_resources import Resources
    from schemas.errors import UsageError
    from schemas.output_paths import check_output_file, check_output_folder

    check_output_file("--checkpoint", checkpoint)
    runs = runs or out / RUNS
    check_output_folder("--out", out)
    check_output_folder("--runs", runs)
    overrides = {"seed": seed, "session_gap_s": session_gap_s, "test_share": test_share}
    model_config = load_model_config(config, overrides)
    if model_config.strategy == "als" and (checkpoint or device != "cpu" or precision != "float32"):
        raise UsageError(
            "--checkpoint, --device, --precision: strategy als takes none of them; leave them out"
        )
    log = read_log(path, _event_types(event_type_map))
    if hold_out_validation:
        log = held_out(log, model_config.test_share, hold_out_validation, "--hold-out-validation")
    resources = Resources(threads, device, precision, checkpoint)
    used = {"threads": str(threads), "device": device, "precision": precision}
    if warm_start is not None:
        used["warm_start"] = read_manifest(warm_start).release_id
    plan = RunPlan("train", model_config, file_source(path), len(log), hold_out_validation, used)
    with recorded_run(runs, plan) as run, training_display() as show:
        manifest = train_recorded(
            run, log, model_config, out, utc_now(), show, resources, warm_start=warm_start
        )
    typer.echo(f"{_described(manifest, out)}\nrun {run.folder}")


def _event_types(given: str | None) -> Mapping[str, str]:
    from schemas.settings import SharedSettings, read_settings

    return read_settings(SharedSettings, event_type_map=given).event_type_map


def _described(manifest: "ReleaseManifest", out: Path) -> str:
    data = manifest.data
    return (
        f"{out / manifest.release_id}\n{manifest.items:,} items, {data.sessions:,} sessions, {data.events:,} "
        f"events, training loss {manifest.metrics['training_loss']:.4f}{_begun_with(manifest)}"
    )


def _begun_with(manifest: "ReleaseManifest") -> str:
    """A line about the warm start, where one was asked for."""
    lineage = manifest.lineage
    if not lineage:
        return ""
    if lineage.why_from_scratch:
        return f"\ntrained from scratch, because no warm start was possible: {lineage.why_from_scratch}"
    return (
        f"\nwarm start {lineage.warm_cycles} since a training from scratch, from {lineage.warm_started_from}"
    )
