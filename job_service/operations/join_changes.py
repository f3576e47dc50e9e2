"""Changes by clients that come at once go to the database together, by kind (group commit)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from job_service.domain.job import Job
from job_service.domain.wanted import Change, OutsideStart, Wanted
from job_service.operations.group_commit import GroupCommit
from job_service.operations.outcomes import DatabaseError, Definite, Locked

More = TypeVar("More")
Answer = Job | DatabaseError | None
Ask = tuple[Wanted, More]


class ManyChanges(Protocol):
    """The changes, of several jobs at once; no job twice."""

    async def cancel(self, wanted: Sequence[Wanted]) -> list[Job | None]: ...
    async def change(self, wanted: Sequence[Wanted], to: Sequence[Change]) -> list[Job | None]: ...
    async def take_back(self, wanted: Sequence[Wanted]) -> list[Job | None]: ...
    async def abandon(self, wanted: Sequence[Wanted]) -> list[Job | None]: ...
    async def schedule_now(
        self, wanted: Sequence[Wanted], sources: Sequence[Sequence[str]]
    ) -> list[Job | None]: ...
    async def start_outside(
        self, wanted: Sequence[Wanted], starts: Sequence[OutsideStart]
    ) -> list[Job | None]: ...


class _Kind(Generic[More]):
    """One kind of change, with what each asks for beside its job.

    A job that is named twice is changed once, and then once more. Where somebody keeps one job of several
    locked, or the database refuses a value of one, nothing has happened, and each is tried by itself: only who
    asks for that waits and fails.
    """

    def __init__(
        self, many: Callable[[Sequence[Wanted], Sequence[More]], Awaitable[list[Job | None]]]
    ) -> None:
        self._many = many
        self._calls: GroupCommit[Ask[More], Answer] = GroupCommit(self._all)

    async def ask(self, wanted: Wanted, more: More) -> Job | None:
        """The job as changed, or None.

        Raises:
            DatabaseError: of this job.
        """
        answer = await self._calls.ask((wanted, more))
        if isinstance(answer, DatabaseError):
            raise answer
        return answer

    async def _all(self, asked: Sequence[Ask[More]]) -> list[Answer]:
        answers: list[Answer] = [None] * len(asked)
        left = list(range(len(asked)))
        while left:
            first = {asked[n][0].job_id: n for n in reversed(left)}
            now = sorted(first.values())
            for n, answer in zip(now, await self._once([asked[n] for n in now]), strict=True):
                answers[n] = answer
            left = [n for n in left if n not in set(now)]
        return answers

    async def _once(self, asked: Sequence[Ask[More]]) -> Sequence[Answer]:
        try:
            return await self._many([wanted for wanted, _ in asked], [more for _, more in asked])
        except (Locked, Definite) as error:
            if len(asked) == 1:
                return [error]
            return [answer for one in asked for answer in await self._once([one])]
        except DatabaseError as error:
            return [error] * len(asked)


class JoinChanges:
    """Implements the changes of one job by those of many."""

    def __init__(self, many: ManyChanges) -> None:
        def plain(
            change: Callable[[Sequence[Wanted]], Awaitable[list[Job | None]]],
        ) -> _Kind[None]:
            return _Kind[None](lambda wanted, _: change(wanted))

        self._cancel, self._take_back = plain(many.cancel), plain(many.take_back)
        self._abandon = plain(many.abandon)
        self._change = _Kind[Change](many.change)
        self._schedule_now = _Kind[Sequence[str]](many.schedule_now)
        self._start_outside = _Kind[OutsideStart](many.start_outside)

    async def cancel(self, wanted: Wanted) -> Job | None:
        """Cancel, or ask the holder to."""
        return await self._cancel.ask(wanted, None)

    async def change(self, wanted: Wanted, change: Change) -> Job | None:
        """Reschedule, reprioritise, relabel."""
        return await self._change.ask(wanted, change)

    async def take_back(self, wanted: Wanted) -> Job | None:
        """Take it back to CREATED."""
        return await self._take_back.ask(wanted, None)

    async def abandon(self, wanted: Wanted) -> Job | None:
        """Give it up."""
        return await self._abandon.ask(wanted, None)

    async def schedule_now(self, wanted: Wanted, sources: Sequence[str]) -> Job | None:
        """Make it due now, from one of `sources`."""
        return await self._schedule_now.ask(wanted, sources)

    async def start_outside(self, wanted: Wanted, start: OutsideStart) -> Job | None:
        """Start an attempt for an executor outside."""
        return await self._start_outside.ask(wanted, start)
