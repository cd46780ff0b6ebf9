"""What happens to one micro-batch, from Kafka records to emitted lists and saved states.

The whole promise on one page.

Owns the order: load -> recommend -> produce and await every acknowledgement -> save. The event source commits
afterwards.
Both the load and the save check the watermarks; a partition where they are not the expected ones is refused
whole, before
anything of it is emitted or written. Caller: the agent in `streams.worker`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import MessageSizeTooLargeError

from schemas.ids import SessionId
from schemas.redis_keys import bucket_of
from schemas.timestamps import from_epoch_ms
from streams.batch_messages import BatchMessages
from streams.current_recommender import CurrentRecommender, Served
from streams.dead_letters import DeadLetter
from streams.emitter import MessageSink
from streams.event_decoding import DecodedEvent, EventDecoder
from streams.health import Health
from streams.isolation import Isolated, recommend_isolating
from streams.metrics import WorkerMetrics
from streams.micro_batch import (
    Abandoned,
    BatchOutcome,
    MicroBatch,
    Watermarks,
    advanced,
    lowest,
)
from streams.retrying import until_available
from streams.session_store import SessionStore, UnitSave

log = structlog.get_logger("millrace.batch")
T = TypeVar("T")


class BatchProcessor:
    """The steps of a batch, over the parts that the composition root made."""

    def __init__(
        self,
        decoder: EventDecoder,
        store: SessionStore,
        current: CurrentRecommender,
        emitter: MessageSink,
        messages: BatchMessages,
        health: Health,
        metrics: WorkerMetrics,
    ) -> None:
        self._decoder = decoder
        self._store = store
        self._current = current
        self._emitter = emitter
        self._messages = messages
        self._health = health
        self._metrics = metrics

    async def process(self, batch: MicroBatch) -> BatchOutcome:
        """Emit a list for every event of the batch and save its sessions.

        Returns:
            The partitions that were applied and those that were refused.

        Raises:
            Abandoned: the batch was given up.
            UsageError: Kafka or Redis refuse what waiting cannot cure.
        """
        served = self._current.served
        assert served is not None, "the source polls only once a release is loaded"
        self._metrics.batch_events.observe(sum(map(len, batch.records.values())))
        with self._metrics.stage("decode"):
            events, letters = self._decoder.decode(batch.records)
        with self._metrics.stage("load"):
            sessions = {event.session_id for event in events}
            loaded = await self._patiently(
                batch, "redis", lambda: self._store.load(batch.expected.keys(), sessions)
            )
        refused = self._refused_at_load(batch, loaded.watermarks)
        events = [event for event in events if event.partition not in refused and self._is_due(event, batch)]
        letters = [letter for letter in letters if _partition_of(letter) not in refused]
        with self._metrics.stage("recommend"):
            isolated = await asyncio.to_thread(recommend_isolating, served.recommender, loaded.states, events)
        letters += isolated.letters
        with self._metrics.stage("emit"):
            lists = await self._emit(batch, served, isolated, letters)
        with self._metrics.stage("save"):
            saves = self._saves(batch, refused, isolated, lists)
            refused_at_save = _unless_applied(
                saves, await self._patiently(batch, "redis", lambda: self._store.save(saves))
            )
        self._metrics.refusals.labels("save").inc(len(refused_at_save))
        refused |= refused_at_save
        self._count(refused, isolated, letters)
        applied = {
            partition: offset for partition, offset in batch.next_offsets.items() if partition not in refused
        }
        return BatchOutcome(applied, refused)

    async def _patiently(self, batch: MicroBatch, part: str, operation: Callable[[], Awaitable[T]]) -> T:
        return await until_available(
            operation, part, self._health, given_up=lambda: batch.abandoned or batch.hurried
        )

    def _refused_at_load(
        self, batch: MicroBatch, stored: dict[TopicPartition, Watermarks]
    ) -> dict[TopicPartition, Watermarks]:
        """The partitions of every unit of which a watermark is not the expected one."""
        numbers = {one.partition for one, marks in stored.items() if marks != batch.expected[one]}
        refused = {one: marks for one, marks in stored.items() if one.partition in numbers}
        self._metrics.refusals.labels("load").inc(len(refused))
        return refused

    def _is_due(self, event: DecodedEvent, batch: MicroBatch) -> bool:
        """Whether an event is still to be applied.

        Not where its bucket's watermark is ahead of the others and above it: it was applied by a save that
        the
        other buckets missed.
        """
        marks = batch.expected[event.partition]
        mark = marks[bucket_of(event.session_id, self._store.buckets)]
        return mark is None or mark == lowest(marks) or event.record.offset >= mark

    async def _emit(
        self, batch: MicroBatch, served: Served, isolated: Isolated, letters: list[DeadLetter]
    ) -> dict[SessionId, bytes]:
        """Produce lists and dead letters, await the acknowledgements.

        The latest list of each session comes back.
        """
        outgoing, latest = self._messages.lists(served, isolated)
        letter_messages = self._messages.letters(letters)
        if batch.abandoned:
            raise Abandoned
        try:
            await self._patiently(batch, "kafka", lambda: self._emitter.emit([*outgoing, *letter_messages]))
        except MessageSizeTooLargeError as error:
            log.warning("dead letter larger than its topic takes: its value is left out", error=str(error))
            bare = [message._replace(value=b"") for message in letter_messages]
            await self._patiently(batch, "kafka", lambda: self._emitter.emit([*outgoing, *bare]))
        now_ms = time.time() * 1000
        for event in isolated.events:
            self._metrics.freshness_seconds.observe(max(0.0, now_ms - event.record.timestamp) / 1000)
        return latest

    def _saves(
        self,
        batch: MicroBatch,
        refused: dict[TopicPartition, Watermarks],
        isolated: Isolated,
        latest: dict[SessionId, bytes],
    ) -> list[UnitSave]:
        """One save for each partition number; a session belongs to the number of its last event."""
        home = {event.session_id: event.partition.partition for event in isolated.events}
        ends = batch.next_offsets
        saves = []
        for number in {one.partition for one in batch.expected if one not in refused}:
            expected = {one: marks for one, marks in batch.expected.items() if one.partition == number}
            new = {
                one: advanced(marks, ends[one]) if one in ends else marks for one, marks in expected.items()
            }
            states = {session: state for session, state in isolated.states.items() if home[session] == number}
            lists = {session: value for session, value in latest.items() if home[session] == number}
            saves.append(UnitSave(expected, new, states, lists))
        return saves

    def _count(
        self, refused: dict[TopicPartition, Watermarks], isolated: Isolated, letters: Sequence[DeadLetter]
    ) -> None:
        for letter in letters:
            self._metrics.dead_letters.labels(letter.reason.stage).inc()
            log.warning("dead letter", **_described(letter))
        for event, recommendation in zip(isolated.events, isolated.recommendations, strict=True):
            if event.partition in refused:
                continue
            strategy = "none" if recommendation is None else recommendation.strategy
            self._metrics.events.labels(event.event_type, strategy).inc()
            if recommendation is not None and recommendation.repeat_of is not None:
                self._metrics.repeats.inc()


def _unless_applied(
    saves: list[UnitSave], refused: dict[TopicPartition, Watermarks]
) -> dict[TopicPartition, Watermarks]:
    """What was refused, but for units that stand where the save would have moved them.

    Such a save was applied and its answer lost on the way; it was refused when it was sent again.
    """
    applied = [save for save in saves if all(refused.get(one) == marks for one, marks in save.new.items())]
    there = {one for save in applied for one in save.new}
    return {one: marks for one, marks in refused.items() if one not in there}


def _partition_of(letter: DeadLetter) -> TopicPartition:
    return TopicPartition(letter.record.topic, letter.record.partition)


def _described(letter: DeadLetter) -> dict[str, object]:
    at = f"{letter.reason.topic}[{letter.reason.partition}]@{letter.reason.offset}"
    failed_at = from_epoch_ms(letter.reason.failed_at_ms).isoformat()
    return {"at": at, "stage": letter.reason.stage, "error": letter.reason.message, "failed_at": failed_at}
