"""A real HTTP server on a free port of 127.0.0.1 that answers as it was told and notes what it was asked."""

import ssl
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HANG_LIMIT_SECONDS = 20.0
ENDLESS_BYTES = 64 * 1024 * 1024
"""Where an endless body ends if the client takes all of it."""
_PART = b"x" * 65_536


@dataclass(frozen=True)
class Answer:
    """One answer. `hangs`: "first" (says nothing) or "midway" (headers and `body`, with a greater length),
    until the client goes. `endless`: a body that is sent until the client goes. `drops`: closes unanswered."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs: str = ""
    endless: bool = False
    drops: bool = False


@dataclass(frozen=True)
class Asked:
    """One request; names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Target:
    """What the server was told to answer, by path, and what it was asked. `left`: a client went away from an
    answer that hangs or is endless; `sent`: bytes of endless bodies."""

    def __init__(self) -> None:
        self.port = 0
        self.scheme = "http"
        self.left = threading.Event()
        self.reached = threading.Event()
        self.sent = 0
        self._answers: dict[str, list[Answer]] = {}
        self._below: list[str] = []
        self._asked: defaultdict[str, list[Asked]] = defaultdict(list)
        self._lock = threading.Lock()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """Where a path is."""
        return f"{self.scheme}://{host}:{self.port}{path}"

    def answer(self, path: str, *answers: Answer) -> str:
        """What a path answers, one after the other, the last for ever; its URL."""
        with self._lock:
            self._answers[path] = list(answers)
        return self.url(path)

    def answer_below(self, path: str, *answers: Answer) -> str:
        """What a path and all below it answer; they are one path."""
        self._below.append(path)
        return self.answer(path, *answers)

    def paths(self) -> list[str]:
        """What was asked for so far."""
        with self._lock:
            return list(self._asked)

    def asked(self, path: str) -> list[Asked]:
        """Requests of a path so far."""
        with self._lock:
            return list(self._asked[path])

    def take(self, asked: Asked) -> Answer:
        """Note a request; the answer to it. A path that was not told of answers 404."""
        with self._lock:
            path = asked.path.partition("?")[0]
            path = next((one for one in self._below if path.startswith(f"{one}/")), path)
            self._asked[path].append(asked)
            answers = self._answers.get(path, [Answer(404, b"no such path")])
            return answers.pop(0) if len(answers) > 1 else answers[0]


@contextmanager
def http_target(tls: ssl.SSLContext | None = None) -> Iterator[Target]:
    """A server, gone at the end."""
    target = Target()

    class Talk(_Talk):
        told = target

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 128

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that goes away is no error here."""

    with Server(("127.0.0.1", 0), Talk) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
            target.scheme = "https"
        target.port = server.server_address[1]
        thread = threading.Thread(
            target=server.serve_forever, args=(0.05,), name="http-target", daemon=True
        )
        thread.start()
        try:
            yield target
        finally:
            server.shutdown()
            thread.join()


class _Talk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    told: Target

    def _talk(self) -> None:
        length = int(self.headers.get("content-length", 0))
        asked = Asked(
            self.command,
            self.path,
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length),
        )
        answer = self.told.take(asked)
        if answer.drops:
            self.close_connection = True
            return
        if answer.hangs != "first":
            self._say(answer)
        self.told.reached.set()
        if answer.hangs:
            self._wait_for_the_end()
        elif answer.endless:
            self._send_until_the_end()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _talk  # noqa: N815

    def _say(self, answer: Answer) -> None:
        length = len(answer.body)
        if answer.hangs:
            length += 1_000
        elif answer.endless:
            length = ENDLESS_BYTES
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(length), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _wait_for_the_end(self) -> None:
        self.connection.settimeout(HANG_LIMIT_SECONDS)
        with suppress(ConnectionError):
            if self.connection.recv(1):
                return
        self.close_connection = True
        self.told.left.set()

    def _send_until_the_end(self) -> None:
        self.close_connection = True
        try:
            while self.told.sent < ENDLESS_BYTES:
                self.wfile.write(_PART)
                self.told.sent += len(_PART)
        except OSError:
            self.told.left.set()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""
