"""The rules about lists: good enough, of enough items, and no worse than the incumbent's.

Pure: figures and thresholds in, one `RuleCheck` out. Caller: `retrain.gate.verdict`.
"""

import math

from retrain.gate.gate_figures import IncumbentFigures, ListFigures
from retrain.gate.gate_rules import GateRules, K
from retrain.gate.paired_loss import PairedLoss, needed_predictions
from retrain.gate.rule_check import RuleCheck, at_least, at_most

_NAMES = {"recall": f"Recall@{K}", "mrr": f"MRR@{K}"}


def enough_predictions(predictions: int, rules: GateRules) -> RuleCheck:
    """There are enough predictions to judge the lists by."""
    return at_least(
        "min_predictions",
        predictions,
        rules.min_predictions,
        f"{predictions} predictions in the newest slice, {rules.min_predictions} are needed to judge the "
        "lists: the incumbent stays; give it more events, a greater test_share (model config), or set "
        "MILLRACE_GATE_MIN_PREDICTIONS",
    )


def popularity_floor(lists: ListFigures, rules: GateRules) -> RuleCheck:
    """Recall@20 is at least `popularity_factor` times that of the popular list.

    Where the popular list hits much (few items, long lists), so many times its hits cannot be had; there the
    misses must be that many times fewer: the lower of the two floors counts.
    """
    popular, factor = lists.popularity_recall, rules.popularity_factor
    floor = min(factor * popular, 1 - (1 - popular) / factor)
    return at_least(
        "popularity",
        lists.recall,
        floor,
        f"Recall@{K} {lists.recall:.4f} is below the floor {floor:.4f} (its popular list alone has "
        f"{popular:.4f}, factor {factor:g}): it learned little beyond popularity; look at its training",
    )


def coverage_floor(lists: ListFigures, rules: GateRules) -> RuleCheck:
    """The lists show enough of the items that they could."""
    return at_least(
        "coverage",
        lists.coverage,
        rules.coverage,
        f"the lists show {lists.coverage:.4f} of the items that they could, less than {rules.coverage:g}: "
        "everybody gets the same few items; look at its training",
    )


def coverage_kept(lists: ListFigures, incumbent: IncumbentFigures, rules: GateRules) -> RuleCheck:
    """The lists show nearly as much of the items as the incumbent's."""
    floor = rules.coverage_ratio * incumbent.coverage
    return at_least(
        "coverage_loss",
        lists.coverage,
        floor,
        f"the lists show {lists.coverage:.4f} of the items that they could, the incumbent's "
        f"{incumbent.coverage:.4f}: less than {rules.coverage_ratio:g} of that",
    )


def vocabulary_kept(items: int, incumbent_items: int, rules: GateRules) -> RuleCheck:
    """The vocabulary is not much smaller than the incumbent's."""
    shrunk = 1 - items / incumbent_items
    return at_most(
        "vocabulary",
        shrunk,
        rules.vocabulary_shrink,
        f"{items} items, {shrunk:.4f} fewer than the incumbent's {incumbent_items}; at most "
        f"{rules.vocabulary_shrink:g} is allowed: are events missing in the window?",
    )


def recall_kept(incumbent: IncumbentFigures, rules: GateRules) -> RuleCheck:
    """Recall@20 is no worse than the incumbent's by more than `recall_loss`, at the confidence wanted."""
    return _metric_kept("recall", incumbent.recall_loss, rules.recall_loss, rules.confidence)


def mrr_kept(incumbent: IncumbentFigures, rules: GateRules) -> RuleCheck:
    """MRR@20 is no worse than the incumbent's by more than `mrr_loss`, at the confidence wanted."""
    return _metric_kept("mrr", incumbent.mrr_loss, rules.mrr_loss, rules.confidence)


def _metric_kept(metric: str, loss: PairedLoss, allowed: float, confidence: float) -> RuleCheck:
    return at_least(f"{metric}_loss", loss.lower, -allowed, _worse(_NAMES[metric], loss, allowed, confidence))


def _worse(metric: str, loss: PairedLoss, allowed: float, confidence: float) -> str:
    """In words: shown to be worse, or not shown to be as good."""
    found = (
        f"{metric} differs from the incumbent's by {loss.difference:+.4f}; at confidence {confidence:g} a "
        f"difference of {loss.lower:+.4f} cannot be excluded; {-allowed:g} is allowed"
    )
    if loss.upper < -allowed or loss.difference < -allowed:
        return f"{found}: the candidate is worse"
    if allowed == 0 or not math.isfinite(loss.standard_error):
        return f"{found}: that it is not worse is not shown"
    deviation = loss.standard_error * loss.predictions**0.5
    needed = needed_predictions(deviation, allowed, confidence)
    return f"{found}: too few predictions to tell; about {needed} would do, there are {loss.predictions}"
