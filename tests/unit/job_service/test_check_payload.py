"""The registry of job types: who is refused, and when the database is asked."""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from job_service.domain.nearest_name import nearest_name
from job_service.operations.check_payload import TypeCheck
from job_service.operations.outcomes import Retryable
from job_service.operations.problems import PayloadInvalid, UnknownJobType

NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}}


class Types:
    """The table. `open` closed: a reading waits."""

    def __init__(self, **schemas: dict[str, Any] | None) -> None:
        self.schemas_by_name = schemas
        self.readings = 0
        self.fetched: list[str] = []
        self.away = False
        self.open = asyncio.Event()
        self.open.set()

    def _row(self, name: str) -> tuple[str, str | None]:
        schema = self.schemas_by_name[name]
        text = None if schema is None else json.dumps(schema)
        return hashlib.sha256((text or "").encode()).hexdigest(), text

    async def revisions(self) -> Mapping[str, str]:
        self.readings += 1
        seen = {name: self._row(name)[0] for name in self.schemas_by_name}
        await self.open.wait()
        if self.away:
            raise Retryable("away")
        return seen

    async def schemas(self, names: Sequence[str]) -> Mapping[str, tuple[str, str | None]]:
        self.fetched += names
        return {name: self._row(name) for name in names}


async def test_a_job_that_fits_asks_nobody() -> None:
    types = Types(COUNT=NUMBER)
    check = TypeCheck(types)
    await check.run_once()
    assert await check.check("COUNT", '{"n": 1}') is None
    assert types.readings == 1


async def test_an_unknown_type_is_refused_with_the_nearest_name() -> None:
    check = TypeCheck(Types(DUMMY={}, HTTP_CALL={}))
    problem = await check.check("dumy", None)
    assert isinstance(problem, UnknownJobType)
    assert (problem.status, problem.slug) == (422, "unknown-job-type")
    assert problem.facts == {"known": ["DUMMY", "HTTP_CALL"], "didYouMean": "DUMMY"}
    assert "did you mean DUMMY?" in str(problem)
    far = await check.check("XYLOPHONE", None)
    assert isinstance(far, UnknownJobType)
    assert far.facts["didYouMean"] is None


async def test_a_payload_that_does_not_fit_is_refused_with_its_places() -> None:
    check = TypeCheck(Types(COUNT=NUMBER))
    problem = await check.check("COUNT", '{"n": "one"}')
    assert isinstance(problem, PayloadInvalid)
    assert (problem.status, problem.slug) == (422, "payload-invalid")
    assert problem.facts["errors"] == [
        {"loc": ["payload", "n"], "msg": '"one" is not of type "integer"'}
    ]


async def test_a_type_that_was_declared_a_moment_ago_is_known() -> None:
    types = Types()
    check = TypeCheck(types)
    await check.run_once()
    types.schemas_by_name["NEW"] = NUMBER
    assert await check.check("NEW", None) is None


async def test_a_type_that_was_declared_anew_is_judged_by_its_new_schema() -> None:
    types = Types(COUNT=NUMBER)
    check = TypeCheck(types)
    assert await check.check("COUNT", '{"n": "one"}') is not None
    types.schemas_by_name["COUNT"] = {}
    assert await check.check("COUNT", '{"n": "one"}') is None


async def test_only_what_has_changed_is_fetched() -> None:
    types = Types(A=NUMBER, B={})
    check = TypeCheck(types)
    await check.run_once()
    types.schemas_by_name["B"] = NUMBER
    assert await check.run_once() == {"types": 2}
    await check.run_once()
    assert types.fetched == ["A", "B", "B"]


async def test_a_batch_reads_once_whatever_is_wrong_with_it() -> None:
    types = Types(COUNT=NUMBER)
    check = TypeCheck(types)
    answers = await check.check_all(
        [("COUNT", '{"n": 1}'), *[("NOBODY", None)] * 50, ("COUNT", '{"n": "one"}')]
    )
    assert types.readings == 1
    assert answers[0] is None
    assert [type(answer) for answer in answers[1:]] == [UnknownJobType] * 50 + [PayloadInvalid]


async def test_all_who_come_while_a_reading_is_under_way_share_the_next() -> None:
    """The one under way may have looked before their type was declared."""
    types = Types()
    check = TypeCheck(types)
    types.open.clear()
    first = asyncio.create_task(check.check("NEW", None))
    await _steps()
    types.schemas_by_name["NEW"] = NUMBER
    others = [asyncio.create_task(check.check("NEW", None)) for _ in range(30)]
    await _steps()
    assert types.readings == 1
    types.open.set()
    assert isinstance(await first, UnknownJobType)
    assert await asyncio.gather(*others) == [None] * 30
    assert types.readings == 2


async def test_without_the_database_nobody_is_refused() -> None:
    """What is known goes on; of what is not known nobody can say that it is wrong."""
    types = Types(COUNT=NUMBER)
    check = TypeCheck(types)
    await check.run_once()
    types.away = True
    assert await check.check("COUNT", '{"n": 1}') is None
    with pytest.raises(Retryable):
        await check.check("NEW", None)
    types.away = False
    assert isinstance(await check.check("NEW", None), UnknownJobType)


async def test_a_type_without_a_usable_schema_takes_any_payload() -> None:
    """Its worker judges."""
    check = TypeCheck(Types(OLD=None, ODD={"type": "strnig"}))
    assert await check.check("OLD", "5") is None
    assert await check.check("ODD", "5") is None


async def _steps() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("wanted", "near"),
    [
        ("DUMY", "DUMMY"),
        ("http-call", "HTTP_CALL"),
        ("HTTPCALL", "HTTP_CALL"),
        ("x", None),
        ("", None),
    ],
)
def test_the_nearest_name(wanted: str, near: str | None) -> None:
    assert nearest_name(wanted, ["DUMMY", "HTTP_CALL"]) == near
