"""Which record on a topic was parked."""

import re
from typing import NamedTuple

MAX_CHARS = 400
"""Of an id as text; longer ones are refused before they are read."""

_TEXT = re.compile(
    r"(?P<topic>[A-Za-z0-9._-]{1,249}):(?P<topic_partition>[0-9]{1,9}):(?P<record_offset>[0-9]{1,18}):"
    r"(?P<sha256>[0-9a-f]{64})",
    re.ASCII,
)


class RecordId(NamedTuple):
    """The place of a record and the SHA-256 of its value: a topic that was made anew has other records at the
    same places. They are in the order of these fields."""

    topic: str
    topic_partition: int
    record_offset: int
    sha256: bytes

    def __str__(self) -> str:
        return f"{self.topic}:{self.topic_partition}:{self.record_offset}:{self.sha256.hex()}"

    @staticmethod
    def of(text: str) -> "RecordId":
        """The id that was written so.

        Raises:
            ValueError: it is none.
        """
        found = _TEXT.fullmatch(text)
        if found is None:
            raise ValueError(f"{text[:100]!r} is no id of a parked record")
        return RecordId(
            found["topic"],
            int(found["topic_partition"]),
            int(found["record_offset"]),
            bytes.fromhex(found["sha256"]),
        )


FIRST = RecordId("", 0, 0, b"")
"""Before all records."""
