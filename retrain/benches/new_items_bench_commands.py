"""`millrace bench new-items`. Mounted by `millrace.py`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from retrain.benches.bench_new_items import Costs

app = typer.Typer()


@app.command("new-items")
def bench_new_items_command(
    *,
    events: Annotated[Path, typer.Option(metavar="FILE", help="Event file with times.")],
    train_hours: Annotated[
        float, typer.Option(min=0.01, help="Hours from the first event on that the release is trained on.")
    ] = 60,
    hours: Annotated[int, typer.Option(min=1, help="Hours after them that are replayed.")] = 12,
    config: Annotated[str, typer.Option(help="Name of a configuration, or a file.")] = "fast",
    kinds: Annotated[
        bool, typer.Option(help="Whether categories of the file are known beforehand, as from a catalogue.")
    ] = True,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here as well.")] = None,
) -> None:
    """Measure the side index: Recall@20 on new items and on all, with and without, hour by hour."""
    from models.model_config_file import load_model_config
    from retrain.benches.bench_new_items import Replay, bench_new_items
    from retrain.event_split import read_log
    from retrain.training.training_display import progress_bar
    from schemas.bench_report import new_report, report_text, write_report
    from schemas.errors import UsageError
    from schemas.output_paths import check_output_file
    from schemas.settings import SharedSettings, read_settings

    check_output_file("--json", json_file)
    model_config = load_model_config(Path(config), {"test_share": 0})
    log = read_log(events, read_settings(SharedSettings).event_type_map)
    if log["occurred_at_ms"].null_count():
        raise UsageError(f"{events}: events without a time cannot be replayed; give a file with all times")
    with progress_bar("replaying minutes") as show:
        rows, costs = bench_new_items(
            Replay(log.drop("split", strict=False), train_hours, hours, kinds), model_config, show
        )
    report = new_report("new-items", rows, [_note(events, config, train_hours), _cost_note(costs)])
    typer.echo(report_text(report))
    if json_file:
        write_report(report, json_file)


def _note(events: Path, config: str, train_hours: float) -> str:
    return (
        f"{events.name}; config {config} trained on the first {train_hours:g} h; the side index of a minute "
        "serves the next; new: targets that the release does not know"
    )


def _cost_note(costs: "Costs") -> str:
    us, build_ms = 1e6 / max(1, costs.events), 1000 * costs.building_s / max(1, costs.builds)
    without, having = us * costs.serving_without_s, us * costs.serving_with_s
    return (
        f"serving {without:.1f} us an event without, {having:.1f} with a side index; {costs.builds} of them "
        f"built, {build_ms:.0f} ms each"
    )
