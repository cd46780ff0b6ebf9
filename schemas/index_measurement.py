"""IndexMeasurement: what one index over a release's vectors costs and finds; a point of the frontier.

Writers: `index.index_choice`, through `schemas.release_manifest` and the bench's report. Readers: people,
`millrace releases show`.
"""

import msgspec


class IndexMeasurement(msgspec.Struct, frozen=True, kw_only=True):
    """One kind with its parameters, measured on the release's own vectors and queries of real sessions."""

    kind: str
    parameters: dict[str, int] = {}
    us_per_query: dict[str, float]
    """Microseconds of one core for the 100 best, by the number of queries searched at once."""
    recall_at_20: float
    """Share of the 20 best that a search for 20 finds."""
    recall_at_100: float
    """Share of the 100 best that a search for 100 finds."""
    build_s: float
    """Seconds to build it, on all cores."""
    mb: float
    """Megabytes that a search reads from: vectors and, where there are any, codes."""


class ServedSearch(msgspec.Struct, frozen=True, kw_only=True):
    """The search of a worker in the chosen index, which wants less than the 100 best; likewise."""

    candidates: int
    """How many it searches for at first."""
    us_per_query: dict[str, float]
    """Microseconds of one core for so many, by the number of queries searched at once."""
    recall_of_list: float
    """Share of the 20 best that it finds: the list, where no filter takes of it."""
    recall_of_candidates: float
    """Share of as many best as it searches for."""
