"""Candidates: which indexes are worth measuring for a catalogue of some size, and with which parameters.

Owns the grid; why it looks so: docs/index.md. Caller: `index.index_choice`.
"""

from collections.abc import Iterator

from index.pq_index import lists_for

_REFINES = 2, 3, 4, 6, 8
_FLAT_UP_TO = 200_000
"""Beyond, a scan of everything has lost before it begins."""
_LISTS_FROM = 30_000
"""Below, a scan of everything wins."""
_SHARES_OF_LISTS = 128, 85, 64, 43, 32, 16, 8, 4
"""A search visits one in so many lists."""


def structures(items: int) -> Iterator[dict[str, int]]:
    """What is to be built, from the simplest on: parameters of the kind `pq_fastscan`."""
    if items <= _FLAT_UP_TO:
        yield {"nlist": 0, "dims_a_code": 2}
        yield {"nlist": 0, "dims_a_code": 1}
    if items >= _LISTS_FROM:
        yield {"nlist": lists_for(items), "dims_a_code": 1}


def searches(structure: dict[str, int]) -> Iterator[list[dict[str, int]]]:
    """How a structure can be searched: lines of parameters, along each of which recall and cost rise."""
    nlist = structure["nlist"]
    for refine in _REFINES:
        if nlist:
            visits = sorted({max(1, nlist // share) for share in _SHARES_OF_LISTS})
            yield [{"refine": refine, "nprobe": nprobe} for nprobe in visits]
        else:
            yield [{"refine": refine}]
