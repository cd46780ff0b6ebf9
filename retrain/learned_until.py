"""Until when a release has learned: the line behind which an event can be new to it.

Event times come from the clocks of clients: one row dated 2099 would leave nothing new for ever. Nothing that
happened after its making was learned, whatever a clock said. Callers: the cycle, the gate, `bench freshness`.
"""

from schemas.release_manifest import ReleaseManifest
from schemas.timestamps import to_epoch_ms


def learned_until(manifest: ReleaseManifest) -> int | None:
    """The time of the last event that a release has learned, no later than its making began.

    Args:
        manifest: of a cycle's release, `created_at` is from before its window was read.

    Returns:
        Epoch milliseconds; None: it learned from a log without times.
    """
    last = manifest.data.last_event_at
    return None if last is None else to_epoch_ms(min(last, manifest.created_at))
