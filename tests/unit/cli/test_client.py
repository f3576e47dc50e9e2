"""Requests are tried again where that is safe, and nowhere else; every answer is understood or refused."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from punctual.cli.client import Client
from punctual.cli.problems import Answered, Busy, CliProblem, NotPunctual, Unanswered, Unreachable
from punctual.cli.where import Place

PLACE = Place("http://jobs.test", "--url")
Step = httpx.Response | Exception


@dataclass
class Server:
    """Answers with the next step of its script, the last one for ever; time passes only in sleeps."""

    steps: list[Step]
    seen: list[httpx.Request] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        return step

    def client(self, retry_for: float = 10.0) -> Client:
        return Client(
            PLACE,
            retry_for=retry_for,
            transport=httpx.MockTransport(self.answer),
            clock=lambda: sum(self.slept),
            sleep=self.slept.append,
            uniform=lambda: 0.5,
        )


def ok(data: Any) -> httpx.Response:
    return httpx.Response(200, json={"success": True, "message": "m", "data": data})


def problem(status: int, slug: str = "x", retry_after: str | None = None) -> httpx.Response:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    body = {"success": False, "message": "say", "type": f"/problems/{slug}", "status": status}
    return httpx.Response(status, json=body, headers=headers)


REFUSED = httpx.ConnectError("refused")
LOST = httpx.ReadTimeout("")


@pytest.mark.parametrize(
    "fault",
    [REFUSED, LOST, httpx.RemoteProtocolError("cut"), problem(503), problem(429), problem(502)],
)
def test_a_read_is_tried_again(fault: Step) -> None:
    server = Server([fault, fault, ok({"a": 1})])
    assert server.client().get("/x") == {"a": 1}
    assert len(server.seen) == 3


def test_a_create_is_repeated_with_its_key_and_the_same_bytes() -> None:
    server = Server([LOST, problem(503), problem(409, "idempotency-in-flight"), ok({})])
    server.client().post("/x", {"name": "\udcff ü"}, key="k1")
    assert {request.headers["Idempotency-Key"] for request in server.seen} == {"k1"}
    assert {request.content for request in server.seen} == {b'{"name": "\\udcff \\u00fc"}'}
    assert len(server.seen) == 4


@pytest.mark.parametrize(("fault", "kind"), [(LOST, Unanswered), (problem(503), Busy)])
def test_a_change_without_a_key_is_never_sent_twice(fault: Step, kind: type[CliProblem]) -> None:
    server = Server([fault, ok({})])
    with pytest.raises(kind):
        server.client().post("/x/cancel")
    assert len(server.seen) == 1


def test_a_change_that_was_not_sent_is_tried_again() -> None:
    server = Server([REFUSED, REFUSED, ok({})])
    server.client().post("/x/cancel")
    assert len(server.seen) == 3


def test_it_gives_up_in_time_and_says_where_it_looked() -> None:
    server = Server([REFUSED])
    with pytest.raises(Unreachable, match=r"http://jobs.test \(--url\) cannot be reached.*--url"):
        server.client(retry_for=10.0).get("/x")
    assert 5.0 < sum(server.slept) <= 10.0


def test_it_does_not_try_again_when_told_not_to() -> None:
    for server, within in ((Server([REFUSED]), None), (Server([REFUSED]), 0.0)):
        with pytest.raises(Unreachable):
            server.client(retry_for=0.0 if within is None else 10.0).get("/x", within=within)
        assert (len(server.seen), server.slept) == (1, [])


def test_retry_after_is_waited_for() -> None:
    server = Server([problem(503, retry_after="3"), ok(1)])
    server.client().get("/x")
    assert 3.0 <= server.slept[0] <= 3.2


def test_a_retry_after_beyond_its_patience_is_not_waited_for() -> None:
    server = Server([problem(503, retry_after="3600"), ok(1)])
    with pytest.raises(Busy) as caught:
        server.client().get("/x")
    assert (caught.value.exit_code, server.slept) == (2, [])


@pytest.mark.parametrize(
    "text", ["", "soon", "-3", "1.5", "9" * 9, "Sat, 21 Nov 2026 10:00:00 GMT"]
)
def test_an_odd_retry_after_is_one_second(text: str) -> None:
    server = Server([problem(503, retry_after=text), ok(1)])
    server.client().get("/x")
    assert 1.0 <= server.slept[0] <= 1.2


@pytest.mark.parametrize(
    ("status", "exit_code"), [(404, 2), (409, 1), (412, 1), (413, 2), (422, 2), (428, 2), (500, 2)]
)
def test_what_the_server_says_is_kept_with_its_exit_code(status: int, exit_code: int) -> None:
    with pytest.raises(Answered) as caught:
        Server([problem(status)]).client().get("/x")
    assert (str(caught.value), caught.value.exit_code) == ("say", exit_code)
    assert caught.value.document()["status"] == status


def test_every_error_of_a_request_is_shown() -> None:
    errors = [{"loc": ["labels", "a"], "msg": "long"}, {"loc": ["name"], "msg": "short"}]
    shown = Answered(422, {"message": "labels.a: long", "errors": errors})
    assert shown.lines() == ["labels.a: long", "  labels.a: long", "  name: short"]


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[1]),
        httpx.Response(200, json={"hello": 1}),
        httpx.Response(200, text="[" * 100_000),
        httpx.Response(302, headers={"Location": "http://elsewhere"}),
        httpx.Response(404, text="nginx"),
        httpx.Response(404, json={"detail": "Not Found"}),
        httpx.Response(500, text="oops"),
    ],
)
def test_another_kind_of_server_is_recognised(response: httpx.Response) -> None:
    with pytest.raises(NotPunctual, match="right address"):
        Server([response]).client().get("/x")


def test_an_empty_success_is_no_data() -> None:
    Server([httpx.Response(204)]).client().delete("/x")


def pages(*replies: tuple[list[int], str | None]) -> Server:
    return Server([ok({"items": items, "nextCursor": cursor}) for items, cursor in replies])


def test_a_list_is_followed_over_short_and_empty_pages() -> None:
    server = pages(([1], "a"), ([], "b"), ([2, 3], None))
    assert server.client().page_through("/x", [("s", "1")], most=10, cursor=None) == (
        [1, 2, 3],
        None,
    )
    asked = [dict(request.url.params) for request in server.seen]
    assert [one.get("cursor") for one in asked] == [None, "a", "b"]
    assert [one["limit"] for one in asked] == ["10", "9", "9"]
    assert {one["s"] for one in asked} == {"1"}


def test_a_list_ends_at_its_limit_with_the_cursor_of_the_rest() -> None:
    server = pages((list(range(200)), "a"), (list(range(50)), "b"))
    found, rest = server.client().page_through("/x", [], most=250, cursor="start")
    assert (len(found), rest) == (250, "b")
    assert [request.url.params["limit"] for request in server.seen] == ["200", "50"]


def test_a_list_that_does_not_go_on_ends() -> None:
    with pytest.raises(NotPunctual, match="same page"):
        pages(([], "a")).client().page_through("/x", [], most=10, cursor=None)


@pytest.mark.parametrize("data", [[1, 2], {"items": [1, 2], "nextCursor": None}])
def test_a_short_list_may_come_without_pages(data: Any) -> None:
    assert Server([ok(data)]).client().items("/x") == [1, 2]


@pytest.fixture
def _proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:1")


@pytest.mark.usefixtures("_proxies")
@pytest.mark.parametrize(
    ("url", "uses_proxy"), [("http://127.0.0.1:1", False), ("http://jobs.test", True)]
)
def test_a_proxy_is_not_asked_for_this_machine(url: str, uses_proxy: bool) -> None:
    with Client(Place(url, "--url"), retry_for=0.0) as client:
        http: httpx.Client = client._http
        mounted: Callable[..., Any] = http._transport_for_url
        assert (mounted(httpx.URL(url)) is not http._transport) is uses_proxy
