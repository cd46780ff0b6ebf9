"""The rules about what serves: finite numbers, scores in range, lists that differ, index and speed.

Pure: figures and thresholds in, `RuleCheck`s out. Caller: `retrain.gate.verdict`.
"""

from collections.abc import Iterator

from retrain.gate.gate_figures import BATCHES, EngineFigures, ListFigures, Timings
from retrain.gate.gate_rules import GateRules, K
from retrain.gate.rule_check import RuleCheck, at_least, at_most


def finite_vectors(nonfinite: int) -> RuleCheck:
    """No item vector and no repeat bias has a NaN or an infinite value."""
    return _none("finite_vectors", nonfinite, "values of item vectors or repeat biases")


def finite_outputs(engine: EngineFigures) -> RuleCheck:
    """The encoder gives no NaN and nothing infinite on the events of the slice."""
    return _none("finite_outputs", engine.nonfinite_outputs, "values of queries or states")


def finite_scores(lists: ListFigures) -> RuleCheck:
    """No score in a list is NaN or infinite."""
    return _none("finite_scores", lists.nonfinite_scores, "scores in lists")


def score_range(lists: ListFigures, rules: GateRules) -> RuleCheck:
    """No score is absurdly great."""
    return at_most(
        "score_range",
        lists.greatest_score,
        rules.score_limit,
        f"a score of {lists.greatest_score:g}, beyond {rules.score_limit:g}: the training diverged; "
        "lower its learning rate",
    )


def flat_lists(lists: ListFigures, rules: GateRules) -> RuleCheck:
    """Lists rank: hardly any gives all its items the same score."""
    return at_most(
        "flat_lists",
        lists.flat_lists,
        rules.flat_lists,
        f"in {lists.flat_lists:.4f} of the lists all items have the same score, more than "
        f"{rules.flat_lists:g}: it ranks nothing",
    )


def same_lists(lists: ListFigures, rules: GateRules) -> RuleCheck:
    """Lists differ: no one list is given to most."""
    return at_most(
        "same_lists",
        lists.same_lists,
        rules.same_lists,
        f"{lists.same_lists:.4f} of the lists are one and the same, more than {rules.same_lists:g}: it does "
        "not look at the session",
    )


def index_recall(engine: EngineFigures, rules: GateRules) -> RuleCheck:
    """The index finds what exact search finds."""
    return at_least(
        "index_recall",
        engine.index_recall[K],
        rules.index_recall,
        f"the index finds {engine.index_recall[K]:.4f} of the {K} items that exact search finds, less than "
        f"{rules.index_recall:g}: build another kind of index",
    )


def within_budget(timings: Timings, rules: GateRules) -> Iterator[RuleCheck]:
    """A step and a search take no longer than their budgets, alone and in a batch."""
    for name, measured in (("step", timings.step_us), ("search", timings.search_us)):
        for batch, setting in zip(BATCHES, (f"{name}_us", f"batch_{name}_us"), strict=True):
            limit: float = getattr(rules, setting)
            yield at_most(
                f"{name}_latency_{batch}",
                measured[batch],
                limit,
                f"a {name} at batch {batch} takes {measured[batch]:.1f} us an event, the budget is "
                f"{limit:g}: choose a smaller model or another index, or raise "
                f"MILLRACE_GATE_{setting.upper()}",
            )


def _none(rule: str, count: int, what: str) -> RuleCheck:
    message = f"{count} {what} are NaN or infinite: the training diverged; lower its learning rate"
    return at_most(rule, count, 0, message)
