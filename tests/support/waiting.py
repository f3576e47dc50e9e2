"""Waiting in tests: for a condition, with a deadline. The one place where a short sleep is
allowed."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

import pytest

T = TypeVar("T")

POLL_SECONDS = 0.02


@overload
async def until(predicate: Callable[[], Awaitable[T]], *, within: float = ..., what: str) -> T: ...


@overload
async def until(predicate: Callable[[], T], *, within: float = ..., what: str) -> T: ...


async def until(predicate: Callable[[], Any], *, within: float = 10.0, what: str) -> Any:
    """The first true answer of `predicate` (a function or a coroutine function); the test fails
    when there is none within that many seconds."""
    deadline = time.monotonic() + within
    while True:
        answer = predicate()
        found = await answer if inspect.isawaitable(answer) else answer
        if found:
            return found
        if time.monotonic() >= deadline:
            pytest.fail(f"not within {within} s: {what} (last answer: {found!r})")
        await asyncio.sleep(POLL_SECONDS)


def wait_until(
    predicate: Callable[[], T], *, within: float = 10.0, every: float = POLL_SECONDS, what: str
) -> T:
    """The same where no loop runs; looks again `every` so many seconds."""
    deadline = time.monotonic() + within
    while not (found := predicate()):
        if time.monotonic() >= deadline:
            pytest.fail(f"not within {within} s: {what} (last answer: {found!r})")
        time.sleep(every)
    return found
