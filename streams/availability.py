"""Availability: which items must not be shown, as the catalogue in Redis says.

Written by `streams.catalogue`.

Callers: the worker and the lookup, which ask for the version every second and load the set when it has risen.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from redis.asyncio import Redis

from models.vocabulary import UNKNOWN, Vocabulary
from schemas.ids import ItemId
from schemas.redis_keys import ITEMS_VERSION, UNAVAILABLE_ITEMS
from streams.redis_clients import available

_LOAD = "return {redis.call('GET', KEYS[1]), redis.call('SMEMBERS', KEYS[2])}"
"""Both at one moment; a transaction cannot be relied on in the client of a Redis Cluster."""


class Availability(NamedTuple):
    """The unavailable items at one version of the catalogue; version 0: the shop has sent none."""

    version: int = 0
    unavailable: frozenset[ItemId] = frozenset()

    def mask(self, vocabulary: Vocabulary, new: Vocabulary | None = None) -> NDArray[np.bool_] | None:
        """Bool [items], True where an item must not be shown; None where all may.

        Args:
            vocabulary: of the release.
            new: of its side index; these items follow the others.
        """
        parts = [vocabulary] if new is None else [vocabulary, new]
        masks = [self._mask(one) for one in parts]
        mask = np.concatenate(masks)
        return mask if mask.any() else None

    def _mask(self, vocabulary: Vocabulary) -> NDArray[np.bool_]:
        rows = vocabulary.rows(self.unavailable)
        mask = np.zeros(len(vocabulary), dtype=np.bool_)
        mask[rows[rows != UNKNOWN]] = True
        return mask


async def load_availability(redis: "Redis", known: Availability) -> Availability:
    """The availability as it is now; `known` itself where the version has not changed.

    Raises:
        Unavailable: Redis does not answer.
    """
    version = int(await available(redis.get(ITEMS_VERSION)) or 0)
    if version == known.version:
        return known
    script = redis.register_script(_LOAD)
    version_now, members = await available(script([ITEMS_VERSION, UNAVAILABLE_ITEMS]))
    return Availability(int(version_now or 0), frozenset(ItemId(member.decode()) for member in members))
