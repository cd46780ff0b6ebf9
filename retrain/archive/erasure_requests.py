"""Requests to erase a session or a user from the archive, kept beside the files.

A request is written before anything is rewritten: from then on readers leave out what it names, also in files
that an archiver writes later from the topic. It holds the id, and goes with the retention. Writer: `millrace
archive erase`. Readers: `retrain.archive.archived_log`.
"""

import uuid
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from retrain.archive.archive_store import ERASURES, ArchiveStore
from schemas.errors import Unavailable


class ErasureRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of the two ids is set."""

    asked_at_ms: int
    session_id: str | None = None
    user_id: str | None = None
    """All sessions in which the user was seen before `asked_at_ms`."""


def ask(store: ArchiveStore, request: ErasureRequest) -> None:
    """Keep a request.

    Raises:
        Unavailable: the store cannot be written.
    """
    asked_on = datetime.fromtimestamp(request.asked_at_ms / 1000, UTC).date()
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

    Raises:
        Unavailable: the store does not answer.
    """
    first_kept = (today - timedelta(days=keep_days)).isoformat()
    for path in store.erasure_paths():
        if path.rpartition("/")[2] < first_kept:
            store.delete(path)


def _write(path: Path, encoded: bytes) -> None:
    path.write_bytes(encoded)
