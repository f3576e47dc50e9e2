"""Make sure that a topic is there, with the wanted number of topic partitions.

Called at start and then again and again: a topic that somebody deletes is made anew, and the jobs whose
records went with it are armed again by the reconciler.
"""

import asyncio

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.kafka.options import admin_options
from shared.runtime.settings import Kafka

TOPIC_ALREADY_EXISTS = 36
RETENTION_MS = 7 * 24 * 3600 * 1000
ADMIN_LIMIT_SECONDS = 15.0


class TopicProblem(Exception):
    """The topic could not be made; the text carries the broker's code and words."""


async def ensure_topic(settings: Kafka, topic: str) -> bool:
    """Make the topic if it is missing; whether it was.

    Raises:
        TopicProblem: the broker refused.
        TimeoutError, OSError or aiokafka's KafkaError: the broker did not answer.
    """
    admin = AIOKafkaAdminClient(**admin_options(settings))
    try:
        async with asyncio.timeout(ADMIN_LIMIT_SECONDS):
            await admin.start()
            if topic in await admin.list_topics():
                return False
            reply = await admin.create_topics(
                [
                    NewTopic(
                        name=topic,
                        num_partitions=settings.topic_partitions,
                        replication_factor=settings.replication_factor,
                        topic_configs={"retention.ms": str(RETENTION_MS)},
                    )
                ]
            )
    finally:
        async with asyncio.timeout(ADMIN_LIMIT_SECONDS):
            await admin.close()
    _, code, *words = reply.topic_errors[0]
    if code == TOPIC_ALREADY_EXISTS:
        return False
    if code != 0:
        raise TopicProblem(f"broker refused topic {topic}: code {code} {words}")
    return True
