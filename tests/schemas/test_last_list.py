"""The last list in a state: what is written is read, and a state without it has the bytes it always had."""

import msgspec
import pytest
from msgspec.structs import replace

from schemas.ids import ReleaseId
from schemas.last_list import LastList, check_last_list, read_last_list, write_last_list
from schemas.session_state import SessionState, decode_session_state, encode_session_state
from tests.schemas.golden_values import SESSION_STATE_V1, SESSION_STATE_V1_WITH_LAST_LIST

PACKED = bytes([1, 2]) + (41).to_bytes(4, "little") + b"abcdef"


@pytest.mark.parametrize("release_id", ["r1", "r2", "release-ä"])
@pytest.mark.parametrize("own", ["", "r1"])
def test_last_list_is_read_as_it_was_written(release_id: str, own: str) -> None:
    last = LastList(ReleaseId(release_id), PACKED, 3)
    value = write_last_list(last, ReleaseId(own))
    check_last_list(value)
    assert read_last_list(value, ReleaseId(own), 3) == last
    assert last.strategy == "als"


def test_release_is_left_out_where_it_is_the_states_own() -> None:
    assert write_last_list(LastList(ReleaseId("r1"), PACKED, 0), ReleaseId("r1")) == PACKED


def test_no_list_is_no_bytes() -> None:
    assert write_last_list(None, ReleaseId("r1")) == b""
    assert read_last_list(b"", ReleaseId("r1"), 0) is None
    check_last_list(b"")


@pytest.mark.parametrize(
    "value", [b"\0", PACKED[:-1], b"\xff" + PACKED[1:], bytes([0, 21]) + bytes(200), PACKED + b"\xff"]
)
def test_state_whose_last_list_is_damaged_is_refused(value: bytes) -> None:
    with pytest.raises(msgspec.ValidationError, match="last list cannot be read"):
        decode_session_state(encode_session_state(replace(SESSION_STATE_V1, last_list=value)))


class StateBefore(msgspec.Struct, frozen=True, array_like=True):
    """SessionState as workers read it that do not know the last list."""

    version: int
    release_id: str
    item_ids: tuple[str, ...]
    event_types: bytes
    times_s: bytes
    event_hashes: bytes
    encoder_state: bytes
    last_event_at_ms: int
    home_partition: int


def test_worker_from_before_reads_a_state_with_a_last_list_and_writes_it_without() -> None:
    value = encode_session_state(SESSION_STATE_V1_WITH_LAST_LIST)
    before = msgspec.msgpack.decode(value, type=StateBefore)
    assert decode_session_state(msgspec.msgpack.encode(before)) == SESSION_STATE_V1


def test_new_session_is_written_and_read() -> None:
    assert decode_session_state(encode_session_state(SessionState())) == SessionState()
