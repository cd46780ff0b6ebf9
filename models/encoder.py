"""The session encoder at serving time: one ONNX graph, one step for a batch of sessions.

Owns the ONNX Runtime session. The item vectors stay outside the graph, memory-mapped. Caller:
`models.recommender`.
"""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.errors import InvalidRelease
from schemas.release_manifest import EncoderSpec

# ONNX Runtime's Linux wheel reports its use to its maker unless it is told not to before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

NO_STEP = -1
"""The event type of a batch row without an event: its state passes unchanged, its query is that of the state
as it stands."""

_INPUTS = ["item", "event_type", "state"]
_OUTPUTS = ["query", "next_state"]


class OnnxEncoder:
    """`encoder.onnx`: item, event_type, state -> query, next_state (shapes in `EncoderSpec`)."""

    def __init__(self, path: Path, spec: EncoderSpec, threads: int = 1) -> None:
        """Load the graph.

        Args:
            path: the file `encoder.onnx`.
            spec: the shapes that the manifest promises.
            threads: threads of one step.

        Raises:
            InvalidRelease: the file is no ONNX graph with the promised inputs, outputs and shapes.
        """
        self.spec = spec
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime raises bare C++ errors of many classes
            raise InvalidRelease(f"{path}: {error}") from error
        self._check_signature(path)

    def step(
        self, item: NDArray[np.float32], event_type: NDArray[np.int64], state: NDArray[np.float16]
    ) -> tuple[NDArray[np.float32], NDArray[np.float16]]:
        """One event for each of a batch of sessions.

        Args:
            item: float32 [batch, item_dim], the item's rows of `item_vectors.npy`.
            event_type: int64 [batch], codes of the manifest, or `NO_STEP`.
            state: float16 [batch, state_size]; zeros for a session that starts.

        Returns:
            query float32 [batch, index_dim] and the next state, rounded to float16 [batch, state_size].
        """
        query, next_state = self._session.run(
            _OUTPUTS, {"item": item, "event_type": event_type, "state": state.astype(np.float32)}
        )
        return query, next_state.astype(np.float16)

    def _check_signature(self, path: Path) -> None:
        inputs = {node.name: node.shape for node in self._session.get_inputs()}
        outputs = {node.name: node.shape for node in self._session.get_outputs()}
        if sorted(inputs) != sorted(_INPUTS) or sorted(outputs) != sorted(_OUTPUTS):
            raise InvalidRelease(
                f"{path}: inputs {sorted(inputs)} and outputs {sorted(outputs)}; {_INPUTS} and {_OUTPUTS} "
                "are needed"
            )
        sizes = {
            "item_dim": (inputs["item"][-1], self.spec.item_dim),
            "state_size": (inputs["state"][-1], self.spec.state_size),
            "index_dim": (outputs["query"][-1], self.spec.index_dim),
        }
        for name, (found, promised) in sizes.items():
            if found != promised:
                raise InvalidRelease(f"{path}: {name} is {found}, the manifest says {promised}")
