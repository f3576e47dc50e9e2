"""What the tests of Kafka clients share."""

from collections.abc import Iterator

import pytest

from punctual.local.kafka import KafkaBroker
from tests.support.components import own_broker


@pytest.fixture(scope="session")
def stoppable_broker() -> Iterator[KafkaBroker]:
    """A broker beside that of `kafka_bootstrap`. A test may stop it, and leaves it running."""
    with own_broker() as broker:
        yield broker
