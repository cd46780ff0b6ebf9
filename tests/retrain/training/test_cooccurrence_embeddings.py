"""Co-occurrence embeddings: items of one ring lie together, items without company at zero."""

import numpy as np

from retrain.training.cooccurrence_embeddings import cooccurrence_embeddings
from retrain.training.sessionize import Sessions, build_vocabulary, sessionize
from tests.retrain.planted_sessions import ring_events


def random() -> np.random.Generator:
    return np.random.default_rng(1)


def test_items_of_one_ring_are_nearer_than_those_of_two() -> None:
    events = ring_events(noise=0)
    vocabulary = build_vocabulary(events)
    embeddings = cooccurrence_embeddings(sessionize(events, vocabulary, 0), len(vocabulary), 16, random())
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    rings = np.array([item_id.split("-")[0] for item_id in vocabulary.item_ids])
    same = rings[:, None] == rings[None, :]
    cosines = unit @ unit.T
    assert cosines[same].mean() > cosines[~same].mean() + 0.2
    np.testing.assert_allclose(embeddings.std(), 1, rtol=1e-5)


def test_items_without_company_and_spare_columns_are_zero() -> None:
    sessions = Sessions(np.array([0, 1, 2], dtype=np.int32), np.array([0, 2, 3]))
    embeddings = cooccurrence_embeddings(sessions, 3, 8, random())
    assert embeddings.shape == (3, 8)
    assert embeddings[:2].any(axis=1).all()
    assert not embeddings[2].any()
    assert not embeddings[:, 3:].any()


def test_sessions_of_single_events_give_zeros() -> None:
    sessions = Sessions(np.array([0, 1], dtype=np.int32), np.array([0, 1, 2]))
    assert not cooccurrence_embeddings(sessions, 2, 4, random()).any()
