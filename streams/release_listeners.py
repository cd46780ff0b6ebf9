"""Who is told of what becomes of announced releases. Caller: `streams.release_watcher`, on the event loop."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from schemas.ids import ReleaseId

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ReleaseListeners(Generic[T]):
    """What is called; by default nothing."""

    tried: Callable[[ReleaseId], None] = lambda _: None
    """With each release before it is fetched, and again at each further try."""
    swapped: Callable[[T], None] = lambda _: None
    """With each release that is served from now on."""
    refused: Callable[[ReleaseId, Exception], None] = lambda *_: None
    """With each release that was announced and can never be served."""
