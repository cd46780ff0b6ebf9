"""Encoding sessions: the encoder's step on SessionStates, and the rebuilding of states of another release.

Owns the conversion between a state's bytes and the encoder's arrays. Caller: `models.recommender`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from models.encoder import NO_STEP
from models.release import Release
from models.session_rule import EVENT_TYPE_CODES
from models.vocabulary import UNKNOWN
from schemas.ids import ItemId, ReleaseId, SessionId
from schemas.item_event import ItemEvent
from schemas.session_state import SessionState

_NO_ITEM = ItemId("")


class StateEncoder:
    """The encoder of one release, on session states."""

    def __init__(self, release: Release) -> None:
        self._release = release

    def step(
        self, states: Sequence[SessionState], events: Sequence[ItemEvent | None]
    ) -> tuple[list[SessionState], NDArray[np.float32], NDArray[np.bool_]]:
        """One encoder step for each of a batch of sessions.

        Args:
            states: the sessions, the event already in their lists; their encoder states are those before it.
            events: beside each the event, or None where there is no step to make.

        Returns:
            The states after the step, the queries float32 [batch, index_dim], and bool [batch]: whether the
            session
            has any item that the release knows. An unknown item makes no step.
        """
        rows = self._release.vocabulary.rows(_NO_ITEM if event is None else event.item_id for event in events)
        known = (rows != UNKNOWN) | np.array([bool(state.encoder_state) for state in states])
        if not known.any():
            return (
                list(states),
                np.zeros((len(rows), self._release.manifest.encoder.index_dim), np.float32),
                known,
            )
        codes = [0 if event is None else EVENT_TYPE_CODES[event.event_type] for event in events]
        queries, encoded = self._run(rows, np.array(codes), self._unpack(states))
        packed, size = encoded.tobytes(), encoded[:1].nbytes
        after = [
            _encoded(state, packed[at * size : (at + 1) * size], self._release.release_id)
            if is_known
            else state
            for at, (state, is_known) in enumerate(zip(states, known.tolist(), strict=True))
        ]
        return after, queries, known

    def rebuild(self, states: Mapping[SessionId, SessionState]) -> dict[SessionId, SessionState]:
        """Replay the item lists of the states of other releases through this release's encoder.

        Returns:
            The states that were not of this release, rebuilt; the others are not in it.
        """
        stale = {key: state for key, state in states.items() if not self._is_current(state)}
        if not stale:
            return {}
        lists = [self._release.vocabulary.rows(state.item_ids) for state in stale.values()]
        known = [rows != UNKNOWN for rows in lists]
        codes = [np.frombuffer(state.event_types, np.uint8) for state in stale.values()]
        encoded = self._replay(
            [rows[steps] for rows, steps in zip(lists, known, strict=True)],
            [types[steps] for types, steps in zip(codes, known, strict=True)],
        )
        return {
            key: replace(
                state,
                release_id=self._release.release_id,
                encoder_state=encoded[at].tobytes() if known[at].any() else b"",
            )
            for at, (key, state) in enumerate(stale.items())
        }

    def _is_current(self, state: SessionState) -> bool:
        """Whether the encoder state is this release's, or empty."""
        whole = len(state.encoder_state) in {0, 2 * self._release.manifest.encoder.state_size}
        return whole and state.release_id == self._release.release_id

    def _replay(self, rows: list[NDArray[np.int32]], codes: list[NDArray[np.uint8]]) -> NDArray[np.float16]:
        """Fold lists of known rows from the zero state: float16 [lists, state_size].

        The first steps of all lists at once, then the second ones, and so on; longest lists first, so that
        those which go on are always the first few.
        """
        lengths = np.array([len(one) for one in rows])
        order = np.argsort(-lengths, kind="stable")
        begins = (np.cumsum(lengths) - lengths)[order]
        all_rows, all_codes = np.concatenate(rows), np.concatenate(codes)
        encoded = np.zeros((len(rows), self._release.manifest.encoder.state_size), dtype=np.float16)
        for depth in range(lengths.max()):
            places = begins[: np.count_nonzero(lengths > depth)] + depth
            _, after = self._run(all_rows[places], all_codes[places], encoded[: len(places)])
            encoded[: len(places)] = after
        in_place = np.empty_like(encoded)
        in_place[order] = encoded
        return in_place

    def _run(
        self, rows: NDArray[np.integer[Any]], codes: NDArray[np.int_], encoded: NDArray[np.float16]
    ) -> tuple[NDArray[np.float32], NDArray[np.float16]]:
        event_type = np.where(rows == UNKNOWN, NO_STEP, codes.astype(np.int64))
        item = self._release.item_vectors[np.maximum(rows, 0)]
        return self._release.encoder.step(item, event_type, encoded)

    def _unpack(self, states: Sequence[SessionState]) -> NDArray[np.float16]:
        size = self._release.manifest.encoder.state_size
        zero = bytes(2 * size)
        return np.frombuffer(b"".join(state.encoder_state or zero for state in states), np.float16).reshape(
            -1, size
        )


def _encoded(state: SessionState, encoder_state: bytes, release_id: ReleaseId) -> SessionState:
    """The session with another encoder state; by position, which takes a third of the time of `replace`."""
    return SessionState(
        state.version,
        release_id,
        state.item_ids,
        state.event_types,
        state.times_s,
        state.event_hashes,
        encoder_state,
        state.last_event_at_ms,
        state.home_partition,
    )
