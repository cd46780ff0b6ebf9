"""A tuning: trials on a share of the data, coarsely over the whole space, then finely around the best ones.

Owns the order of the trials. Coarse trials learn from a share of the sessions only. Fine trials draw from a
narrower space; each first runs on that share, too (where a coarse trial did, its figures are taken), and is
pruned where it is worse than the median of the fine trials so far; the others learn from everything. Caller:
`millrace tune`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import optuna
from optuna.trial import FrozenTrial, TrialState

from models.model_config import ModelConfig
from retrain.tuning.tuning_display import Tried, TuningDisplay
from retrain.tuning.tuning_search import LEAST_BEST, narrowed, with_values
from retrain.tuning.tuning_space import Choice, parse_space
from retrain.tuning.tuning_study import counted, go_on, opened_storage, opened_study
from retrain.tuning.tuning_trial import TrialRules, TuningData, run_trial
from schemas.errors import MillraceError, UsageError

COARSE_PART = 0.6
"""Of the trials."""
BEST_PART = 0.25
"""Of the coarse trials: around these the fine ones draw."""
_HASHED = ("session_id", "item_id", "event_type", "occurred_at_ms")


@dataclass(frozen=True, eq=False)
class TuningPlan:
    """What to search, on what, and how long."""

    data: TuningData
    base: ModelConfig
    """The fields that are not tuned."""
    space_text: str
    """See `retrain.tuning.tuning_space.parse_space`."""
    objective_text: str
    rules: TrialRules
    trials: int
    """In all; a study that goes on has made some of them already."""
    coarse_share: float
    """Of the sessions to learn from, for coarse trials and for the first run of fine ones."""
    seed: int
    """Of what the trials draw; the models' seed is the base's."""
    storage: Path


@dataclass(frozen=True)
class Tuned:
    """What came out."""

    config: ModelConfig
    value: float
    """The objective on the validation part, learned from everything else of the training part."""
    figures: Mapping[str, float]
    trials: int
    pruned: int


def tune(plan: TuningPlan, display: TuningDisplay) -> Tuned:
    """Search; go on where an earlier start of the same study was stopped.

    Args:
        plan: what to search.
        display: shows how far it is.

    Raises:
        UsageError: the space is wrong, the storage belongs to another study, or no trial gave a figure.
    """
    space, made_for = parse_space(plan.space_text, plan.base), _made_for(plan)
    with opened_storage(plan.storage) as storage:
        coarse = opened_study(storage, "coarse", made_for)
        fine = opened_study(storage, "fine", made_for)
        coarse_trials = _coarse_trials(coarse, plan.trials)

        def try_coarsely(trial: optuna.Trial, values: Mapping[str, Choice]) -> float:
            return _value_of(plan, display, trial, "coarse", values, plan.coarse_share)

        def try_finely(trial: optuna.Trial, values: Mapping[str, Choice]) -> float:
            known = _tried_coarsely(coarse, values)
            first = (
                _known_value(plan, display, trial, known)
                if known
                else _value_of(plan, display, trial, "fine", values, plan.coarse_share)
            )
            trial.report(first, step=1)
            if trial.should_prune():
                raise optuna.TrialPruned
            return first if plan.coarse_share >= 1 else _value_of(plan, display, trial, "fine", values, 1.0)

        if not go_on(coarse, space, plan.seed, coarse_trials, try_coarsely):
            display.exhausted("coarse", counted(coarse))
        best = _best_values(coarse)
        if best and counted(fine) == 0 and not fine.get_trials(states=[TrialState.WAITING]):
            fine.enqueue_trial(best[0])
        fine_trials = max(1, plan.trials - coarse_trials)
        if not go_on(fine, narrowed(space, best), plan.seed, fine_trials, try_finely):
            display.exhausted("fine", counted(fine))
        return _outcome(plan, coarse, fine)


def _made_for(plan: TuningPlan) -> dict[str, str]:
    rows = plan.data.training.select(_HASHED).write_csv().encode()
    return {
        "data": hashlib.sha256(rows).hexdigest()[:16],
        "space": plan.space_text,
        "model config": msgspec.json.encode(plan.base).decode(),
        "objective": plan.objective_text,
        "validation share": str(plan.data.validation_share),
        "coarse share": str(plan.coarse_share),
        "seed": str(plan.seed),
    }


def _coarse_trials(coarse: optuna.Study, trials: int) -> int:
    """As many as the first start set, so that the fine trials always draw from the same space."""
    if "trials" not in coarse.user_attrs:
        coarse.set_user_attr("trials", min(round(COARSE_PART * trials), trials - 1))
    return int(coarse.user_attrs["trials"])


def _value_of(
    plan: TuningPlan,
    display: TuningDisplay,
    trial: optuna.Trial,
    phase: str,
    values: Mapping[str, Choice],
    share: float,
) -> float:
    tags = {
        "study": str(plan.storage.name),
        "phase": phase,
        "trial": str(trial.number),
        "share": f"{share:g}",
    }
    try:
        config = with_values(plan.base, values)
        with display.training() as show:
            figures = run_trial(plan.data, config, share, plan.rules, tags, show)
    except MillraceError as error:
        display.tried(Tried(phase, trial.number, share, values, None, {}, str(error)))
        trial.set_user_attr("reason", str(error))
        raise optuna.TrialPruned from error
    value = plan.rules.objective.value(figures)
    trial.set_user_attr("figures", figures)
    display.tried(Tried(phase, trial.number, share, values, value, figures))
    return value


def _tried_coarsely(coarse: optuna.Study, values: Mapping[str, Choice]) -> FrozenTrial | None:
    complete = coarse.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return next((trial for trial in complete if trial.params == values), None)


def _known_value(plan: TuningPlan, display: TuningDisplay, trial: optuna.Trial, known: FrozenTrial) -> float:
    """What a coarse trial gave that learned from the same sessions with the same values."""
    assert known.value is not None
    figures = known.user_attrs["figures"]
    trial.set_user_attr("figures", figures)
    share = plan.coarse_share
    display.tried(
        Tried("fine", trial.number, share, known.params, known.value, figures, known_from=known.number)
    )
    return known.value


def _best_values(coarse: optuna.Study) -> list[dict[str, Any]]:
    """Of the best coarse trials, the best first; of equals the earlier one."""
    complete = coarse.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    kept = max(LEAST_BEST, round(BEST_PART * len(complete)))
    return [trial.params for trial in sorted(complete, key=_worst_last)[:kept]]


def _worst_last(trial: FrozenTrial) -> tuple[float, int]:
    assert trial.value is not None
    return -trial.value, trial.number


def _outcome(plan: TuningPlan, coarse: optuna.Study, fine: optuna.Study) -> Tuned:
    complete = sorted(fine.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)), key=_worst_last)
    if not complete:
        reasons = [trial.user_attrs.get("reason", "") for trial in (*coarse.trials, *fine.trials)]
        raise UsageError(f"none of {len(reasons)} trials gave a figure; the last one: {reasons[-1]}")
    best, value = complete[0], complete[0].value
    assert value is not None
    return Tuned(
        config=with_values(plan.base, best.params),
        value=value,
        figures=best.user_attrs["figures"],
        trials=counted(coarse) + counted(fine),
        pruned=sum(
            len(study.get_trials(deepcopy=False, states=(TrialState.PRUNED,))) for study in (coarse, fine)
        ),
    )
