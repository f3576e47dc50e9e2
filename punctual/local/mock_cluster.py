"""The mock cluster of librdkafka, which the `confluent-kafka` wheel carries: Kafka's wire protocol with
the records in memory, served by a thread of this process.
"""

import ctypes
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from punctual.local.problems import MissingComponent, StartFailed

BROKER = 1
FIRST_JOIN_DELAY_MS = 300
"""How long the first member of a group waits for others that start together with it: later ones cost
everybody a rebalance.
"""
_PRODUCER = 0
_ERRORS = b"3"  # as syslog counts: it would warn that the client around the cluster has no broker
_LIBRARIES = ("confluent_kafka.libs/librdkafka*.so*", "confluent_kafka/.dylibs/librdkafka*.dylib")


def find_library() -> Path | None:
    """librdkafka in the wheel; None where the wheel is not installed."""
    return next(_libraries(), None)


class MockCluster:
    """One broker on a port of its own choice that says that it is elsewhere: clients get there through
    whoever listens at `advertised`.

    Raises:
        MissingComponent: the wheel is not installed.
        StartFailed: the library does not give a cluster.
    """

    def __init__(self, advertised: tuple[str, int]) -> None:
        library = find_library()
        if library is None:
            raise MissingComponent(
                "the embedded broker is part of a wheel: .venv/bin/pip install confluent-kafka"
            )
        self._kafka = _declared(ctypes.CDLL(str(library)))
        why = ctypes.create_string_buffer(512)
        settings = self._kafka.rd_kafka_conf_new()
        self._kafka.rd_kafka_conf_set(settings, b"log_level", _ERRORS, why, len(why))
        client = self._kafka.rd_kafka_new(_PRODUCER, settings, why, len(why))
        if not client:
            raise StartFailed(f"librdkafka does not start: {why.value.decode(errors='replace')}")
        self._cluster = self._kafka.rd_kafka_mock_cluster_new(client, BROKER)
        if not self._cluster:
            raise StartFailed("librdkafka gives no mock cluster")
        bootstrap = self._kafka.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        host, _, port = bootstrap.rpartition(":")
        self.address = (host, int(port))
        """Where the broker itself listens."""
        self._kafka.rd_kafka_mock_group_initial_rebalance_delay_ms(
            self._cluster, FIRST_JOIN_DELAY_MS
        )
        self._kafka.rd_kafka_mock_broker_set_host_port(
            self._cluster, BROKER, advertised[0].encode(), advertised[1]
        )

    def make_topic(self, name: str, topic_partitions: int) -> None:
        """Make a topic.

        Raises:
            StartFailed: it was refused, or is there already.
        """
        code = self._kafka.rd_kafka_mock_topic_create(
            self._cluster, name.encode(), topic_partitions, 1
        )
        if code != 0:
            raise StartFailed(f"the embedded broker refused topic {name}: code {code}")


def _libraries() -> Iterator[Path]:
    spec = importlib.util.find_spec("confluent_kafka")
    if spec is None or spec.origin is None:
        return
    site = Path(spec.origin).parent.parent
    for pattern in _LIBRARIES:
        yield from sorted(site.glob(pattern))


def _declared(kafka: ctypes.CDLL) -> ctypes.CDLL:
    """The library with the types of what is called; a pointer without them is cut to 32 bits."""
    text, number, pointer = ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p
    for name, result, parameters in (
        ("rd_kafka_conf_new", pointer, []),
        ("rd_kafka_conf_set", number, [pointer, text, text, text, ctypes.c_size_t]),
        ("rd_kafka_new", pointer, [number, pointer, text, ctypes.c_size_t]),
        ("rd_kafka_mock_cluster_new", pointer, [pointer, number]),
        ("rd_kafka_mock_cluster_bootstraps", text, [pointer]),
        ("rd_kafka_mock_group_initial_rebalance_delay_ms", None, [pointer, ctypes.c_int32]),
        ("rd_kafka_mock_broker_set_host_port", None, [pointer, ctypes.c_int32, text, number]),
        ("rd_kafka_mock_topic_create", number, [pointer, text, number, number]),
    ):
        function = getattr(kafka, name)
        function.restype, function.argtypes = result, parameters
    return kafka
