"""What the hand-written transitions of job_service can do, read out of their SQL texts."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass

from job_service import postgres

_MOVED = re.compile(
    r"moved AS \(\s*UPDATE jobs AS j\s+SET (?P<set>.*?)\bWHERE\b(?P<where>.*?)\bRETURNING\b"
    r"(?P<back>.*?)\n\),\n",
    re.DOTALL,
)
_OUTCOME = re.compile(r"(?:THEN|ELSE|^)\s*'([^']+)'")
_STATUS = re.compile(r"j\.status(?:\s+IN\s+\(([^)]*)\)|\s+=\s+('[A-Z]+'))")


@dataclass(frozen=True)
class Transition:
    """One statement: the states that it can set (`keeps`: or leave as it is), those that its guard lets
    through, the reasons and the actors that it writes. Sources or reasons that come as parameters are
    missing."""

    name: str
    targets: frozenset[str]
    keeps: bool
    sources: frozenset[str]
    reasons: frozenset[str]
    actors: frozenset[str]


def transitions() -> Iterator[Transition]:
    """All of them."""
    for info in pkgutil.iter_modules(postgres.__path__):
        module = importlib.import_module(f"{postgres.__name__}.{info.name}")
        for name, value in vars(module).items():
            if isinstance(value, str) and "INSERT INTO job_history" in value and "moved" in value:
                found = _MOVED.search(value)
                if found is not None:
                    yield _transition(f"{info.name}.{name}", found)


def _transition(name: str, found: re.Match[str]) -> Transition:
    assignments = _expressions(found["set"])
    target = next(e.split("=", 1)[1] for e in assignments if re.match(r"status\s*=", e))
    columns = _expressions(found["back"])
    reason = next(c for c in columns if re.search(r"(\bAS reason|\.reason)$", c))
    actor = next(c for c in columns if c.endswith("AS actor"))
    guards = [part for pair in _STATUS.findall(found["where"]) for part in pair if part]
    return Transition(
        name=name,
        targets=_literals(target),
        keeps="ELSE j.status" in target,
        sources=frozenset(re.findall(r"'([A-Z]+)'", " ".join(guards))),
        reasons=_literals(reason),
        actors=_literals(actor),
    )


def _literals(expression: str) -> frozenset[str]:
    """The texts that an expression can yield: itself, or what stands after THEN and ELSE."""
    return frozenset(_OUTCOME.findall(expression.strip()))


def _expressions(text: str) -> list[str]:
    """Cut at the commas that stand outside of parentheses and texts."""
    cut, depth, quoted, begun = [], 0, False, 0
    for at, char in enumerate(text):
        quoted ^= char == "'"
        depth += (char in "([") - (char in ")]") if not quoted else 0
        if char == "," and not depth and not quoted:
            cut.append(text[begun:at])
            begun = at + 1
    cut.append(text[begun:])
    return [" ".join(part.split()) for part in cut]
