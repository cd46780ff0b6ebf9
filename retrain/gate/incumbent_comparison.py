"""The candidate beside the incumbent, prediction by prediction of the same slice.

Owns what is compared. Caller: `retrain.gate.candidate_gate`.
"""

from models.release import Release
from retrain.evaluation.bootstrap import Bootstrap
from retrain.evaluation.predictions import Predictions
from retrain.evaluation.ranking_metrics import Ranks, hits, mrr_at_k, recall_at_k, reciprocal_ranks
from retrain.gate.gate_figures import IncumbentFigures
from retrain.gate.gate_rules import GateRules, K
from retrain.gate.list_figures import coverage
from retrain.gate.paired_loss import paired_loss


def compare(
    candidate: Predictions, incumbent: Predictions, release: Release, rules: GateRules
) -> IncumbentFigures:
    """The incumbent's figures, and how the candidate differs.

    Args:
        candidate: what the candidate answered.
        incumbent: what the incumbent answered to the same prefixes.
        release: the incumbent.
        rules: confidence, resamples and seed.
    """
    session, bootstrap = candidate.prefixes.session, Bootstrap(rules.resamples, rules.seed)
    mine: Ranks = candidate.ranks
    theirs: Ranks = incumbent.ranks
    recall, mrr = (
        paired_loss(metric(mine, K), metric(theirs, K), session, rules.confidence, bootstrap)
        for metric in (hits, reciprocal_ranks)
    )
    return IncumbentFigures(
        items=release.manifest.items,
        recall=recall_at_k(theirs, K),
        mrr=mrr_at_k(theirs, K),
        coverage=coverage(release, incumbent),
        recall_loss=recall,
        mrr_loss=mrr,
    )
