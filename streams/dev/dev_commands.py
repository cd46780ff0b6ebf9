"""`millrace demo` and `millrace up`: everything on one machine. Mounted by `streams.cli`.

Thin: each command reads its options and calls one function of its module, imported when the command runs.
"""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command("demo")
def demo_command(
    events: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An event file instead of the simulated shop.")
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Keep it running until Ctrl-C.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here as well.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated shop.")] = 1,
    sessions: Annotated[int, typer.Option(min=50, help="Visits to the simulated shop.")] = 6000,
    event_type_map: Annotated[
        str | None,
        typer.Option(help="Other names, as in addtocart=cart,order=purchase [MILLRACE_EVENT_TYPE_MAP]."),
    ] = None,
) -> None:
    """Show the whole path: train, stream, recommend, look up. Needs nothing but this machine.

    With --events the file's rows of split=train are the past and those of split=test come live; without a
    split the tenth of the sessions that end last comes live.
    """
    from rich.console import Console

    from schemas.settings import SharedSettings, read_settings
    from streams.dev.demo import DemoOptions, run_demo

    mapped = read_settings(SharedSettings, event_type_map=event_type_map).event_type_map
    run_demo(DemoOptions(events, mapped, seed, sessions, json_file, serve), Console())


@app.command("up")
def up_command() -> None:
    """Run Kafka, Redis, worker and lookup for development, until Ctrl-C; nothing is kept.

    Serves the newest release in MILLRACE_RELEASES; where there is none, one of the simulated shop.

    Redis, worker and lookup listen on 6379, MILLRACE_WORKER_PORT and MILLRACE_LOOKUP_PORT where those are
    free.
    """
    from rich.console import Console

    from schemas.settings import SharedSettings, read_settings
    from streams.dev.ports import WantedPorts
    from streams.dev.up import REDIS_PORT, run_up
    from streams.settings import LookupSettings, WorkerSettings

    worker, lookup = read_settings(WorkerSettings), read_settings(LookupSettings)
    ports = WantedPorts(redis=REDIS_PORT, worker=worker.worker_port, lookup=lookup.lookup_port)
    run_up(read_settings(SharedSettings), ports, Console())
