"""`python -m punctual.local.embedded_broker --port N`: a broker that needs Python only, for trying Punctual
out.

It speaks Kafka's protocol, so that the services need not know; but nothing survives the process, and of each
topic partition only the newest records are kept. docs/operations.md says what follows from that.
"""

import argparse
import asyncio
import signal
import sys

from punctual.local.broker_proxy import BrokerProxy
from punctual.local.mock_cluster import MockCluster
from punctual.local.ports import HOST
from punctual.local.problems import StackProblem
from shared.runtime.settings import Kafka, ServiceSettings, SettingsProblem, load

KEPT_MIB = 5
KEPT_RECORDS = 100_000
"""Of each topic partition; what is older is dropped without a word."""


class BrokerSettings(ServiceSettings):
    """The names of the topics, and how many topic partitions they have."""

    kafka: Kafka = Kafka()


def topics(settings: Kafka) -> list[str]:
    """The names of all topics that the settings name."""
    named = settings.model_dump()
    return sorted({str(value) for name, value in named.items() if name.endswith("_topic")})


def main() -> int:
    """Serve until SIGTERM or SIGINT; the process's exit code."""
    parser = argparse.ArgumentParser(prog="embedded_broker", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    try:
        settings = load(BrokerSettings).kafka
        cluster = MockCluster(advertised=(HOST, port))
        # The mock cluster has no call for it in the protocol, so they are there before anybody asks.
        for name in topics(settings):
            cluster.make_topic(name, settings.topic_partitions)
        asyncio.run(_serve(port, cluster))
    except (SettingsProblem, StackProblem, OSError) as problem:
        print(f"embedded broker: {problem}", file=sys.stderr)
        return 2
    return 0


async def _serve(port: int, cluster: MockCluster) -> None:
    proxy = BrokerProxy((HOST, port), cluster.address)
    await proxy.start()
    print(f"embedded broker at {HOST}:{port}", flush=True)
    asked_to_end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_end.set)
    await asked_to_end.wait()
    await proxy.stop()


if __name__ == "__main__":
    sys.exit(main())
