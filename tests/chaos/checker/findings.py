"""What a rule finds: how much it looked at, and what is broken."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.checker.records import Records


@dataclass
class Findings:
    """`subjects`: how many things were judged; a rule without any proves nothing."""

    subjects: int = 0
    broken: list[str] = field(default_factory=list)

    def judge(self, holds: bool, text: str) -> None:
        """Count a thing, and keep the text if it does not hold."""
        self.subjects += 1
        if not holds:
            self.broken.append(text)


@dataclass(frozen=True)
class Rule:
    """An invariant: its number in the failure model, the promise in words, and what judges it."""

    id: str
    promise: str
    judge: Callable[[Records], Findings]
