"""Latencies count from when an event was due, and lists are known again by the number of their event."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from streams.dev.numbered_events import number_of, numbered_events
from streams.dev.paced_load import _latencies


def test_numbered_events_go_round_the_file(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"session_id":"a","item_id":"1"}\n{"session_id":"b","event_id":"mine"}\n')
    events = numbered_events(path, 3, 3)
    assert [event.session_id for event in events] == ["b", "a", "b"]
    assert [msgspec.json.decode(event.value)["event_id"] for event in events] == [
        "load-3",
        "load-4",
        "load-5",
    ]
    assert msgspec.json.decode(events[1].value)["item_id"] == "1"


@pytest.mark.parametrize(
    ("list_json", "number"),
    [
        (b'{"event_id":"load-17","items":[]}', 17),
        (b'{"event_id":"visit-1"}', None),
        (b'{"items":[]}', None),
        (None, None),
    ],
)
def test_list_tells_the_number_of_its_event(list_json: bytes | None, number: int | None) -> None:
    assert number_of(list_json) == number


def test_latency_counts_from_when_the_event_was_due() -> None:
    due_s = np.array([10.0, 10.1, 10.2])
    latencies = _latencies(due_s, due_s + np.array([0.1, 0.3, 0.2]), {10.1: 0.4})
    assert (latencies.events, latencies.unread, latencies.http_events) == (3, 0, 1)
    assert latencies.topic_ms["p50"] == pytest.approx(200)
    assert latencies.http_ms["p99_9"] == pytest.approx(400)


def test_first_second_of_a_load_is_not_counted() -> None:
    due_s = 10 + np.arange(40) / 10
    latencies = _latencies(due_s, due_s + np.where(due_s < 11, 5.0, 0.01), {10.5: 5.0, 11.5: 0.02})
    assert (latencies.events, latencies.http_events) == (30, 1)
    assert latencies.topic_ms["p99_9"] == pytest.approx(10)


def test_list_that_never_came_counts_until_the_end() -> None:
    latencies = _latencies(np.array([0.0, 0.1]), np.array([0.01, np.nan]), {})
    assert latencies.unread == 1
    assert latencies.topic_ms["p99_9"] > 1000
    assert latencies.http_ms == {}
