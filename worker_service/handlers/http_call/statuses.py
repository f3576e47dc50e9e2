"""Which statuses of an answer are meant: one (`204`), a range (`200-204`, `2xx`), or a list of them."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

_RANGE = "^([2-5]xx|[2-5][0-9][0-9]-[2-5][0-9][0-9])$"


def _ascending(text: str) -> str:
    low, _, high = text.partition("-")
    if high and int(low) > int(high):
        raise ValueError(f"{text} is empty; write the smaller status first")
    return text


Status = Annotated[int, Field(ge=200, le=599)]
StatusRange = Annotated[str, Field(pattern=_RANGE), AfterValidator(_ascending)]
StatusList = Annotated[list[Status | StatusRange], Field(min_length=1, max_length=20)]
Statuses = Status | StatusRange | StatusList


def covers(wanted: int | str | Sequence[int | str], status: int) -> bool:
    """Whether a status is one of these."""
    return any(_one_covers(item, status) for item in _items(wanted))


def written(wanted: int | str | Sequence[int | str]) -> str:
    """The same, to be read."""
    return ", ".join(str(item) for item in _items(wanted))


def _items(wanted: int | str | Sequence[int | str]) -> Sequence[int | str]:
    return [wanted] if isinstance(wanted, int | str) else wanted


def _one_covers(item: int | str, status: int) -> bool:
    if isinstance(item, int):
        return item == status
    low, _, high = item.replace("xx", "00").partition("-")
    return int(low) <= status <= (int(high) if high else int(low) + 99)
