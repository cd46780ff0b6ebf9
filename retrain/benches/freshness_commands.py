"""`millrace bench freshness`. Mounted by `millrace.py`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import polars as pl

    from retrain.benches.freshness_records import Span

app = typer.Typer()


@app.command("freshness")
def bench_freshness_commands(
    events: Annotated[Path, typer.Option(metavar="FILE", help="Event file with times.")],
    *,
    hours: Annotated[int, typer.Option(min=1, help="How many are replayed.")] = 48,
    start: Annotated[
        str | None,
        typer.Option(help="Where they begin, RFC 3339; without it one window after the log's beginning."),
    ] = None,
    window_hours: Annotated[int, typer.Option(min=1, help="What a training learns from.")] = 24,
    every: Annotated[
        str,
        typer.Option(
            help="Policies: never, 1h (every hour, warm start), 24h-scratch, 1h-cycle (as retrain does it, "
            "with gate and refit), 1h-held (never learns what the gate judges on); comma-separated."
        ),
    ] = "never,24h-scratch,1h",
    config: Annotated[Path | None, typer.Option(help="Model config, as of train.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of a training.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here as well.")] = None,
    svg_file: Annotated[Path | None, typer.Option("--svg", help="Draw the hours here.")] = None,
) -> None:
    """Replay a log hour by hour and measure what retraining more often is worth."""
    from tempfile import TemporaryDirectory

    from models.model_config_file import load_model_config
    from retrain.benches.bench_freshness import hour_rows, policy_rows
    from retrain.benches.freshness_chart import write_freshness_chart
    from retrain.benches.freshness_policies import policies_named
    from retrain.benches.freshness_replay import FreshnessReplay
    from retrain.evaluation.bootstrap import Bootstrap
    from retrain.event_split import read_log
    from retrain.training.training_resources import Resources
    from schemas.bench_report import new_report, report_text, write_report
    from schemas.output_paths import check_output_file
    from schemas.settings import SharedSettings, read_settings

    check_output_file("--json", json_file)
    check_output_file("--svg", svg_file)
    policies = policies_named(every)
    model_config = load_model_config(config)
    log = read_log(events, read_settings(SharedSettings).event_type_map)
    span = _span(log, start, hours, window_hours)
    with TemporaryDirectory(prefix="millrace-freshness-") as folder:
        replay = FreshnessReplay(log, span, model_config, Path(folder), Resources(threads))
        replayed, by_policy = replay.run(policies, lambda line: typer.echo(line, err=True))
    figures = {"policies": policy_rows(replayed, by_policy, Bootstrap())}
    note = (
        f"{events.name}: {len(replayed)} hours of {hours} with events; each training learns from the "
        f"{window_hours} h before it and serves when it is done; gains are against {policies[0].name}"
    )
    report = new_report("freshness", hour_rows(replayed, by_policy), [note], figures)
    typer.echo(report_text(report))
    if json_file:
        write_report(report, json_file)
    if svg_file:
        write_freshness_chart(replayed, by_policy, svg_file)


def _span(log: "pl.DataFrame", start: str | None, hours: int, window_hours: int) -> "Span":
    from retrain.benches.freshness_records import Span
    from retrain.benches.freshness_replay import HOUR_MS
    from retrain.evaluation.time_windows import windows_end
    from schemas.errors import UsageError

    if missing := log["occurred_at_ms"].null_count():
        raise UsageError(f"--events: {missing} of {len(log)} events have no time; a replay needs them all")
    first, last = log["occurred_at_ms"][0], log["occurred_at_ms"][-1]
    given = windows_end(start)
    start_ms = first + window_hours * HOUR_MS if given is None else given
    if not first < start_ms <= last:
        raise UsageError(
            f"--start, --window-hours: the log covers {(last - first) / HOUR_MS:.1f} h; leave something to "
            "learn from and something to predict"
        )
    return Span(start_ms, hours, window_hours)
