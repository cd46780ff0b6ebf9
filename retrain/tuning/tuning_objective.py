"""The objective of a tuning: a metric on the validation part, or a weighted sum of some.

Callers: `retrain.tuning.tuning`, `millrace tune`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from retrain.evaluation.ranking_metrics import Ranks, mrr_at_k, ndcg_at_k, recall_at_k
from schemas.errors import UsageError

METRICS = {"recall": recall_at_k, "mrr": mrr_at_k, "ndcg": ndcg_at_k}
DEFAULT_OBJECTIVE = "0.5*recall@20+0.5*mrr@20"
_TERM = re.compile(r"(?:(?P<weight>\d+(?:\.\d+)?)\*)?(?P<metric>recall|mrr|ndcg)@(?P<k>[1-9]\d*)")


@dataclass(frozen=True)
class Term:
    """A part of the sum."""

    metric: str
    k: int
    weight: float = 1.0

    @property
    def name(self) -> str:
        """As in `recall@20`."""
        return f"{self.metric}@{self.k}"


@dataclass(frozen=True)
class Objective:
    """What is to be great."""

    terms: tuple[Term, ...]

    @property
    def cutoff(self) -> int:
        """The length of the lists that it needs."""
        return max(term.k for term in self.terms)

    def figures(self, ranks: Ranks) -> dict[str, float]:
        """Recall, MRR and NDCG at each of its cutoffs.

        Args:
            ranks: see `retrain.evaluation.ranking_metrics.Ranks`.
        """
        cutoffs = sorted({term.k for term in self.terms})
        return {f"{name}@{k}": metric(ranks, k) for k in cutoffs for name, metric in METRICS.items()}

    def value(self, figures: Mapping[str, float]) -> float:
        """The weighted sum of `figures`."""
        return sum(term.weight * figures[term.name] for term in self.terms)


def parse_objective(text: str) -> Objective:
    """`recall@20`, `mrr@10` or a sum such as `0.5*recall@20+0.5*mrr@20`.

    Raises:
        UsageError: it is none.
    """
    terms = []
    for part in text.replace(" ", "").split("+"):
        match = _TERM.fullmatch(part)
        if match is None:
            raise UsageError(
                f"--objective {text}: give recall@20, mrr@20 or ndcg@20, or a sum such as {DEFAULT_OBJECTIVE}"
            )
        terms.append(Term(match["metric"], int(match["k"]), float(match["weight"] or 1)))
    return Objective(tuple(terms))
