"""The index of a release: chosen by measurements on its vectors and on queries of its newest sessions.

Owns which queries those are, and when nothing is measured. Callers: `retrain.releases.release_building`,
`retrain.benches.bench_vectors`.
"""

import numpy as np
from numpy.typing import NDArray

from index.index_choice import BATCHES, choose_index
from index.index_measuring import CUTOFFS, MAX_QUERIES
from index.index_rules import IndexRules
from index.item_index import EXACT_ITEMS, ItemIndex, build_index
from models.encoder import OnnxEncoder
from models.list_ranker import candidates_for
from models.model_config import ModelConfig
from models.servable_model import index_vectors
from retrain.training.sessionize import Sessions
from schemas.release_manifest import IndexSpec

_SESSIONS = 1024
"""Of so many sessions, the last ones, every prefix is a query."""
_LONGEST = 50
"""Events of a prefix, as many as the state of a session holds."""
_SEED = 1


def build_measured_index(
    item_vectors: NDArray[np.float32], encoder: OnnxEncoder, sessions: Sessions, config: ModelConfig
) -> tuple[ItemIndex, IndexSpec]:
    """The index that the config names; for `auto` the one that measurements choose.

    A small catalogue gets the exact index, and one with too few queries to measure with what suits its size.

    Args:
        item_vectors: float32 [items, item_dim].
        encoder: of the release.
        sessions: by the time of their last event.
        config: of the release.
    """
    vectors = index_vectors(item_vectors, encoder.spec.index_dim)
    if config.index == "auto" and len(vectors) > EXACT_ITEMS:
        queries = newest_queries(item_vectors, encoder, sessions)
        if len(queries) >= BATCHES[-1]:
            rules = IndexRules(config.index_recall, config.index_budget_us, candidates_for(CUTOFFS[0]))
            choice = choose_index(vectors, queries, rules)
            return choice.index, IndexSpec(
                kind=choice.index.kind,
                parameters=choice.index.parameters,
                frontier=choice.frontier,
                served=choice.served,
            )
    index = build_index(config.index, vectors)
    return index, IndexSpec(kind=index.kind, parameters=index.parameters)


def newest_queries(
    item_vectors: NDArray[np.float32], encoder: OnnxEncoder, sessions: Sessions
) -> NDArray[np.float32]:
    """The encoder's queries after events of the newest sessions, float32 [at most `MAX_QUERIES`, index_dim].

    Args:
        item_vectors: float32 [items, item_dim].
        encoder: of the release.
        sessions: by the time of their last event.
    """
    starts, ends = sessions.offsets[:-1][-_SESSIONS:], sessions.offsets[1:][-_SESSIONS:]
    state = np.zeros((len(starts), encoder.spec.state_size), dtype=np.float16)
    queries = [np.empty((0, encoder.spec.index_dim), dtype=np.float32)]
    for depth in range(_LONGEST):
        going_on = np.flatnonzero(starts + depth < ends)
        if not len(going_on):
            break
        events = starts[going_on] + depth
        codes = np.zeros(len(events)) if sessions.event_types is None else sessions.event_types[events]
        item = np.ascontiguousarray(item_vectors[sessions.item_rows[events]])
        query, state[going_on] = encoder.step(item, codes.astype(np.int64), state[going_on])
        queries.append(query)
    every = np.concatenate(queries)
    return every[np.random.default_rng(_SEED).permutation(len(every))[:MAX_QUERIES]]
