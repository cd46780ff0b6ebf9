"""The examples in docs/event-contract.md are what the code understands."""

import re
from pathlib import Path

from schemas.item_event import EraseSession, ItemEvent, decode_event
from schemas.item_metadata import decode_item_metadata
from schemas.recommendation_list import decode_recommendation_list
from schemas.retrain_request import decode_retrain_request

PAGE = (Path(__file__).parents[1] / "docs" / "event-contract.md").read_text()
EVENT, CLOUD_EVENT, LIST, ITEM, ERASE, RETRAIN = (
    text.encode() for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
)


def test_event_of_the_page_is_an_item_event() -> None:
    event = decode_event(EVENT)

    assert isinstance(event, ItemEvent)
    assert (event.item_id, event.event_id, event.context) == ("tamper-000", "7c1e", {"device": "phone"})


def test_cloud_event_of_the_page_is_the_same_event() -> None:
    plain, wrapped = decode_event(EVENT), decode_event(CLOUD_EVENT)

    assert isinstance(plain, ItemEvent)
    assert isinstance(wrapped, ItemEvent)
    assert (wrapped.event_id, wrapped.event_type, wrapped.occurred_at_ms) == (
        plain.event_id,
        plain.event_type,
        plain.occurred_at_ms,
    )


def test_list_of_the_page_is_a_recommendation_list_under_its_own_id() -> None:
    listed = decode_recommendation_list(LIST)

    assert listed.recommendation_id == listed.source.recommendation_id
    assert [item.item_id for item in listed.items] == ["milk-jug-006", "coffee-scale-012"]


def test_item_of_the_page_is_item_metadata() -> None:
    assert decode_item_metadata(ITEM).title == "Aurea tamper"


def test_erasure_of_the_page_is_a_control_event() -> None:
    assert isinstance(decode_event(ERASE), EraseSession)


def test_retrain_request_of_the_page_is_one() -> None:
    assert decode_retrain_request(RETRAIN).reason == "a new season"


def test_shell_examples_of_the_page_are_item_events() -> None:
    lines = re.findall(r"^echo '([^|]+)\|(.*?)' \|$", PAGE, re.MULTILINE)

    assert len(lines) == 2
    for key, value in lines:
        event = decode_event(value.encode())
        assert isinstance(event, ItemEvent)
        assert event.session_id == key
