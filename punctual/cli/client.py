"""Requests to job_service, tried again where that is safe.

A request is *repeatable* when a second one does no harm: a read, a create with a key, pause and resume. It is
sent again after a lost connection and after `Retry-After`. Any other is sent again only while no connection
came about, because then nothing has been sent.
"""

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from punctual.cli.problems import (
    Answered,
    Busy,
    CliProblem,
    NotPunctual,
    Unanswered,
    Unreachable,
)
from punctual.cli.where import Place
from shared.kernel.backoff import full_jitter

REQUEST_SECONDS = 30.0
"""How long one answer may take; the services answer or give up within 5 s."""
PAGE_MOST = 200
BACK_OFF_BASE_SECONDS = 0.2
BACK_OFF_CAP_SECONDS = 2.0
_BUSY = frozenset({429, 502, 503, 504})
_IN_FLIGHT = "/problems/idempotency-in-flight"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Client:
    """One server. Retries of a request end `retry_for` seconds after it began."""

    def __init__(
        self,
        place: Place,
        *,
        retry_for: float,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._place = place
        self._retry_for = retry_for
        self._clock, self._sleep, self._uniform = clock, sleep, uniform
        parts = urlsplit(place.url)
        self._http = httpx.Client(
            base_url=place.url,
            transport=transport,
            verify=parts.scheme == "https",
            trust_env=parts.hostname not in _LOOPBACK,
            headers={"Accept": "application/json, application/problem+json"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def get(
        self,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        *,
        within: float | None = None,
    ) -> Any:
        """What a GET answers. `within`: give up earlier than after `retry_for` seconds."""
        return self._ask("GET", path, query=query, repeatable=True, within=within)

    def post(
        self, path: str, body: Any = None, *, key: str | None = None, repeatable: bool = False
    ) -> Any:
        """What a POST answers; with a `key` it is repeatable."""
        return self._ask("POST", path, body=body, key=key, repeatable=repeatable or key is not None)

    def put(self, path: str, body: Any) -> Any:
        """What a PUT answers; a second one does no harm."""
        return self._ask("PUT", path, body=body, repeatable=True)

    def delete(self, path: str) -> None:
        """Delete what is there."""
        self._ask("DELETE", path, repeatable=False)

    def lines(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Iterator[str]:
        """What a GET streams, line by line, whole lines only.

        Raises:
            Unanswered: the stream broke; all lines before were whole.
        """
        try:
            with self._http.stream(
                "GET", path, params=list(query), timeout=REQUEST_SECONDS
            ) as response:
                if not response.is_success:
                    response.read()
                    self._read(response)
                yield from _whole_lines(response.iter_text())
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise self._unreachable(error) from None
        except httpx.HTTPError as error:
            raise Unanswered(
                f"{self._place} broke off: {_why(error)}."
                " The same command with --cursor and that of the last line goes on."
            ) from None

    def items(self, path: str) -> list[Any]:
        """A whole list that is short by nature: with pages or without."""
        found, _ = self.page_through(path, [], most=None, cursor=None)
        return found

    def page_through(
        self, path: str, query: Sequence[tuple[str, str]], *, most: int | None, cursor: str | None
    ) -> tuple[list[Any], str | None]:
        """Up to `most` items from `cursor` on, and the cursor of what follows.

        A page may be short or empty and still not be the last: only a cursor that is null ends a list.
        """
        found: list[Any] = []
        while most is None or len(found) < most:
            size = PAGE_MOST if most is None else min(PAGE_MOST, most - len(found))
            at = [] if cursor is None else [("cursor", cursor)]
            page = self.get(path, [*query, ("limit", str(size)), *at])
            if isinstance(page, list):
                return page, None
            found += page["items"]
            if page["nextCursor"] is not None and page["nextCursor"] == cursor:
                raise NotPunctual(f"{self._place} gives the same page again and again.")
            cursor = page["nextCursor"]
            if cursor is None:
                break
        return found, cursor

    def _ask(
        self,
        method: str,
        path: str,
        *,
        repeatable: bool,
        query: Sequence[tuple[str, str]] = (),
        body: Any = None,
        key: str | None = None,
        within: float | None = None,
    ) -> Any:
        patience = self._retry_for if within is None else max(0.0, min(self._retry_for, within))
        seconds = REQUEST_SECONDS if within is None else min(REQUEST_SECONDS, max(1.0, within))
        give_up_at = self._clock() + patience
        failures = 0
        while True:
            try:
                return self._once(method, path, query, body, key, seconds)
            except (Unreachable, Unanswered, Busy) as problem:
                failures += 1
                wait = self._wait_after(problem, failures)
                safe = repeatable or isinstance(problem, Unreachable)
                if not safe or self._clock() + wait > give_up_at:
                    raise
            self._sleep(wait)

    def _wait_after(self, problem: CliProblem, failures: int) -> float:
        back_off = full_jitter(
            failures,
            base_seconds=BACK_OFF_BASE_SECONDS,
            cap_seconds=BACK_OFF_CAP_SECONDS,
            uniform=self._uniform(),
        )
        return back_off + (problem.after_seconds if isinstance(problem, Busy) else 0.0)

    def _once(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        body: Any,
        key: str | None,
        seconds: float,
    ) -> Any:
        headers = {} if key is None else {"Idempotency-Key": key}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            # Escaped to ASCII: half a character in a payload is for the server to refuse.
            content = json.dumps(body).encode("ascii")
        try:
            response = self._http.request(
                method, path, params=list(query), content=content, headers=headers, timeout=seconds
            )
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise self._unreachable(error) from None
        except httpx.HTTPError as error:
            raise Unanswered(
                f"{self._place} did not answer: {_why(error)}."
                + ("" if method == "GET" else " Whether the request took effect is unknown.")
            ) from None
        return self._read(response)

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(
            f"{self._place} cannot be reached: {_why(error)}."
            " Is it up (make up), and is that the right address (--url)?"
        )

    def _read(self, response: httpx.Response) -> Any:
        """The `data` of a success.

        Raises:
            Answered: the server says why not.
            NotPunctual: what answers is something else.
        """
        if response.status_code == httpx.codes.NO_CONTENT:
            return None
        document = _document(response)
        if response.is_success and document is not None and "data" in document:
            return document["data"]
        if response.status_code in _BUSY or (document or {}).get("type") == _IN_FLIGHT:
            said = document or {"message": f"{self._place} answers HTTP {response.status_code}."}
            raise Busy(response.status_code, said, _retry_after(response.headers))
        if response.is_error and document is not None and "type" in document:
            raise Answered(response.status_code, document)
        raise NotPunctual(
            f"{self._place} answers HTTP {response.status_code}, but not as job_service of"
            " Punctual does: is that the right address (--url)?"
        )


def _whole_lines(parts: Iterable[str]) -> Iterator[str]:
    """A line is whole when its end has come."""
    rest = ""
    for part in parts:
        *lines, rest = (rest + part).split("\n")
        yield from lines


def _document(response: httpx.Response) -> dict[str, Any] | None:
    try:
        document = response.json()
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _retry_after(headers: Mapping[str, str]) -> float:
    """The seconds of `Retry-After`. Its other form, a date, is one second here: our server sends none."""
    text = headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1.0


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__
