"""The commands of the online side. Mounted by `millrace.py`.

Thin: each command reads its settings and calls one function of its module, imported when the command runs.
"""

from pathlib import Path
from typing import Annotated

import typer

from streams import dead_letter_commands
from streams.dev import dev_commands

app = typer.Typer()
app.add_typer(dead_letter_commands.app, name="dead-letters")
app.add_typer(dev_commands.app)


topics = typer.Typer(help="Create the topics.", no_args_is_help=True)
app.add_typer(topics, name="topics")


@app.command("worker")
def worker() -> None:
    """Serve events: consume them, keep session state, emit a list for each. Settings: `millrace config`."""
    from schemas.settings import read_settings
    from streams.settings import WorkerSettings
    from streams.worker import run_worker

    run_worker(read_settings(WorkerSettings))


@topics.command("create")
def create_topics_command(
    partitions: Annotated[
        int | None, typer.Option(help="Partitions of events and recommendations [MILLRACE_PARTITIONS].")
    ] = None,
    replication_factor: Annotated[
        int | None, typer.Option(help="Replicas of each partition [MILLRACE_REPLICATION_FACTOR].")
    ] = None,
) -> None:
    """Create the topics that do not exist yet."""
    import asyncio

    from schemas.settings import read_settings
    from streams.settings import TopicSettings
    from streams.topic_admin import create_topics

    settings = read_settings(TopicSettings, partitions=partitions, replication_factor=replication_factor)
    for name, created in asyncio.run(create_topics(settings)).items():
        typer.echo(f"{name}: {'created' if created else 'exists already'}")


@app.command("lookup")
def run_lookup(
    host: Annotated[str | None, typer.Option(help="Address to listen on [MILLRACE_LOOKUP_HOST].")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0: any free one [MILLRACE_LOOKUP_PORT].")] = None,
) -> None:
    """Serve the latest lists, similar and popular items over HTTP."""
    from schemas.settings import read_settings
    from streams.lookup.serving import serve_lookup
    from streams.settings import LookupSettings

    serve_lookup(read_settings(LookupSettings, lookup_host=host, lookup_port=port))


@app.command("replay")
def replay_events(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Event file: Parquet, CSV or JSONL.")],
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Events a second; without it as fast as Kafka takes them.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Only the rows of this split: train or test.")] = None,
    event_type_map: Annotated[
        str | None,
        typer.Option(help="Other names, as in addtocart=cart,order=purchase [MILLRACE_EVENT_TYPE_MAP]."),
    ] = None,
    topic: Annotated[str | None, typer.Option(help="Where to; the first of MILLRACE_EVENT_TOPICS.")] = None,
) -> None:
    """Send an event file to the events topic, in time order, with a progress bar."""
    from schemas.settings import SharedSettings, read_settings
    from streams.replay_command import replay_file

    replay_file(read_settings(SharedSettings, event_type_map=event_type_map), path, rate, split, topic)
