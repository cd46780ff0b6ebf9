"""The ONNX model around an encoder's step: names, shapes and opset, the same for every strategy.

Owns the signature of `schemas.release_manifest.EncoderSpec` in ONNX; the nodes between inputs and outputs are
the exporters'. Written out by hand: it is small, and needs no exporter package. Callers:
`models.gru4rec_export`, `models.als_encoder_export`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from schemas.release_manifest import EncoderSpec

OPSET = 17
_IR_VERSION = 8
"""The file format that came with opset 17: every ONNX Runtime since 1.12 reads it."""


def encoder_model(
    name: str,
    spec: EncoderSpec,
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, NDArray[np.generic]],
) -> bytes:
    """A checked model.

    Inputs: `item` float32 [batch, item_dim], `event_type` int64 [batch], `state` float32 [batch, state_size];
    outputs: `query` float32 [batch, index_dim], `next_state` float32 [batch, state_size].

    Args:
        name: of the graph.
        spec: the shapes.
        nodes: from inputs and constants to outputs, in order.
        constants: by name; those that no node reads are left out.
    """
    read = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes=nodes,
        name=name,
        inputs=[
            helper.make_tensor_value_info("item", TensorProto.FLOAT, ["batch", spec.item_dim]),
            helper.make_tensor_value_info("event_type", TensorProto.INT64, ["batch"]),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, ["batch", spec.state_size]),
        ],
        outputs=[
            helper.make_tensor_value_info("query", TensorProto.FLOAT, ["batch", spec.index_dim]),
            helper.make_tensor_value_info("next_state", TensorProto.FLOAT, ["batch", spec.state_size]),
        ],
        initializer=[
            numpy_helper.from_array(value, name) for name, value in constants.items() if name in read
        ],
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION, producer_name="millrace")
    onnx.checker.check_model(model, full_check=True)
    serialized: bytes = model.SerializeToString()
    return serialized
