"""A network of its own in which names change: run as root by `unshare --net --mount`, it prints what it saw.

Inside there are a DNS server on 127.0.0.1:53, a server at an address of the internet (which is on `lo` here),
and one at a private address. The resolver is the one of the system: /etc/resolv.conf and /etc/nsswitch.conf of
this mount namespace name that DNS server.

python -m tests.support.rebinding <scratch directory>
"""

import asyncio
import json
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.support.calling import call
from tests.support.hostile import hostile, once
from worker_service.guarded_http.addresses import AddressGuard
from worker_service.handler_api import Fail, GuardedHttp

OUTSIDE, INSIDE = "93.184.216.34", "10.0.0.7"
PORT = 8_080
A, AAAA = 1, 28
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\noutside"
SECRET = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ninside"

ZONE: Mapping[str, Mapping[int, list[str]]] = {
    "turns": {A: [OUTSIDE, INSIDE]},
    "inside": {A: [INSIDE]},
    "both": {A: [OUTSIDE], AAAA: ["::1"]},
    "mapped": {AAAA: [f"::ffff:{INSIDE}"]},
    "moves": {A: [OUTSIDE, INSIDE]},
}
"""The answers for each name and kind, one for each time it is asked; the last one stays."""


class Dns(asyncio.DatagramProtocol):
    """Answers with a time to live of nothing. `asked`: the names and kinds that it was asked for."""

    def __init__(self) -> None:
        self._left = {
            (name, kind): list(ips) for name, of in ZONE.items() for kind, ips in of.items()
        }
        self.asked: list[tuple[str, int]] = []

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        end = data.index(b"\0", 12)
        kind = struct.unpack(">H", data[end + 1 : end + 3])[0]
        name = data[13 : 13 + data[12]].decode()
        self.asked.append((name, kind))
        answers = self._left.get((name, kind), [])
        address = (answers.pop(0) if len(answers) > 1 else answers[0]) if answers else None
        packed = b"" if address is None else socket.inet_pton(_family(kind), address)
        record = struct.pack(">HHHIH", 0xC00C, kind, 1, 0, len(packed)) + packed if packed else b""
        head = data[:2] + struct.pack(">HHHHH", 0x8580, 1, 1 if packed else 0, 0, 0)
        self._transport.sendto(head + data[12 : end + 5] + record, addr)


def _family(kind: int) -> socket.AddressFamily:
    return socket.AF_INET6 if kind == AAAA else socket.AF_INET


def set_up(scratch: Path) -> None:
    """Addresses, and who is asked for names. Only this namespace sees it."""
    for command in (
        "ip link set lo up",
        f"ip addr add {OUTSIDE}/32 dev lo",
        f"ip addr add {INSIDE}/32 dev lo",
    ):
        subprocess.run(command.split(), check=True)
    for name, text in (
        ("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"),
        ("nsswitch.conf", "hosts: files dns\n"),
    ):
        (scratch / name).write_text(text)
        target = Path("/etc", name)
        if not target.exists():
            raise FileNotFoundError(f"{target} is not there to be covered")
        subprocess.run(["mount", "--bind", str(scratch / name), str(target)], check=True)


async def look(http: GuardedHttp, url: str, **payload: Any) -> str:
    """What a call came to: the body, or the failure."""
    try:
        return str((await call({"url": url, "timeoutSeconds": 10, **payload}, http))["body"])
    except Fail as failed:
        return f"{'final' if failed.permanent else 'again'}: {failed}"


async def run() -> dict[str, Any]:
    """All calls, and who was connected to, to be printed as JSON."""
    loop = asyncio.get_running_loop()
    _, dns = await loop.create_datagram_endpoint(Dns, local_addr=("127.0.0.1", 53))
    redirect = (
        b"HTTP/1.1 302 Found\r\nLocation: http://moves.test:8080/\r\nContent-Length: 0\r\n\r\n"
    )
    seen: dict[str, Any] = {}
    async with (
        hostile(once(OK), address=OUTSIDE, port=PORT) as outside,
        hostile(once(SECRET), address=INSIDE, port=PORT) as inside,
        hostile(once(redirect), address=OUTSIDE, port=PORT + 1),
    ):
        http = GuardedHttp(AddressGuard())
        for name in ("turns", "turns", "inside", "both", "mapped"):
            said = await look(http, f"http://{name}.test:{PORT}/")
            seen.setdefault(name, []).append(said)
        seen["moves"] = await look(http, f"http://moves.test:{PORT + 1}/", followRedirects=True)
        seen["outside"], seen["inside calls"] = outside.asked, inside.asked
        with suppress(OSError):
            # The control: without the guard the way to the private address is open.
            reader, writer = await asyncio.open_connection("inside.test", PORT)
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            seen["without a guard"] = (await reader.read()).decode().rpartition("\r\n")[2]
            writer.close()
    seen["asked"] = sum(name == "turns" and kind == A for name, kind in dns.asked)
    return seen


if __name__ == "__main__":
    set_up(Path(sys.argv[1]))
    print(json.dumps(asyncio.run(run())))
