"""ReleaseManifest v1: `manifest.json` of a release folder, written last; without it a release does not exist.

Writer: `retrain.releases.release_building`. Readers: `models.release`, `retrain` (list, show).
"""

from datetime import datetime
from typing import Any

import msgspec

from schemas.gate_report import GateReport
from schemas.ids import ReleaseId
from schemas.index_measurement import IndexMeasurement, ServedSearch
from schemas.recommendation_list import Strategy

SCHEMA_VERSION = 1
MANIFEST_FILE = "manifest.json"


class FileDigest(msgspec.Struct, frozen=True):
    """What a file of the release must be."""

    sha256: str
    bytes: int


class EncoderSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The shapes of `encoder.onnx`.

    Inputs: item [batch, item_dim], event_type [batch], state [batch, state_size].
    Outputs: query [batch, index_dim], next_state [batch, state_size].
    """

    item_dim: int
    state_size: int
    index_dim: int
    opset: int
    event_type_codes: dict[str, int]


class IndexSpec(msgspec.Struct, frozen=True, kw_only=True):
    """How the item vectors are searched."""

    kind: str
    """`exact`, or a kind whose index lies in `index.faiss`."""
    parameters: dict[str, int] = {}
    frontier: list[IndexMeasurement] | msgspec.UnsetType = msgspec.UNSET
    """What was measured when the index was chosen, without what something else beats in both time and recall;
    not there where nothing was to be chosen."""
    served: ServedSearch | msgspec.UnsetType = msgspec.UNSET
    """The search of a worker in what was chosen; likewise."""


class LogRange(msgspec.Struct, frozen=True, kw_only=True):
    """A range of one partition of an event topic."""

    topic: str
    partition: int
    first_offset: int
    next_offset: int
    """The offset behind the last one."""


class DataRange(msgspec.Struct, frozen=True, kw_only=True):
    """What the release was trained on."""

    events: int
    sessions: int
    items: int
    first_event_at: datetime | None = None
    last_event_at: datetime | None = None
    sha256: str
    """Of the training events, in log order."""
    log_ranges: list[LogRange] | msgspec.UnsetType = msgspec.UNSET
    """What was read of the event topics, the evaluated part included; not there where it was a file."""


class Lineage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a release's weights come from, where a warm start was asked for."""

    warm_started_from: ReleaseId | None = None
    """The release whose weights the training began with; none: it began from scratch."""
    warm_cycles: int = 0
    """Warm starts since the last training from scratch, this one included."""
    why_from_scratch: str | None = None
    """Why it did not begin with the weights of the release that was given."""


class Refit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The pass behind the gate in which a judged candidate learns the slice that it was judged on."""

    learned: DataRange | msgspec.UnsetType = msgspec.UNSET
    """What was learned in it, of what `data` says; not there where the release is the judged candidate."""
    check: GateReport | msgspec.UnsetType = msgspec.UNSET
    """What was found after it, beside the judged candidate, on the slice, which it had learned by then."""
    why_not: str | None = None
    """Why the release is the judged candidate, without the pass."""


class ReleaseManifest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one needs to know to serve a release, and where it came from."""

    release_id: ReleaseId
    created_at: datetime
    strategy: Strategy
    items: int
    """The size of the vocabulary."""
    session_gap_s: float
    """The session rule's gap in seconds, in training and serving; 0: a session never ends by time."""
    encoder: EncoderSpec
    index: IndexSpec
    data: DataRange
    config: dict[str, Any]
    metrics: dict[str, float]
    code_version: str
    files: dict[str, FileDigest]
    gate: GateReport | msgspec.UnsetType = msgspec.UNSET
    """What the gate found; not there where the release was made by hand."""
    lineage: Lineage | msgspec.UnsetType = msgspec.UNSET
    """Not there where no warm start was asked for."""
    refit: Refit | msgspec.UnsetType = msgspec.UNSET
    """Not there where nothing was to be learned after the gate. With `learned`, `metrics` and `gate` are of
    the release that `gate.measured_on` names, which had not learned what they were measured on; with
    `why_not` they are of this one."""
    schema_version: int = SCHEMA_VERSION


_DECODER = msgspec.json.Decoder(ReleaseManifest)


def encode_release_manifest(manifest: ReleaseManifest) -> bytes:
    """Indented JSON bytes of the manifest."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2)


def decode_release_manifest(value: bytes) -> ReleaseManifest:
    """The manifest from its bytes.

    Raises:
        msgspec.DecodeError: the bytes are no ReleaseManifest of a known version.
    """
    manifest = _DECODER.decode(value)
    if manifest.schema_version != SCHEMA_VERSION:
        raise msgspec.ValidationError(
            f"manifest of version {manifest.schema_version}; version {SCHEMA_VERSION} is known"
        )
    return manifest
