"""The options of `millrace evaluate`: from text to a plan and models, checked together.

Owns what may be asked for together and the messages where it may not. Caller:
`retrain.evaluation.evaluate_commands`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from models.model_config import ModelConfig
from models.model_config_file import load_model_config
from models.release import read_manifest
from models.session_rule import EVENT_TYPE_CODES
from retrain.evaluation.all_item_ranks import TIES, Ties
from retrain.evaluation.bootstrap import Bootstrap
from retrain.evaluation.evaluated_models import CONFIGURATION, ModelSource, model_source
from retrain.evaluation.model_runs import EvaluationPlan
from schemas.errors import UsageError


def evaluation_plan(
    k: str, all_items: bool, ties: Ties | None, seeds: int, resamples: int, exclude: str
) -> EvaluationPlan:
    """The options that say how.

    Args:
        k: cutoffs, comma-separated.
        all_items: rank among the scores of all items.
        ties: needed with `all_items`, and only then.
        seeds: how many; 0: a configuration's own.
        resamples: of the bootstrap; 0: no intervals.
        exclude: event types, comma-separated.

    Raises:
        UsageError: one is wrong, or two do not go together.
    """
    if all_items and ties is None:
        raise UsageError(f"--all-items: say what equal scores count, --ties {', '.join(TIES)}")
    if ties is not None and not all_items:
        raise UsageError(f"--ties {ties}: the served path ranks by (score, row); give --all-items with it")
    if all_items and exclude:
        raise UsageError(f"--exclude {exclude}: filters lists only; leave out --all-items or --exclude")
    return EvaluationPlan(
        cutoffs=_cutoffs(k),
        ties=ties,
        bootstrap=Bootstrap(resamples),
        seeds=range(1, seeds + 1),
        excluded_event_types=_type_names(exclude),
    )


def model_sources(
    given: Sequence[str], config: Path | None, overrides: Mapping[str, Any], plan: EvaluationPlan
) -> list[ModelSource]:
    """What is evaluated, the model first.

    Args:
        given: MODEL and what it is compared with; see `retrain.evaluation.evaluated_models.model_source`.
        config: of `gru4rec`; None for the defaults.
        overrides: `session_gap_s` and `test_share`, None where they are not given.
        plan: see `evaluation_plan`.

    Raises:
        UsageError: one is no model, or an option has nothing that it could apply to.
        InvalidRelease: a release's manifest cannot be read.
    """
    if config is not None and CONFIGURATION not in given:
        raise UsageError(f"--config {config}: is for MODEL {CONFIGURATION}; give that, or the file as MODEL")
    base = load_model_config(config, overrides)
    first = model_source(given[0], base, overrides)
    if first.kind == "release":
        base = _as_the_release(Path(given[0]), base, overrides)
        first = first._replace(config=base)
    sources = [first, *(model_source(other, base, overrides) for other in given[1:])]
    if plan.seeds and not any(source.kind == "configuration" for source in sources):
        raise UsageError(f"--seeds {len(plan.seeds)}: nothing is trained here; give gru4rec or a config file")
    baselines = [source.given for source in sources if source.kind == "baseline"]
    if plan.excluded_event_types and baselines:
        raise UsageError(
            f"--exclude {','.join(plan.excluded_event_types)}: filters releases only; leave it or "
            f"{', '.join(baselines)} out"
        )
    return sources


def _as_the_release(folder: Path, base: ModelConfig, overrides: Mapping[str, Any]) -> ModelConfig:
    """The session rule and the split of a release, for what is measured beside it."""
    manifest = read_manifest(folder)
    of_release = {"session_gap_s": manifest.session_gap_s}
    if "test_share" in manifest.config:
        of_release["test_share"] = manifest.config["test_share"]
    return replace(base, **{name: value for name, value in of_release.items() if overrides[name] is None})


def _cutoffs(given: str) -> list[int]:
    parts = given.split(",")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise UsageError(f"--k {given}: give whole numbers from 1, comma-separated, as in 1,5,10,20")
    return sorted({int(part) for part in parts})


def check_part_options(
    windows: int, on: str, only_with_windows: Mapping[str, object], validation_share: float | None
) -> None:
    """Refuse options that would have no effect.

    Args:
        windows: how many.
        on: the part that `--on` names.
        only_with_windows: options by name, None where they are not given.
        validation_share: None where it is not given.

    Raises:
        UsageError: one is given that the evaluation would not look at.
    """
    if windows and on != "test":
        raise UsageError(f"--on {on}: windows are cut by time, whatever the split; leave out one of the two")
    if not windows:
        for name, value in only_with_windows.items():
            if value is not None:
                raise UsageError(f"{name} {value}: is for --windows; say how many there are to be")
    if validation_share is not None and on != "validation":
        raise UsageError(
            f"--validation-share {validation_share:g}: is for --on validation; give both or none"
        )


def check_training_folders(sources: Sequence[ModelSource], folders: Mapping[str, Path | None]) -> None:
    """Refuse folders that nothing would be written to.

    Args:
        sources: see `model_sources`.
        folders: options by name, None where they are not given.

    Raises:
        UsageError: one is given, but nothing is trained.
    """
    if any(source.kind == "configuration" for source in sources):
        return
    for name, folder in folders.items():
        if folder is not None:
            raise UsageError(
                f"{name} {folder}: nothing is trained here; leave it out, or give a configuration"
            )


def excluded_types(given: str) -> frozenset[int]:
    """The codes of event types, comma-separated.

    Raises:
        UsageError: one is not known.
    """
    return frozenset(EVENT_TYPE_CODES[name] for name in _type_names(given))


def _type_names(given: str) -> list[str]:
    names = [name.strip() for name in given.split(",") if name.strip()]
    if unknown := [name for name in names if name not in EVENT_TYPE_CODES]:
        raise UsageError(f"--exclude {given}: {unknown[0]!r} is none of {', '.join(EVENT_TYPE_CODES)}")
    return names
