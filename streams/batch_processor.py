"""What happens to one micro-batch, from Kafka records to emitted lists and saved states.

The whole promise on one page.

Owns the order: load -> recommend -> produce and await every acknowledgement -> save. The event source commits
afterwards. Both the load and the save check the watermarks; a partition where they are not the expected ones
is refused whole, before anything of it is emitted or written.

Several batches are processed at once, each at another step; a step takes them in the order in which they
came. A batch thus starts from the states that the one before it computed, whether or not they are saved.
Caller: the agent, `streams.recommend_agent`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from aiokafka.errors import MessageSizeTooLargeError

from schemas.ids import SessionId, UserId
from schemas.redis_keys import bucket_of
from streams.batch_chain import ChainedBatch
from streams.batch_computation import BatchComputation, Computed
from streams.batch_counts import BatchCounts
from streams.batch_messages import BatchMessages, Outgoing
from streams.dead_letters import DeadLetter
from streams.emitter import MessageSink
from streams.event_decoding import DecodedEvent, EventDecoder
from streams.health import Health
from streams.micro_batch import Abandoned, BatchOutcome, MicroBatch
from streams.retrying import SLOW_S, until_available
from streams.session_store import Loaded, SessionStore, unless_applied

log = structlog.get_logger("millrace.batch")
T = TypeVar("T")


class BatchProcessor:
    """The steps of a batch, over the parts that the composition root made."""

    def __init__(
        self,
        decoder: EventDecoder,
        store: SessionStore,
        computation: BatchComputation,
        emitter: MessageSink,
        messages: BatchMessages,
        health: Health,
        counts: BatchCounts,
    ) -> None:
        self._decoder = decoder
        self._store = store
        self._computation = computation
        self._emitter = emitter
        self._messages = messages
        self._health = health
        self._counts = counts
        self._metrics = counts.metrics
        self._unsaved: list[ChainedBatch] = []
        self._loading, self._computing, self._emitting, self._saving = (asyncio.Lock() for _ in range(4))

    async def process(self, batch: MicroBatch) -> BatchOutcome:
        """Emit a list for every event of the batch and save its sessions; batches begin in log order.

        Returns:
            The partitions that were applied and those that were refused.

        Raises:
            Abandoned: the batch was given up, or one before it of the same partitions.
            UsageError: Kafka or Redis refuse what waiting cannot cure.
        """
        try:
            return await self._process(batch)
        except BaseException:
            batch.give_up()
            raise

    async def _process(self, batch: MicroBatch) -> BatchOutcome:
        """Let the batch begin and take it through the steps."""
        if batch.records:
            self._metrics.batch_events.observe(sum(map(len, batch.records.values())))
        with self._metrics.stage("decode"):
            events, letters = self._decoder.decode(batch.records)
        chained = ChainedBatch(batch, self._buckets(batch, events))
        self._unsaved.append(chained)
        try:
            return await self._take_steps(chained, events, letters)
        finally:
            self._unsaved.remove(chained)

    def _buckets(self, batch: MicroBatch, events: list[DecodedEvent]) -> dict[int, set[int]]:
        """By partition number, the buckets of a batch's events; of one without records all.

        Where no message is an event it is the first: its watermark moves behind the dead letters.
        """
        buckets: dict[int, set[int]] = {one.partition: set() for one in batch.marks}
        if not batch.records:
            return {number: set(range(self._store.buckets)) for number in buckets}
        for event in events:
            buckets[event.partition.partition].add(bucket_of(event.session_id, self._store.buckets))
        return {number: some or {0} for number, some in buckets.items()}

    async def _take_steps(
        self, chained: ChainedBatch, events: list[DecodedEvent], letters: list[DeadLetter]
    ) -> BatchOutcome:
        async with self._loading:  # a lock lets the batches through in the order in which they came
            with self._metrics.stage("load"):
                loaded = await self._load(chained, {event.session_id for event in events})
        self._metrics.refusals.labels("load").inc(len(chained.refused))
        events = chained.due(events, self._store.buckets)
        letters = chained.due_letters(letters)
        async with self._computing:
            isolated, outgoing, quality = await self._compute(chained, loaded, events)
        letters += isolated.letters
        async with self._emitting:
            with self._metrics.stage("produce"):
                await self._emit(chained.batch, outgoing, letters)
        self._counts.emitted(isolated)
        async with self._saving:
            with self._metrics.stage("save"):
                await self._save(chained, outgoing.latest, isolated.owned)
        self._counts.saved(chained.refused, isolated, letters, quality)
        return chained.outcome()

    async def _load(self, chained: ChainedBatch, sessions: set[SessionId]) -> Loaded:
        chained.follow(self._unsaved[: self._unsaved.index(chained)])
        partitions, buckets = chained.batch.marks.keys(), chained.buckets
        loaded = await self._patiently(
            chained.batch, "redis", lambda: self._store.load(partitions, sessions, buckets)
        )
        chained.refuse_unexpected(loaded.watermarks)
        return loaded

    async def _compute(self, chained: ChainedBatch, loaded: Loaded, events: list[DecodedEvent]) -> Computed:
        """Lists and changed states, and the messages that carry them.

        Where the recommender fails whatever the events, it is tried again, with the release that serves then.
        """
        states = chained.start(loaded.states)
        computed = await self._patiently(
            chained.batch, "recommender", lambda: self._computation.run(states, events), slow_s=None
        )
        homes = {one.event.session_id: one.partition.partition for one in events}
        chained.change(computed.isolated.states, homes)
        return computed

    async def _emit(self, batch: MicroBatch, outgoing: Outgoing, letters: list[DeadLetter]) -> None:
        """Produce lists and dead letters, await the acknowledgements."""
        letter_messages = self._messages.letters(letters)
        if batch.is_given_up:
            raise Abandoned
        try:
            await self._patiently(
                batch, "kafka", lambda: self._emitter.emit([*outgoing.messages, *letter_messages])
            )
        except MessageSizeTooLargeError as error:
            log.warning("dead letter larger than its topic takes: its value is left out", error=str(error))
            bare = [message._replace(value=b"") for message in letter_messages]
            await self._patiently(batch, "kafka", lambda: self._emitter.emit([*outgoing.messages, *bare]))

    async def _save(
        self,
        chained: ChainedBatch,
        latest: dict[SessionId, bytes],
        owned: dict[tuple[UserId, SessionId], bool],
    ) -> None:
        """Save what was not refused; what is refused now is noted."""
        saves = chained.saves(latest, owned)
        refused = unless_applied(
            saves, await self._patiently(chained.batch, "redis", lambda: self._store.save(saves))
        )
        self._metrics.refusals.labels("save").inc(len(refused))
        chained.refuse(refused)

    async def _patiently(
        self,
        batch: MicroBatch,
        part: str,
        operation: Callable[[], Awaitable[T]],
        slow_s: float | None = SLOW_S,
    ) -> T:
        return await until_available(
            operation, part, self._health, lambda: batch.abandoned or batch.hurried, slow_s=slow_s
        )
