"""The life of a job: the only table of states and edges (DESIGN section 3).

Two rules at the top:
1. A terminal state is never left.
2. Every visible change is an edge of this table, raises `version` by exactly one and writes one history row.

The SQL of the transitions is written by hand; the table of legal edges also stands in the database (a trigger
refuses everything else). A test compares guards, trigger, CHECK constraint, 409 texts, docs and diagram with
this table and fails on drift.
"""

from dataclasses import dataclass
from enum import StrEnum

from shared.contracts.reports import FAILURES
from shared.contracts.states import JobStatus as S


class Actor(StrEnum):
    """Who takes an edge (R17)."""

    CLIENT = "client"
    SCHEDULER = "scheduler"
    WORKER = "worker"
    OUTSIDE = "outside"
    DUTY = "duty"
    BULK = "bulk"


@dataclass(frozen=True)
class Edge:
    """One legal change. `reasons` are the codes that history may carry for it."""

    source: S
    target: S
    actors: tuple[Actor, ...]
    reasons: tuple[str, ...]
    cause: str


TERMINAL: frozenset[S] = frozenset({S.SUCCESS, S.CANCELLED, S.EXPIRED, S.ABANDONED})
"""States that nothing leaves."""

_C, _SCH, _W, _O, _D = Actor.CLIENT, Actor.SCHEDULER, Actor.WORKER, Actor.OUTSIDE, Actor.DUTY
_B = Actor.BULK

EDGES: tuple[Edge, ...] = (
    Edge(S.CREATED, S.SCHEDULED, (_SCH, _C), ("claimed", "by-hand"), "due and claimed, or by hand"),
    Edge(S.CREATED, S.CREATED, (_C,), ("changed",), "rescheduled, reprioritised, relabelled"),
    Edge(S.CREATED, S.CANCELLED, (_C,), ("cancelled",), "cancelled before a lease"),
    Edge(S.CREATED, S.EXPIRED, (_D,), ("expired",), "expiresAt passed before a start"),
    Edge(S.SCHEDULED, S.RUNNING, (_W, _O), ("started", "by-hand"), "the lease holder started it"),
    Edge(
        S.SCHEDULED,
        S.SCHEDULED,
        (_W, _C, _D),
        ("held", "released", "shutdown", "no-slot", "unknown", "lost", "changed", "cancel-asked"),
        "leased ahead of its due time, given back, taken from a dead holder, changed, cancel asked",
    ),
    Edge(
        S.SCHEDULED,
        S.CREATED,
        (_C, _D),
        ("changed", "by-hand", "type-paused"),
        "rescheduled or taken back before a lease, or its type was paused",
    ),
    Edge(
        S.SCHEDULED,
        S.CANCELLED,
        (_C, _W, _D),
        ("cancelled", "released", "shutdown", "no-slot", "unknown", "lost"),
        "cancelled",
    ),
    Edge(S.SCHEDULED, S.EXPIRED, (_D,), ("expired",), "expiresAt passed before a start"),
    Edge(S.RUNNING, S.SUCCESS, (_W, _O), ("succeeded", "by-hand"), "reported by the lease holder"),
    Edge(
        S.RUNNING,
        S.FAILED,
        (_W, _O, _D),
        (*FAILURES, "poison", "by-hand"),
        "reported by the lease holder, by the deadline, or lost too often as a suspect",
    ),
    Edge(
        S.RUNNING,
        S.CANCELLED,
        (_W, _D, _O),
        (
            *FAILURES,
            *("cancelled", "snoozed", "released", "shutdown", "no-slot", "unknown", "lost"),
            "by-hand",
        ),
        "left while a cancel was asked, without success",
    ),
    Edge(S.RUNNING, S.STOPPED, (_W,), ("stopped",), "stopped at a chunk boundary"),
    Edge(S.RUNNING, S.WAITING, (_W,), ("waiting",), "waits for its children"),
    Edge(
        S.RUNNING,
        S.SCHEDULED,
        (_D, _W),
        ("lost", "released", "shutdown", "no-slot", "unknown"),
        "lease lost, or released",
    ),
    Edge(S.RUNNING, S.CREATED, (_W,), ("snoozed",), "snoozed: due again later"),
    Edge(S.RUNNING, S.RUNNING, (_C,), ("cancel-asked",), "cancel asked"),
    Edge(
        S.FAILED,
        S.SCHEDULED,
        (_SCH, _C, _B),
        ("claimed", "retried", "bulk-retried"),
        "back-off over, or by hand, or by a bulk action",
    ),
    Edge(S.FAILED, S.FAILED, (_C,), ("changed",), "rescheduled, reprioritised, relabelled"),
    Edge(S.FAILED, S.CANCELLED, (_C,), ("cancelled",), "cancelled"),
    Edge(S.FAILED, S.ABANDONED, (_C, _B), ("abandoned", "bulk-abandoned"), "operator"),
    Edge(S.STOPPED, S.ABANDONED, (_C,), ("abandoned",), "operator"),
    Edge(S.WAITING, S.SCHEDULED, (_D, _W), ("children-settled",), "children settled"),
    Edge(S.WAITING, S.FAILED, (_D, _W), ("children-failed",), "the step's policy says so"),
    Edge(S.WAITING, S.CANCELLED, (_D, _W, _C), ("cancelled",), "asked"),
    Edge(S.WAITING, S.STOPPED, (_D, _W), ("stopped",), "asked"),
    Edge(S.WAITING, S.WAITING, (_C,), ("cancel-asked",), "cancel asked"),
)

BY_PAIR: dict[tuple[S, S], Edge] = {(edge.source, edge.target): edge for edge in EDGES}


def allowed_from(source: S) -> list[S]:
    """The states that can follow `source`, other than itself, in the order of the enum."""
    return [t for t in S if t != source and (source, t) in BY_PAIR]


def allowed_to_clients(source: S) -> list[S]:
    """The states a client may ask for by hand from `source` (R17); the 409 text names them."""
    hands = {Actor.CLIENT, Actor.OUTSIDE}
    return [
        t
        for t in S
        if t != source and (source, t) in BY_PAIR and hands & set(BY_PAIR[source, t].actors)
    ]


def settled(status: S, *, will_retry: bool) -> bool:
    """Terminal, STOPPED, or FAILED without another try (the dead letters)."""
    return status in TERMINAL or status is S.STOPPED or (status is S.FAILED and not will_retry)
