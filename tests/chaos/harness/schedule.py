"""Which faults come when: all of it chosen from one seed, before anything starts.

Faults come in rounds with a calm after each, so that what heals can be seen healed. In a round they overlap,
but two of one group never do: a group is what cannot be broken twice at once.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

FIRST_SECONDS = 6.0
"""A run begins whole."""
APART_SECONDS = (1.1, 3.7)
ROUND_SECONDS = 105.0
CALM_SECONDS = 45.0
LAST_CALM_SECONDS = 12.0
"""No fault begins so shortly before the end."""


@dataclass(frozen=True)
class Kind:
    """A kind of fault: whom it can strike, how long it lasts, and how often it comes by comparison. Of its
    `groups` and its target no other fault is on at the same time; `recovery` seconds after it the target is
    whole again."""

    name: str
    targets: Sequence[str]
    seconds: tuple[float, float]
    weight: float = 1.0
    recovery: float = 3.0
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fault:
    """One fault of the schedule, `start` seconds into the run. `seed` is for choices of its own."""

    start: float
    kind: str
    target: str
    seconds: float
    seed: int = 0
    groups: tuple[str, ...] = ()


def make_schedule(seed: int, seconds: float, kinds: Sequence[Kind]) -> list[Fault]:
    """The faults of a run, in the order of their starts. The same seed and length, the same faults."""
    choose = random.Random(f"faults {seed}")
    free_at: dict[str, float] = {}
    faults: list[Fault] = []
    times: Counter[str] = Counter()
    now = FIRST_SECONDS
    calm_at = now + ROUND_SECONDS
    while now < seconds - LAST_CALM_SECONDS:
        if now >= calm_at:
            now += CALM_SECONDS
            calm_at = now + ROUND_SECONDS
            continue
        rarest = [replace(kind, weight=kind.weight / (1 + times[kind.name])) for kind in kinds]
        fault = _choose_one(choose, now, rarest, free_at)
        if fault is not None:
            faults.append(fault)
            times[fault.kind] += 1
        now += choose.uniform(*APART_SECONDS)
    return faults


def _choose_one(
    choose: random.Random, now: float, kinds: Sequence[Kind], free_at: dict[str, float]
) -> Fault | None:
    """One that is possible now, of a kind chosen by weight; None if everything is broken already."""
    left = list(kinds)
    while left:
        kind = choose.choices(left, weights=[k.weight for k in left], k=1)[0]
        targets = [t for t in kind.targets if _is_free(now, t, kind.groups, free_at)]
        if targets:
            target = choose.choice(targets)
            lasts = round(choose.uniform(*kind.seconds), 2)
            for name in (target, *kind.groups):
                free_at[name] = now + lasts + kind.recovery
            seed = choose.getrandbits(32)
            return Fault(round(now, 2), kind.name, target, lasts, seed, kind.groups)
        left.remove(kind)
    return None


def _is_free(now: float, target: str, groups: Sequence[str], free_at: dict[str, float]) -> bool:
    return all(free_at.get(name, 0.0) <= now for name in (target, *groups))
