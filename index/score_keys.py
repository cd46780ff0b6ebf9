"""Scores and row numbers as single integers, so that one partition selects by (score, row) exactly.

A key is the score's float32 bits, made to order like integers, in the upper half, minus the row number.
Partitioning plain integers is also several times faster in numpy than an argpartition. Callers: the indexes.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SPARE_BITS = 31
"""Numbers are below 2 ** SPARE_BITS."""
_MAGNITUDE = np.int32(0x7FFFFFFF)
_NUMBER = np.int64(0xFFFFFFFF)


def sort_keys(scores: NDArray[np.float32], numbers: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Keys that are greater for a greater score, and at equal scores for a lower number.

    Args:
        scores: float32, no NaN.
        numbers: integers in 0..2 ** SPARE_BITS - 1, of a shape that broadcasts with `scores`.
    """
    bits = (scores + np.float32(0)).view(np.int32)  # + 0 makes -0.0 the 0.0 that it compares equal to
    ordered = (bits ^ ((bits >> 31) & _MAGNITUDE)).astype(np.int64)
    ordered <<= 32
    ordered -= numbers
    return ordered


def greatest_keys(keys: NDArray[np.int64], n: int, in_order: bool = True) -> NDArray[np.int64]:
    """The n greatest of each line, int64 [batch, n], greatest first if `in_order`."""
    width = keys.shape[1]
    if n < width:
        keys = np.partition(keys, width - n, axis=1)[:, width - n :]
    return np.sort(keys, axis=1)[:, ::-1] if in_order else keys


def numbers_of(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers in keys."""
    numbers: NDArray[np.int64] = -keys & _NUMBER
    return numbers


def scores_of(keys: NDArray[np.int64]) -> NDArray[np.float32]:
    """The scores in keys."""
    ordered = ((keys + numbers_of(keys)) >> 32).astype(np.int32)
    return (ordered ^ ((ordered >> 31) & _MAGNITUDE)).view(np.float32)
