"""Probes of a release: asked on the machine that builds it, and again wherever it is to be served.

Hashes tell that the files arrived; probes tell that this machine makes the same lists of them: another
version of a library, another processor or a broken one may not. Owns how a probe goes through the code that
serves. Callers: `retrain.releases.probe_writing`, the worker before it swaps.

A probe begins with the state that the building machine had before its last event: over many steps the
rounding of states to float16 makes so much of a last digit that the tolerance is nearly reached.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from models.recommender import Recommender, SessionEvent
from models.release import Release
from models.release_probes import Difference, RankedItem, differences
from models.session_rule import EVENT_TYPE_CODES
from schemas.errors import InvalidRelease
from schemas.ids import ItemId, SessionId
from schemas.item_event import EVENT_TYPES, ItemEvent
from schemas.release_probe import PROBES_FILE, ReleaseProbe, ReleaseProbes, decode_release_probes
from schemas.session_state import TIME_BYTES, SessionState

K = 10
MISSED_SHARE = 0.05
"""Of the items of all lists, so many may be missed by an approximate search that rounds its codes otherwise,
if what it found is right. It misses 1 in 100 anyway, on any machine."""


def make_probes(release: Release, sessions: Sequence[tuple[Sequence[ItemId], bytes]]) -> ReleaseProbes:
    """Ask a release on the machine that built it.

    Args:
        release: what is asked.
        sessions: of each the items and the codes of their event types, beside each other, at least one.
    """
    recommender = Recommender(release, K)
    unasked = [
        ReleaseProbe(
            item_ids=tuple(items), event_types=codes, encoder_state=b"", list_items=(), list_scores=()
        )
        for items, codes in sessions
    ]
    before = [
        event
        for at, probe in enumerate(unasked)
        for event in map(_event, [at] * (len(probe.item_ids) - 1), probe.item_ids, probe.event_types)
    ]
    states = recommender.recommend({}, before).states
    stated = [
        msgspec.structs.replace(probe, encoder_state=state.encoder_state if state else b"")
        for probe, state in ((probe, states.get(_name(at))) for at, probe in enumerate(unasked))
    ]
    return ReleaseProbes(
        probes=tuple(
            msgspec.structs.replace(
                probe,
                list_items=tuple(one.item_id for one in ranked),
                list_scores=tuple(one.score for one in ranked),
            )
            for probe, ranked in zip(stated, _answers(recommender, stated), strict=True)
        )
    )


def check_probes(folder: Path, release: Release) -> int:
    """Ask a release that is loaded here its probes.

    Args:
        folder: of the release; its files were verified.
        release: what was loaded from it.

    Returns:
        How many probes it answered; 0 where it has none.

    Raises:
        InvalidRelease: it answers otherwise than on the machine that built it; says which probe, rank, item
            and scores.
    """
    if PROBES_FILE not in release.manifest.files:
        return 0
    try:
        probes = decode_release_probes((folder / PROBES_FILE).read_bytes()).probes
    except msgspec.DecodeError as error:
        raise InvalidRelease(f"release {release.release_id}: {PROBES_FILE}: {error}") from error
    found = [
        (number, difference)
        for number, (probe, answer) in enumerate(
            zip(probes, _answers(Recommender(release, K), probes), strict=True), 1
        )
        for difference in differences(_promised(probe), answer, K)
    ]
    may_miss = (
        0 if release.index.kind == "exact" else MISSED_SHARE * sum(len(one.list_items) for one in probes)
    )
    if len(found) > may_miss or not all(one.is_missed for _, one in found):
        raise InvalidRelease(_said(release, len(probes), found))
    return len(probes)


def _said(release: Release, probes: int, found: Sequence[tuple[int, Difference]]) -> str:
    number, first = next((one for one in found if not one[1].is_missed), found[0])
    return (
        f"release {release.release_id} gives other lists here than on the machine that built it: probe "
        f"{number} of {probes}, rank {first.rank}: item {first.item_id} {first.said}; "
        f"{len(found)} differences in all; compare the versions of onnxruntime, faiss and numpy "
        "with constraints.txt, or build the release anew"
    )


def _promised(probe: ReleaseProbe) -> list[RankedItem]:
    return [RankedItem(*one) for one in zip(probe.list_items, probe.list_scores, strict=True)]


def _answers(recommender: Recommender, probes: Sequence[ReleaseProbe]) -> list[list[RankedItem]]:
    release = recommender.release
    states = {_name(at): _state(release, probe) for at, probe in enumerate(probes) if len(probe.item_ids) > 1}
    events = [_event(at, probe.item_ids[-1], probe.event_types[-1]) for at, probe in enumerate(probes)]
    ranked = [one.ranked for one in recommender.recommend(states, events).recommendations if one is not None]
    return [
        [
            RankedItem(release.vocabulary.item_id(row), score)
            for row, score in zip(one.rows.tolist(), one.scores.tolist(), strict=True)
        ]
        for one in ranked
    ]


def _state(release: Release, probe: ReleaseProbe) -> SessionState:
    """The session before its last event."""
    return SessionState(
        release_id=release.release_id,
        item_ids=probe.item_ids[:-1],
        event_types=probe.event_types[:-1],
        times_s=bytes(TIME_BYTES * (len(probe.item_ids) - 1)),
        encoder_state=probe.encoder_state,
    )


def _name(at: int) -> SessionId:
    return SessionId(f"probe-{at}")


def _event(at: int, item_id: ItemId, code: int) -> SessionEvent:
    event_type = next(name for name in EVENT_TYPES if EVENT_TYPE_CODES[name] == code)
    return SessionEvent(
        ItemEvent(session_id=_name(at), item_id=item_id, event_type=event_type, occurred_at_ms=0), partition=0
    )
