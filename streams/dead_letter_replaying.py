"""Sending dead letters once more to where they came from, with a count of the hops.

Writer: of notes to the dead-letter topic of what was replayed, so that the next replay leaves it out. Caller:
`millrace dead-letters replay`. The worker keeps the count of hops when a message fails again.
"""

import asyncio
from collections.abc import Collection
from contextlib import aclosing
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import RecordMetadata

from schemas.connections import kafka_arguments
from schemas.dead_letter import HOPS, Place, original_headers, replayed_header
from schemas.errors import Unavailable, UsageError
from schemas.kafka_refusals import kafka_unreachable, lacks_permission
from schemas.settings import SharedSettings
from schemas.topics import MAX_DEAD_LETTER_BYTES
from streams.dead_letter_reading import LetterFilter, StoredLetter, read_letters
from streams.kafka_clients import topic_client
from streams.topic_metadata import ask_once

_REQUEST_TIMEOUT_MS = 10_000
_AT_ONCE, _BYTES_AT_ONCE = 500, 4_000_000
"""Letters, and bytes of them, that are sent before their acknowledgements are awaited."""
_TOO_LARGE = (MessageSizeTooLargeError, RecordTooLargeError)


@dataclass(frozen=True)
class ReplayRules:
    """What is replayed, and whether at all."""

    max_hops: int
    """How often a message may be replayed in all."""
    again: bool
    """Also what was replayed before."""
    dry_run: bool
    """Count, send nothing."""


@dataclass
class ReplayCount:
    """What became of the letters."""

    sent: int = 0
    replayed: int = 0
    """Those that an earlier replay has sent."""
    spent: int = 0
    """Those that were replayed as often as is allowed."""
    gone: int = 0
    """Those whose topic or partition is no more."""
    too_large: int = 0
    """Those that their topic does not take."""

    @property
    def found(self) -> int:
        """All that were meant."""
        return self.sent + self.replayed + self.spent + self.gone + self.too_large


async def replay_letters(settings: SharedSettings, wanted: LetterFilter, rules: ReplayRules) -> ReplayCount:
    """Produce each letter's original key, value and headers to its original topic and partition.

    The partition number is kept, since a session's events must stay in one partition, whatever partitioner
    the shop's producer uses. A replay that breaks off may send up to 500 letters once more the next time.

    Raises:
        Unavailable: Kafka does not answer.
        UsageError: there is no dead-letter topic, or Kafka refuses to write to a topic.
    """
    producer = AIOKafkaProducer(
        enable_idempotence=True,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
        max_request_size=MAX_DEAD_LETTER_BYTES,
        **kafka_arguments(settings),
    )
    replay = _Replay(settings, producer, rules)
    try:
        await producer.start()
        await replay.run(wanted)
    except TopicAuthorizationFailedError as error:
        raise UsageError(lacks_permission("WRITE", "topic", " or ".join(map(str, error.args)))) from error
    except KafkaError as error:
        away = isinstance(error, KafkaConnectionError)
        reason = kafka_unreachable(settings.kafka_bootstrap_servers) if away else str(error)
        before = f"; {replay.count.sent} letters were sent before" if replay.count.sent else ""
        raise Unavailable(f"{reason}{before}") from error
    finally:
        await producer.stop()
    return replay.count


class _Replay:
    """One replay: its count, and the letters that are to be sent next."""

    def __init__(self, settings: SharedSettings, producer: AIOKafkaProducer, rules: ReplayRules) -> None:
        self.count = ReplayCount()
        self._settings = settings
        self._producer = producer
        self._rules = rules
        self._partitions: dict[str, int] = {}
        self._next: list[StoredLetter] = []

    async def run(self, wanted: LetterFilter) -> None:
        replayed: set[Place] = set()
        if not self._rules.again:  # the notes lie behind the letters, so all is read before any is sent
            async for _ in read_letters(self._settings, LetterFilter(since=wanted.since), replayed):
                pass
        async with aclosing(read_letters(self._settings, wanted, set())) as letters:
            async for letter in letters:
                await self._sort(letter, replayed)
        await self._send_next()

    async def _sort(self, letter: StoredLetter, replayed: Collection[Place]) -> None:
        if letter.place in replayed:
            self.count.replayed += 1
        elif letter.reason.hops >= self._rules.max_hops:
            self.count.spent += 1
        elif letter.reason.partition >= await self._partitions_of(letter.reason.topic):
            self.count.gone += 1
        else:
            self._next.append(letter)
            if len(self._next) >= _AT_ONCE or sum(map(_size, self._next)) >= _BYTES_AT_ONCE:
                await self._send_next()

    async def _partitions_of(self, topic: str) -> int:
        """How many it has now, 0 where there is none; it is not created by asking."""
        if topic not in self._partitions:
            found = (await ask_once(topic_client(self._settings), [topic])).get(topic)
            self._partitions[topic] = 0 if found is None else found.partitions
        return self._partitions[topic]

    async def _send_next(self) -> None:
        """Send, await what becomes of each, and note those that were sent before anything else is said."""
        letters, self._next = self._next, []
        if self._rules.dry_run:
            self.count.sent += len(letters)
            return
        acknowledgements = [await self._send(letter) for letter in letters]
        sent, failures = list[Place](), list[BaseException]()
        answers = await asyncio.gather(*acknowledgements, return_exceptions=True)
        for letter, answer in zip(letters, answers, strict=True):
            if isinstance(answer, _TOO_LARGE):
                self.count.too_large += 1
            elif isinstance(answer, BaseException):
                failures.append(answer)
            else:
                sent.append(letter.place)
        self.count.sent += len(sent)
        if sent:
            await self._producer.send_and_wait(
                self._settings.dead_letter_topic, value=b"", headers=[replayed_header(sent)]
            )
        if failures:
            raise failures[0]

    async def _send(self, letter: StoredLetter) -> "asyncio.Future[RecordMetadata]":
        reason, record = letter.reason, letter.record
        headers = [header for header in original_headers(record.headers) if header[0] != HOPS]
        acknowledgement: asyncio.Future[RecordMetadata] = await self._producer.send(
            reason.topic,
            key=record.key,
            value=record.value or b"",  # the client takes no message without key and value
            partition=reason.partition,
            headers=[*headers, (HOPS, str(reason.hops + 1).encode())],
        )
        return acknowledgement


def _size(letter: StoredLetter) -> int:
    return len(letter.record.value or b"")
