"""What all programs in Python share: arguments, telling the sink, and creating on time."""

import argparse
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

BATCH, CONNECTIONS = 500, 64
DATABASE = os.environ.get("BENCH_DATABASE_URL", "")
REDIS = os.environ.get("BENCH_REDIS_URL", "")

_sockets: dict[int, socket.socket] = {}
_lock = threading.Lock()


def begin(port: int, job: str) -> None:
    """The whole of a job: tell the sink that it began, or nothing at all if the port is 0."""
    if port:
        line = json.dumps({"job": job, "attempt": 1}).encode() + b"\n"
        with _lock:
            if port not in _sockets:
                _sockets[port] = socket.create_connection(("127.0.0.1", port), timeout=5)
                _sockets[port].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _sockets[port].sendall(line)


def asked() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["prepare", "work", "create", "late"])
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--way", choices=["batch", "single"])
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--ahead", type=float, default=0.0)
    parser.add_argument("--sink", type=int, default=0)
    return parser.parse_args()


@contextmanager
def timed() -> Iterator[None]:
    """Print when the block began and ended and the CPU seconds that it took."""
    began, used = time.time(), time.process_time()
    yield
    figures = {"began": began, "ended": time.time(), "cpu": time.process_time() - used}
    print(json.dumps(figures))


def paced(asked: argparse.Namespace, create: Callable[[str, float], None]) -> None:
    """Create (id, due time in seconds since 1970) at the rate asked for, and print the due times."""
    began, due = time.time(), {}
    for n in range(asked.jobs):
        time.sleep(max(0.0, began + n / asked.rate - time.time()))
        job, moment = str(uuid4()), round(time.time() + asked.ahead, 6)
        create(job, moment)
        due[job] = moment
    print(json.dumps({"due": due}))
