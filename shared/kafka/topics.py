"""Make sure that a topic is there, with the wanted number of topic partitions.

Called at start and then again and again: a topic that somebody deletes is made anew, and the jobs whose
records went with it are armed again by the reconciler.
"""

import asyncio
from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.kafka.options import admin_options
from shared.runtime.log import get
from shared.runtime.settings import Kafka

TOPIC_ALREADY_EXISTS = 36
RETENTION_MS = 7 * 24 * 3600 * 1000
ADMIN_LIMIT_SECONDS = 15.0


class TopicProblem(Exception):
    """The topic could not be made; the text carries the broker's code and words."""


class TopicAdmin:
    """Looks after topics over a connection that is kept, until the broker does not answer on it."""

    def __init__(self, settings: Kafka) -> None:
        self._settings = settings
        self._admin: AIOKafkaAdminClient | None = None
        self._log = get(__name__)

    async def ensure(self, topics: Sequence[str]) -> list[str]:
        """Make what is missing; the topics that were.

        Raises:
            TopicProblem: the broker refused.
            TimeoutError, OSError or aiokafka's KafkaError: the broker did not answer.
        """
        try:
            async with asyncio.timeout(ADMIN_LIMIT_SECONDS):
                admin = await self._connected()
                there = set(await admin.list_topics())
                missing = [topic for topic in topics if topic not in there]
                return [topic for topic in missing if await self._make(admin, topic)]
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Hang up; the next call connects anew. Raises nothing: what the caller has to hear of came before."""
        admin, self._admin = self._admin, None
        if admin is None:
            return
        try:
            async with asyncio.timeout(ADMIN_LIMIT_SECONDS):
                await admin.close()
        except Exception as error:
            self._log.info("connection for topics did not close", error=repr(error)[:200])

    async def _connected(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            # Known before it is started: an end in between closes it too.
            self._admin = AIOKafkaAdminClient(**admin_options(self._settings))
            await self._admin.start()
        return self._admin

    async def _make(self, admin: AIOKafkaAdminClient, topic: str) -> bool:
        reply = await admin.create_topics(
            [
                NewTopic(
                    name=topic,
                    num_partitions=self._settings.topic_partitions,
                    replication_factor=self._settings.replication_factor,
                    topic_configs={"retention.ms": str(RETENTION_MS)},
                )
            ]
        )
        _, code, *words = reply.topic_errors[0]
        if code == TOPIC_ALREADY_EXISTS:
            return False
        if code != 0:
            raise TopicProblem(f"broker refused topic {topic}: code {code} {words}")
        return True


async def ensure_topic(settings: Kafka, topic: str) -> bool:
    """Make the topic if it is missing, over a connection for this alone; whether it was.

    Raises:
        TopicProblem: the broker refused.
        TimeoutError, OSError or aiokafka's KafkaError: the broker did not answer.
    """
    admin = TopicAdmin(settings)
    try:
        return bool(await admin.ensure([topic]))
    finally:
        await admin.close()
