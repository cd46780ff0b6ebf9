"""The catalogue of the simulated shop: titles, categories, prices, and which item goes with which.

Owns the items and how they are related; the words come from `shop_goods`, who buys what is `simulated_shop`.
The catalogue is the same in every run: departments of main items and accessories, shelves of book series.
Callers: `simulated_shop`, the demo.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from schemas.ids import ItemId
from schemas.item_metadata import ItemMetadata
from streams.dev.shop_goods import BOOK_SERIES, DEPARTMENTS, ORDINALS, Department


@dataclass(frozen=True)
class Catalogue:
    """The shop's items and their relations; an item is its place in `items`."""

    items: tuple[ItemMetadata, ...]
    shelves: tuple[tuple[int, ...], ...]
    """Main items of one category each, by price; shoppers enter the shop at one of them."""
    shelf_of: Mapping[int, int]
    """Main item -> its shelf."""
    accessories: Mapping[int, tuple[int, ...]]
    """Main item -> what goes with it: one item of each accessory category, of the same brand, in order."""
    sequels: Mapping[int, int]
    """Book -> the next volume of its series."""


@cache
def shop_catalogue() -> Catalogue:
    """The whole catalogue; made once."""
    building = _Building()
    for department in DEPARTMENTS:
        building.add_department(department)
    for genre, series in BOOK_SERIES.items():
        building.add_books(genre, series)
    return building.catalogue()


class _Building:
    """The catalogue while it is being made; every item gets its place as it is added."""

    def __init__(self) -> None:
        self._items: list[ItemMetadata] = []
        self._shelves: list[tuple[int, ...]] = []
        self._accessories: dict[int, tuple[int, ...]] = {}
        self._sequels: dict[int, int] = {}

    def add_department(self, department: Department) -> None:
        """Main items by price, and of each accessory one of each brand."""
        brands, models = department.brands.split(", "), department.models.split()
        by_category = [
            [
                self._add(department.name, noun, f"{brand} {noun}", price)
                for brand, price in zip(brands, _prices(*span, len(brands)), strict=True)
            ]
            for noun, span in department.accessories.items()
        ]
        for noun, span in department.mains.items():
            shelf = []
            for at, (model, price) in enumerate(zip(models, _prices(*span, len(models)), strict=True)):
                item = self._add(department.name, noun, f"{brands[at % len(brands)]} {model} {noun}", price)
                self._accessories[item] = tuple(category[at % len(brands)] for category in by_category)
                shelf.append(item)
            self._shelves.append(tuple(shelf))

    def add_books(self, genre: str, series: tuple[str, ...]) -> None:
        """Series of four volumes; the first volumes are what shoppers enter at."""
        shelf = []
        for title in series:
            volumes = [
                self._add("Books", f"{genre} novel", f"{title}, {ordinal}", 11.9) for ordinal in ORDINALS
            ]
            self._sequels.update(itertools.pairwise(volumes))
            shelf.append(volumes[0])
        self._shelves.append(tuple(shelf))

    def catalogue(self) -> Catalogue:
        """What was added."""
        shelf_of = {item: at for at, shelf in enumerate(self._shelves) for item in shelf}
        return Catalogue(tuple(self._items), tuple(self._shelves), shelf_of, self._accessories, self._sequels)

    def _add(self, department: str, noun: str, title: str, price: float) -> int:
        slug = noun.replace(" ", "-").replace("'", "")
        item_id = f"{slug}-{len(self._items):03d}"
        category = f"{department} > {noun}"
        self._items.append(
            ItemMetadata(item_id=ItemId(item_id), title=title, category=category, price=price, currency="EUR")
        )
        return len(self._items) - 1


def _prices(low: float, high: float, n: int) -> list[float]:
    """So many prices from low to high, each the same factor above the one before, as on a price tag."""
    return [round(low * (high / low) ** (at / (n - 1))) - 0.1 for at in range(n)]
