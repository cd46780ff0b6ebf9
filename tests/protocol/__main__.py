"""`python -m tests.protocol [NAME...]`: explore the deeper bounds; minutes and some GB, for a nightly run."""

import sys

from tests.protocol.bounded_worlds import DEEPER
from tests.protocol.explorer import Explorer


def main(names: list[str]) -> int:
    """Explore; the number of bounds in which something is violated."""
    violated = 0
    for name in names or DEEPER:
        found = Explorer(DEEPER[name]).explore()
        violated += bool(found.problem)
        print(f"{name}: {found}", flush=True)  # noqa: T201  # a report
    return violated


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
