"""A tiny HTTP server on 127.0.0.1, in a thread of its own, that answers as a test tells it."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, bytes] | None
"""Status and body; None closes the connection without a word."""

HANDLERS_LIMIT_SECONDS = 10.0


@dataclass(frozen=True)
class Asked:
    """A POST as it came."""

    path: str
    content_type: str | None
    body: bytes


@dataclass
class HttpServer:
    """What was asked, and what will be answered."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    _answers: deque[Callable[[], Answer]] = field(default_factory=deque)
    _last: Callable[[], Answer] = lambda: (500, b"the test names no answer")

    def then(self, *answers: Callable[[], Answer] | Answer) -> None:
        """What further requests get, one each; the last one is given for ever. A function is called when
        the request has been read."""
        for answer in answers:
            self._answers.append(answer if callable(answer) else partial(_same, answer))

    def answer(self, request: Asked) -> Answer:
        """Take a request."""
        self.asked.append(request)
        if self._answers:
            self._last = self._answers.popleft()
        return self._last()


def _same(answer: Answer) -> Answer:
    return answer


@contextmanager
def http_server() -> Iterator[HttpServer]:
    """A server for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            answer = told.answer(Asked(self.path, self.headers["content-type"], body))
            if answer is None:
                self.close_connection = True
                return
            status, content = answer
            with suppress(OSError):  # who asked has gone
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Write nothing to standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told = HttpServer(url=f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join(HANDLERS_LIMIT_SECONDS)
        server.server_close()
