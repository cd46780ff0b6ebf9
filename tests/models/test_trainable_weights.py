"""Trainable weights: what goes in comes out, without pickles; anything else is no release."""

from pathlib import Path

import numpy as np
import pytest

from models.trainable_weights import ITEM_MATRIX, load_weights, save_weights
from schemas.errors import InvalidRelease


def test_weights_of_all_members_come_back_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    members = [
        {ITEM_MATRIX: np.full((3, 2), place, dtype=np.float32), "cells.0.bias_ih": np.ones(6, np.float32)}
        for place in range(3)
    ]
    save_weights(path, members)
    loaded = load_weights(path)
    assert len(loaded) == 3
    for written, read in zip(members, loaded, strict=True):
        assert written.keys() == read.keys()
        assert all(np.array_equal(written[name], read[name]) for name in written)


def test_same_weights_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        save_weights(tmp_path / name, [{ITEM_MATRIX: np.ones((3, 2), dtype=np.float32)}])
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_what_is_no_archive_or_holds_pickles_is_refused(tmp_path: Path) -> None:
    no_archive, pickles = tmp_path / "no.npz", tmp_path / "pickles.npz"
    no_archive.write_bytes(b"no archive")
    np.savez(pickles, **{"0.x": np.array([{}], dtype=object)})  # type: ignore[arg-type]  # see save_weights
    for path in (no_archive, pickles, tmp_path / "missing.npz"):
        with pytest.raises(InvalidRelease, match="holds no weights"):
            load_weights(path)
