"""What the gate refuses: published, not served, until somebody forces it; and back again."""

import pytest

import millrace
from retrain.releases.release_catalogue import list_releases
from schemas.ids import ReleaseId
from tests.loop.loop_stage import UNTRAINED, LoopStage

pytestmark = pytest.mark.timeout(240)


def test_refused_candidate_is_served_only_by_force_and_can_be_left_again(
    loop: LoopStage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in loop.environment.items():
        monkeypatch.setenv(name, value)
    loop.produce(seed=1)
    good = loop.cycle().release_id
    assert good is not None
    worker = loop.start_worker()
    loop.wait_until_served(worker, good, 1)

    refused = loop.cycle(UNTRAINED, from_scratch=True)
    bad = refused.release_id
    assert bad is not None
    assert (refused.outcome, refused.generation) == ("refused", 0)
    assert any(line.startswith("recall_loss: ") for line in refused.refusals)
    assert published(loop) == {good, bad}
    assert [one.release_id for one in loop.announced()] == [good]
    assert loop.heartbeat().release_id == good

    assert millrace.run(["releases", "promote", bad]) == 2
    assert f"{bad}: the gate refused it by " in said(capsys)
    assert len(loop.announced()) == 1
    assert millrace.run(["releases", "promote", bad, "--force", "--reason", "a trial"]) == 0
    assert f"announced {bad} as generation 2, though the gate refused it" in said(capsys)
    loop.wait_until_served(worker, bad, 2)

    assert millrace.run(["releases", "rollback"]) == 0
    assert f"announced {good} as generation 3" in said(capsys)
    loop.wait_until_served(worker, good, 3)
    assert [one.forced for one in loop.announced() if one.forced is True] == [True]
    after = loop.cycle()
    assert (after.outcome, after.incumbent, after.generation) == ("running", good, 4)
    loop.wait_until_served(worker, after.release_id, 4)


def published(loop: LoopStage) -> set[ReleaseId]:
    return {one.release_id for one in list_releases(str(loop.releases))}


def said(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    return " ".join((out + err).split())
