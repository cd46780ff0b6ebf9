"""The file of a tuning's studies: for one process at a time, refused where it was made for something else.

Owns the file, the check that a study goes on as it began, and the loop that draws, tries and tells. Writer:
of the file. Caller: `retrain.tuning.tuning`.
"""

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from retrain.tuning.tuning_search import draw, sampler
from retrain.tuning.tuning_space import Choice, Space
from schemas.errors import UsageError

UNPRUNED = 3
"""Trials that are never pruned, so that there is a median to compare with."""
DRAWS = 50
"""For one trial, before a space is taken to have nothing else."""
_COUNTED = (TrialState.COMPLETE, TrialState.PRUNED)
SHOWN = 100
_MADE_FOR = "made for"


@contextmanager
def opened_storage(path: Path) -> Iterator[optuna.storages.BaseStorage]:
    """The studies of a file, made where there is none.

    Args:
        path: an SQLite file; beside it lies a lock file.

    Raises:
        UsageError: another process has it open, or it is no file of studies.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(f"--storage {path}: another tuning uses it now; give another file") from error
        try:
            storage = optuna.storages.RDBStorage(f"sqlite:///{path.absolute()}")
        except (SQLAlchemyError, RuntimeError) as error:
            raise UsageError(f"--storage {path}: is no file of studies; give another one") from error
        try:
            yield storage
        finally:
            storage.remove_session()
            storage.engine.dispose()


def opened_study(
    storage: optuna.storages.BaseStorage, name: str, made_for: Mapping[str, str]
) -> optuna.Study:
    """A study, new or going on.

    Args:
        storage: see `opened_storage`.
        name: of the study.
        made_for: what must be the same when it goes on.

    Raises:
        UsageError: it began with something else.
    """
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED),
    )
    began_with: dict[str, str] = study.user_attrs.get(_MADE_FOR, {})
    for what, now in made_for.items():
        before = began_with.get(what, now)
        if before != now:
            both = f" ({before}, now {now})" if len(before + now) <= SHOWN else ""
            raise UsageError(
                f"--storage: the study in it began with another {what}{both}; go on as it began, or give "
                "another file"
            )
    study.set_user_attr(_MADE_FOR, dict(made_for))
    for killed in study.get_trials(states=[TrialState.RUNNING]):
        study.tell(killed.number, state=TrialState.FAIL)
    return study


def counted(study: optuna.Study) -> int:
    """The trials that have come to an end."""
    return len(study.get_trials(deepcopy=False, states=_COUNTED))


def go_on(
    study: optuna.Study,
    space: Space,
    seed: int,
    trials: int,
    tried: Callable[[optuna.Trial, Mapping[str, Choice]], float],
) -> bool:
    """Ask, try and tell until the study has so many trials; what was tried before is drawn anew.

    Args:
        study: see `opened_study`.
        space: what to draw from.
        seed: of the draws: with the same outcomes so far, the same values come next.
        trials: those of earlier starts included.
        tried: gives the value of a trial, or raises `optuna.TrialPruned`.

    Returns:
        Whether it has; False where `DRAWS` draws in a row gave nothing that was not tried before.
    """
    while (done := counted(study)) < trials:
        drawn = _untried(study, space, seed, done)
        if drawn is None:
            return False
        trial, values = drawn
        try:
            value = tried(trial, values)
        except optuna.TrialPruned:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, value)
    return True


def _untried(
    study: optuna.Study, space: Space, seed: int, done: int
) -> tuple[optuna.Trial, dict[str, Choice]] | None:
    before = [trial.params for trial in study.get_trials(deepcopy=False, states=_COUNTED)]
    for again in range(DRAWS):
        study.sampler = sampler(seed, done, again)
        trial = study.ask()
        values = draw(trial, space)
        if values not in before:
            return trial, values
        study.tell(trial, state=TrialState.FAIL)
    return None
