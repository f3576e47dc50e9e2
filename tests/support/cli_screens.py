"""docs/screens.md: what the command `punctual` shows, taken from a real stack.

python -m tests.support.cli_screens --write

Ids, times and ports are another in each run: they are replaced by made-up ones of the same length.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.marked_text import with_part
from tests.support.punctual import Punctual
from tests.support.source_files import ROOT
from tests.support.stacks import RunningStack, running_stack
from tests.support.waiting import wait_until

PAGE: Path = ROOT / "docs" / "screens.md"
PART = "screens"
FAR = "2999-01-01T00:00:00Z"

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{3})?\+\d\d:\d\d")
_PORT = re.compile(r"(?<=127\.0\.0\.1:)\d+ *")
_LATE = re.compile(r"(?<=late)( +)[\d.]+ ms")


class Anonymous:
    """The same made-up id for the same id in all screens."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        text = _UUID.sub(lambda found: self._id(found[0]), text)
        text = _TIME.sub(
            lambda found: f"2026-11-21 10:00:00{'.000' if found[1] else ''}+01:00", text
        )
        text = _PORT.sub(lambda found: "8082".ljust(len(found[0])), text)
        return _LATE.sub(lambda found: f"{found[1]}1.2 ms", text)

    def _id(self, text: str) -> str:
        return self._ids.setdefault(text, f"019a9b1c-0d6e-7c3f-a2b4-{len(self._ids) + 1:012d}")


def part() -> str:
    """The generated part of the page."""
    with running_stack(workers=1) as stack:
        punctual = Punctual({"PUNCTUAL_URL": str(stack.http.base_url)})
        anonymous = Anonymous()
        return "\n".join(
            _screen(punctual, words, anonymous) for words in _commands(stack, punctual)
        )


def _commands(stack: RunningStack, punctual: Punctual) -> Iterator[list[str]]:
    boom = {"sleepMs": 0, "fail": "the ledger is locked"}
    ids = [
        stack.create(name=f"nightly {n}", payload=boom, maxAttempts=1)["jobId"] for n in (1, 2, 3)
    ]
    stack.wait_settled(ids, within=30)
    yield ["worker", "list"]
    yield ["dlq", "list", "--reason", "failed", "--name", "nightly"]
    yield ["dlq", "show", ids[0]]
    yield ["dlq", "retry", "--name", "nightly", "--dry-run", "--watch"]
    yield ["dlq", "retry", "--name", "nightly", "--watch"]
    wait_until(
        lambda: all(stack.job(job)["failures"] == 2 for job in ids),
        within=30,
        what="they fail again",
    )
    yield ["dlq", "actions"]
    action = punctual.json("dlq", "actions")[0]["bulkActionId"]
    yield ["dlq", "jobs", action]
    yield ["job", "history", ids[0]]
    yield ["dlq", "abandon", ids[0]]
    yield ["dlq", "retry"]
    yield ["dlq", "parked", "list"]
    yield ["worker", "drain", punctual.json("worker", "list")[0]["nodeId"], "--wait"]


def _screen(punctual: Punctual, words: list[str], anonymous: Anonymous) -> str:
    """What is printed, on both streams, but for lines of progress: how many of these come nobody knows."""
    done: subprocess.CompletedProcess[str] = punctual.run(*words)
    aside = [line for line in done.stderr.splitlines() if not _PROGRESS.match(line)]
    shown = [anonymous(line) for line in [*done.stdout.splitlines(), *aside]]
    said = " ".join(anonymous(word) for word in words)
    end = [f"(exit code {done.returncode})"] if done.returncode else []
    return "\n".join(["```text", f"$ punctual {said}", *shown, *end, "```", ""])


_PROGRESS = re.compile(r"punctual: (retry|abandon|drain): \d")


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_part(PAGE.read_text(), PART, part()))
    else:
        sys.stdout.write(part())
