"""Similar items are the nearest ones by cosine, the item itself left out."""

import numpy as np
import pytest

from models.similar_items import nearest_items
from tests.index.planted_vectors import planted


def test_nearest_by_cosine_come_first_and_the_item_itself_never() -> None:
    vectors = np.array([[1, 0], [2, 0.1], [0, 3], [-1, 0]], dtype=np.float32)
    similar = nearest_items(vectors, 2)
    assert similar["row"].tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert similar["score"][0, 0] == pytest.approx(2 / np.hypot(2, 0.1))


def test_large_catalogue_is_searched_approximately_and_hardly_misses(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = planted(items=3000, dim=16)
    exact = nearest_items(vectors, 20)
    monkeypatch.setattr("models.similar_items.EXACT_ITEMS", 1000)
    found = nearest_items(vectors, 20)
    assert found.shape == (3000, 20)
    assert not (found["row"] == np.arange(3000)[:, None]).any()
    assert (found["row"][:, :, None] == exact["row"][:, None, :]).any(axis=2).mean() > 0.98
    assert (np.diff(found["score"], axis=1) <= 0).all()


def test_neighbours_that_the_lists_hold_too_few_of_are_searched_exactly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors, _ = planted(items=1500, dim=4)
    expected = nearest_items(vectors, 30)
    monkeypatch.setattr("models.similar_items.EXACT_ITEMS", 1000)
    monkeypatch.setattr("index.pq_index.FLAT_ITEMS", 1000)
    found = nearest_items(vectors, 30)
    assert (found["row"] >= 0).all()
    assert (found["row"][:, :, None] == expected["row"][:, None, :]).any(axis=2).mean() > 0.5
