"""Requests that no well-behaved client would send: bytes as they are, over a socket."""

import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPResponse

LIMIT_SECONDS = 20.0


@dataclass(frozen=True)
class Reply:
    """What came back. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def send_raw(
    port: int,
    method: str,
    target: str,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes | None = None,
) -> Reply:
    """One request on a connection of its own. `target` and headers are sent as Latin-1, unchecked."""
    length = () if body is None else (("content-length", str(len(body))),)
    lines = [f"{method} {target} HTTP/1.1", "host: punctual", "connection: close"]
    lines += [f"{name}: {value}" for name, value in (*headers, *length)]
    head = "".join(f"{line}\r\n" for line in lines).encode("latin-1", "strict") + b"\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_SECONDS) as connection:
        # It may be answered, and the connection closed, before all of it was sent.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(head + (body or b""))
        reply = HTTPResponse(connection, method=method)
        reply.begin()
        found = {name.lower(): value for name, value in reply.getheaders()}
        return Reply(reply.status, found, reply.read())
