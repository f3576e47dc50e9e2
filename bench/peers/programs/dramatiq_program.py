"""Dramatiq on Redis. Its worker is started by Dramatiq's own command."""

import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench.peers.programs import common

broker = RedisBroker(url=common.REDIS)
dramatiq.set_broker(broker)


def _begin(port: int, job: str) -> None:
    common.begin(port, job)


actor = dramatiq.actor(_begin, actor_name="begin")


def _later(sink: int, job: str, due: float) -> None:
    actor.send_with_options(args=(sink, job), delay=max(0, round((due - time.time()) * 1000)))


def main() -> None:
    """The command."""
    asked = common.asked()
    if asked.verb == "create":
        with common.timed():
            for _ in range(asked.jobs):
                actor.send(0, "")
    elif asked.verb == "late":
        common.paced(asked, lambda job, due: _later(asked.sink, job, due))


if __name__ == "__main__":
    main()
