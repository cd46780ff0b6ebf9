"""Vocabulary: ids to rows and back."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.vocabulary import UNKNOWN, Vocabulary, load_vocabulary
from schemas.errors import InvalidRelease
from schemas.ids import ItemId


def a_vocabulary(*item_ids: str) -> Vocabulary:
    return Vocabulary([ItemId(item_id) for item_id in item_ids])


def test_rows_follow_the_order_given() -> None:
    vocabulary = a_vocabulary("b", "a", "ä")
    assert len(vocabulary) == 3
    assert vocabulary.item_ids == ("b", "a", "ä")
    assert [vocabulary.row(item_id) for item_id in vocabulary.item_ids] == [0, 1, 2]
    assert [vocabulary.item_id(row) for row in range(3)] == ["b", "a", "ä"]


def test_unknown_items_have_the_row_unknown() -> None:
    vocabulary = a_vocabulary("b", "a")
    assert vocabulary.row(ItemId("z")) == UNKNOWN
    rows = vocabulary.rows([ItemId("a"), ItemId("z"), ItemId("b")])
    assert rows.tolist() == [1, UNKNOWN, 0]
    assert rows.dtype == np.int32
    assert vocabulary.rows([]).dtype == np.int32


def test_row_of_an_unknown_item_has_no_id() -> None:
    with pytest.raises(AssertionError):
        a_vocabulary("a").item_id(UNKNOWN)


def test_item_that_occurs_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="occurs twice"):
        a_vocabulary("a", "b", "a")


def test_saved_vocabulary_is_loaded_as_it_was(tmp_path: Path) -> None:
    a_vocabulary("b", "a", "ä").save(tmp_path / "vocabulary.msgpack")
    assert load_vocabulary(tmp_path / "vocabulary.msgpack").item_ids == ("b", "a", "ä")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xc1",
        msgspec.msgpack.encode({"a": 1}),
        msgspec.msgpack.encode([1]),
        msgspec.msgpack.encode(["a", "a"]),
    ],
)
def test_what_is_no_vocabulary_is_an_invalid_release(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vocabulary.msgpack"
    path.write_bytes(content)
    with pytest.raises(InvalidRelease, match="vocabulary"):
        load_vocabulary(path)
