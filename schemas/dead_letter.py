"""Dead letters: the original bytes and key, and the reason in headers named as Kafka Connect names them.

Beside them stand notes of which dead letters were replayed: empty messages with one header.
Writers: `streams.dead_letters`, `streams.dead_letter_replaying` (notes). Readers: `millrace dead-letters`,
any tool that knows Connect's dead letters.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from schemas.cloud_events import Headers
from schemas.timestamps import MAX_TIME_MS, from_epoch_ms

TOPIC = "__connect.errors.topic"
PARTITION = "__connect.errors.partition"
OFFSET = "__connect.errors.offset"
TIMESTAMP = "__connect.errors.timestamp"
STAGE = "__connect.errors.stage"
CLASS_NAME = "__connect.errors.exception.class.name"
MESSAGE = "__connect.errors.exception.message"
STACKTRACE = "__connect.errors.exception.stacktrace"
HOPS = "millrace.dead-letter.hops"
"""How often the message was replayed from the dead-letter topic."""
REPLAYED = "millrace.dead-letter.replayed"
"""In a note: the places in this topic of dead letters that were replayed, as in `0-41 0-42`."""
REASON_HEADERS = (TOPIC, PARTITION, OFFSET, TIMESTAMP, STAGE, CLASS_NAME, MESSAGE, STACKTRACE)
"""The headers that a message gets when it becomes a dead letter."""
MAX_TEXT = 4096
Place = tuple[int, int]
"""Partition and offset of a dead letter in its topic."""


class DeadLetterReason(msgspec.Struct, frozen=True, kw_only=True):
    """Where a message came from and why it could not be processed."""

    topic: str
    partition: int
    offset: int
    failed_at_ms: int
    stage: str
    """`decode` (the event is invalid) or `recommend` (a bug, isolated to this event)."""
    class_name: str
    message: str
    stacktrace: str = ""
    hops: int = 0

    @property
    def failed_at(self) -> datetime:
        """The time of the failure, UTC."""
        return from_epoch_ms(self.failed_at_ms)


def dead_letter_headers(reason: DeadLetterReason, original: Headers) -> list[tuple[str, bytes]]:
    """The headers of a dead letter: the original ones, then the reason."""
    fields = {
        TOPIC: reason.topic,
        PARTITION: str(reason.partition),
        OFFSET: str(reason.offset),
        TIMESTAMP: str(reason.failed_at_ms),
        STAGE: reason.stage,
        CLASS_NAME: reason.class_name,
        MESSAGE: reason.message[:MAX_TEXT],
        STACKTRACE: reason.stacktrace[-MAX_TEXT:],
    }
    return [
        *original_headers(original),
        *((name, text.encode(errors="replace")) for name, text in fields.items()),
    ]


def original_headers(headers: Headers) -> list[tuple[str, bytes]]:
    """The headers that the message had before it became a dead letter; one without a value becomes empty."""
    return [(name, value or b"") for name, value in headers if name not in REASON_HEADERS]


def read_reason(headers: Headers) -> DeadLetterReason | None:
    """The reason in a dead letter's headers; None where the headers are not ours."""
    text = {name: (value or b"").decode(errors="replace") for name, value in headers}
    try:
        reason = DeadLetterReason(
            topic=text[TOPIC],
            partition=int(text[PARTITION]),
            offset=int(text[OFFSET]),
            failed_at_ms=int(text[TIMESTAMP]),
            stage=text.get(STAGE, ""),
            class_name=text.get(CLASS_NAME, ""),
            message=text.get(MESSAGE, ""),
            stacktrace=text.get(STACKTRACE, ""),
            hops=read_hops(headers),
        )
    except (KeyError, ValueError):
        return None
    return reason if 0 <= reason.failed_at_ms <= MAX_TIME_MS else None


def replayed_header(places: Iterable[Place]) -> tuple[str, bytes]:
    """The header of a note that dead letters were replayed."""
    return REPLAYED, " ".join(f"{partition}-{offset}" for partition, offset in places).encode()


def read_replayed(headers: Headers) -> list[Place]:
    """Which dead letters a message notes as replayed; none where it is no note."""
    text = b" ".join(value or b"" for name, value in headers if name == REPLAYED).decode(errors="replace")
    pairs = [one.partition("-") for one in text.split()]
    return [(int(left), int(right)) for left, _, right in pairs if left.isdecimal() and right.isdecimal()]


def read_hops(headers: Headers) -> int:
    """How often the message was replayed; 0 where the header is missing or no number."""
    hops = next((value for name, value in headers if name == HOPS), None) or b""
    return int(hops) if hops.isdigit() and len(hops) < 10 else 0
