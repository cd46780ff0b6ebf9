"""Mutated messages through a running worker: each has its list, tombstone or dead letter; none is lost."""

import contextlib
from contextlib import closing
from typing import NamedTuple

import pytest
from confluent_kafka import KafkaError, Message, Producer

from schemas.dead_letter import OFFSET, PARTITION, STAGE
from schemas.errors import InvalidEvent
from schemas.ids import RecommendationId, SessionId
from schemas.item_event import EraseSession, decode_event
from schemas.topics import MAX_EVENT_BYTES
from tests.mutated_events import Mutant, mutant
from tests.streams.emitted_lists import EmittedLists, TopicReader
from tests.streams.worker_stage import PARTITIONS, Stage

SEED = 13
MESSAGES = 10_000
DEADLINE_S = 300.0


class Place(NamedTuple):
    """Where Kafka put a message."""

    partition: int
    offset: int


class Expected(NamedTuple):
    """What must come of the messages, by what they are."""

    lists: dict[RecommendationId, int]
    erased: list[SessionId]
    letters: dict[Place, int]


@pytest.mark.timeout(900)
def test_every_mutated_message_is_answered_or_dead_lettered_by_a_worker_that_stays_ready(
    stage: Stage, lists: EmittedLists
) -> None:
    worker = stage.start_worker()
    places = produced(stage)
    expected = sorted_out(stage, places)
    dead_letters = TopicReader(
        stage.kafka.bootstrap_servers, stage.environment["MILLRACE_DEAD_LETTER_TOPIC"], 1
    )
    with closing(dead_letters), contextlib.suppress(TimeoutError):  # below it is said what is missing
        dead_letters.read_until(lambda: len(dead_letters.messages) >= len(expected.letters), DEADLINE_S)
        lists.read_until(lambda: lists.by_id.keys() >= expected.lists.keys(), DEADLINE_S)
        lists.read_until(lambda: len(lists.erased) >= len(expected.erased), DEADLINE_S)
    letters = {letter_place(message) for message in dead_letters.messages}
    lost = [number for place, number in expected.letters.items() if place not in letters]
    lost += [number for one, number in expected.lists.items() if one not in lists.by_id]
    assert lost == [], f"mutants of seed {SEED} without an answer; the worker: {worker.troubles()}"
    assert len(dead_letters.messages) == len(letters) == len(expected.letters)
    assert lists.by_id.keys() == expected.lists.keys()
    assert sorted(lists.erased) == sorted(expected.erased)
    assert {header(message, STAGE) for message in dead_letters.messages} == {b"decode"}
    assert min(map(len, expected)) > MESSAGES // 50, "the mutants are of every kind"
    ends = {place.partition: place.offset + 1 for place in sorted(places)}
    worker.wait_for(lambda: stage.watermarks() == ends, "done with saving")
    assert worker.is_ready()
    assert worker.stop() == 0


def produced(stage: Stage) -> dict[Place, int]:
    """Send the mutants; which message of them Kafka put where."""
    places: dict[Place, int] = {}
    producer = Producer(
        {"bootstrap.servers": stage.kafka.bootstrap_servers, "enable.idempotence": True, "log_level": 2}
    )

    def send(number: int, message: Mutant) -> None:
        def delivered(error: KafkaError | None, at: Message) -> None:
            assert error is None, f"mutant({SEED}, {number}): {error}"
            partition, offset = at.partition(), at.offset()
            assert partition is not None
            assert offset is not None
            places[Place(partition, offset)] = number

        producer.produce(
            stage.environment["MILLRACE_EVENT_TOPICS"],
            message.value,
            message.key,
            partition=number % PARTITIONS,
            headers=list(message.headers),
            on_delivery=delivered,
        )
        producer.poll(0)

    for number in range(MESSAGES):
        send(number, mutant(SEED, number))
    assert producer.flush(60) == 0, "Kafka did not take the messages within 60 s"
    assert len(places) == MESSAGES
    return places


def sorted_out(stage: Stage, places: dict[Place, int]) -> Expected:
    """What must come of each message, by its number."""
    topic = stage.environment["MILLRACE_EVENT_TOPICS"]
    expected = Expected({}, [], {})
    for place, number in places.items():
        message = mutant(SEED, number)
        try:
            event = decode_event(message.value, message.headers)
        except InvalidEvent:
            expected.letters[place] = number
            continue
        if len(message.value or b"") > MAX_EVENT_BYTES:
            expected.letters[place] = number
        elif isinstance(event, EraseSession):
            expected.erased.append(event.session_id)
        else:
            expected.lists[RecommendationId(f"{topic}-{place.partition}-{place.offset}")] = number
    return expected


def letter_place(message: Message) -> Place:
    """The place of the message that a dead letter is of."""
    return Place(int(header(message, PARTITION)), int(header(message, OFFSET)))


def header(message: Message, name: str) -> bytes:
    """The last header of this name: the reason follows the message's own headers."""
    headers = message.headers() or []
    assert isinstance(headers, list)
    values = [value for one, value in headers if one == name]
    assert isinstance(values[-1], bytes)
    return values[-1]
