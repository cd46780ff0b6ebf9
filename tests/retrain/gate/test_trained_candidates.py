"""The gate on trained releases: the better one replaces the worse one, and not the other way round."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from models.model_config import ModelConfig
from retrain.event_split import test_events as last_sessions
from retrain.gate.candidate_gate import examine
from retrain.gate.gate_rules import GateRules
from retrain.training.training_run import train_release
from tests.retrain.planted_sessions import ring_events

LOG = ring_events(sessions=900, rings=8, noise=0.1)
TRAINED = ModelConfig(
    hidden_size=24, epochs=4, min_steps=300, batch_size=16, n_negatives=16, session_gap_s=0, test_share=0.3
)
BARELY_TRAINED = replace(
    TRAINED, epochs=1, min_steps=0, learning_rate=1e-4, initial_embeddings="random", repeat_bias="off"
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    releases = tmp_path_factory.mktemp("releases")
    made = [
        train_release(LOG, config, releases, datetime(2026, 5, day, tzinfo=UTC)).release_id
        for day, config in enumerate((TRAINED, BARELY_TRAINED), start=1)
    ]
    return releases / made[0], releases / made[1]


def test_trained_release_replaces_a_barely_trained_one_and_not_the_other_way_round(
    folders: tuple[Path, Path],
) -> None:
    trained, barely = folders
    newest = last_sessions(LOG, TRAINED.test_share)
    assert examine(trained, barely, newest, GateRules()).refusals == []
    refused = {refusal.rule for refusal in examine(barely, trained, newest, GateRules()).refusals}
    assert {"recall_loss", "mrr_loss"} <= refused <= {"recall_loss", "mrr_loss", "popularity"}
