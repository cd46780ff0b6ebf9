"""The settings of the gate. Part of those in `retrain.settings`."""

from pydantic import Field

from retrain.gate.gate_rules import GateRules
from schemas.settings import SharedSettings

_RULES = GateRules()


class GateSettings(SharedSettings):
    """The thresholds of the gate; docs/gate.md has the reason of each default."""

    gate_confidence: float = Field(
        _RULES.confidence,
        gt=0.5,
        lt=1,
        description="gate: how sure it must be that a candidate loses no more than is allowed",
    )
    gate_recall_loss: float = Field(
        _RULES.recall_loss, ge=0, le=1, description="gate: Recall@20 that may be lost against the incumbent"
    )
    gate_mrr_loss: float = Field(
        _RULES.mrr_loss, ge=0, le=1, description="gate: MRR@20 that may be lost against the incumbent"
    )
    gate_resamples: int = Field(
        _RULES.resamples, ge=100, le=100_000, description="gate: resamples of the sessions"
    )
    gate_min_predictions: int = Field(
        _RULES.min_predictions,
        ge=1,
        description="gate: with fewer predictions lists are not judged, and an incumbent stays",
    )
    gate_popularity_factor: float = Field(
        _RULES.popularity_factor,
        ge=1,
        description="gate: Recall@20 is at least this times that of the popular list",
    )
    gate_coverage: float = Field(
        _RULES.coverage, ge=0, le=1, description="gate: least share of the items that the lists show"
    )
    gate_coverage_ratio: float = Field(
        _RULES.coverage_ratio, ge=0, le=1, description="gate: the same, as a share of the incumbent's"
    )
    gate_vocabulary_shrink: float = Field(
        _RULES.vocabulary_shrink,
        ge=0,
        le=1,
        description="gate: share of the incumbent's number of items that may be missing",
    )
    gate_index_recall: float = Field(
        _RULES.index_recall, ge=0, le=1, description="gate: least recall@20 of the index against exact search"
    )
    gate_index_queries: int = Field(
        _RULES.index_queries, ge=1, description="gate: queries that the index is judged on"
    )
    gate_step_us: float = Field(
        _RULES.step_us, gt=0, description="gate: most microseconds of an encoder step of one event"
    )
    gate_batch_step_us: float = Field(
        _RULES.batch_step_us, gt=0, description="gate: most microseconds an event of a step of 256"
    )
    gate_search_us: float = Field(
        _RULES.search_us, gt=0, description="gate: most microseconds of a search for one event"
    )
    gate_batch_search_us: float = Field(
        _RULES.batch_search_us, gt=0, description="gate: most microseconds an event of a search for 256"
    )
    gate_score_limit: float = Field(
        _RULES.score_limit, gt=0, description="gate: greatest absolute score in a list"
    )
    gate_flat_lists: float = Field(
        _RULES.flat_lists, ge=0, le=1, description="gate: greatest share of lists of one score throughout"
    )
    gate_same_lists: float = Field(
        _RULES.same_lists, ge=0, le=1, description="gate: greatest share that one and the same list may have"
    )

    def gate_rules(self) -> GateRules:
        """The rules with these thresholds."""
        names = [name for name in GateRules.__struct_fields__ if f"gate_{name}" in type(self).model_fields]
        return GateRules(**{name: getattr(self, f"gate_{name}") for name in names})
