"""A release that loads and answers a made-up event, and fails for every other item than its first.

Such a release has no probes: they would tell. Caller: the test of the automatic rollback.
"""

from pathlib import Path

import onnx
from msgspec.structs import replace
from onnx import TensorProto, helper

from models.release import ENCODER_FILE, read_manifest, sha256_of
from schemas.ids import ReleaseId
from schemas.release_manifest import MANIFEST_FILE, FileDigest, encode_release_manifest
from tests.successor_release import write_successor_release


def write_broken_release(releases: Path, release_id: str, item_ids: list[str]) -> ReleaseId:
    """A successor release whose encoder looks up a place beyond a table, except for the first item."""
    written = write_successor_release(releases, release_id, item_ids)
    path = releases / written / ENCODER_FILE
    model = onnx.load(path)
    graph = model.graph
    graph.initializer.append(helper.make_tensor("table", TensorProto.FLOAT, [1], [0.0]))
    graph.node.insert(0, helper.make_node("ArgMax", ["item"], ["place"], axis=1, keepdims=0))
    graph.node.insert(1, helper.make_node("Gather", ["table", "place"], ["looked_up"]))
    graph.node.insert(2, helper.make_node("Unsqueeze", ["looked_up", "last_axis"], ["zeros"]))
    graph.node.insert(3, helper.make_node("Add", ["item", "zeros"], ["checked"]))
    for node in graph.node[4:]:
        node.input[:] = ["checked" if name == "item" else name for name in node.input]
    onnx.save(model, path)
    folder, manifest = releases / written, read_manifest(releases / written)
    files = {**manifest.files, ENCODER_FILE: FileDigest(sha256_of(path), path.stat().st_size)}
    (folder / MANIFEST_FILE).write_bytes(encode_release_manifest(replace(manifest, files=files)))
    return written
