"""RuleCheck: one rule held against one figure.

Owns how a figure is compared: what is no number keeps no rule. Callers: the modules of rules.
"""

import math
from typing import NamedTuple

from schemas.gate_report import GateRefusal, HeldRule


class RuleCheck(NamedTuple):
    """The outcome of one rule."""

    rule: str
    figure: float
    threshold: float
    held: bool
    message: str
    """Why the candidate is refused, where it is."""

    def refusal(self) -> GateRefusal:
        """As it stands in the manifest, of a rule that is broken."""
        figure = rounded(self.figure) if math.isfinite(self.figure) else None
        return GateRefusal(
            rule=self.rule, figure=figure, threshold=rounded(self.threshold), message=self.message
        )

    def held_rule(self) -> HeldRule:
        """As it stands in the manifest, of a rule that is kept."""
        return HeldRule(rule=self.rule, figure=rounded(self.figure), threshold=rounded(self.threshold))


def at_least(rule: str, figure: float, threshold: float, message: str) -> RuleCheck:
    """The rule that a figure must not be below a threshold; NaN and the infinite break it."""
    return RuleCheck(rule, figure, threshold, math.isfinite(figure) and figure >= threshold, message)


def at_most(rule: str, figure: float, threshold: float, message: str) -> RuleCheck:
    """The rule that a figure must not be above a threshold; NaN and the infinite break it."""
    return RuleCheck(rule, figure, threshold, math.isfinite(figure) and figure <= threshold, message)


def rounded(value: float) -> float:
    """To six decimals, as all figures in manifests."""
    return round(value, 6)
