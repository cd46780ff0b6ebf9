"""From the outcome of a batch to messages: lists, dead letters, and the latest list of each session.

Caller: `streams.batch_processor`.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

from models.recommender import Recommendation
from models.vocabulary import Vocabulary
from schemas.ids import SessionId
from schemas.item_event import ItemEvent
from schemas.recommendation_list import RecommendationList, ScoredItem, Source, encode_recommendation_list
from schemas.timestamps import from_epoch_ms
from streams.current_recommender import Served
from streams.dead_letters import DeadLetter
from streams.emitter import OutgoingMessage
from streams.event_decoding import DecodedEvent
from streams.isolation import Isolated
from streams.micro_batch import Record

_TRACE_HEADERS = frozenset({"traceparent", "tracestate"})


class Outgoing(NamedTuple):
    """What the events of a batch send out."""

    messages: list[OutgoingMessage]
    """A list each; a tombstone for an erased session."""
    latest: dict[SessionId, bytes]
    """The latest list of each session that keeps one."""


class BatchMessages:
    """The messages of a worker that writes lists to one topic and dead letters to another."""

    def __init__(self, topic: str, dead_letter_topic: str) -> None:
        self._topic = topic
        self._dead_letter_topic = dead_letter_topic

    def letters(self, letters: Sequence[DeadLetter]) -> list[OutgoingMessage]:
        """One message for each dead letter: the original key, value and headers, and the reason.

        A value that is missing becomes an empty one: the client takes no message without key and value.
        """
        return [
            OutgoingMessage(
                self._dead_letter_topic, None, letter.record.key, _kept(letter.record), letter.headers
            )
            for letter in letters
        ]

    def lists(self, served: Served, isolated: Isolated) -> Outgoing:
        """One message for each event, to the partition number of the event."""
        messages: list[OutgoingMessage] = []
        latest: dict[SessionId, bytes] = {}
        for event, recommendation in zip(isolated.events, isolated.recommendations, strict=True):
            value = None
            if isinstance(event.event, ItemEvent) and recommendation is not None:
                value = encode_recommendation_list(self._list(served, event, event.event, recommendation))
                if recommendation.stored:
                    latest[event.session_id] = value
            else:
                latest.pop(event.session_id, None)
            messages.append(self._message(event, value))
        return Outgoing(messages, latest)

    def _message(self, event: DecodedEvent, value: bytes | None) -> OutgoingMessage:
        trace = [header for header in event.record.headers if header[0] in _TRACE_HEADERS]
        return OutgoingMessage(self._topic, event.record.partition, event.session_id.encode(), value, trace)

    def _list(
        self, served: Served, decoded: DecodedEvent, event: ItemEvent, recommendation: Recommendation
    ) -> RecommendationList:
        record = decoded.record
        source = Source(record.topic, record.partition, record.offset)
        return RecommendationList(
            recommendation_id=source.recommendation_id,
            source=source,
            session_id=event.session_id,
            release_id=served.recommender.release.release_id,
            strategy=recommendation.strategy,
            items=_scored_items(served.recommender.release.vocabulary, recommendation),
            occurred_at=from_epoch_ms(event.occurred_at_ms),
            produced_at=from_epoch_ms(int(time.time() * 1000)),
            user_id=event.user_id,
            event_id=event.event_id,
            repeat_of=recommendation.repeat_of,
            side_index_version=served.catalogue_version or None,
        )


def _scored_items(vocabulary: Vocabulary, recommendation: Recommendation) -> list[ScoredItem]:
    rows, scores = recommendation.ranked
    return [
        ScoredItem(vocabulary.item_id(row), score)
        for row, score in zip(rows.tolist(), scores.tolist(), strict=True)
    ]


def _kept(record: Record) -> bytes | None:
    """The record's value; empty where it has neither value nor key, which no producer takes."""
    return b"" if record.value is None and record.key is None else record.value
