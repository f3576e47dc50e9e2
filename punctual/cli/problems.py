"""Why a verb could not do it. Each text says what to do, each kind has its exit code.

CliProblem                2
 +- BadInput              2   what was written cannot be used
 +- NotPunctual           2   something answers there, but not job_service
 +- Unreachable           2   nothing was sent
 +- Unanswered            2   sent, and no answer: whether it took effect is unknown
 +- WaitedEnough          2   the job did not settle in time
 +- Answered              2   the server says no; 1 where the state of the job is why
     +- Busy              2   429, 502, 503, 504, or the same key is being worked on: again later
"""

from collections.abc import Mapping
from typing import Any

DONE = 0
NO = 1
COULD_NOT = 2
INTERRUPTED = 130
_REFUSED = frozenset({409, 412})
"""The request is fine, the job's state or version says no."""


class CliProblem(Exception):
    """Base. The text is one sentence for people; `facts` go into the JSON form."""

    slug = "problem"
    exit_code = COULD_NOT

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts = facts

    def __str__(self) -> str:
        return " ".join(str(part) for part in self.args)

    def add(self, sentence: str) -> None:
        """Say more of what to do."""
        self.args = (*self.args, sentence)

    def lines(self) -> list[str]:
        """What a person reads."""
        return [str(self)]

    def document(self) -> dict[str, Any]:
        """The JSON form, shaped like the errors of the server."""
        return {
            "success": False,
            "message": str(self),
            "type": f"/problems/{self.slug}",
            "title": type(self).__doc__,
            "detail": str(self),
            **self.facts,
        }


class BadInput(CliProblem):
    """What was written cannot be used."""

    slug = "bad-input"


class NotPunctual(CliProblem):
    """Something answers, but not job_service."""

    slug = "not-punctual"


class Unreachable(CliProblem):
    """Nothing was sent."""

    slug = "unreachable"


class Unanswered(CliProblem):
    """Sent, and no answer came."""

    slug = "unanswered"


class WaitedEnough(CliProblem):
    """The job did not settle in time."""

    slug = "wait-timeout"


class Answered(CliProblem):
    """A problem that the server describes itself (RFC 9457)."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(str(body.get("message") or body.get("detail") or f"HTTP {status}"))
        self.status = status
        self.body = dict(body)
        self.exit_code = NO if status in _REFUSED else COULD_NOT

    def lines(self) -> list[str]:
        """The message, and each error of its own where there is more than one."""
        errors = self.body.get("errors") or []
        if len(errors) < 2:
            return [str(self)]
        return [str(self), *(f"  {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in errors)]

    def document(self) -> dict[str, Any]:
        """What the server said, as it said it, and what was added."""
        return {**self.body, "message": str(self)}


class Busy(Answered):
    """Not now. `after_seconds` is what `Retry-After` asks for."""

    def __init__(self, status: int, body: Mapping[str, Any], after_seconds: float) -> None:
        super().__init__(status, body)
        self.after_seconds = after_seconds
        self.exit_code = COULD_NOT
