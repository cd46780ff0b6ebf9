"""Releases whose lists are known without training: what follows an item is written in a matrix.

The state halves and adds the event's item (one-hot), the query is the state times `answers`, and the score of
an item its place in the query. `write_candidate` writes a sound release; its arguments spoil one thing each.
"""

from datetime import datetime
from pathlib import Path

import numpy as np
import onnx
import polars as pl
from msgspec.structs import replace
from numpy.typing import NDArray
from onnx import TensorProto, helper

from index.item_index import build_index
from models.release import ENCODER_FILE, INDEX_FILE, VECTORS_FILE, VOCABULARY_FILE, sha256_of
from models.session_rule import EVENT_TYPE_CODES
from models.vocabulary import Vocabulary
from schemas.ids import ItemId
from schemas.release_manifest import (
    MANIFEST_FILE,
    EncoderSpec,
    FileDigest,
    IndexSpec,
    Refit,
    decode_release_manifest,
    encode_release_manifest,
)
from tests.retrain.planted_sessions import cycle_events
from tests.successor_release import OPSET, write_successor_release

ITEMS = 60
LISTED = 20
Matrix = NDArray[np.float32]


def write_candidate(
    releases: Path,
    release_id: str,
    answers: Matrix | None = None,
    vectors: Matrix | None = None,
    index: IndexSpec | None = None,
) -> Path:
    """Write a release; its folder.

    Args:
        releases: the folder of releases.
        release_id: the new folder in it.
        answers: float32 [items, items]; in row i the scores of all items after item i. By default
            the successor has 1, the others something less that differs from item to item.
        vectors: float32 [items, items], what the index searches; by default one-hot.
        index: by default exact.
    """
    answers = successor_answers(ITEMS) if answers is None else answers
    items = len(answers)
    write_successor_release(releases, release_id, [str(row) for row in range(items)], session_gap_s=0)
    folder = releases / release_id
    searched = np.eye(items, dtype=np.float32) if vectors is None else vectors
    np.save(folder / VECTORS_FILE, np.concatenate([np.eye(items, dtype=np.float32), searched], axis=1))
    onnx.save(_encoder(answers), str(folder / ENCODER_FILE))
    Vocabulary([ItemId(str(row)) for row in range(items)]).save(folder / VOCABULARY_FILE)
    spec = index or IndexSpec(kind="exact")
    build_index(spec.kind, np.nan_to_num(searched), spec.parameters).save(folder / INDEX_FILE)
    seal(folder, items, spec)
    return folder


def learned_until(
    folder: Path, last_event_at: datetime, made_at: datetime | None = None, refit: bool = False
) -> Path:
    """Have the manifest say what the release has learned, when (by default at once), and how; its folder."""
    manifest = decode_release_manifest((folder / MANIFEST_FILE).read_bytes())
    data = replace(manifest.data, last_event_at=last_event_at)
    told = replace(manifest, created_at=made_at or last_event_at, data=data)
    if refit:
        told = replace(told, refit=Refit(learned=data))
    (folder / MANIFEST_FILE).write_bytes(encode_release_manifest(told))
    return folder


def seal(folder: Path, items: int, index: IndexSpec) -> None:
    """Write the manifest for the files as they are."""
    manifest = decode_release_manifest((folder / MANIFEST_FILE).read_bytes())
    files = {path.name: path for path in sorted(folder.iterdir()) if path.name != MANIFEST_FILE}
    sealed = replace(
        manifest,
        index=index,
        encoder=EncoderSpec(
            item_dim=2 * items,
            state_size=items,
            index_dim=items,
            opset=OPSET,
            event_type_codes=EVENT_TYPE_CODES,
        ),
        files={name: FileDigest(sha256_of(path), path.stat().st_size) for name, path in files.items()},
    )
    (folder / MANIFEST_FILE).write_bytes(encode_release_manifest(sealed))


def successor_answers(items: int, seed: int = 1) -> Matrix:
    """After each item its successor; then others, drawn for each item."""
    others = np.random.default_rng(seed).random((items, items), dtype=np.float32) * np.float32(0.4)
    others[np.arange(items), (np.arange(items) + 1) % items] = 1
    return others


def slice_of(items: int, sessions: int = 250) -> pl.DataFrame:
    """Sessions in which item i is followed by i + 1 mod `items`; some 3.5 predictions a session."""
    return cycle_events(sessions=sessions, items=items, seed=7)


def _encoder(answers: Matrix) -> onnx.ModelProto:
    items = len(answers)
    seen = np.concatenate([np.eye(items, dtype=np.float32), np.zeros((items, items), dtype=np.float32)])
    constants = [
        helper.make_tensor("half", TensorProto.FLOAT, [], [0.5]),
        helper.make_tensor("zero", TensorProto.INT64, [], [0]),
        helper.make_tensor("last_axis", TensorProto.INT64, [1], [1]),
        helper.make_tensor("seen", TensorProto.FLOAT, seen.shape, seen.ravel()),
        helper.make_tensor("answers", TensorProto.FLOAT, answers.shape, answers.ravel()),
    ]
    nodes = [
        helper.make_node("MatMul", ["item", "seen"], ["one_hot"]),
        helper.make_node("Mul", ["state", "half"], ["halved"]),
        helper.make_node("Add", ["halved", "one_hot"], ["stepped"]),
        helper.make_node("Less", ["event_type", "zero"], ["no_step"]),
        helper.make_node("Unsqueeze", ["no_step", "last_axis"], ["no_step_column"]),
        helper.make_node("Where", ["no_step_column", "state", "stepped"], ["next_state"]),
        helper.make_node("MatMul", ["next_state", "answers"], ["query"]),
    ]

    def floats(name: str, size: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size])

    event_type = helper.make_tensor_value_info("event_type", TensorProto.INT64, ["batch"])
    graph = helper.make_graph(
        nodes,
        "planted",
        [floats("item", 2 * items), event_type, floats("state", items)],
        [floats("query", items), floats("next_state", items)],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
