"""The load: how many requests, when, and what a latency counts from."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from schemas.errors import Unavailable
from streams.dev.http_load import send_load
from streams.dev.ports import free_port

REQUEST = [b"GET / HTTP/1.1\r\n\r\n"]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@contextmanager
def a_server(answer: Callable[[int], bytes]) -> Iterator[int]:
    """Answers one request after the other; `answer` gets the number of the request."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            stream, _ = listening.accept()
            with stream:
                number = 0
                while stream.recv(1000):
                    stream.sendall(answer(number))
                    number += 1

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(60)


def test_rate_sends_as_many_as_it_says() -> None:
    with a_server(lambda _: OK) as port:
        assert len(send_load(port, REQUEST, 1, seconds=0.1, rate=500)) == 50


def test_without_a_rate_each_answer_brings_the_next_request() -> None:
    with a_server(lambda _: OK) as port:
        assert len(send_load(port, REQUEST, 1, seconds=0.01)) >= 1


def test_requests_that_could_not_be_sent_in_time_count_from_their_time() -> None:
    stop_s = 0.2

    def stands_still_once(number: int) -> bytes:
        if number == 0:
            time.sleep(stop_s)  # the fault itself, not a wait
        return OK

    with a_server(stands_still_once) as port:
        latencies_s = send_load(port, REQUEST, 1, seconds=0.1, rate=100)
    assert latencies_s[0] > stop_s
    assert latencies_s[9] > stop_s - 0.1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n", "503"),
        (b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n", "429"),
    ],
)
def test_answer_that_is_not_200_ends_the_measurement(answer: bytes, said: str) -> None:
    with a_server(lambda _: answer) as port, pytest.raises(Unavailable, match=said):
        send_load(port, REQUEST, 1, seconds=0.1)


def test_answer_may_come_in_pieces() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            stream, _ = listening.accept()
            with stream:
                stream.recv(1000)
                for at in range(len(OK)):
                    stream.sendall(OK[at : at + 1])
                stream.recv(1000)

        thread = threading.Thread(target=serve)
        thread.start()
        assert len(send_load(listening.getsockname()[1], REQUEST, 1, seconds=0.001, rate=1)) == 1
        thread.join(60)


def test_nobody_at_the_port_is_told() -> None:
    with pytest.raises(Unavailable, match="did not answer"):
        send_load(free_port(), REQUEST, 1, seconds=0.1)
