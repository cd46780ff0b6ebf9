"""Probes of a new release: which sessions it is asked, and `probes.msgpack` with its answers.

Writer: of that file in release folders. Reader: `models.probe_answers`. Caller:
`retrain.releases.release_building`, when all other files are there.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.probe_answers import make_probes
from models.release import assemble_release
from models.vocabulary import Vocabulary
from retrain.training.sessionize import Sessions
from schemas.ids import ItemId
from schemas.release_manifest import ReleaseManifest
from schemas.release_probe import PROBES_FILE, encode_release_probes

LENGTHS = (1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6, 8, 12, 20, 30, 50)
"""Events of each probe; of fewer where no session is so long."""


def write_probes(folder: Path, manifest: ReleaseManifest, sessions: Sessions) -> Path:
    """Ask a release that lacks only its probes, through the code that serves, and write what it answers.

    Args:
        folder: with all files that the manifest lists.
        manifest: of the release so far.
        sessions: what it was trained on.

    Returns:
        The file.
    """
    release = assemble_release(folder, manifest)
    path = folder / PROBES_FILE
    path.write_bytes(
        encode_release_probes(make_probes(release, probe_sessions(sessions, release.vocabulary)))
    )
    return path


def probe_sessions(sessions: Sessions, vocabulary: Vocabulary) -> list[tuple[list[ItemId], bytes]]:
    """Beginnings of sessions, of the lengths wanted, from all over the log: items and event type codes."""
    lengths = np.diff(sessions.offsets)
    return [
        _beginning(sessions, vocabulary, _chosen(lengths, wanted, at / len(LENGTHS)), wanted)
        for at, wanted in enumerate(LENGTHS)
    ]


def _chosen(lengths: NDArray[np.int64], wanted: int, place: float) -> int:
    """A session of at least the wanted length, at this share of the log; else the longest."""
    long_enough = np.flatnonzero(lengths >= wanted)
    return int(long_enough[int(place * len(long_enough))] if len(long_enough) else lengths.argmax())


def _beginning(
    sessions: Sessions, vocabulary: Vocabulary, session: int, length: int
) -> tuple[list[ItemId], bytes]:
    start, end = sessions.offsets[session : session + 2].tolist()
    part = slice(start, min(end, start + length))
    rows = sessions.item_rows[part].tolist()
    codes = bytes(len(rows)) if sessions.event_types is None else sessions.event_types[part].tobytes()
    return [vocabulary.item_id(row) for row in rows], codes
