"""RetrainRequest v1: the message on the `retrain-requests` topic that asks for a retrain cycle, as JSON.

Writers: `streams.lookup.retrain_producer` (`POST /admin/retrain`), anybody who may write the topic. Reader:
`retrain.schedule.request_topic`. Several that wait become one cycle.
"""

from datetime import datetime
from typing import Annotated

import msgspec

MAX_TEXT = 256
"""Of the id and the reason, in characters."""
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT)]


class RetrainRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody asks for a new release."""

    request_id: Text
    """Told apart by it: a request that was answered is not taken again."""
    requested_at: Annotated[datetime, msgspec.Meta(tz=True)]
    reason: Text | None = None
    """For the log and the history."""
    from_scratch: bool = False
    """Whether the training is to begin without the running release's weights."""
    schema_version: int = 1


_DECODER = msgspec.json.Decoder(RetrainRequest)


def encode_retrain_request(request: RetrainRequest) -> bytes:
    """JSON bytes of the request."""
    return msgspec.json.encode(request)


def decode_retrain_request(value: bytes) -> RetrainRequest:
    """The request from its bytes.

    Raises:
        msgspec.DecodeError: the bytes are no RetrainRequest v1.
    """
    return _DECODER.decode(value)
