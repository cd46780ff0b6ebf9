"""Replaying: events of a frame or file into the events topic, in time order, under their sessions' keys.

Owns the order, the encoding and the holding back; the rate is `streams.pacing`, the command `replay_command`.
Writer: of the `events` topic, for the demo, `millrace replay` and tests.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import NamedTuple

import msgspec
import polars as pl
from aiokafka import AIOKafkaProducer
from aiokafka.structs import RecordMetadata

from schemas.event_files import TEST, TRAIN
from streams.pacing import Pace

_FIELDS = ("session_id", "item_id", "event_type", "occurred_at", "event_id", "user_id", "price", "quantity")
ROW_MS = 1000
"""Where times are missing, one row is one second."""
PRODUCER_ARGUMENTS = {"enable_idempotence": True, "linger_ms": 20, "max_batch_size": 262_144}
"""For filling a topic: idempotent, so that a retry keeps the order; in large batches."""


class SentEvent(NamedTuple):
    """An acknowledged event."""

    row: int
    """Its number among the replayed ones, from 0."""
    partition: int
    offset: int
    due_s: float
    """When it was due, in seconds of the pace's clock."""


async def _never_hold() -> None:
    return


def in_log_order(events: pl.DataFrame) -> pl.DataFrame:
    """Events as they go into the log: by time, those of equal time in the order of their rows.

    Where any time is missing the order of the rows counts, and row n (from 1) happens at n seconds.

    Args:
        events: columns of `schemas.event_files.read_events`.
    """
    if events["occurred_at_ms"].null_count():
        return events.with_columns(occurred_at_ms=pl.int_range(1, pl.len() + 1, dtype=pl.Int64) * ROW_MS)
    return events.sort("occurred_at_ms", maintain_order=True)


def of_split(events: pl.DataFrame, split: str) -> pl.DataFrame | None:
    """The events of one split; None where the file does not say which they are."""
    assert split in (TRAIN, TEST)
    if "split" not in events.columns:
        return None
    chosen = events.filter(pl.col("split") == split)
    return None if chosen.is_empty() else chosen


async def replay(
    events: pl.DataFrame,
    producer: AIOKafkaProducer,
    topic: str,
    pace: Pace,
    hold: Callable[[], Awaitable[None]] = _never_hold,
    on_sent: Callable[[SentEvent], None] = lambda _: None,
) -> int:
    """Produce every event and wait until all are acknowledged.

    Args:
        events: columns of `schemas.event_files.read_events`, in the order in which they are to be sent.
        producer: started; an idempotent one, so that a retry does not change the order.
        topic: where to.
        pace: when each event is due.
        hold: awaited before each event: returns when the readers have caught up enough for one more.
        on_sent: called for each event once it is acknowledged.

    Returns:
        How many events were acknowledged.

    Raises:
        KafkaError: an event could not be written.
    """
    acknowledgements = _Acknowledgements(on_sent)
    for row, event in enumerate(_wire_columns(events).iter_rows(named=True)):
        await hold()
        due_s = await pace.wait_for(row)
        sending = await producer.send(topic, encode_event_row(event), event["session_id"].encode())
        acknowledgements.expect(sending, row, due_s)
        acknowledgements.check()
    return await acknowledgements.all_arrived()


def encode_event_row(event: Mapping[str, object]) -> bytes:
    """ItemEvent JSON of one row; what is null is left out."""
    return msgspec.json.encode({name: value for name, value in event.items() if value is not None})


def _wire_columns(events: pl.DataFrame) -> pl.DataFrame:
    """The columns that go on the wire, under the names of ItemEvent; times stay epoch milliseconds."""
    named = events.rename({"occurred_at_ms": "occurred_at"})
    return named.select(name for name in _FIELDS if name in named.columns)


class _Acknowledgements:
    """Of the events that are on their way: how many arrived, and the first failure."""

    def __init__(self, on_sent: Callable[[SentEvent], None]) -> None:
        self._on_sent = on_sent
        self._outstanding: set[asyncio.Future[RecordMetadata]] = set()
        self._arrived = 0
        self._failure: BaseException | None = None

    def expect(self, sending: asyncio.Future[RecordMetadata], row: int, due_s: float) -> None:
        self._outstanding.add(sending)
        sending.add_done_callback(partial(self._arrive, row, due_s))

    def check(self) -> None:
        """Raise the first failure, so that nothing is sent behind it."""
        if self._failure is not None:
            raise self._failure

    async def all_arrived(self) -> int:
        """Wait for the rest; how many arrived in all."""
        if self._outstanding:
            await asyncio.wait(self._outstanding)
        self.check()
        return self._arrived

    def _arrive(self, row: int, due_s: float, sending: asyncio.Future[RecordMetadata]) -> None:
        self._outstanding.discard(sending)
        if sending.cancelled():
            return
        if (error := sending.exception()) is not None:
            self._failure = self._failure or error
            return
        self._arrived += 1
        metadata = sending.result()
        self._on_sent(SentEvent(row, metadata.partition, metadata.offset, due_s))
