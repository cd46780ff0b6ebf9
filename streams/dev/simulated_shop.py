"""The simulated shop: shoppers with intents who move between related items, as event rows.

Owns the behaviour; the items are `shop_catalogue`. Callers: the demo, `millrace up`, tests.

A shopper enters at a main item of one shelf (popular ones more often), and compares: a bargain hunter goes
down in price, an upgrader up. What they decide for goes into the cart; then come the accessories of that very
item, in the order in which people look at them, and perhaps the purchase. Readers take a first volume, then
the next. Now and then somebody looks at something else. So the next item depends on the whole visit, such as
the direction of the search, and not on the last item alone.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from streams.dev.shop_catalogue import Catalogue, shop_catalogue

SESSIONS_PER_DAY = 1500
DAY_MS = 86_400_000
VISITS_PER_SHOPPER = 3
MEAN_PAUSE_S = 40.0
"""Between two events of a session."""

_DISTRACTION = 0.3
_GOES_ON_COMPARING = 0.65
_DECIDES = 0.55
_WANTS_ACCESSORY = 0.6
_TAKES_ACCESSORY = 0.4
_BUYS = 0.6
_READS_ON = 0.7

Step = tuple[int, str]
"""Place of the item in the catalogue, event type."""


def simulate(rng: np.random.Generator, sessions: int, start_ms: int) -> pl.DataFrame:
    """The events of a number of shopping sessions, in time order, those of different sessions interleaved.

    Args:
        rng: where all chance comes from.
        sessions: how many sessions there are.
        start_ms: when the first may start, epoch milliseconds; then come `SESSIONS_PER_DAY`.

    Returns:
        Columns as of `schemas.event_files.read_events`: `session_id`, `item_id`, `event_type`,
        `occurred_at_ms`, `event_id`, `user_id`, `price`.
    """
    catalogue = shop_catalogue()
    weights = _entry_weights(catalogue)
    starts = start_ms + np.sort(rng.uniform(0, sessions / SESSIONS_PER_DAY, sessions)) * DAY_MS
    rows = [
        row for at in range(sessions) for row in _session(rng, catalogue, weights, at, starts[at], sessions)
    ]
    columns = ["session_id", "item_id", "event_type", "occurred_at_ms", "event_id", "user_id", "price"]
    return pl.DataFrame(rows, schema=columns, orient="row").sort("occurred_at_ms", maintain_order=True)


def _session(
    rng: np.random.Generator,
    catalogue: Catalogue,
    weights: NDArray[np.float64],
    number: int,
    start_ms: float,
    sessions: int,
) -> Iterator[tuple[str, str, str, int, str, str, float | None]]:
    session_id = f"visit-{number:05d}"
    user_id = f"shopper-{rng.integers(max(1, sessions // VISITS_PER_SHOPPER)):05d}"
    time_ms = start_ms
    for at, (place, event_type) in enumerate(_visit(rng, catalogue, weights)):
        item = catalogue.items[place]
        yield session_id, item.item_id, event_type, int(time_ms), f"{session_id}-{at}", user_id, item.price
        time_ms += 2_000 + rng.exponential(MEAN_PAUSE_S) * 1000


def _visit(rng: np.random.Generator, catalogue: Catalogue, weights: NDArray[np.float64]) -> Iterator[Step]:
    entry = int(rng.choice(len(weights), p=weights))
    if entry in catalogue.sequels:
        yield from _read_series(rng, catalogue, weights, entry)
        return
    chosen = entry
    for chosen, event_type in _compare(rng, catalogue, weights, entry):
        yield chosen, event_type
    if rng.random() < _DECIDES:
        yield chosen, "cart"
        yield from _accessorise(rng, catalogue, chosen)


def _compare(
    rng: np.random.Generator, catalogue: Catalogue, weights: NDArray[np.float64], entry: int
) -> Iterator[Step]:
    """Views along one shelf, in one direction of price; a distraction does not change what is compared."""
    shelf = catalogue.shelves[catalogue.shelf_of[entry]]
    rank, direction = shelf.index(entry), int(rng.choice([-1, 1]))
    yield entry, "view"
    while rng.random() < _GOES_ON_COMPARING:
        rank += direction * int(rng.choice([1, 2], p=[0.75, 0.25]))
        if not 0 <= rank < len(shelf):
            break
        if rng.random() < _DISTRACTION:
            yield int(rng.choice(len(weights), p=weights)), "view"
        yield shelf[rank], "view"


def _accessorise(rng: np.random.Generator, catalogue: Catalogue, chosen: int) -> Iterator[Step]:
    cart = [chosen]
    for accessory in catalogue.accessories[chosen]:
        if rng.random() < _WANTS_ACCESSORY:
            yield accessory, "view"
            if rng.random() < _TAKES_ACCESSORY:
                cart.append(accessory)
                yield accessory, "cart"
    if rng.random() < _BUYS:
        yield from ((item, "purchase") for item in cart)


def _read_series(
    rng: np.random.Generator, catalogue: Catalogue, weights: NDArray[np.float64], first: int
) -> Iterator[Step]:
    book = first
    yield book, "view"
    while book in catalogue.sequels and rng.random() < _READS_ON:
        if rng.random() < _DISTRACTION:
            yield int(rng.choice(len(weights), p=weights)), "view"
        book = catalogue.sequels[book]
        yield book, "view"
    if rng.random() < _DECIDES:
        yield book, "cart"
        if rng.random() < _BUYS:
            yield book, "purchase"


def _entry_weights(catalogue: Catalogue) -> NDArray[np.float64]:
    """How likely a visit starts at each item, float64 [items]: falls with the rank of shelf and of item."""
    weights: NDArray[np.float64] = np.zeros(len(catalogue.items))
    for shelf_at, shelf in enumerate(catalogue.shelves):
        # The middle of the shelf is the most visited, so that there is room to go down and up.
        by_popularity = sorted(shelf, key=lambda item: abs(shelf.index(item) - len(shelf) // 2))
        for rank, item in enumerate(by_popularity):
            weights[item] = 1 / ((1 + shelf_at) ** 0.6 * (1 + rank) ** 0.8)
    weights /= weights.sum()
    return weights
