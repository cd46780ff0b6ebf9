"""Mutated messages through decode: each is an event or InvalidEvent, and nothing else."""

from collections import Counter

import msgspec

from schemas.errors import InvalidEvent
from schemas.item_event import EraseSession, ItemEvent, decode_event
from tests.mutated_events import Mutant, mutant

SEED = 5
MESSAGES = 100_000


def test_every_mutated_message_is_an_event_that_round_trips_or_invalid() -> None:
    became: Counter[str] = Counter()
    for number in range(MESSAGES):
        message = mutant(SEED, number)
        try:
            became[judged(message)] += 1
        except Exception as error:
            raise AssertionError(f"mutant({SEED}, {number}) = {message!r:.2000}") from error
    assert became.total() == MESSAGES
    assert min(became["ItemEvent"], became["EraseSession"], became["InvalidEvent"]) > MESSAGES // 50, became


def judged(message: Mutant) -> str:
    """What a message is; it is held to what that promises."""
    try:
        event: object = decode_event(message.value, message.headers)
    except InvalidEvent as invalid:
        event = invalid
    if isinstance(event, InvalidEvent):
        assert event.path.startswith("$")
        assert event.reason
        return "InvalidEvent"
    assert isinstance(event, ItemEvent | EraseSession)
    fields = msgspec.structs.asdict(event)
    if isinstance(event, EraseSession):
        fields["event_type"] = "erase"
    assert decode_event(msgspec.json.encode({"occurred_at": event.occurred_at_ms, **fields})) == event
    return type(event).__name__
