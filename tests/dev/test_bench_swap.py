"""`millrace bench swap` runs and reports; its figures are known where the load is."""

import json
from pathlib import Path

import numpy as np
import pytest

import millrace
from streams.dev.load_record import LoadRecord, RecordedList, read_record, write_record
from streams.dev.swap_figures import MemorySample, Swap, swap_figures
from tests.services.kafka_broker import Kafka

VOCABULARIES = {"old": {"a", "b"}, "new": {"b", "c"}}
DUE_S = np.arange(400) / 100
MEMORY = [MemorySample(0.0, 100, 60), MemorySample(2.05, 130, 80), MemorySample(5.0, 110, 65)]


def a_record(swapped_s: float = 2.1, stalled_s: float = 0.0) -> LoadRecord:
    """A list 10 ms after each of 400 events, of the new release from a moment on; a stall makes some late."""
    lists = []
    for number, due_s in enumerate(DUE_S.tolist()):
        read_s = due_s + 0.01
        if 2.0 <= read_s < 2.0 + stalled_s:
            read_s = 2.0 + stalled_s
        release, items = ("new", ["c", "b"]) if read_s >= swapped_s else ("old", ["a"])
        lists.append(RecordedList(number, due_s, read_s, release, items))
    return LoadRecord(DUE_S.tolist(), lists)


def figures(record: LoadRecord) -> dict[str, object]:
    return dict(swap_figures(record, [Swap(2.0, "new")], MEMORY, VOCABULARIES))


def test_window_of_a_swap_reaches_from_its_announcement_to_a_second_after_its_first_list() -> None:
    found = figures(a_record())
    swaps = found["swaps"]
    assert isinstance(swaps, list)
    swap = swaps[0]
    assert swap["loaded_in_ms"] == pytest.approx(100, abs=11)
    assert swap["lists"] == pytest.approx(112, abs=2)
    assert swap["rss_mb"] == 130
    assert (found["lost_events"], found["lists_with_items_of_another_release"]) == (0, 0)
    assert (found["own_mb_before"], found["own_mb_peak"], found["own_mb_after"]) == (60, 80, 65)


def test_pause_is_the_longest_time_without_a_list() -> None:
    found = figures(a_record(stalled_s=0.2))
    assert found["longest_pause_ms"] == pytest.approx(200, abs=21)
    assert found["longest_pause_between_swaps_ms"] == pytest.approx(10, abs=1)
    during, between = found["during_swaps_ms"], found["between_swaps_ms"]
    assert during["max"] == pytest.approx(210, abs=21)  # type: ignore[index]  # figures by name
    assert between["max"] == pytest.approx(10, abs=1)  # type: ignore[index]


def test_events_without_a_list_and_lists_of_two_releases_are_counted() -> None:
    record = a_record()
    mixed = [*record.lists[5:], RecordedList(7, 0.07, 9.0, "new", ["a"])]
    found = figures(LoadRecord(record.due_s, mixed))
    assert (found["lost_events"], found["repeated_lists"]) == (5, 1)
    assert found["lists_with_items_of_another_release"] == 1


def test_record_keeps_the_lists_of_its_events_alone(tmp_path: Path) -> None:
    values = [
        b'{"event_id":"load-%d","release_id":"old","items":[{"item_id":"a","score":1}]}' % number
        for number in (2, 3, 9)
    ]
    read = [(10.0 + at, value) for at, value in enumerate([b"", b'{"event_id":"mine"}', *values])]
    write_record(tmp_path / "record", np.array([1.0, 2.0]), 3, read)
    record = read_record(tmp_path / "record")
    assert record == LoadRecord([1.0, 2.0], [RecordedList(3, 1.0, 13.0, "old", ["a"])])


@pytest.mark.timeout(300)
def test_swaps_under_a_load_lose_nothing(kafka: Kafka, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    broker = "embedded" if kafka.kind == "embedded" else kafka.bootstrap_servers
    sizes = ["--items", "400", "--units", "8", "--rate", "50", "--swaps", "2", "--every", "1"]
    assert millrace.run(["bench", "swap", *sizes, "--broker", broker, "--json", str(report)]) == 0
    found = json.loads(report.read_bytes())
    assert (found["lost_events"], found["lists_with_items_of_another_release"]) == (0, 0)
    assert found["releases_named"] == 2
    assert len(found["swaps"]) == 2
    assert found["own_mb_peak"] >= found["own_mb_before"] > 0
