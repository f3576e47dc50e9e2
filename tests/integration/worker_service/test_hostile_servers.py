"""S8: whatever a server does, a call ends in bounded time, having read a bounded number of bytes."""

import asyncio
import gc
import resource
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support import hostile as servers
from tests.support.calling import LOOPBACK, call
from tests.support.hostile import OK, PART, Answer, for_ever, hostile, letter_by_letter, once
from worker_service.guarded_http.limits import Limits
from worker_service.handler_api import MAX_RESULT_BYTES, Fail, GuardedHttp

SECONDS = 0.5
"""The time of a call."""
ENDS_WITHIN_SECONDS = 5.0
HANG_UP_SECONDS = 5.0
SOCKET_BYTES = 8 * 1_048_576
"""What the buffers of two sockets on one machine may hold of what nobody read."""
GROWTH_BYTES = 48 * 1_048_576
"""What a call may add to the memory of its process; the worst answers here are half a gigabyte."""

IN_TIME = {
    "says nothing": for_ever(b"", b""),
    "head, a letter at a time": letter_by_letter(OK + b"a: b\r\n" * 10_000),
    "body, a letter at a time": letter_by_letter(OK + b"Content-Length: 9999\r\n\r\n" + PART),
    "status line without end, slowly": for_ever(b"HTTP/1.1 200 ", b"x"),
    "chunks, slowly": for_ever(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "interim answers, slowly": for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}
TOO_MUCH = {
    "a million headers": servers.a_million_headers,
    "one header without end": for_ever(OK + b"a: ", PART),
    "headers without end": for_ever(OK, b"a: b\r\n" * 1_000),
    "status line without end": for_ever(b"HTTP/1.1 200 ", PART),
    "interim answers without end": for_ever(b"", b"HTTP/1.1 103 Early Hints\r\na: b\r\n\r\n" * 500),
    "no line end at all": for_ever(b"", PART),
    "chunk extensions without end": for_ever(
        OK + b"Transfer-Encoding: chunked\r\n\r\n", (b"1;" + b"e" * 5_000 + b"\r\nx\r\n") * 3
    ),
    "empty gzip without end": for_ever(
        OK + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\xff",
        b"\0\0\0\xff\xff" * 3_000,
    ),
    "trailers without end": for_ever(
        OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"a: b\r\n" * 1_000
    ),
}
NO_HTTP = {
    "HTTP/0.9": once(b"<html>hello</html>\n"),
    "HTTP/2": once(b"HTTP/2 200\r\n\r\n"),
    "another protocol": once(b"220 mail.example ESMTP\r\n"),
    "an odd status": once(b"HTTP/1.1 2000 OK\r\n\r\n"),
    "no status": once(b"HTTP/1.1 \r\n\r\n"),
    "a header without a name": once(OK + b": x\r\n\r\n"),
    "a header with a NUL": once(OK + b"a: \0\r\nContent-Length: 0\r\n\r\n"),
    "a length that is none": once(OK + b"Content-Length: ten\r\n\r\n"),
    "a length below zero": once(OK + b"Content-Length: -1\r\n\r\n"),
    "two lengths": once(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    "less than its length": once(OK + b"Content-Length: 100\r\n\r\nabc"),
    "a chunk that is none": once(OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n"),
    "a chunk that is too short": once(OK + b"Transfer-Encoding: chunked\r\n\r\nff\r\nx"),
    "gzip that is none": once(OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
    "nothing": once(),
}


async def ended(
    port: int, http: GuardedHttp | None = None, **payload: Any
) -> dict[str, Any] | Fail:
    """The result or the failure of one call, which must end in time."""
    began = time.monotonic()
    wanted = {"url": f"http://127.0.0.1:{port}/", "timeoutSeconds": SECONDS, **payload}
    try:
        return await call(wanted, http or GuardedHttp(LOOPBACK))
    except Fail as failed:
        return failed
    finally:
        assert time.monotonic() - began < ENDS_WITHIN_SECONDS


@pytest.mark.parametrize("name", IN_TIME)
async def test_a_slow_server_gets_the_time_of_a_call_and_no_more(name: str) -> None:
    async with hostile(IN_TIME[name], drip_seconds=0.01) as server:
        failed = await ended(server.port)
        assert isinstance(failed, Fail)
        assert str(failed).endswith(f"no answer in {SECONDS:g} s")
        assert failed.permanent is False
        await asyncio.wait_for(server.left.wait(), HANG_UP_SECONDS)


@pytest.mark.parametrize("name", TOO_MUCH)
async def test_an_answer_that_is_too_large_is_given_up(name: str) -> None:
    """Long before its time is over, and whatever the server has left to send."""
    limits = Limits(head_bytes=32_768, answer_bytes=131_072)
    async with hostile(TOO_MUCH[name]) as server:
        failed = await ended(server.port, GuardedHttp(LOOPBACK, limits=limits), timeoutSeconds=4)
        assert isinstance(failed, Fail)
        assert "no answer in" not in str(failed), "it was not the clock that ended it"
        assert len(str(failed)) < 1_000
        await asyncio.wait_for(server.left.wait(), HANG_UP_SECONDS)
        assert server.sent < SOCKET_BYTES


@pytest.mark.parametrize("name", NO_HTTP)
async def test_what_is_no_answer_is_a_failure_that_is_tried_again(name: str) -> None:
    async with hostile(NO_HTTP[name]) as server:
        failed = await ended(server.port, timeoutSeconds=4)
        assert isinstance(failed, Fail)
        assert failed.permanent is False
        assert "no answer in" not in str(failed)


async def test_more_than_its_length_is_not_read_as_an_answer() -> None:
    async with hostile(once(OK + b"Content-Length: 2\r\n\r\nhiHTTP/1.1 500 No\r\n\r\n")) as server:
        result = await ended(server.port)
        assert isinstance(result, dict)
        assert (result["status"], result["body"]) == (200, "hi")


@pytest.mark.parametrize("answer", [servers.round_and_round, servers.ever_on])
async def test_a_redirect_without_end_ends(answer: Answer) -> None:
    async with hostile(answer) as server:
        failed = await ended(server.port, followRedirects=True, timeoutSeconds=4)
        assert isinstance(failed, Fail)
        assert failed.permanent is True
        assert server.asked == 4
        assert len(str(failed)) < 1_000


@pytest.mark.parametrize(
    "answer",
    [
        for_ever(OK + b"Content-Type: text/plain\r\n\r\n", PART),
        for_ever(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"4000\r\n" + PART + b"\r\n"),
        servers.gzip_bomb,
    ],
    ids=["body without end", "chunks without end", "gzip bomb"],
)
async def test_a_body_without_end_is_cut_where_a_result_ends(answer: Answer) -> None:
    async with hostile(answer) as server:
        result = await ended(server.port, timeoutSeconds=4)
        assert isinstance(result, dict)
        assert (result["bodyKind"], result["truncated"]) == ("text", True)
        assert 32_768 <= len(result["body"]) <= MAX_RESULT_BYTES or result["body"].count("\ufffd")
        await asyncio.wait_for(server.left.wait(), HANG_UP_SECONDS)
        assert server.sent < SOCKET_BYTES


async def test_all_of_it_at_once_takes_little_memory() -> None:
    """Each of these servers four times at once. What the process holds afterwards, and what it held at most,
    is little more than before."""
    answers = [*TOO_MUCH.values(), servers.gzip_bomb, for_ever(OK + b"\r\n", PART)]
    await _one(answers[0])
    gc.collect()
    before, peak_before = _resident(), _peak()
    await asyncio.gather(*(_one(answer) for answer in answers * 4))
    gc.collect()
    assert _resident() - before < GROWTH_BYTES
    assert _peak() - max(peak_before, before) < 2 * GROWTH_BYTES


async def _one(answer: Answer) -> None:
    async with hostile(answer) as server:
        with_time = {"url": f"http://127.0.0.1:{server.port}/", "timeoutSeconds": 20}
        with suppress(Fail):
            await call(with_time, GuardedHttp(LOOPBACK))
        await asyncio.wait_for(server.left.wait(), HANG_UP_SECONDS)
        assert server.sent < SOCKET_BYTES


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024
