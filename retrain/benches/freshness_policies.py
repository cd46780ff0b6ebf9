"""Policies of retraining: how often, from scratch or from the weights of the release before, on what.

Owns their names as they are given and shown. Callers: the modules of `retrain.benches` about freshness.
"""

import re
from dataclasses import dataclass
from typing import Literal

import msgspec

from schemas.errors import UsageError

NEVER = "never"
Learned = Literal["all", "held", "cycle"]
"""What a training learns: its whole window; all but the newest sessions, `test_share` of them; as a retrain
cycle does, those too, behind the gate."""
_POLICY = re.compile(r"(?P<hours>[1-9]\d{0,3})h(?P<scratch>-scratch)?(-(?P<learned>held|cycle))?")


@dataclass(frozen=True)
class Policy:
    """When a new release is made."""

    name: str
    every_h: int | None
    """None: never again after the first."""
    warm: bool
    """Whether a training begins with the weights of the policy's release before."""
    learned: Learned = "all"

    def trains_at(self, hour: int) -> bool:
        """Whether a training begins with the hour, counted from 0, which has the first release."""
        return hour > 0 and self.every_h is not None and hour % self.every_h == 0


def policies_named(given: str) -> list[Policy]:
    """The policies of `--every`.

    Args:
        given: comma-separated: `never`; `6h`: every six hours, warm; `24h-scratch`: daily, from scratch; with
            `-held` or `-cycle` behind it, see `Learned`.

    Raises:
        UsageError: a name is none of these, or occurs twice.
    """
    names = [name.strip() for name in given.split(",")]
    if len(set(names)) < len(names):
        raise UsageError(f"--every {given}: a policy occurs twice; give each once")
    return [_policy(name, given) for name in names]


def _policy(name: str, given: str) -> Policy:
    if name == NEVER:
        return Policy(name, None, warm=False)
    parts = _POLICY.fullmatch(name)
    if parts is None:
        raise UsageError(
            f"--every {given}: {name!r} is no policy; use never, 1h (warm start), 24h-scratch, 1h-cycle (as "
            "retrain does it) or 1h-held (never learns what the gate judges on), comma-separated"
        )
    learned = msgspec.convert(parts["learned"] or "all", Learned)
    return Policy(name, int(parts["hours"]), parts["scratch"] is None, learned)
