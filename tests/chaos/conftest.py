"""What the fault tests share."""

from collections.abc import Iterator

import pytest

from tests.support.sink import Sink, listening_sink


@pytest.fixture
def sink() -> Iterator[Sink]:
    """An outside witness of starts."""
    with listening_sink() as sink:
        yield sink
