"""A built release carries probes that it answers wherever it is loaded, and no id of a session or user."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from models.model_config import ModelConfig
from models.probe_answers import check_probes
from models.release import load_release, load_tables
from retrain.releases.probe_writing import LENGTHS, probe_sessions
from retrain.training.sessionize import build_vocabulary, sessionize
from retrain.training.training_run import train_release
from schemas.errors import InvalidRelease
from schemas.ids import ItemId
from schemas.release_probe import PROBES_FILE, ReleaseProbe, ReleaseProbes, decode_release_probes
from tests.probed_release import add_probes
from tests.retrain.planted_sessions import ring_events

NOW = datetime(2026, 5, 4, 3, 2, 1, 5, tzinfo=UTC)


def built(folder: Path, kind: str = "exact") -> Path:
    config = ModelConfig(hidden_size=8, epochs=1, min_steps=50, batch_size=16, session_gap_s=0, index=kind)  # type: ignore[arg-type]
    return folder / train_release(ring_events(), config, folder, NOW).release_id


def probes_of(folder: Path) -> ReleaseProbes:
    return decode_release_probes((folder / PROBES_FILE).read_bytes())


def promising_another(probe: ReleaseProbe) -> ReleaseProbe:
    """The same, but that it promises a best item which no search finds."""
    other = next(ItemId(f"item-{n}") for n in range(100) if f"item-{n}" not in probe.list_items)
    return replace(probe, list_items=(other, *probe.list_items[1:]))


@pytest.mark.parametrize("kind", ["exact", "pq_fastscan"])
def test_built_release_answers_its_probes(tmp_path: Path, kind: str) -> None:
    folder = built(tmp_path, kind)
    assert check_probes(folder, load_release(folder)) == len(LENGTHS)
    assert [len(one.list_items) for one in probes_of(folder).probes] == [10] * len(LENGTHS)


def test_probes_are_beginnings_of_sessions_of_many_lengths_without_ids() -> None:
    events = ring_events()
    vocabulary = build_vocabulary(events)
    sessions = sessionize(events, vocabulary, 0)
    beginnings = probe_sessions(sessions, vocabulary)
    longest = max(len(items) for items, _ in beginnings)
    assert [len(items) for items, _ in beginnings] == [min(wanted, longest) for wanted in LENGTHS]
    assert all(len(codes) == len(items) for items, codes in beginnings)
    histories = {
        tuple(one) for one in events.group_by("session_id", maintain_order=True).agg("item_id")["item_id"]
    }
    assert all(any(one[: len(items)] == tuple(items) for one in histories) for items, _ in beginnings)


def test_few_items_that_an_approximate_search_misses_are_let_pass_and_many_are_not(tmp_path: Path) -> None:
    folder = built(tmp_path, "pq_fastscan")
    probes = probes_of(folder).probes
    few = [*map(promising_another, probes[:4]), *probes[4:]]
    add_probes(folder, ReleaseProbes(probes=tuple(few)))
    assert check_probes(folder, load_release(folder)) == len(LENGTHS)
    add_probes(folder, ReleaseProbes(probes=tuple(map(promising_another, probes))))
    with pytest.raises(InvalidRelease, match=r"probe 1 of 16, rank 1: item .*32 differences in all"):
        check_probes(folder, load_release(folder))


def test_exact_search_may_miss_nothing(tmp_path: Path) -> None:
    folder = built(tmp_path)
    probes = probes_of(folder).probes
    add_probes(folder, ReleaseProbes(probes=(promising_another(probes[0]), *probes[1:])))
    with pytest.raises(InvalidRelease, match=r"rank 1: item .*2 differences in all"):
        check_probes(folder, load_release(folder))


def test_lookup_needs_no_probes(tmp_path: Path) -> None:
    folder = built(tmp_path)
    assert load_tables(folder).manifest.files.keys() >= {PROBES_FILE}
