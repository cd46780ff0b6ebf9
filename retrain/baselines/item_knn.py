"""Item-KNN: the items whose sessions are most like those of the session's items.

Owns its weights; `implicit` finds the neighbors. Source: Sarwar et al. 2001, "Item-based collaborative
filtering recommendation algorithms"; for sessions as in Hidasi et al. 2016. Caller:
`retrain.baselines.registry`.
"""

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from scipy.sparse import csr_array

from retrain.baselines.implicit_library import one_thread, user_items
from retrain.baselines.sequential_rules import rule_scores
from retrain.baselines.session_prefixes import SessionPrefixes
from retrain.training.sessionize import Sessions


class ItemKnnConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `itemknn`."""

    neighbors: Annotated[int, msgspec.Meta(ge=1)] = 100
    """Most similar items that are kept of each item, itself among them."""
    similarity: Literal["cosine", "tfidf", "bm25"] = "tfidf"
    """How the items' sessions are compared."""
    last_items: Annotated[int, msgspec.Meta(ge=1, le=50)] = 3
    """Items of the session whose similar items are added up, the last ones."""
    item_decay: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.5
    """The similarities to each item count so much of those to the item after it."""


def fit_item_knn(
    sessions: Sessions, items: int, config: ItemKnnConfig
) -> Callable[[SessionPrefixes], csr_array]:
    """Find the similar items.

    Args:
        sessions: the training sessions.
        items: the size of the vocabulary.
        config: see there.

    Returns:
        Scores [n, items] by prefixes.
    """
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender

    kinds = {"cosine": CosineRecommender, "tfidf": TFIDFRecommender, "bm25": BM25Recommender}
    with one_thread():
        model = kinds[config.similarity](K=config.neighbors, num_threads=1)
        model.fit(user_items(sessions, items), show_progress=False)
    return rule_scores(csr_array(model.similarity), config.last_items, config.item_decay)
