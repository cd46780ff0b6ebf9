"""Policies of retraining: how often, and whether from scratch or from the weights of the release before.

Owns their names as they are given and shown. Callers: the modules of `retrain.benches` about freshness.
"""

import re
from dataclasses import dataclass

from schemas.errors import UsageError

NEVER = "never"
_POLICY = re.compile(r"(?P<hours>[1-9]\d{0,3})h(?P<scratch>-scratch)?")


@dataclass(frozen=True)
class Policy:
    """When a new release is made."""

    name: str
    every_h: int | None
    """None: never again after the first."""
    warm: bool
    """Whether a training begins with the weights of the policy's release before."""

    def trains_at(self, hour: int) -> bool:
        """Whether a training begins with the hour, counted from 0, which has the first release."""
        return hour > 0 and self.every_h is not None and hour % self.every_h == 0


def policies_named(given: str) -> list[Policy]:
    """The policies of `--every`.

    Args:
        given: comma-separated: `never`; `6h`: every six hours, warm; `24h-scratch`: daily, from scratch.

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
            f"--every {given}: {name!r} is no policy; use never, 1h (warm start) or 24h-scratch, "
            "comma-separated"
        )
    return Policy(name, int(parts["hours"]), warm=parts["scratch"] is None)
