"""Export of ALS as a session encoder in ONNX, with the signature of `schemas.release_manifest.EncoderSpec`.

The state holds the vectors of the session's last items, the latest first; each step solves the least squares
of `models.als_fold_in` anew, by elimination written out in the graph. Equal to the numpy form within 1e-4
(held by a test). Caller: `retrain.training.als_training`.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from models.encoder_graph import OPSET, encoder_model
from models.model_config import MAX_STATE_SIZE
from models.session_rule import EVENT_TYPE_CODES
from schemas.release_manifest import EncoderSpec


def als_encoder_spec(factors: int, last_items: int) -> EncoderSpec:
    """The shapes of the exported graph."""
    return EncoderSpec(
        item_dim=factors,
        state_size=factors * last_items,
        index_dim=factors,
        opset=OPSET,
        event_type_codes=dict(EVENT_TYPE_CODES),
    )


def export_als_encoder(factors: int, confidence: NDArray[np.float32]) -> bytes:
    """The encoder's step as an ONNX model.

    Inputs and outputs as of `models.encoder.OnnxEncoder`; where `event_type` is negative there is no event:
    the state passes unchanged and the query is that of the state. The types have no other effect.

    Args:
        factors: dimensions of an item's whitened vector.
        confidence: float32 [last items], see `models.als_fold_in.confidences`.
    """
    spec = als_encoder_spec(factors, len(confidence))
    assert spec.state_size <= MAX_STATE_SIZE
    nodes = [*_state_nodes(), *_equation_nodes(), *_elimination_nodes(len(confidence)), *_query_nodes()]
    return encoder_model("als_step", spec, nodes, _constants(factors, confidence))


def _constants(factors: int, confidence: NDArray[np.float32]) -> dict[str, NDArray[np.generic]]:
    n = len(confidence)
    units = {f"unit_{place}": np.eye(n, dtype=np.float32)[:, place : place + 1] for place in range(n)}
    places = {f"place_{place}": np.array([place], dtype=np.int64) for place in range(n + 2)}
    return {
        **units,
        **places,
        "axis_1": np.array([1], dtype=np.int64),
        "axis_2": np.array([2], dtype=np.int64),
        "zero": np.array(0, dtype=np.int64),
        "kept_end": np.array([(n - 1) * factors], dtype=np.int64),
        "by_item": np.array([0, n, factors], dtype=np.int64),
        "extra": np.maximum(confidence - 1, 0)[:, None].astype(np.float32),
        "identity": np.eye(n, dtype=np.float32),
        "confidence": confidence[:, None].astype(np.float32),
    }


def _state_nodes() -> list[onnx.NodeProto]:
    """The event's item takes the first place, the last one falls out."""
    node = helper.make_node
    return [
        node("Slice", ["state", "place_0", "kept_end", "axis_1"], ["kept"]),
        node("Concat", ["item", "kept"], ["stepped"], axis=1),
        node("Less", ["event_type", "zero"], ["no_event"]),
        node("Unsqueeze", ["no_event", "axis_1"], ["no_event_column"]),
        node("Where", ["no_event_column", "state", "stepped"], ["next_state"]),
    ]


def _equation_nodes() -> list[onnx.NodeProto]:
    """(I + extra * V Vt) z = confidence, as one matrix [batch, n, n + 1]."""
    node = helper.make_node
    return [
        node("Reshape", ["next_state", "by_item"], ["vectors"]),
        node("Transpose", ["vectors"], ["vectors_t"], perm=[0, 2, 1]),
        node("MatMul", ["vectors", "vectors_t"], ["alike"]),
        node("Mul", ["extra", "alike"], ["weighted"]),
        node("Add", ["identity", "weighted"], ["left"]),
        # one column of the batch's own length, to put the constant right side beside the left
        node("Slice", ["left", "place_0", "place_1", "axis_2"], ["a_column"]),
        node("Sub", ["a_column", "a_column"], ["zero_column"]),
        node("Add", ["zero_column", "confidence"], ["right"]),
        node("Concat", ["left", "right"], ["matrix_0"], axis=2),
    ]


def _elimination_nodes(n: int) -> list[onnx.NodeProto]:
    """Gauss-Jordan elimination; no pivot vanishes, for the matrix is similar to a positive definite one."""
    node = helper.make_node
    nodes = []
    for at in range(n):
        matrix, after = f"matrix_{at}", f"matrix_{at + 1}"
        begin, end = f"place_{at}", f"place_{at + 1}"
        nodes += [
            node("Slice", [matrix, begin, end, "axis_1"], [f"row_{at}"]),
            node("Slice", [f"row_{at}", begin, end, "axis_2"], [f"pivot_{at}"]),
            node("Div", [f"row_{at}", f"pivot_{at}"], [f"scaled_{at}"]),
            node("Slice", [matrix, begin, end, "axis_2"], [f"column_{at}"]),
            node("Sub", [f"column_{at}", f"unit_{at}"], [f"factor_{at}"]),
            node("Mul", [f"factor_{at}", f"scaled_{at}"], [f"removed_{at}"]),
            node("Sub", [matrix, f"removed_{at}"], [after]),
        ]
    return [*nodes, node("Slice", [f"matrix_{n}", f"place_{n}", f"place_{n + 1}", "axis_2"], ["weights"])]


def _query_nodes() -> list[onnx.NodeProto]:
    """The query is the weighted sum of the vectors."""
    node = helper.make_node
    return [
        node("Mul", ["weights", "vectors"], ["terms"]),
        node("ReduceSum", ["terms", "axis_1"], ["query"], keepdims=0),
    ]
