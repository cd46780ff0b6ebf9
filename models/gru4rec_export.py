"""Export of a trained GRU4Rec encoder as ONNX, with the signature of `schemas.release_manifest.EncoderSpec`.

The graph is written out node by node: it is small, needs no exporter package, and its names, shapes and
opset are ours. Equal to torch within 1e-5 (held by a test). Caller: `retrain.training.training_run`.
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from torch import Tensor

from models.encoder_graph import OPSET, encoder_model
from models.gru4rec import GATES
from models.gru4rec_ensemble import Gru4RecEnsemble
from models.session_rule import EVENT_TYPE_CODES
from schemas.release_manifest import EncoderSpec


def encoder_spec(encoder: Gru4RecEnsemble) -> EncoderSpec:
    """The shapes of the exported graph."""
    return EncoderSpec(
        item_dim=encoder.item_dim,
        state_size=encoder.state_size,
        index_dim=encoder.index_dim,
        opset=OPSET,
        event_type_codes=dict(EVENT_TYPE_CODES),
    )


def export_encoder(encoder: Gru4RecEnsemble) -> bytes:
    """The encoder's step as an ONNX model.

    Inputs: `item` float32 [batch, item_dim], `event_type` int64 [batch], `state` float32 [batch, state_size];
    outputs: `query` float32 [batch, index_dim], `next_state` float32 [batch, state_size]. Where `event_type`
    is negative there is no event: the state passes unchanged and the query is that of the state.
    """
    return encoder_model("gru4rec_step", encoder_spec(encoder), _nodes(encoder), _constants(encoder))


def _constants(encoder: Gru4RecEnsemble) -> dict[str, NDArray[np.generic]]:
    """Weights and small constants; `0.1.hidden_weight` is the first member's, of its second layer."""
    shape, members = encoder.shape, encoder.members()
    constants: dict[str, NDArray[np.generic]] = {
        "gates": np.array([shape.hidden_size] * GATES, dtype=np.int64),
        "layers": np.array([shape.hidden_size] * shape.layers * len(members), dtype=np.int64),
        "last_axis": np.array([1], dtype=np.int64),
        "zero": np.array(0, dtype=np.int64),
        "one": np.array(1, dtype=np.float32),
        "one_column": np.array([0, 0, 0, 1], dtype=np.int64),
        "share": np.array((shape.cosine_scale or 1) / len(members), dtype=np.float32),
        "least_length": np.array(1e-12, dtype=np.float32),
    }
    for place, member in enumerate(members):
        bounds = np.array([place, place + 1], dtype=np.int64) * shape.hidden_size
        constants |= {
            f"{place}.first": bounds[:1],
            f"{place}.end": bounds[1:],
            f"{place}.type_embeddings": _array(member.type_embeddings),
        }
        for layer, cell in enumerate(member.gru_cells()):
            constants |= {
                f"{place}.{layer}.input_weight": _array(cell.weight_ih),
                f"{place}.{layer}.input_bias": _array(cell.bias_ih),
                f"{place}.{layer}.hidden_weight": _array(cell.weight_hh),
                f"{place}.{layer}.hidden_bias": _array(cell.bias_hh),
            }
    return constants


def _nodes(encoder: Gru4RecEnsemble) -> list[onnx.NodeProto]:
    shape, members = encoder.shape, range(len(encoder.members()))
    node = helper.make_node
    steps = [f"{place}.{layer}" for place in members for layer in range(shape.layers)]
    nodes = [
        node("Split", ["state", "layers"], [f"{step}.state" for step in steps], axis=1),
        node("Less", ["event_type", "zero"], ["no_event"]),
        node("Unsqueeze", ["no_event", "last_axis"], ["no_event_column"]),
        node("Max", ["event_type", "zero"], ["known_type"]),
    ]
    for place in members:
        nodes += _reading_nodes(place, event_types=shape.event_types > 0)
        read = f"{place}.read"
        for layer in range(shape.layers):
            nodes += _step_nodes(f"{place}.{layer}.", read)
            read = f"{place}.{layer}.stepped"
        nodes += _query_nodes(place, f"{place}.{shape.layers - 1}.", scaled=shape.cosine_scale > 0)
    return [
        *nodes,
        node("Concat", [f"{step}.stepped" for step in steps], ["stepped"], axis=1),
        node("Where", ["no_event_column", "state", "stepped"], ["next_state"]),
        node("Concat", [f"{place}.scored" for place in members], ["scored"], axis=1),
        node("Pad", ["scored", "one_column", "one"], ["query"]),
    ]


def _reading_nodes(place: int, *, event_types: bool) -> list[onnx.NodeProto]:
    """What a member's lowest layer reads: its embedding of the item and, where it is learned, of the type."""
    node = helper.make_node
    columns = ["item", f"{place}.first", f"{place}.end", "last_axis"]
    if not event_types:
        return [node("Slice", columns, [f"{place}.read"])]
    return [
        node("Slice", columns, [f"{place}.item_embedding"]),
        node("Gather", [f"{place}.type_embeddings", "known_type"], [f"{place}.type_embedding"]),
        node("Add", [f"{place}.item_embedding", f"{place}.type_embedding"], [f"{place}.read"]),
    ]


def _step_nodes(prefix: str, read: str) -> list[onnx.NodeProto]:
    """The GRU of Cho et al. 2014 as torch.nn.GRUCell computes it, one layer."""

    def node(kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> onnx.NodeProto:
        shared = {read, "gates"}
        named = [name if name in shared else prefix + name for name in inputs]
        return helper.make_node(kind, named, [prefix + name for name in outputs], **attributes)

    return [
        node("Gemm", [read, "input_weight", "input_bias"], ["from_item"], transB=1),
        node("Gemm", ["state", "hidden_weight", "hidden_bias"], ["from_state"], transB=1),
        node("Split", ["from_item", "gates"], ["item_r", "item_z", "item_n"], axis=1),
        node("Split", ["from_state", "gates"], ["state_r", "state_z", "state_n"], axis=1),
        node("Add", ["item_r", "state_r"], ["sum_r"]),
        node("Sigmoid", ["sum_r"], ["r"]),
        node("Add", ["item_z", "state_z"], ["sum_z"]),
        node("Sigmoid", ["sum_z"], ["z"]),
        node("Mul", ["r", "state_n"], ["reset_n"]),
        node("Add", ["item_n", "reset_n"], ["sum_n"]),
        node("Tanh", ["sum_n"], ["n"]),
        # h' = (1 - z) * n + z * h, written as n + z * (h - n)
        node("Sub", ["state", "n"], ["change"]),
        node("Mul", ["z", "change"], ["kept"]),
        node("Add", ["n", "kept"], ["stepped"]),
    ]


def _query_nodes(place: int, last_layer: str, *, scaled: bool) -> list[onnx.NodeProto]:
    """A member's part of the query: its last hidden state, the old one where there is no event."""
    node = helper.make_node
    states = [f"{last_layer}state", f"{last_layer}stepped"]
    nodes = [node("Where", ["no_event_column", *states], [f"{place}.hidden"])]
    if not scaled:
        return [*nodes, node("Mul", [f"{place}.hidden", "share"], [f"{place}.scored"])]
    return [
        *nodes,
        node("ReduceL2", [f"{place}.hidden"], [f"{place}.length"], axes=[1], keepdims=1),
        node("Max", [f"{place}.length", "least_length"], [f"{place}.positive_length"]),
        node("Div", [f"{place}.hidden", f"{place}.positive_length"], [f"{place}.direction"]),
        node("Mul", [f"{place}.direction", "share"], [f"{place}.scored"]),
    ]


def _array(weight: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = weight.detach().cpu().numpy()
    return array
