"""R19: jobs of one ordering key are in flight one at a time, and in due order.

The one rule that looks at several jobs at once: of each job with a key it keeps a few moments. Order is judged
where history can tell it: of jobs whose due time nobody moved, and only against jobs that were made in the same
transaction, or so long before that their create had committed.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from punctual.audit.findings import Breach, in_history
from punctual.audit.life import STATEMENT_LIMIT
from punctual.audit.row import Row
from punctual.audit.story import Story
from punctual.audit.world import World

MOVES = frozenset({"changed", "snoozed", "by-hand", "retried"})
"""Reasons after which the due time of a job may not be what it was."""


class Span(NamedTuple):
    """One grant; `end` None: it lasts."""

    given: datetime
    end: datetime | None
    row: Row


class Wait(NamedTuple):
    """From the create of a job to its first claim, or to its end if there was none; None: it waits still."""

    place: tuple[datetime, UUID]
    created: datetime
    claim: Row | None
    until: datetime | None


@dataclass(slots=True)
class Key:
    """What is kept of a key. `head`: one of its jobs can be claimed, or is; `line`: one that waits."""

    spans: list[Span]
    waits: list[Wait]
    head: bool = False
    line: Row | None = None


class Keys:
    """Notes the jobs with a key, then judges each key."""

    def __init__(self) -> None:
        self._keys: defaultdict[str, Key] = defaultdict(lambda: Key([], []))

    def note(self, story: Story) -> None:
        """Keep what counts of one job."""
        job = story.job
        if job is None or job["ordering_key"] is None:
            return
        key = self._keys[job["ordering_key"]]
        key.head |= story.due is not None or story.inflight is not None
        key.line = key.line or story.in_line
        for grant in story.life.grants:
            end = None if grant.end is None else grant.end["at"]
            key.spans.append(Span(grant.given["at"], end, grant.given))
        if story.history and not any(row["reason"] in MOVES for row in story.history):
            claim = next((row for row in story.history if row["reason"] == "claimed"), None)
            until = claim["at"] if claim else None if story.unsettled else job["updated_at"]
            place = (job["due_at"], story.job_id)
            key.waits.append(Wait(place, job["created_at"], claim, until))

    def broken(self, world: World) -> Iterator[tuple[UUID, Breach]]:
        """Two of a key at once, one before its turn, or a key that nobody will ever free."""
        for name, key in self._keys.items():
            yield from _overlaps(name, key.spans)
            yield from _overtakes(name, key.waits)
            if key.line is not None and not key.head and world.since is None:
                text = f"It waits for the ordering key {name!r}, which no job has."
                yield key.line["job_id"], Breach(text, (("in_line", key.line),))


def _overlaps(name: str, spans: list[Span]) -> Iterator[tuple[UUID, Breach]]:
    last: Span | None = None
    for span in sorted(spans, key=lambda one: one.given):
        if last is not None and (last.end is None or span.given < last.end):
            text = f"Two jobs of the ordering key {name!r} were held at once."
            yield span.row["job_id"], in_history(text, last.row, span.row)
        if last is None or (last.end is not None and (span.end is None or span.end > last.end)):
            last = span


def _overtakes(name: str, waits: Sequence[Wait]) -> Iterator[tuple[UUID, Breach]]:
    together: defaultdict[datetime, list[Wait]] = defaultdict(list)
    for wait in waits:
        together[wait.created].append(wait)
    found = {id(wait): wait for wait in _before_their_turn(waits)}
    for group in together.values():
        found |= {id(wait): wait for wait in _out_of_order(group)}
    for wait in found.values():
        assert wait.claim is not None
        text = (
            f"It was claimed while a job of the ordering key {name!r} waited that comes before it."
        )
        yield wait.place[1], in_history(text, wait.claim)


def _out_of_order(together: Iterable[Wait]) -> Iterator[Wait]:
    """Of jobs that one transaction made: those that did not wait for all before them."""
    longest: datetime | None = None
    forever = False
    for wait in sorted(together):
        if wait.claim is not None and (forever or (longest and wait.claim["at"] < longest)):
            yield wait
        forever |= wait.until is None
        longest = max(filter(None, (longest, wait.until)), default=None)


def _before_their_turn(waits: Sequence[Wait]) -> Iterator[Wait]:
    """Those that were claimed while one that comes before them had long been there."""
    entering = sorted(waits, key=lambda one: one.created)
    waiting: list[Wait] = []
    at = 0
    for taken in sorted(
        (w for w in waits if w.claim is not None), key=lambda w: w.until or w.created
    ):
        moment = taken.until
        assert moment is not None
        while at < len(entering) and entering[at].created + STATEMENT_LIMIT < moment:
            heapq.heappush(waiting, entering[at])
            at += 1
        while waiting and waiting[0].until is not None and waiting[0].until <= moment:
            heapq.heappop(waiting)
        if waiting and waiting[0].place < taken.place:
            yield taken
