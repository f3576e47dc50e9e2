"""Calls of clients, each recorded as invoke and then ok, fail or unknown.

ok: a definite yes. fail: a definite no (4xx). unknown: no answer, or one that says nothing definite (5xx, 429).
"""

import itertools
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from tests.chaos.harness.journal import Journal

ANSWER_LIMIT_SECONDS = 5.0
NOT_DEFINITE = frozenset({408, 425, 429})


@dataclass(frozen=True)
class Answer:
    """`kind` is ok, fail or unknown; `data` what the envelope of an ok holds."""

    kind: str
    data: Any = None
    status: int = 0


class Calls:
    """The HTTP client of all clients. An address is taken in turn for each call."""

    def __init__(self, urls: list[str], journal: Journal) -> None:
        self._http = httpx.AsyncClient(timeout=ANSWER_LIMIT_SECONDS, trust_env=False)
        self._urls = itertools.cycle(urls)
        self._journal = journal
        self._numbers = itertools.count(1)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def create(self, body: dict[str, Any], key: str) -> Answer:
        """Create one job under a key."""
        number = self._invoke("create", key=key, due=_due(body))
        answer = await self._ask(
            "POST", "/api/v1/jobs", json=body, headers={"Idempotency-Key": key}
        )
        self._answered(number, "create", answer, key=key)
        return answer

    async def create_batch(self, bodies: list[dict[str, Any]]) -> Answer:
        """Create jobs, each under its own key; one record for each of them."""
        keys = [body["idempotencyKey"] for body in bodies]
        numbers = [
            self._invoke("create", key=body["idempotencyKey"], due=_due(body)) for body in bodies
        ]
        answer = await self._ask("POST", "/api/v1/jobs/batch", json={"jobs": bodies})
        items = answer.data if answer.kind == "ok" else [None] * len(bodies)
        for number, key, item in zip(numbers, keys, items, strict=True):
            self._answered(number, "create", _of_item(answer, item), key=key)
        return answer

    async def change(
        self, call: str, method: str, job: str, path: str = "", **request: Any
    ) -> Answer:
        """A call about one job."""
        number = self._invoke(call, job=job)
        answer = await self._ask(method, f"/api/v1/jobs/{job}{path}", **request)
        self._answered(number, call, answer, job=job)
        return answer

    def _invoke(self, call: str, **values: Any) -> int:
        number = next(self._numbers)
        self._journal.note("invoke", op=number, call=call, **values)
        return number

    def _answered(self, number: int, call: str, answer: Answer, **values: Any) -> None:
        told = {}
        if answer.kind == "ok" and answer.data is not None:
            told = {
                "job": answer.data["jobId"],
                "version": answer.data["version"],
                "state": answer.data["status"],
            }
        self._journal.note(
            answer.kind, op=number, call=call, status=answer.status, **{**values, **told}
        )

    async def _ask(self, method: str, path: str, **request: Any) -> Answer:
        try:
            reply = await self._http.request(method, next(self._urls) + path, **request)
        except httpx.TransportError:
            return Answer("unknown")
        if reply.is_success:
            return Answer("ok", reply.json()["data"] if reply.content else None, reply.status_code)
        definite = 400 <= reply.status_code < 500 and reply.status_code not in NOT_DEFINITE
        return Answer("fail" if definite else "unknown", None, reply.status_code)


def _of_item(answer: Answer, item: Any) -> Answer:
    """What a batch says of one of its jobs."""
    if answer.kind != "ok":
        return answer
    if "jobId" in item:
        return Answer("ok", item, answer.status)
    status = item["error"]["status"]
    return Answer("fail" if 400 <= status < 500 else "unknown", None, status)


def _due(body: dict[str, Any]) -> float | None:
    """The time that was asked for, in seconds since 1970."""
    asked = body.get("scheduledTime")
    return None if asked is None else datetime.fromisoformat(asked).timestamp()
