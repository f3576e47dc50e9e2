"""Make sure, again and again, that the topics are there: somebody may delete one."""

from collections.abc import Mapping

from shared.kafka.topics import TopicAdmin
from shared.runtime.log import get
from shared.runtime.settings import Kafka


class KeepTopics:
    """Of requests and of events. Remembers whether the broker answered last time: an idle producer would not
    notice."""

    def __init__(self, settings: Kafka) -> None:
        self._admin = TopicAdmin(settings)
        self._topics = (settings.request_topic, settings.event_topic)
        self._answered = False
        self._log = get(__name__)

    def answered(self) -> bool:
        """Whether the broker answered the last look."""
        return self._answered

    async def run_once(self) -> Mapping[str, int]:
        """Look, and make what is missing.

        Raises:
            TopicProblem, TimeoutError, OSError or aiokafka's KafkaError.
        """
        try:
            made = await self._admin.ensure(self._topics)
        except BaseException:
            self._answered = False
            raise
        self._answered = True
        for topic in made:
            self._log.warning("topic was missing and is made", topic=topic)
        return {"made": len(made)}

    async def close(self) -> None:
        """Hang up."""
        await self._admin.close()
