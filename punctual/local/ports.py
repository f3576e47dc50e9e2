"""Free ports of 127.0.0.1."""

import random
import socket

HOST = "127.0.0.1"
LOWEST, HIGHEST = 20_000, 32_000
"""Below the range from which systems take the ports of outgoing connections, so that none slips in
between our look and the listener's bind.
"""


def is_free(port: int) -> bool:
    """Whether a listener could bind this port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((HOST, port))
        except OSError:
            return False
    return True


def accepts(port: int) -> bool:
    """Whether somebody listens on this port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(1.0)
        return sock.connect_ex((HOST, port)) == 0


def any_free(taken: set[int] | None = None) -> int:
    """A port that nobody listens on and that is not in `taken`."""
    while True:
        port = random.randint(LOWEST, HIGHEST)
        if port not in (taken or ()) and is_free(port):
            return port
