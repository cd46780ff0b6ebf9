"""What a worker does with messages that are no events, and with events that leave nothing behind."""

from contextlib import closing

from confluent_kafka import Message

from schemas.dead_letter import CLASS_NAME, MESSAGE, OFFSET, PARTITION, STAGE, TOPIC
from schemas.ids import SessionId
from schemas.topics import MAX_EVENT_BYTES
from tests.odd_messages import send_odd
from tests.streams.emitted_lists import EmittedLists, read_topic
from tests.streams.known_traffic import ITEMS, an_event
from tests.streams.worker_stage import Stage

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
BROKEN = {
    "no JSON": b'{"session_id":',
    "no UTF-8": b'{"session_id":"\xff\xfe","item_id":"a","event_type":"view","occurred_at":1}',
    "not UTF-8 at all": b"\xff\xfe\x00\x01",
    "unknown type": an_event(session_id="bad", event_type="wish"),
    "no item": b'{"session_id":"bad","event_type":"view","occurred_at":1}',
    "too large": an_event(session_id="bad", context={"note": "x" * MAX_EVENT_BYTES}),
    "no value": None,
}


def headers_of(message: Message) -> dict[str, bytes]:
    """The headers of a message."""
    found = {}
    headers = message.headers() or []
    assert isinstance(headers, list)
    for name, value in headers:
        assert isinstance(value, bytes)
        found[name] = value
    return found


def test_messages_that_are_no_events_are_dead_lettered_and_their_neighbours_served(
    stage: Stage, lists: EmittedLists
) -> None:
    traffic = stage.traffic()
    traffic.click("good", "item-1", partition=3)
    for name, value in BROKEN.items():
        traffic.send(value, f"key of {name}".encode(), 3, [("traceparent", TRACE)])
        traffic.click("good", traffic.random_item(), partition=3)
    traffic.flush()
    worker = stage.start_worker()  # all is in one batch
    answers = traffic.answers()
    lists.read_all(answers.keys())
    assert lists.wrong(answers) == {}
    letters = read_topic(
        stage.kafka.bootstrap_servers, stage.environment["MILLRACE_DEAD_LETTER_TOPIC"], len(BROKEN)
    )
    assert len(letters) == len(BROKEN)
    for number, (name, value) in enumerate(BROKEN.items()):
        letter, headers = letters[number], headers_of(letters[number])
        assert (letter.key(), letter.value()) == (f"key of {name}".encode(), value), name
        assert headers[TOPIC] == traffic.topic.encode()
        assert (headers[PARTITION], headers[OFFSET]) == (b"3", str(2 * number + 1).encode())
        assert (headers[STAGE], headers[CLASS_NAME]) == (b"decode", b"InvalidEvent")
        assert headers[MESSAGE], name
        assert headers["traceparent"] == TRACE
    assert b"'wish'" in headers_of(letters[3])[MESSAGE]
    worker.wait_for(lambda: stage.watermarks() == {3: 2 * len(BROKEN) + 1}, "done with saving")
    stage.assert_states_follow(traffic)
    assert worker.metric("millrace_dead_letters_total", stage="decode") == len(BROKEN)
    assert worker.metric("millrace_events_total", event_type="view") == len(answers)


def test_batch_of_dead_letters_only_moves_the_watermark(stage: Stage) -> None:
    worker = stage.start_worker()
    traffic = stage.traffic()
    traffic.send(b"nothing", b"k", partition=5)
    traffic.flush()
    worker.wait_for(lambda: stage.watermarks() == {5: 1}, "past the dead letter")
    worker.wait_for(lambda: stage.committed() == {5: 1}, "committed")


def test_erased_session_leaves_a_tombstone_and_nothing_in_redis(stage: Stage, lists: EmittedLists) -> None:
    worker = stage.start_worker()
    traffic = stage.traffic()
    traffic.click("leaving", "item-1", partition=0)
    traffic.click("staying", "item-2", partition=0)
    traffic.flush()
    worker.wait_for(lambda: stage.latest("leaving") and stage.latest("staying"), "serving")
    traffic.send(an_event(session_id="leaving", event_type="erase"), b"leaving", 0)
    traffic.flush()
    lists.read_until(lambda: lists.erased)
    assert lists.erased == [SessionId("leaving")]
    worker.wait_for(lambda: stage.watermarks() == {0: 3}, "done with saving")
    assert (stage.state("leaving"), stage.latest("leaving")) == (None, None)
    assert stage.state("staying") is not None
    again = stage.traffic()  # whose answers know nothing of the erased click
    again.click("leaving", "item-5", partition=0)
    again.flush()
    lists.read_all(again.answers().keys())
    assert lists.wrong(again.answers()) == {}


def test_event_without_consent_gets_its_list_and_leaves_nothing(stage: Stage, lists: EmittedLists) -> None:
    worker = stage.start_worker()
    traffic = stage.traffic()
    traffic.click("private", "item-4", partition=2, consent=False)
    traffic.click("open", "item-5", partition=2)
    traffic.flush()
    lists.read_all(traffic.answers().keys())
    assert lists.wrong(traffic.answers()) == {}
    worker.wait_for(lambda: stage.watermarks() == {2: 2}, "done with saving")
    assert (stage.state("private"), stage.latest("private")) == (None, None)
    with closing(stage.redis()) as redis:
        assert [key for key in redis.scan_iter() if b"private" in key] == []
    traffic.click("private", "item-6", partition=2, consent=False)
    traffic.flush()
    alone = {one: items for one, items in traffic.answers().items() if not one.endswith("-2")}
    lists.read_until(lambda: len(lists.by_id) == 3)
    assert lists.wrong(alone) == {}
    assert lists.item_ids(lists.first_emissions[-1].recommendation_id)[0] == "item-7"


def test_repeated_event_id_is_answered_again_from_the_state_as_it_stands(
    stage: Stage, lists: EmittedLists
) -> None:
    worker = stage.start_worker()
    traffic = stage.traffic()
    for item_id, event_id in (("item-1", "e1"), ("item-2", "e2"), ("item-1", "e1")):
        traffic.click("s", item_id, partition=0, event_id=event_id)
    traffic.click("s", "item-3", partition=0, event_id="e3")
    traffic.flush()
    lists.read_until(lambda: len(lists.by_id) == 4)
    found = [([item.item_id for item in one.items][:3], one.repeat_of) for one in lists.first_emissions]
    assert found == [
        (["item-2", "item-0", "item-1"], None),
        (["item-3", "item-2", "item-0"], None),
        (["item-3", "item-2", "item-0"], "e1"),
        (["item-4", "item-3", "item-2"], None),
    ]
    worker.wait_for(lambda: stage.watermarks() == {0: 4}, "done with saving")
    state = stage.state("s")
    assert state is not None
    assert state.item_ids == ("item-1", "item-2", "item-3")
    assert worker.metric("millrace_repeated_events_total") == 1


def test_trace_headers_pass_from_the_event_to_its_list(stage: Stage, lists: EmittedLists) -> None:
    stage.start_worker()
    traffic = stage.traffic()
    headers = [("traceparent", TRACE), ("tracestate", b"shop=1"), ("other", b"x")]
    traffic.send(an_event(session_id="s", item_id=ITEMS[0]), b"s", 0, headers)
    traffic.flush()
    lists.read_until(lambda: lists.messages)
    assert headers_of(lists.messages[0]) == {"traceparent": TRACE, "tracestate": b"shop=1"}


def test_message_that_the_client_cannot_parse_is_dead_lettered_by_its_position(
    stage: Stage, lists: EmittedLists
) -> None:
    traffic = stage.traffic()
    traffic.click("before", "item-1", partition=3)
    traffic.flush()
    send_odd(stage.kafka.bootstrap_servers, traffic.topic, partition=3)
    traffic.click("after", "item-2", partition=3)
    traffic.click("elsewhere", "item-3", partition=0)
    traffic.flush()
    stage.start_worker()
    answers = traffic.answers()
    lists.read_all(answers.keys())
    assert lists.wrong(answers) == {}
    (letter,) = read_topic(stage.kafka.bootstrap_servers, stage.environment["MILLRACE_DEAD_LETTER_TOPIC"], 1)
    headers = headers_of(letter)
    assert (headers[TOPIC], headers[PARTITION], headers[OFFSET]) == (traffic.topic.encode(), b"3", b"1")
    assert b"cannot read" in headers[MESSAGE]
