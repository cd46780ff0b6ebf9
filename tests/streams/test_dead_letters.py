"""What a dead letter holds of the message that failed."""

from schemas.dead_letter import HOPS, read_reason
from schemas.errors import InvalidEvent
from streams.batch_messages import BatchMessages
from streams.dead_letters import dead_letter
from tests.streams.records import a_record

MESSAGES = BatchMessages("recommendations", "dead-letter")


def test_message_without_key_and_value_can_be_written() -> None:
    letter = dead_letter(a_record(None, key=None), "decode", InvalidEvent("$", "no value"))
    (message,) = MESSAGES.letters([letter])
    assert (message.topic, message.key, message.value) == ("dead-letter", None, b"")


def test_hops_of_a_replayed_message_are_kept() -> None:
    for written, hops in ((b"2", 2), (b"many", 0), (b"", 0), (b"9" * 5000, 0)):
        letter = dead_letter(
            a_record(b"{}", headers=((HOPS, written),)), "decode", InvalidEvent("$", "empty")
        )
        assert letter.reason.hops == hops
        assert read_reason(letter.headers) == letter.reason


def test_only_bugs_have_a_stack_trace() -> None:
    record = a_record(b"{}")
    assert dead_letter(record, "decode", InvalidEvent("$", "empty")).reason.stacktrace == ""
    assert "ValueError: oops" in dead_letter(record, "recommend", ValueError("oops")).reason.stacktrace


def test_log_names_the_field_of_an_invalid_event_and_the_class_of_a_bug_and_quotes_neither() -> None:
    invalid = InvalidEvent("$.session_id", "the key is {}, not the session_id {}", b"anna {}", "bert")
    letter = dead_letter(a_record(b"{}"), "decode", invalid)
    assert letter.reason.message == "the key is b'anna {}', not the session_id 'bert' - at `$.session_id`"
    assert letter.said == "the key is …, not the session_id … - at `$.session_id`"
    assert dead_letter(a_record(b"{}"), "recommend", KeyError("anna")).said == "KeyError"
