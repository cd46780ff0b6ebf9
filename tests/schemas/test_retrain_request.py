"""What is a retrain request, and what is none."""

import msgspec
import pytest

from schemas.retrain_request import decode_retrain_request


def test_reason_and_from_scratch_may_be_left_out() -> None:
    request = decode_retrain_request(b'{"request_id":"r","requested_at":"2026-01-01T00:00:00Z","new":1}')
    assert (request.reason, request.from_scratch, request.schema_version) == (None, False, 1)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"null",
        b'{"request_id":"r"}',
        b'{"request_id":"","requested_at":"2026-01-01T00:00:00Z"}',
        b'{"request_id":"r","requested_at":"2026-01-01T00:00:00"}',
        b'{"request_id":"r","requested_at":"2026-01-01T00:00:00Z","from_scratch":"yes"}',
    ],
)
def test_anything_else_is_no_request(value: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_retrain_request(value)
