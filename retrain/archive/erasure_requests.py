"""Requests to erase a session or a user from the archive, kept beside the files.

A request is written before anything is rewritten: from then on readers leave out what it names, also in files
that an archiver writes later from the topic. It holds the id, and goes with the retention. Writers: `millrace
archive erase`; scrubbing, for sessions that it is about to take the user's name out of. Readers:
`retrain.archive.archived_log`.
"""

import uuid
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from retrain.archive.archive_store import ERASURES, ArchiveStore
from schemas.errors import Unavailable

_LAST_MS = 253_402_300_799_000
"""Of the year 9999."""


class ErasureRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of `session_id`, `user_id` and `session_ids` is set."""

    asked_at_ms: int
    session_id: str | None = None
    user_id: str | None = None
    """All sessions in which the user was seen before `asked_at_ms`."""
    session_ids: tuple[str, ...] = ()
    """Sessions of a user who was erased; they were found by events that are gone now."""
    in_topic: str | None = None
    """These three: where the erase event lies by which the user was erased, if it was by one."""
    in_partition: int | None = None
    before_offset: int | None = None


def ask(store: ArchiveStore, request: ErasureRequest) -> None:
    """Keep a request.

    Raises:
        Unavailable: the store cannot be written.
    """
    asked_on = datetime.fromtimestamp(min(max(0, request.asked_at_ms), _LAST_MS) / 1000, UTC).date()
    encoded = msgspec.json.encode(request)
    store.write(
        f"{ERASURES}/{asked_on.isoformat()}-{uuid.uuid4().hex}.json", lambda path: _write(path, encoded)
    )


def read_requests(store: ArchiveStore) -> list[ErasureRequest]:
    """All requests.

    Raises:
        Unavailable: the store does not answer, or a request cannot be read.
    """
    found = []
    for path in store.erasure_paths():
        try:
            found.append(msgspec.json.decode(store.read(path), type=ErasureRequest))
        except FileNotFoundError:  # its time was over
            continue
        except msgspec.DecodeError as error:
            raise Unavailable(f"{store.url}/{path}: no request to erase ({error})") from error
    return found


def forget_requests(store: ArchiveStore, keep_days: int, today: date) -> None:
    """Delete the requests that are older than what the archive keeps.

    A day later than the files of their day: about midnight what came before a request may lie in the next.

    Raises:
        Unavailable: the store does not answer.
    """
    first_kept = (today - timedelta(days=keep_days + 1)).isoformat()
    for path in store.erasure_paths():
        if path.rpartition("/")[2] < first_kept:
            store.delete(path)


def _write(path: Path, encoded: bytes) -> None:
    path.write_bytes(encoded)
