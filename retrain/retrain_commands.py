"""`millrace retrain`: a process that runs cycles, one cycle, their status. Mounted by `retrain.cli`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from retrain.settings import RetrainSettings
    from schemas.cycle_status import CycleSummary

app = typer.Typer(help="Train releases on the event log, publish and announce them.")


@app.callback(invoke_without_command=True)
def retrain(
    context: typer.Context,
    schedule: Annotated[
        str | None,
        typer.Option(
            help="Stay, and run cycles at these times (cron's five fields), on request and as the settings "
            "say; an empty one: not by time [MILLRACE_RETRAIN_SCHEDULE]."
        ),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Time zone of the schedule [MILLRACE_RETRAIN_TIMEZONE].")
    ] = None,
) -> None:
    """Train releases on the event log, publish and announce them."""
    from retrain.settings import RetrainSettings
    from schemas.errors import UsageError
    from schemas.settings import read_settings

    if context.invoked_subcommand is not None:
        if schedule is not None or timezone is not None:
            raise UsageError("--schedule and --timezone are of the process that stays, not of a command")
        return
    settings = read_settings(RetrainSettings, retrain_schedule=schedule, retrain_timezone=timezone)
    if schedule is None and not settings.retrain_schedule:
        typer.echo(context.get_help())
        raise typer.Exit(2)

    from retrain.schedule.retrain_service import serve_retrain

    serve_retrain(settings)


@app.command("once")
def once(
    *,
    events: Annotated[
        Path | None, typer.Option(help="Learn from this event file and not from the event topics.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Only what Kafka took since, RFC 3339; without it MILLRACE_RETRAIN_WINDOW_H."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Model config, TOML or JSON [MILLRACE_RETRAIN_CONFIG].")
    ] = None,
    releases: Annotated[
        str | None, typer.Option(help="Folder or fsspec URL of releases [MILLRACE_RELEASES].")
    ] = None,
    runs: Annotated[
        Path | None, typer.Option(help="Folder in which the run gets its folder [MILLRACE_RUNS].")
    ] = None,
    work: Annotated[
        Path | None, typer.Option(help="Folder that a killed cycle goes on from [MILLRACE_RETRAIN_WORK].")
    ] = None,
    watch_s: Annotated[
        float | None,
        typer.Option(help="Seconds that the release is watched after its swap [MILLRACE_RETRAIN_WATCH_S]."),
    ] = None,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Train without the running release's weights.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin a new cycle, whatever was killed before.")
    ] = False,
    no_lock: Annotated[
        bool,
        typer.Option("--no-lock", help="Work without Redis: no lock, no status, no waiting for workers."),
    ] = False,
) -> None:
    """Run one cycle, or go on with one that was killed: train, judge, refit, publish, announce, watch."""
    from datetime import UTC, datetime

    from models.model_config_file import load_model_config
    from retrain.cycle.cycle_display import TerminalDisplay
    from retrain.cycle.cycle_opening import CyclePlan
    from retrain.cycle.interruption import interrupted_by_sigterm
    from retrain.cycle.retrain_once import CycleTools, check_announcing, check_config, retrain_once
    from retrain.cycle.window_reading import file_window, topic_window, window_start
    from retrain.settings import RetrainSettings
    from retrain.training.training_display import progress_bar
    from schemas.errors import UsageError
    from schemas.settings import read_settings

    if events is not None and since is not None:
        raise UsageError("--events and --since: give one of them; --since is about the event topics")
    settings = read_settings(
        RetrainSettings,
        retrain_config=config,
        releases=releases,
        runs=runs,
        retrain_work=work,
        retrain_watch_s=watch_s,
    )
    model_config = load_model_config(settings.retrain_config)
    check_config(model_config)
    start = window_start(settings, since, datetime.now(UTC))
    window = (
        file_window(settings, events)
        if events
        else topic_window(settings, start, typer.echo, lambda: progress_bar("reading events"))
    )
    check_announcing(settings)
    plan = CyclePlan("command", model_config, window.source, since, from_scratch, restart)
    tools = CycleTools(TerminalDisplay(), lambda line: typer.echo(line, err=True))
    with interrupted_by_sigterm():
        summary = retrain_once(settings, plan, window.read, None if no_lock else _redis(settings), tools)
    typer.echo(_describe(summary, settings.releases))
    if summary.outcome != "running":
        raise typer.Exit(1)


@app.command("status")
def status(
    as_json: Annotated[bool, typer.Option("--json", help="All that is known, as JSON.")] = False,
    last: Annotated[int, typer.Option(min=0, help="How many cycles that are over.")] = 10,
) -> None:
    """Show the cycle that runs, what serves, and the last cycles with their outcomes."""
    import msgspec

    from retrain.cycle.live_workers import live_workers
    from retrain.cycle.retrain_redis import open_retrain_redis
    from retrain.cycle.status_board import read_board, running_now
    from retrain.cycle.status_report import print_board
    from retrain.releases.announcing import read_running
    from retrain.settings import RetrainSettings
    from schemas.connections import kafka_arguments
    from schemas.errors import Unavailable
    from schemas.settings import read_settings

    settings = read_settings(RetrainSettings)
    redis = open_retrain_redis(settings)
    board, workers = read_board(redis), live_workers(redis)
    shown = board._replace(history=board.history[:last])
    try:
        announced = read_running(kafka_arguments(settings), settings.releases_topic)
        shown = shown._replace(running=running_now(board.running, announced))
    except Unavailable as error:
        typer.echo(
            f"shown is what was marked running last; what is announced is not known: {error}", err=True
        )
    if as_json:
        everything = {**shown._asdict(), "workers": workers}
        typer.echo(msgspec.json.format(msgspec.json.encode(everything), indent=2))
    else:
        print_board(shown, workers)


def _redis(settings: "RetrainSettings") -> Any:
    """The Redis of the lock; that it is not there is said with the ways out."""
    from retrain.cycle.retrain_redis import asked, open_retrain_redis
    from schemas.errors import Unavailable

    try:
        redis = open_retrain_redis(settings)
        asked(redis.ping)
    except Unavailable as error:
        raise Unavailable(
            f"{error} It holds the lock that lets one cycle run at a time; where nothing else can start one, "
            "--no-lock does without it"
        ) from error
    return redis


def _describe(summary: "CycleSummary", releases: str) -> str:
    metrics = summary.metrics
    learned = "which it learned after that" if summary.judged else "which it was not trained on"
    judged = (
        f"Recall@20 {metrics['recall@20']:.4f}, popularity {metrics['popularity_recall@20']:.4f}, on "
        f"{metrics['predictions']:,.0f} predictions in the last sessions, {learned}"
        if "recall@20" in metrics
        else "not evaluated: no two events of one session were kept for it"
    )
    became = {
        "running": f"announced as generation {summary.generation}, running",
        "refused": "published, not announced: the gate refuses it",
        "rolled_back": f"announced as generation {summary.generation}, rolled back",
    }.get(summary.outcome, summary.outcome)
    why = f": {summary.reason}" if summary.reason else ""
    if summary.outcome == "refused":
        why += f"\n`millrace releases promote {summary.release_id} --force` announces it all the same"
    return f"{summary.release_id} in {releases}: {summary.events:,} events\n{judged}\n{became}{why}"
