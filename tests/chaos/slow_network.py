"""Loopback links that can be slow, cut, or lead elsewhere: workers reach Kafka and Redis through them.

One thread with an event loop of its own forwards the bytes; the attributes of a link may be set from any
thread and count from the next bytes or the next connection on.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from streams.dev.ports import free_port

_CHUNK = 65_536


class Link:
    """One loopback port that leads to another.

    Attributes:
        port: where clients connect.
        target_port: where new connections lead.
        delay_s: how long each piece of bytes is held back, in each direction.
        refusing: whether new connections are closed at once.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, target_port: int) -> None:
        self.port = free_port()
        self.target_port = target_port
        self.delay_s = 0.0
        self.refusing = False
        self._loop = loop
        self._open: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Close every connection, as a rebooted switch does; what was on the way is lost."""
        self._loop.call_soon_threadsafe(self._abort)

    async def listen(self) -> asyncio.Server:
        """Take connections on `port`."""
        return await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=_CHUNK)

    def _abort(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._kept(writer), contextlib.suppress(OSError):
            if self.refusing:
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
            with self._kept(far_writer):
                ways = [self._forward(reader, far_writer), self._forward(far_reader, writer)]
                tasks = [asyncio.ensure_future(way) for way in ways]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()

    @contextlib.contextmanager
    def _kept(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        self._open.add(writer)
        try:
            yield
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(_CHUNK):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(piece)
                await writer.drain()


class SlowNetwork:
    """The thread of the links, as in `with SlowNetwork() as network: network.link(6379)`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def link(self, target_port: int) -> Link:
        """A new link that leads to a loopback port."""
        link = Link(self._loop, target_port)
        self._servers.append(asyncio.run_coroutine_threadsafe(link.listen(), self._loop).result(10))
        return link

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        await asyncio.sleep(0)  # what was being accepted becomes a task
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
