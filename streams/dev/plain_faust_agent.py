"""The worker that one would write from Faust's documentation: an agent on a topic, one event at a time.

For comparison only, with the same release, or with none. It keeps less than the worker does: no watermark, no
repeats, no dead letters, and what it loses when it is killed is lost. Caller: `bench_plain`, as
`python -m streams.dev.plain_faust_agent` with `Plain` as JSON.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any, cast

import faust
import msgspec
import numpy as np
from faust.types import StreamT
from redis.asyncio import Redis

from models.release import Release, load_release
from models.session_rule import EVENT_TYPE_CODES
from models.vocabulary import UNKNOWN
from schemas.ids import ItemId

_CANDIDATES, _K = 100, 20
_TTL_S = 86_400
_STATE_BYTES = 500


class Plain(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one such worker."""

    bootstrap_servers: str
    redis_url: str
    events_topic: str
    lists_topic: str
    group: str
    folder: str
    """For what Faust keeps."""
    release: str | None
    """Its folder; None: every event is answered with one list, nothing is computed."""


class PlainModel:
    """One encoder step and one search an event; the stored state is the encoder's, in float16."""

    def __init__(self, release: Release) -> None:
        self._release = release

    def recommend(self, stored: bytes | None, event: dict[str, Any]) -> tuple[bytes, list[dict[str, Any]]]:
        """The session's state after an event, and its list."""
        release = self._release
        state = np.zeros((1, release.manifest.encoder.state_size), np.float16)
        if stored:
            state = np.frombuffer(stored, np.float16)[None, :]
        row = release.vocabulary.row(ItemId(event["item_id"]))
        if row == UNKNOWN:
            return stored or b"", []
        code = np.array([EVENT_TYPE_CODES[event["event_type"]]])
        query, after = release.encoder.step(release.item_vectors[[row]], code, state)
        rows, scores = release.index.search(query, _CANDIDATES)
        best = zip(rows[0, :_K].tolist(), scores[0, :_K].tolist(), strict=True)
        items = [{"item_id": release.vocabulary.item_id(at), "score": score} for at, score in best]
        return after.tobytes(), items


class NoModel:
    """As much state and as long a list, nothing computed."""

    _ITEMS = tuple({"item_id": str(100_000_000 + at), "score": 1.0 / (1 + at)} for at in range(_K))

    def recommend(self, stored: bytes | None, event: dict[str, Any]) -> tuple[bytes, list[dict[str, Any]]]:
        """The item ids seen so far, and the same list for everyone."""
        return ((stored or b"") + event["item_id"].encode())[-_STATE_BYTES:], list(self._ITEMS)


def plain_app(plain: Plain, model: PlainModel | NoModel) -> faust.App:
    """The Faust app with its one agent."""
    app = faust.App(
        plain.group,
        broker=f"kafka://{plain.bootstrap_servers}",
        datadir=plain.folder,
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        autodiscover=False,
        consumer_auto_offset_reset="earliest",
    )
    redis = Redis.from_url(plain.redis_url)
    lists = app.topic(plain.lists_topic, value_serializer="json")

    @app.agent(app.topic(plain.events_topic, value_serializer="json"))
    async def recommend(events: StreamT[Any]) -> None:
        async for event in events:
            key = f"state:{event['session_id']}"
            state, items = model.recommend(cast("bytes | None", await redis.get(key)), event)
            await redis.set(key, state, ex=_TTL_S)
            await lists.send(
                key=event["session_id"], value={"session_id": event["session_id"], "items": items}
            )

    return app


def main() -> None:
    """Serve until SIGTERM."""
    plain = msgspec.json.decode(sys.argv[1], type=Plain)
    model = PlainModel(load_release(Path(plain.release))) if plain.release else NoModel()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app = plain_app(plain, model)
    faust.Worker(app, loop=loop, loglevel="info", redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main()
