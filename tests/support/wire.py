"""Connections for tests of HTTP_CALL that need no socket: names whose answers change, and answers as bytes."""

from collections.abc import Iterable, Sequence

import httpcore

PUBLIC, OTHER_PUBLIC, INNER = "93.184.216.34", "93.184.216.35", "10.0.0.7"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class Names:
    """A resolver whose answers change from one question to the next; the last one stays."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self._answers = answers
        self.questions: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.questions.append(host)
        answers = self._answers[host.partition(".")[0]]
        return answers.pop(0) if len(answers) > 1 else answers[0]


class Wire(httpcore.AsyncNetworkBackend):
    """Connections that answer with given bytes, in turn; `down` addresses take none. Notes who was called, and
    in `sent` what."""

    def __init__(
        self, *answers: bytes, down: Iterable[str] = (), sent: list[bytes] | None = None
    ) -> None:
        self._sent = [] if sent is None else sent
        self._answers = list(answers)
        self._down = set(down)
        self.connected: list[str] = []
        self.limits: list[float | None] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.connected.append(host)
        self.limits.append(timeout)
        if host in self._down:
            raise httpcore.ConnectTimeout(f"{host} is down")
        return Noted([self._answers.pop(0)], self._sent)


class Noted(httpcore.AsyncMockStream):
    """One of these connections."""

    def __init__(self, answers: list[bytes], sent: list[bytes]) -> None:
        super().__init__(answers)
        self._sent = sent

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Note it."""
        self._sent.append(buffer)


def redirect(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
