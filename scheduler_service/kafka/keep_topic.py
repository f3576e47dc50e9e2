"""Make sure, again and again, that a topic is there: somebody may delete it."""

from collections.abc import Mapping

from shared.kafka.topics import ensure_topic
from shared.runtime.log import get
from shared.runtime.settings import Kafka


class KeepTopic:
    """Of the request topic, or of another one. Remembers whether the broker answered last time: an idle
    producer would not notice."""

    def __init__(self, settings: Kafka, topic: str | None = None) -> None:
        self._settings = settings
        self._topic = topic or settings.request_topic
        self._answered = False
        self._log = get(__name__)

    def answered(self) -> bool:
        """Whether the broker answered the last look."""
        return self._answered

    async def run_once(self) -> Mapping[str, int]:
        """Look, and make it if it is missing.

        Raises:
            TopicProblem, TimeoutError, OSError or aiokafka's KafkaError.
        """
        made = False
        try:
            made = await ensure_topic(self._settings, self._topic)
        except BaseException:
            self._answered = False
            raise
        self._answered = True
        if made:
            self._log.warning("topic was missing and is made", topic=self._topic)
        return {"made": int(made)}
