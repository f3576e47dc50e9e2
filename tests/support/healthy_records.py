"""The records of a small healthy run, as the chaos harness leaves them, for tests to spoil.

Five jobs: `a` succeeded at once; `b` lost its first worker and succeeded on the second attempt; `c` was
cancelled before it started. `d` and `e` have one ordering key: `d` failed first, backed off and succeeded, and
only then `e` was claimed.
"""

import copy
import hashlib
import json
from typing import Any

Line = dict[str, Any]
T = 1_000.0
"""When the run began."""
RESULT = {"attempt": 1, "nonce": 7}
AGAIN = {"attempt": 2, "nonce": 8}


def _hash(result: Line) -> str:
    return hashlib.sha256(
        json.dumps(["SUCCESS", result, None], sort_keys=True).encode()
    ).hexdigest()


def _job(
    name: str, status: str, version: int, attempt: int, result: Line | None, key: str | None = None
) -> Line:
    return {
        "what": "jobs",
        "id": name,
        "name": f"key-{name}",
        "status": status,
        "version": version,
        "attempt": attempt,
        "ready_at": T + 1,
        "due_at": T + 1,
        "created_at": T,
        "next_attempt_at": None,
        "result": None if result is None else json.dumps(result),
        "job_type": "CHAOS_ONCE" if name == "b" else "CHAOS",
        "ordering_key": key,
    }


def _row(
    job: str, version: int, edge: tuple[str | None, str], attempt: int, reason: str, at: float
) -> Line:
    worker = reason in {"held", "started", "succeeded", "failed"}
    result = {"a": RESULT, "b": AGAIN, "d": AGAIN, "e": RESULT}.get(job)
    return {
        "what": "job_history",
        "job_id": job,
        "version": version,
        "from_status": edge[0],
        "to_status": edge[1],
        "attempt": attempt,
        "reason": reason,
        "node": f"node-{attempt}" if worker else None,
        "at": at,
        "result_hash": _hash(result) if result and reason == "succeeded" else None,
    }


def _execution(job: str, attempt: int, status: str, leased: float, ended: float) -> Line:
    return {
        "what": "executions",
        "job_id": job,
        "attempt": attempt,
        "id": f"execution-{job}-{attempt}",
        "node": f"node-{attempt}",
        "status": status,
        "due_at": T + 1,
        "leased_at": leased,
        "started_at": max(leased, T + 1),
        "ended_at": ended,
        "notes": "[]",
    }


def _run(job: str, attempt: int, at: float, path: str, result: Line | None) -> list[Line]:
    """What a handler and the sink record of one call; without a result its process died after the effect."""
    named = {"job": job, "attempt": attempt}
    node, execution = f"node-{attempt}", f"execution-{job}-{attempt}"
    applied = attempt == 1 or path == "bare"
    arrived = {"path": path, "key": f"{job}:effect", "status": 200 if applied else 208}
    lines = [
        {"what": "start", "at": at, "due": T + 1, "node": node, "execution": execution, **named},
        {"what": "arrived", "at": at + 0.1, **arrived, **named},
        {"what": "effect", "at": at + 0.2, "status": arrived["status"], **named},
    ]
    end = {"what": "end", "at": at + 0.3, "outcome": "SUCCESS", "result": result, **named}
    return [*lines, end] if result else lines


def _call(op: int, call: str, at: float, state: str, version: int, **named: Any) -> list[Line]:
    answer = {"job": named.get("job") or named["key"].removeprefix("key-")}
    return [
        {"what": "invoke", "op": op, "call": call, "boot": at, "at": at, "due": None, **named},
        {
            "what": "ok",
            "op": op,
            "call": call,
            "boot": at + 0.1,
            "at": at + 0.1,
            "status": 200,
            "state": state,
            "version": version,
            **named,
            **answer,
        },
    ]


def _topic(offset: int, job: str, attempt: int, at: float, decision: str) -> list[Line]:
    named = {"topic_partition": 0, "offset": offset, "job": job, "attempt": attempt}
    return [
        {"what": "record", "epoch": 0, "at": at, **named},
        {"what": "decided", "at": at + 0.5, "decision": decision, **named},
        {"what": "committed", "at": at + 0.6, "topic_partition": 0, "offset": offset + 1},
    ]


_NEW = (None, "CREATED")
_CLAIMED = ("CREATED", "SCHEDULED")
_HELD = ("SCHEDULED", "SCHEDULED")
_STARTED = ("SCHEDULED", "RUNNING")
_WON = ("RUNNING", "SUCCESS")
_FAILED = ("RUNNING", "FAILED")
_AGAIN = ("FAILED", "SCHEDULED")

_LINES: list[Line] = [
    {"what": "run", "at": T, "seed": 1, "workers": 1, "schedulers": 1},
    {"what": "collected", "at": T + 100},
    {"what": "begin-fault", "fault": 1, "kind": "kill-worker", "target": "worker-1", "at": T + 1.5},
    {"what": "end-fault", "fault": 1, "kind": "kill-worker", "target": "worker-1", "at": T + 2},
    _job("a", "SUCCESS", 4, 1, RESULT),
    _job("b", "SUCCESS", 5, 2, AGAIN),
    _job("c", "CANCELLED", 1, 0, None),
    _job("d", "SUCCESS", 6, 2, AGAIN, "k"),
    _job("e", "SUCCESS", 3, 1, RESULT, "k"),
    {"what": "job_types", "name": "CHAOS", "passes_key": False},
    {"what": "job_types", "name": "CHAOS_PASSES", "passes_key": True},
    _row("a", 0, _NEW, 0, "created", T),
    _row("a", 1, _CLAIMED, 1, "claimed", T),
    _row("a", 2, _HELD, 1, "held", T + 0.5),
    _row("a", 3, _STARTED, 1, "started", T + 1),
    _row("a", 4, _WON, 1, "succeeded", T + 2),
    _row("b", 0, _NEW, 0, "created", T),
    _row("b", 1, _CLAIMED, 1, "claimed", T),
    _row("b", 2, _STARTED, 1, "started", T + 1),
    _row("b", 3, ("RUNNING", "SCHEDULED"), 2, "lost", T + 6),
    _row("b", 4, _STARTED, 2, "started", T + 7),
    _row("b", 5, _WON, 2, "succeeded", T + 8),
    _row("c", 0, _NEW, 0, "created", T),
    _row("c", 1, ("CREATED", "CANCELLED"), 0, "cancelled", T + 0.5),
    _row("d", 0, _NEW, 0, "created", T - 20),
    _row("d", 1, _CLAIMED, 1, "claimed", T + 0.5),
    _row("d", 2, _STARTED, 1, "started", T + 1),
    _row("d", 3, _FAILED, 1, "failed", T + 2),
    _row("d", 4, _AGAIN, 2, "claimed", T + 3),
    _row("d", 5, _STARTED, 2, "started", T + 4),
    _row("d", 6, _WON, 2, "succeeded", T + 5),
    _row("e", 0, _NEW, 0, "created", T - 20),
    _row("e", 1, _CLAIMED, 1, "claimed", T + 5.5),
    _row("e", 2, _STARTED, 1, "started", T + 6),
    _row("e", 3, _WON, 1, "succeeded", T + 7),
    _execution("a", 1, "SUCCESS", T + 0.5, T + 2),
    _execution("b", 1, "LOST", T + 1, T + 6),
    _execution("b", 2, "SUCCESS", T + 7, T + 8),
    _execution("d", 1, "FAILED", T + 1, T + 2),
    _execution("d", 2, "SUCCESS", T + 4, T + 5),
    _execution("e", 1, "SUCCESS", T + 6, T + 7),
    *_run("a", 1, T + 1.1, "bare", RESULT),
    *_run("b", 1, T + 1.1, "fenced", None),
    *_run("b", 2, T + 7.1, "fenced", AGAIN),
    *_run("d", 2, T + 4.1, "fenced", AGAIN),
    *_run("e", 1, T + 6.1, "fenced", RESULT),
    {"what": "row", "at": T + 7.2, "job": "b", "attempt": 2, "how": "once"},
    {"what": "row", "at": T + 1.2, "job": "d", "attempt": 1, "how": "again"},
    {"what": "row", "at": T + 4.2, "job": "d", "attempt": 2, "how": "again"},
    *_call(1, "create", T, "CREATED", 0, key="key-a"),
    *_call(2, "create", T, "CREATED", 0, key="key-b"),
    *_call(3, "create", T, "CREATED", 0, key="key-c"),
    *_call(6, "create", T, "CREATED", 0, key="key-d"),
    *_call(7, "create", T, "CREATED", 0, key="key-e"),
    *_call(4, "cancel", T + 0.4, "CANCELLED", 1, job="c"),
    *_call(5, "read", T + 0.6, "CANCELLED", 1, job="c"),
    *_topic(0, "a", 1, T + 0.2, "granted"),
    *_topic(1, "b", 1, T + 0.9, "granted"),
    *_topic(2, "b", 2, T + 6.9, "granted"),
    {"what": "lag", "topic_partition": 0, "lag": 0, "committed": 3},
    {"what": "idempotency_keys", "key": "key-a", "job_id": "a"},
    {"what": "unsuccessful", "job_id": "c", "status": "CANCELLED"},
    {"what": "nodes", "id": "node-1", "role": "worker", "state": "dead"},
    {"what": "nodes", "id": "node-2", "role": "worker", "state": "live"},
    {"what": "nodes", "id": "node-s", "role": "scheduler", "state": "live"},
    {"what": "counts", "status": "SUCCESS", "jobs": 4},
    {"what": "counts", "status": "CANCELLED", "jobs": 1},
    {"what": "metric", "status": "SUCCESS", "jobs": 4.0},
    {"what": "metric", "status": "CANCELLED", "jobs": 1.0},
    {"what": "sessions", "pid": 1, "state": "idle", "open_for": None},
    {"what": "memory", "process": "worker-1", "kib": 70_000},
    {"what": "memory-after", "process": "worker-1", "kib": 75_000},
]
_LINES = [{"at": T, **line} for line in _LINES]


def healthy() -> list[Line]:
    """All lines, to be changed at will."""
    return copy.deepcopy(_LINES)


def find(lines: list[Line], what: str, **named: Any) -> Line:
    """The one line of a sort with these values."""
    (found,) = [n for n in lines if n["what"] == what and named.items() <= n.items()]
    return found
