"""Planted data: shoppers walk around rings of items, so that the next item is known but for some noise."""

import numpy as np
import polars as pl

RING = 8
START_MS = 1_780_000_000_000


def ring_events(sessions: int = 300, rings: int = 5, noise: float = 0.1, seed: int = 3) -> pl.DataFrame:
    """Sessions of 2 to 7 views, one after the other in time; each step goes to the next item of its ring.

    Args:
        sessions: how many.
        rings: rings of 8 items each; an item's id is `<ring>-<place>`.
        noise: the share of the steps that go to any item.
        seed: of the generator.
    """
    random = np.random.default_rng(seed)
    rows = []
    for session in range(sessions):
        ring, place = int(random.integers(rings)), int(random.integers(RING))
        for at in range(int(random.integers(2, 8))):
            known = random.random() >= noise
            item = f"{ring}-{place}" if known else f"{random.integers(rings)}-{random.integers(RING)}"
            rows.append((f"s{session}", item, "view", START_MS + 60_000 * session + 1000 * at))
            place = (place + 1) % RING
    columns = ["session_id", "item_id", "event_type", "occurred_at_ms"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def cycle_events(sessions: int = 200, items: int = 20, seed: int = 3) -> pl.DataFrame:
    """Sessions of 2 to 7 views, one after the other in time; item i is always followed by i + 1 mod `items`.

    Args:
        sessions: how many.
        items: of the cycle; an item's id is its place.
        seed: of the generator.
    """
    random = np.random.default_rng(seed)
    rows = []
    for session in range(sessions):
        first = int(random.integers(items))
        for at in range(int(random.integers(2, 8))):
            item = str((first + at) % items)
            rows.append((f"s{session}", item, "view", START_MS + 60_000 * session + 1000 * at))
    columns = ["session_id", "item_id", "event_type", "occurred_at_ms"]
    return pl.DataFrame(rows, schema=columns, orient="row")
