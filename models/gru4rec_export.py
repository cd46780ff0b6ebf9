"""Export of a trained GRU4Rec encoder as ONNX, with the signature of `schemas.release_manifest.EncoderSpec`.

The graph is written out node by node: it is small, needs no exporter package, and its names, shapes and
opset are ours. Equal to torch within 1e-5 (held by a test). Caller: `retrain.release_building`.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from models.gru4rec import GATES, Gru4Rec
from models.session_rule import EVENT_TYPE_CODES
from schemas.release_manifest import EncoderSpec

OPSET = 17
_IR_VERSION = 8
"""The file format that came with opset 17: every ONNX Runtime since 1.12 reads it."""


def encoder_spec(encoder: Gru4Rec) -> EncoderSpec:
    """The shapes of the exported graph."""
    dim = encoder.hidden_size + 1
    return EncoderSpec(
        item_dim=dim,
        state_size=encoder.hidden_size,
        index_dim=dim,
        opset=OPSET,
        event_type_codes=dict(EVENT_TYPE_CODES),
    )


def export_encoder(encoder: Gru4Rec) -> bytes:
    """The encoder's step as an ONNX model.

    Inputs: `item` float32 [batch, item_dim], `event_type` int64 [batch], `state` float32 [batch, state_size];
    outputs: `query` float32 [batch, index_dim], `next_state` float32 [batch, state_size]. Where `event_type`
    is negative there is no event: the state passes unchanged and the query is that of the state. The types
    have no other effect as yet.
    """
    spec = encoder_spec(encoder)
    graph = helper.make_graph(
        nodes=_step_nodes(),
        name="gru4rec_step",
        inputs=[
            helper.make_tensor_value_info("item", TensorProto.FLOAT, ["batch", spec.item_dim]),
            helper.make_tensor_value_info("event_type", TensorProto.INT64, ["batch"]),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, ["batch", spec.state_size]),
        ],
        outputs=[
            helper.make_tensor_value_info("query", TensorProto.FLOAT, ["batch", spec.index_dim]),
            helper.make_tensor_value_info("next_state", TensorProto.FLOAT, ["batch", spec.state_size]),
        ],
        initializer=[numpy_helper.from_array(value, name) for name, value in _constants(encoder).items()],
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION, producer_name="millrace")
    onnx.checker.check_model(model, full_check=True)
    serialized: bytes = model.SerializeToString()
    return serialized


def _constants(encoder: Gru4Rec) -> dict[str, NDArray[np.generic]]:
    """Weights and small constants. The input weights get a column of zeros for the item's bias."""
    cell = encoder.cell
    return {
        "input_weight": np.pad(_array(cell.weight_ih), ((0, 0), (0, 1))),
        "input_bias": _array(cell.bias_ih),
        "hidden_weight": _array(cell.weight_hh),
        "hidden_bias": _array(cell.bias_hh),
        "gates": np.array([encoder.hidden_size] * GATES, dtype=np.int64),
        "last_axis": np.array([1], dtype=np.int64),
        "zero": np.array(0, dtype=np.int64),
        "one": np.array(1, dtype=np.float32),
        "one_column": np.array([0, 0, 0, 1], dtype=np.int64),
    }


def _step_nodes() -> list[onnx.NodeProto]:
    """The GRU of Cho et al. 2014 as torch.nn.GRUCell computes it."""
    node = helper.make_node
    return [
        node("Gemm", ["item", "input_weight", "input_bias"], ["from_item"], transB=1),
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
        node("Less", ["event_type", "zero"], ["no_event"]),
        node("Unsqueeze", ["no_event", "last_axis"], ["no_event_column"]),
        node("Where", ["no_event_column", "state", "stepped"], ["next_state"]),
        node("Pad", ["next_state", "one_column", "one"], ["query"]),
    ]


def _array(weight: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = weight.detach().cpu().numpy()
    return array
