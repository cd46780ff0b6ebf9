"""The headers of dead letters."""

from datetime import UTC, datetime

import pytest

from schemas.dead_letter import (
    HOPS,
    MAX_TEXT,
    MESSAGE,
    OFFSET,
    PARTITION,
    REPLAYED,
    STACKTRACE,
    TIMESTAMP,
    TOPIC,
    DeadLetterReason,
    dead_letter_headers,
    original_headers,
    read_reason,
    read_replayed,
    replayed_header,
)


def a_reason(**fields: object) -> DeadLetterReason:
    known: dict[str, object] = {
        "topic": "events",
        "partition": 3,
        "offset": 41,
        "failed_at_ms": 1_767_225_600_123,
        "stage": "decode",
        "class_name": "InvalidEvent",
        "message": "the field is missing - at `$.item_id`",
    }
    return DeadLetterReason(**{**known, **fields})  # type: ignore[arg-type]  # a builder


def test_reason_is_read_as_it_was_written() -> None:
    reason = a_reason(stacktrace="Traceback …")
    assert read_reason(dead_letter_headers(reason, [("traceparent", b"00-0a")])) == reason
    assert reason.failed_at == datetime(2026, 1, 1, 0, 0, 0, 123_000, tzinfo=UTC)


def test_original_headers_come_back_without_the_reason() -> None:
    original = [("traceparent", b"00-0a"), ("ce_id", None), ("traceparent", b"again")]
    letter = dead_letter_headers(a_reason(), original)
    assert original_headers(letter) == [("traceparent", b"00-0a"), ("ce_id", b""), ("traceparent", b"again")]


def test_reason_of_an_earlier_failure_is_replaced() -> None:
    once = dead_letter_headers(a_reason(), [(HOPS, b"1")])
    twice = dead_letter_headers(a_reason(offset=99), once)
    assert [value for name, value in twice if name == OFFSET] == [b"99"]
    assert read_reason(twice) == a_reason(offset=99, hops=1)


def test_long_texts_are_cut_where_they_say_least() -> None:
    headers = dict(dead_letter_headers(a_reason(message="m" * 9999, stacktrace="s" * 9999 + "end"), []))
    assert len(headers[MESSAGE]) == MAX_TEXT
    assert len(headers[STACKTRACE]) == MAX_TEXT
    assert headers[STACKTRACE].endswith(b"end")


def test_text_that_is_not_utf_8_is_written_and_read() -> None:
    reason = read_reason(dead_letter_headers(a_reason(message="bad \udcff"), []))
    assert reason is not None
    assert reason.message == "bad ?"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(TOPIC, b"events")],
        [(TOPIC, b"t"), (PARTITION, b"x"), (OFFSET, b"1"), (TIMESTAMP, b"1")],
        [(TOPIC, b"t"), (PARTITION, b"0"), (OFFSET, b"1"), (TIMESTAMP, None)],
        [(TOPIC, b"t"), (PARTITION, b"0"), (OFFSET, b"1"), (TIMESTAMP, b"-1")],
        [(TOPIC, b"t"), (PARTITION, b"0"), (OFFSET, b"1"), (TIMESTAMP, b"9" * 20)],
    ],
)
def test_headers_of_others_have_no_reason(headers: list[tuple[str, bytes | None]]) -> None:
    assert read_reason(headers) is None


def test_note_names_the_letters_that_were_replayed() -> None:
    header = replayed_header([(0, 41), (12, 7)])
    assert header == (REPLAYED, b"0-41 12-7")
    assert read_replayed([("other", b"1-2"), header]) == [(0, 41), (12, 7)]


@pytest.mark.parametrize("value", [None, b"", b"x", b"1", b"1-x", b"\xff-1", b"-1--2"])
def test_other_messages_are_no_notes(value: bytes | None) -> None:
    assert read_replayed([(REPLAYED, value)]) == []
