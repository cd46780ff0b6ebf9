"""`millrace replay`: an event file into the events topic, with a progress bar. Caller: `streams.cli`.

Owns the connection and what the user sees; the replaying itself is `streams.replaying`.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import polars as pl
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from schemas.connections import kafka_arguments
from schemas.errors import UsageError
from schemas.event_files import TEST, TRAIN, read_events
from schemas.kafka_refusals import kafka_unreachable
from schemas.settings import SharedSettings
from streams.pacing import MonotonicClock, Pace
from streams.replaying import PRODUCER_ARGUMENTS, in_log_order, of_split, replay


def replay_file(
    settings: SharedSettings, path: Path, rate: float | None, split: str | None, topic: str | None
) -> None:
    """Replay an event file, until it is done or interrupted.

    Args:
        settings: where Kafka is and how event types are called.
        path: the event file.
        rate: events a second; None: as fast as Kafka takes them.
        split: only the rows of this split.
        topic: where to; the first event topic by default.

    Raises:
        UsageError: the file cannot be replayed, the topic does not exist or Kafka cannot be reached.
    """
    if split not in (None, TRAIN, TEST):
        raise UsageError(f"--split {split}: give {TRAIN} or {TEST}, or leave it out")
    events = read_events(path, settings.event_type_map)
    if split is not None:
        chosen = of_split(events, split)
        if chosen is None:
            raise UsageError(
                f"{path}: no rows with split={split}; leave --split out to replay the whole file"
            )
        events = chosen
    asyncio.run(_replay(settings, in_log_order(events), rate, topic or settings.event_topics[0]))


async def _replay(settings: SharedSettings, events: pl.DataFrame, rate: float | None, topic: str) -> None:
    producer = AIOKafkaProducer(**kafka_arguments(settings), **PRODUCER_ARGUMENTS)
    try:
        await _connect(producer, settings, topic)
        with _progress() as progress:
            advance = _advance(progress, topic, len(events))
            await replay(events, producer, topic, Pace(rate, MonotonicClock()), on_sent=advance)
    except KafkaError as error:
        raise UsageError(f"the replay stopped: {error!r}") from error
    finally:
        await producer.stop()


def _advance(progress: Progress, topic: str, total: int) -> Callable[[object], None]:
    """Show one more event, and the speed so far; at the end as a line that stays."""
    task = progress.add_task(f"to {topic}", total=total, speed="")
    started = MonotonicClock().now()
    done = 0

    def advance(_: object) -> None:
        nonlocal done
        done += 1
        seconds = max(1e-9, MonotonicClock().now() - started)
        progress.update(task, completed=done, speed=f"{done / seconds:,.0f} events/s")
        if done == total:
            progress.print(f"{done:,} events to {topic} in {seconds:.1f} s, {done / seconds:,.0f} events/s")

    return advance


async def _connect(producer: AIOKafkaProducer, settings: SharedSettings, topic: str) -> None:
    """Start the producer, and make sure of the topic: sending to a missing one waits, or creates it."""
    try:
        await producer.start()
        known = (await producer.client.fetch_all_metadata()).topics()
    except KafkaError as error:
        raise UsageError(kafka_unreachable(settings.kafka_bootstrap_servers)) from error
    if topic not in known:
        raise UsageError(f"topic {topic!r} does not exist; make it with `millrace topics create`")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
