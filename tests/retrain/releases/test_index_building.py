"""The index of a release is chosen on its own vectors and on queries of its newest sessions."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from index.item_index import EXACT_ITEMS
from models.encoder import OnnxEncoder
from models.list_ranker import candidates_for
from models.model_config import ModelConfig
from models.release import load_release
from retrain.releases.index_building import build_measured_index, newest_queries
from retrain.training.sessionize import Sessions
from retrain.training.training_run import train_release
from tests.retrain.planted_sessions import ring_events

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
DIM = 9
"""Of an item's vector: eight units and a bias."""


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> OnnxEncoder:
    folder = tmp_path_factory.mktemp("releases")
    config = ModelConfig(hidden_size=8, epochs=1, min_steps=10, batch_size=16, n_negatives=8, session_gap_s=0)
    manifest = train_release(ring_events(sessions=60), config, folder, NOW)
    return load_release(folder / manifest.release_id).encoder


def vectors_of(items: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal((items, DIM), dtype=np.float32)


def sessions_over(items: int, sessions: int) -> Sessions:
    """Sessions of three events."""
    rows = np.random.default_rng(2).integers(items, size=3 * sessions).astype(np.int32)
    return Sessions(item_rows=rows, offsets=np.arange(0, 3 * sessions + 1, 3))


def test_index_is_measured_and_the_frontier_is_in_the_manifest(encoder: OnnxEncoder) -> None:
    items = EXACT_ITEMS + 1
    config = ModelConfig(index_recall=0.97)
    index, spec = build_measured_index(vectors_of(items), encoder, sessions_over(items, 200), config)
    assert (spec.kind, spec.parameters) == (index.kind, index.parameters)
    assert not isinstance(spec.frontier, msgspec.UnsetType)
    assert not isinstance(spec.served, msgspec.UnsetType)
    assert spec.served.candidates == candidates_for(20)
    assert spec.served.recall_of_list >= 0.97
    enough = [one for one in spec.frontier if min(one.recall_at_20, one.recall_at_100) >= 0.98]
    assert enough
    assert all(one.us_per_query.keys() == {"1", "256"} for one in spec.frontier)
    times = [one.us_per_query["256"] for one in spec.frontier]
    recalls = [min(one.recall_at_20, one.recall_at_100) for one in spec.frontier]
    assert times == sorted(times)
    assert recalls == sorted(recalls)


def test_all_is_found_where_all_must_be(encoder: OnnxEncoder) -> None:
    items = EXACT_ITEMS + 1
    config = ModelConfig(index_recall=1.0)
    _, spec = build_measured_index(vectors_of(items), encoder, sessions_over(items, 200), config)
    assert spec.kind == "exact" or not isinstance(spec.frontier, msgspec.UnsetType)
    chosen = [one for one in spec.frontier or [] if one.parameters.items() <= spec.parameters.items()]
    assert chosen
    assert all((one.recall_at_20, one.recall_at_100) == (1, 1) for one in chosen if one.kind == spec.kind)


@pytest.mark.parametrize(
    ("items", "sessions", "kind"),
    [(EXACT_ITEMS, 200, "exact"), (EXACT_ITEMS + 1, 20, "pq_fastscan")],
    ids=["small catalogue", "few queries"],
)
def test_nothing_is_measured_where_there_is_nothing_to_choose(
    encoder: OnnxEncoder, items: int, sessions: int, kind: str
) -> None:
    index, spec = build_measured_index(
        vectors_of(items), encoder, sessions_over(items, sessions), ModelConfig()
    )
    assert (index.kind, spec.kind) == (kind, kind)
    assert (spec.frontier, spec.served) == (msgspec.UNSET, msgspec.UNSET)


@pytest.mark.parametrize("kind", ["exact", "pq_fastscan"])
def test_kind_that_the_config_names_is_not_measured(encoder: OnnxEncoder, kind: str) -> None:
    items = EXACT_ITEMS + 1
    config = ModelConfig(index=kind)  # type: ignore[arg-type]
    index, spec = build_measured_index(vectors_of(items), encoder, sessions_over(items, 200), config)
    assert (index.kind, spec.frontier) == (kind, msgspec.UNSET)


def test_queries_are_those_of_every_prefix_of_the_newest_sessions(encoder: OnnxEncoder) -> None:
    vectors = vectors_of(5)
    sessions = Sessions(item_rows=np.array([4, 0, 1, 2], dtype=np.int32), offsets=np.array([0, 1, 4]))
    state = np.zeros((1, 8), dtype=np.float16)
    expected = [encoder.step(vectors[4:5], np.zeros(1, dtype=np.int64), state)[0][0]]
    for row in (0, 1, 2):
        query, state = encoder.step(vectors[row : row + 1], np.zeros(1, dtype=np.int64), state)
        expected.append(query[0])
    queries = newest_queries(vectors, encoder, sessions)
    assert sorted(map(tuple, queries.round(4).tolist())) == sorted(
        map(tuple, np.array(expected).round(4).tolist())
    )


def test_no_session_gives_no_query(encoder: OnnxEncoder) -> None:
    none = Sessions(item_rows=np.zeros(0, dtype=np.int32), offsets=np.zeros(1, dtype=np.int64))
    assert newest_queries(vectors_of(5), encoder, none).shape == (0, DIM)


def test_event_types_of_sessions_are_read(encoder: OnnxEncoder, tmp_path: Path) -> None:
    rows, offsets = np.array([0, 1], dtype=np.int32), np.array([0, 2])
    typed = Sessions(item_rows=rows, offsets=offsets, event_types=np.array([0, 2], dtype=np.int8))
    assert newest_queries(vectors_of(3), encoder, typed).shape == (2, DIM)
