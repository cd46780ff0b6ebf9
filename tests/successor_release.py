"""A release whose right answers are known without training: after an item comes its successor.

Item vectors are one-hot. The encoder halves the state and adds the item, the query is the state moved on by
one row. So the
list after items a, b starts with the successor of b (score 1), then that of a (score 0.5), and every order of
events gives
another state: an event that is lost, doubled or out of order shows.
"""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from models.popularity import most_popular
from models.release import (
    ENCODER_FILE,
    POPULAR_FILE,
    REPEAT_BIAS_FILE,
    SIMILAR_FILE,
    VECTORS_FILE,
    VOCABULARY_FILE,
    sha256_of,
)
from models.session_rule import EVENT_TYPE_CODES
from models.similar_items import nearest_items
from models.vocabulary import Vocabulary
from schemas.ids import ItemId, ReleaseId
from schemas.release_manifest import (
    MANIFEST_FILE,
    DataRange,
    EncoderSpec,
    FileDigest,
    IndexSpec,
    ReleaseManifest,
    encode_release_manifest,
)

OPSET = 18


def write_successor_release(
    releases: Path,
    release_id: str,
    item_ids: list[str],
    session_gap_s: float = 1800.0,
    repeat_bias: NDArray[np.float32] | None = None,
) -> ReleaseId:
    """Write a release that `load_release` serves.

    Args:
        releases: the folder of releases.
        release_id: the new folder in it.
        item_ids: the vocabulary; the successor of the last is the first. Popular in this order.
        session_gap_s: the session rule's gap.
        repeat_bias: see `models.release.Release.repeat_bias`.
    """
    folder = releases / release_id
    folder.mkdir(parents=True)
    items = len(item_ids)
    vectors = np.eye(items, dtype=np.float32)
    onnx.save(_encoder(items), str(folder / ENCODER_FILE))
    np.save(folder / VECTORS_FILE, vectors)
    Vocabulary([ItemId(item_id) for item_id in item_ids]).save(folder / VOCABULARY_FILE)
    events = np.repeat(np.arange(items), np.arange(items, 0, -1)).astype(np.int32)
    np.save(folder / POPULAR_FILE, most_popular(events, items))
    np.save(folder / SIMILAR_FILE, nearest_items(vectors, 5))
    if repeat_bias is not None:
        np.save(folder / REPEAT_BIAS_FILE, repeat_bias)
    files = {path.name: FileDigest(sha256_of(path), path.stat().st_size) for path in sorted(folder.iterdir())}
    manifest = ReleaseManifest(
        release_id=ReleaseId(release_id),
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        strategy="gru4rec",
        items=items,
        session_gap_s=session_gap_s,
        encoder=EncoderSpec(
            item_dim=items, state_size=items, index_dim=items, opset=OPSET, event_type_codes=EVENT_TYPE_CODES
        ),
        index=IndexSpec(kind="exact"),
        data=DataRange(events=len(events), sessions=1, items=items, sha256="00" * 32),
        config={},
        metrics={},
        code_version="0",
        files=files,
    )
    (folder / MANIFEST_FILE).write_bytes(encode_release_manifest(manifest))
    return manifest.release_id


def successors(item_ids: list[str], history: list[str], k: int) -> list[str]:
    """The list that such a release gives a session, computed without it (ties by row).

    As in the worker, the query comes from the step's float32 state, while the next step starts from float16.
    """
    state = query = np.zeros(len(item_ids), dtype=np.float32)
    for item_id in history:
        query, state = successor_step(item_ids, state, item_id)
    return successor_list(item_ids, query, k)


def successor_step(
    item_ids: list[str], state: NDArray[np.float32], item_id: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One event: what its list is made from, and the state after it; both float32 [items]."""
    if item_id not in item_ids:
        return state, state
    query = state * np.float32(0.5)
    query[item_ids.index(item_id)] += 1
    return query, query.astype(np.float16).astype(np.float32)


def successor_list(item_ids: list[str], query: NDArray[np.float32], k: int) -> list[str]:
    """The k best items of a query."""
    moved_on = np.concatenate((query[-1:], query[:-1]))
    return [item_ids[row] for row in np.argsort(-moved_on, kind="stable")[:k]]


def _encoder(items: int) -> onnx.ModelProto:
    moved_on = np.roll(np.eye(items, dtype=np.float32), 1, axis=1)
    constants = [
        helper.make_tensor("half", TensorProto.FLOAT, [], [0.5]),
        helper.make_tensor("zero", TensorProto.INT64, [], [0]),
        helper.make_tensor("last_axis", TensorProto.INT64, [1], [1]),
        helper.make_tensor("moved_on", TensorProto.FLOAT, [items, items], moved_on.ravel()),
    ]
    nodes = [
        helper.make_node("Mul", ["state", "half"], ["halved"]),
        helper.make_node("Add", ["halved", "item"], ["stepped"]),
        helper.make_node("Less", ["event_type", "zero"], ["no_step"]),
        helper.make_node("Unsqueeze", ["no_step", "last_axis"], ["no_step_column"]),
        helper.make_node("Where", ["no_step_column", "state", "stepped"], ["next_state"]),
        helper.make_node("MatMul", ["next_state", "moved_on"], ["query"]),
    ]

    def rows(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", items])

    event_type = helper.make_tensor_value_info("event_type", TensorProto.INT64, ["batch"])
    graph = helper.make_graph(
        nodes,
        "successor",
        [rows("item"), event_type, rows("state")],
        [rows("query"), rows("next_state")],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
