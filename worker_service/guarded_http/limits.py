"""What one call to an address of a payload may cost."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """`connect_seconds`: for looking up a name, and for connecting to each of its addresses. `head_bytes`: of
    one answer up to the end of its headers. `answer_bytes`: of one answer in all, as sent. A redirect has an
    answer of its own."""

    connect_seconds: float = 3.0
    head_bytes: int = 32_768
    answer_bytes: int = 1_048_576
