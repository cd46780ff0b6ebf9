"""The words that the simulated shop's goods are made of: departments, brands, models, prices, book series.

Data only. Caller: `streams.dev.shop_catalogue`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

PriceRange = tuple[float, float]


@dataclass(frozen=True)
class Department:
    """The words that a department's items are made of; prices rise from the first model to the last."""

    name: str
    brands: str
    """Comma-separated."""
    models: str
    """Blank-separated, twice as many as brands."""
    mains: Mapping[str, PriceRange]
    accessories: Mapping[str, PriceRange]
    """In the order in which shoppers look at them, once they have a main item."""


DEPARTMENTS = (
    Department(
        "Coffee",
        "Aurea, Kestrel, Moka & Sons, Tamburo, Nordlys, Brio",
        "Uno Piccola Casa Duetto Viva Classica Linea Maestro Doppia Studio Pro Grande",
        {"espresso machine": (149, 1890), "coffee grinder": (49, 690)},
        {"tamper": (12, 65), "milk jug": (9, 48), "coffee scale": (19, 160), "espresso beans": (8, 27)},
    ),
    Department(
        "Cycling",
        "Velion, Corsa, Highmoor, Pavé, Trailhead, Ostwind",
        "One City Tour Swift Gravel Ridge Breeze Sprint Summit Aero Carbon Team",
        {"touring bike": (390, 4200), "e-bike": (1290, 5900)},
        {"bike lock": (19, 120), "bike helmet": (29, 210), "pannier": (35, 140), "floor pump": (18, 85)},
    ),
    Department(
        "Photography",
        "Lumara, Argent, Field & Frame, Oculis, Kodiak, Sable",
        "A1 Mini S2 Go M3 Travel R5 Studio X7 Night Z9 Master",
        {"mirrorless camera": (420, 3900), "wide-angle lens": (190, 2200)},
        {"memory card": (14, 190), "camera bag": (29, 220), "tripod": (35, 480), "lens filter": (15, 140)},
    ),
    Department(
        "Camping",
        "Fjellro, Larch, Wayfarer, Tarn, Polaris, Heath",
        "Lite Solo Duo Nook Drift Shelter Dome Ridge Storm Trek Polar Expedition",
        {"tent": (79, 890), "backpack": (59, 390)},
        {
            "sleeping bag": (39, 420),
            "sleeping mat": (25, 210),
            "camping stove": (19, 160),
            "head torch": (12, 95),
        },
    ),
    Department(
        "Music",
        "Cadenza, Harrow, Blue Note, Stagedoor, Ravel, Ember",
        "First Student Folk Session Parlour Vintage Tour Standard Studio Custom Heritage Concert",
        {"guitar": (99, 2400), "digital piano": (240, 2900)},
        {"music stand": (15, 90), "tuner": (9, 75), "carrying case": (29, 260), "headphones": (25, 320)},
    ),
    Department(
        "Running",
        "Alto, Strider, Marathonia, Fleet, Cloudberry, Pace",
        "Start Easy Daily Tempo Trail Glide Road Cross Race Wind Elite Record",
        {"running shoes": (59, 260), "sports watch": (79, 690)},
        {
            "running socks": (7, 32),
            "running vest": (29, 150),
            "water flask": (9, 45),
            "running belt": (12, 60),
        },
    ),
    Department(
        "Kitchen",
        "Copperline, Hearth, Saison, Granit, Olive & Oak, Tillett",
        "Basic Home Plus Family Fresh Chef Classic Gourmet Select Atelier Pro Signature",
        {"stand mixer": (119, 890), "chef's knife": (25, 340)},
        {
            "mixing bowl": (9, 70),
            "cutting board": (12, 110),
            "sharpening stone": (15, 130),
            "apron": (14, 60),
        },
    ),
)

BOOK_SERIES = {
    "crime": ("The Salt Road", "Harbour Nine", "A Quiet Verdict", "The Glass Orchard"),
    "fantasy": ("The Lantern Keepers", "Crown of Moss", "The Ninth Tide", "Ash and Starling"),
    "science fiction": ("Perihelion", "The Long Signal", "Colony of Echoes", "Low Orbit"),
}
ORDINALS = ("volume 1", "volume 2", "volume 3", "volume 4")
