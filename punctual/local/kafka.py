"""A real Apache Kafka: one node, KRaft, on 127.0.0.1."""

import base64
import os
import shutil
import signal
import threading
from pathlib import Path
from uuid import uuid4

from punctual.local.java import find_java
from punctual.local.kafka_classes import class_options, keep_classes
from punctual.local.kafka_jars import kafka_jars
from punctual.local.ports import HOST, accepts, any_free
from punctual.local.problems import StartFailed
from punctual.local.processes import Daemon
from punctual.local.waiting import wait_for

START_LIMIT_SECONDS = 120.0
STOP_LIMIT_SECONDS = 20.0
_LOG_CONFIG = Path(__file__).with_name("log4j2.xml")
_JAVA_OPTIONS = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{advertised_port}
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}

# One node: an internal topic that asks for three replicas is never made, and consumers hang.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4

# A typo must not make a topic, and a group of one need not wait for others.
auto.create.topics.enable=false
delete.topic.enable=true
group.initial.rebalance.delay.ms=0
# A member may ask for a shorter session than 6 s: then a group goes on sooner after a member was killed.
group.min.session.timeout.ms=1000

# After a kill the broker waits for its own old session: 3 s instead of 9.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""


class KafkaBroker:
    """The process `kafka` of a state directory. Its data is in `kafka/` there and outlives it.

    `advertised_port`: where it tells clients to find it, if that is not where it listens: a proxy's.
    """

    def __init__(
        self,
        root: Path,
        *,
        port: int | None = None,
        advertised_port: int | None = None,
        give_up: threading.Event | None = None,
    ) -> None:
        self.daemon = Daemon(root, "kafka")
        self.port = port or any_free()
        self.advertised_port = advertised_port or self.port
        self._home = root.resolve() / "kafka"
        self._give_up = give_up

    @property
    def bootstrap(self) -> str:
        """Its address, as clients want it."""
        return f"{HOST}:{self.port}"

    def start(self) -> None:
        """Start it, marking its storage as its own the first time, and wait until it accepts.

        Raises:
            MissingComponent: no Java, or no jars and no Maven.
            StartFailed: it ended or did not accept in time.
        """
        if self.daemon.pid() is not None:
            return
        java, jars = find_java(), kafka_jars(self.daemon.log_file, self._give_up)
        properties = self._write_properties()
        if not (self._home / "data" / "meta.properties").exists():
            self._format()
        self.daemon.start(
            [
                str(java),
                *_JAVA_OPTIONS,
                *class_options(java, self._home),
                f"-Dlog4j2.configurationFile={_LOG_CONFIG}",
                *("-cp", f"{jars}/*", "kafka.Kafka", str(properties)),
            ],
            env=_environment(),
            cwd=self._home,
        )
        up = wait_for(
            lambda: accepts(self.port) or self.daemon.pid() is None,
            within_seconds=START_LIMIT_SECONDS,
            give_up=self._give_up,
        )
        if not up or self.daemon.pid() is None:
            raise StartFailed(f"kafka did not start\n{self.daemon.log_tail()}")

    def stop(self) -> None:
        """End it in good order."""
        self.daemon.stop(signal.SIGTERM, limit_seconds=STOP_LIMIT_SECONDS)
        keep_classes(self._home)

    def remove(self) -> None:
        """Throw its data away. It must not run."""
        shutil.rmtree(self._home, ignore_errors=True)

    def _write_properties(self) -> Path:
        self._home.mkdir(parents=True, exist_ok=True)
        properties = self._home / "server.properties"
        properties.write_text(
            _PROPERTIES.format(
                host=HOST,
                port=self.port,
                advertised_port=self.advertised_port,
                controller_port=any_free({self.port, self.advertised_port}),
                data=self._home / "data",
            )
        )
        return properties

    def _format(self) -> None:
        """What Kafka's own tool writes, which would need a JVM for it; a broker that finds nothing else takes
        the features of its version.
        """
        data = self._home / "data"
        data.mkdir(parents=True, exist_ok=True)
        (data / "meta.properties").write_text(
            f"version=1\nnode.id=1\ncluster.id={_kafka_id()}\ndirectory.id={_kafka_id()}\n"
        )


def _kafka_id() -> str:
    return base64.urlsafe_b64encode(b"\x00" + uuid4().bytes[1:]).decode().rstrip("=")


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
