"""The registry of baselines: from a name with options, as a user types it, to a fitted model.

Owns the names and the reading of options. Callers: `retrain.evaluation.evaluated_models`,
`retrain.evaluation.evaluate_commands`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import polars as pl

from models.als_config import AlsConfig
from retrain.baselines.als_baseline import fit_als_vectors, folded_in
from retrain.baselines.baseline_fitting import Fitting, FittingData, by_factors, by_fixed_list, by_scores
from retrain.baselines.bpr_baseline import BprConfig, fit_bpr_vectors, mean_vectors
from retrain.baselines.item_cooccurrence import CooccurrenceConfig, fit_cooccurrence
from retrain.baselines.item_knn import ItemKnnConfig, fit_item_knn
from retrain.baselines.most_popular import (
    MostPopularConfig,
    RecentPopularConfig,
    popularity,
    recent_popularity,
)
from retrain.baselines.option_values import wrong_value
from retrain.baselines.sequential_rules import SequentialRulesConfig, fit_sequential_rules
from retrain.baselines.session_knn import SessionKnnConfig, fit_session_knn
from retrain.baselines.session_popular import SessionPopularConfig, fit_session_counts
from retrain.baselines.vector_session_knn import VectorSessionKnnConfig, fit_vector_session_knn
from retrain.baselines.vmis_knn import VmisKnnConfig, fit_vmis_knn
from retrain.evaluation.next_item_model import NextItemModel
from schemas.errors import UsageError


class _Baseline(NamedTuple):
    description: str
    config: type[msgspec.Struct]
    fit: Fitting


_KNOWN = {
    "popular": _Baseline("the most frequent items of the log", MostPopularConfig, by_fixed_list(popularity)),
    "recent_popular": _Baseline(
        "the same, recent events counting more", RecentPopularConfig, by_fixed_list(recent_popularity)
    ),
    "session_popular": _Baseline(
        "the session's own items, the most frequent first",
        SessionPopularConfig,
        by_scores(fit_session_counts),
    ),
    "last_item": _Baseline(
        "items that share sessions with the last one (association rules)",
        CooccurrenceConfig,
        by_scores(fit_cooccurrence),
    ),
    "sr": _Baseline(
        "items that follow the last ones (sequential rules)",
        SequentialRulesConfig,
        by_scores(fit_sequential_rules),
    ),
    "sknn": _Baseline("items of the most similar sessions", SessionKnnConfig, by_scores(fit_session_knn)),
    "vsknn": _Baseline(
        "the same, last items weighing most", VectorSessionKnnConfig, by_scores(fit_vector_session_knn)
    ),
    "vmisknn": _Baseline("the same as Serenade weighs them", VmisKnnConfig, by_scores(fit_vmis_knn)),
    "itemknn": _Baseline("items whose sessions are similar", ItemKnnConfig, by_scores(fit_item_knn)),
    "als": _Baseline(
        "implicit-feedback ALS, sessions folded in", AlsConfig, by_factors(fit_als_vectors, folded_in)
    ),
    "bpr": _Baseline(
        "BPR, sessions as the mean of their items", BprConfig, by_factors(fit_bpr_vectors, mean_vectors)
    ),
}

BASELINES: Mapping[str, str] = MappingProxyType(
    {name: baseline.description for name, baseline in _KNOWN.items()}
)
"""The known names, what each recommends."""


def fit_baseline(spec: str, train: pl.DataFrame, session_gap_s: float) -> NextItemModel:
    """Fit a baseline.

    Args:
        spec: a name of `BASELINES` and options, as in `vsknn` or `vsknn:neighbors=100,sample=500`.
        train: the events to learn from, in log order, see `retrain.event_split.train_events`.
        session_gap_s: see `models.session_rule.starts_session`.

    Raises:
        UsageError: the name, an option or its value is not known, or there are no events.
    """
    name, config = _read(spec)
    if train.is_empty():
        raise UsageError(f"baseline {spec}: no events to learn from; give a file with a training part")
    return _KNOWN[name].fit(FittingData(spec, train, session_gap_s), config)


def _read(spec: str) -> tuple[str, msgspec.Struct]:
    name, _, rest = spec.partition(":")
    if name not in _KNOWN:
        raise UsageError(f"baseline {name!r} is not known; there are {', '.join(_KNOWN)}")
    config = _KNOWN[name].config
    options = dict(_option(spec, part) for part in rest.split(",") if part)
    if unknown := [option for option in options if option not in config.__struct_fields__]:
        known = ", ".join(config.__struct_fields__) or "none"
        raise UsageError(f"baseline {spec}: no option {unknown[0]!r}; {name} has {known}")
    try:
        return name, msgspec.convert(options, config, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"baseline {spec}: {wrong_value(config, options)}") from error


def _option(spec: str, part: str) -> tuple[str, str]:
    option, equals, value = part.partition("=")
    if not equals or not value.strip():
        raise UsageError(f"baseline {spec}: {part!r} is no option; write name:option=value,option=value")
    number = value.strip()
    return option.strip(), f"0{number}" if number.startswith(".") else number
