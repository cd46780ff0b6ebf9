"""Paired loss: how a candidate's metric differs from the incumbent's on the same predictions, and how surely.

Owns the bound. Whole sessions are drawn (see `retrain.evaluation.bootstrap`), because the predictions of a
session depend on each other. Caller: `retrain.gate.incumbent_comparison`.
"""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrain.evaluation.bootstrap import Bootstrap, resampled_means


class PairedLoss(NamedTuple):
    """The candidate's metric minus the incumbent's."""

    difference: float
    """On the slice; below 0 the candidate is worse."""
    lower: float
    """The difference is above it with the confidence asked for."""
    upper: float
    """The difference is below it with the confidence asked for."""
    standard_error: float
    """Of the difference."""
    predictions: int


def paired_loss(
    candidate: NDArray[np.floating],
    incumbent: NDArray[np.floating],
    session: NDArray[np.int32],
    confidence: float,
    bootstrap: Bootstrap,
) -> PairedLoss:
    """Compare two models on the same predictions.

    Args:
        candidate: float [predictions], what each prediction adds to the candidate's metric.
        incumbent: likewise.
        session: int32 [predictions], the number of each prediction's session, from 0, none left out.
        confidence: of each of the two bounds, one-sided.
        bootstrap: how to resample.
    """
    difference = candidate.astype(np.float64) - incumbent.astype(np.float64)
    sums = np.bincount(session, difference).astype(np.float64)[:, None]
    means = resampled_means(sums, np.bincount(session), bootstrap)[:, 0]
    lower, upper = np.percentile(means, [100 * (1 - confidence), 100 * confidence])
    return PairedLoss(
        difference=float(difference.mean()),
        lower=float(lower),
        upper=float(upper),
        standard_error=float(means.std()),
        predictions=len(difference),
    )


def needed_predictions(deviation: float, loss: float, confidence: float, power: float | None = None) -> int:
    """Predictions with which a candidate that is as good as the incumbent passes.

    The normal approximation of the bound: it passes where difference - z(confidence) * error >= -loss.

    Args:
        deviation: of the differences of single predictions; with several predictions a session, of the
            standard error times the root of the predictions.
        loss: what may be lost, above 0.
        confidence: of the bound, one-sided.
        power: how often it is to pass; None: as often as the confidence says.
    """
    normal = NormalDist()
    quantiles = normal.inv_cdf(confidence) + normal.inv_cdf(confidence if power is None else power)
    return int(np.ceil((quantiles * deviation / loss) ** 2))
