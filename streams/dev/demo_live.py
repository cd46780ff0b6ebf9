"""The live part of the demo: replay the shoppers while reading every list, and measure.

Owns the two phases. The first goes as fast as the worker answers, and gives events/s; the second is paced
well below that, and gives freshness: what a queue of our own making adds is not the system's latency.
Caller: the demo.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl
from aiokafka import AIOKafkaProducer

from streams.dev.list_reader import ListReader, Position, reading
from streams.dev.millrace_services import DEAD_LETTERS, EVENTS, RECOMMENDATIONS, MillraceServices
from streams.pacing import Clock, MonotonicClock, Pace
from streams.replaying import PRODUCER_ARGUMENTS, SentEvent, replay

PACED_SHARE = 0.25
"""Share of the events that are paced, at most `MOST_PACED`."""
MOST_PACED = 2000
LOAD = 0.25
"""The paced rate, as a share of the measured speed."""
GREATEST_RATE = 300.0
FAST, PACED = PRODUCER_ARGUMENTS, {**PRODUCER_ARGUMENTS, "linger_ms": 0}


@dataclass(frozen=True)
class LiveRun:
    """What was sent and what came back; rows count the live events from 0."""

    positions: dict[int, Position]
    """Row -> partition and offset."""
    reader: ListReader
    events_per_s: float
    fast_events: int
    """How many events `events_per_s` is measured on: from the first sent to the last list read."""
    freshness_ms: list[float]
    """Of the paced events: from when the event was due to be sent until its list was read."""
    paced_rate: float


async def run_live(
    services: MillraceServices,
    events: pl.DataFrame,
    check: Callable[[], None],
    on_sent: Callable[[SentEvent], None],
) -> LiveRun:
    """Replay all events, fast and then paced, and read their lists.

    Args:
        services: broker with a worker behind it.
        events: in log order.
        check: raises when the worker has ended.
        on_sent: called for each acknowledged event.

    Raises:
        Unavailable: no list came for half a minute.
    """
    clock = MonotonicClock()
    reader = ListReader(clock, check)
    live = _LiveReplay(services.bootstrap_servers, clock, reader, on_sent)
    fast = len(events) - min(int(len(events) * PACED_SHARE), MOST_PACED)
    async with reading(reader, services.bootstrap_servers, RECOMMENDATIONS, DEAD_LETTERS):
        started_s = clock.now()
        await live.send(events.head(fast), None, FAST)
        events_per_s = fast / (reader.last_arrival_s - started_s)
        rate = max(1.0, min(GREATEST_RATE, LOAD * events_per_s))
        await live.send(events.tail(-fast), rate, PACED)
    return LiveRun(live.positions, reader, events_per_s, fast, live.freshness_ms(fast), rate)


class _LiveReplay:
    """Where and when every event went, over both phases."""

    def __init__(
        self, bootstrap_servers: str, clock: Clock, reader: ListReader, on_sent: Callable[[SentEvent], None]
    ) -> None:
        self.positions: dict[int, Position] = {}
        self._due_s: dict[int, float] = {}
        self._bootstrap_servers = bootstrap_servers
        self._clock = clock
        self._reader = reader
        self._on_sent = on_sent

    async def send(
        self, events: pl.DataFrame, rate: float | None, producer_arguments: dict[str, Any]
    ) -> None:
        """Replay, and wait for the lists; those that never come are found missing later."""
        already = len(self.positions)

        def note(sent: SentEvent) -> None:
            row = already + sent.row
            self.positions[row] = (sent.partition, sent.offset)
            self._due_s[row] = sent.due_s
            self._on_sent(sent)

        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap_servers, **producer_arguments)
        await producer.start()
        try:
            pace = Pace(rate, self._clock)
            await replay(events, producer, EVENTS, pace, self._reader.hold_back, note)
        finally:
            await producer.stop()
        await self._reader.wait_until_answered(already + len(events))

    def freshness_ms(self, first_row: int) -> list[float]:
        """Milliseconds from due to read, of the events from a row on that have a list."""
        lists = self._reader.lists
        return [
            1000 * (lists[position].arrived_s - self._due_s[row])
            for row, position in self.positions.items()
            if row >= first_row and position in lists
        ]
