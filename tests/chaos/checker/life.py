"""The life of each job by its history and executions: I5, I7, I8, I9, I10, I15."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tests.chaos.checker.findings import Findings, Rule
from tests.chaos.checker.records import Record, Records

TERMINAL = frozenset({"SUCCESS", "CANCELLED", "EXPIRED", "ABANDONED"})
EDGES = frozenset(
    edge
    for source, targets in {
        "CREATED": "SCHEDULED CREATED CANCELLED EXPIRED",
        "SCHEDULED": "RUNNING SCHEDULED CREATED CANCELLED EXPIRED",
        "RUNNING": "SUCCESS FAILED CANCELLED STOPPED WAITING SCHEDULED CREATED RUNNING",
        "FAILED": "SCHEDULED FAILED CANCELLED ABANDONED",
        "STOPPED": "ABANDONED",
        "WAITING": "SCHEDULED FAILED CANCELLED STOPPED WAITING",
    }.items()
    for edge in ((source, target) for target in targets.split())
)
STAYS = frozenset({"held", "started", "changed", "cancel-asked"})
"""Reasons of rows that leave a holder its attempt."""


@dataclass
class Grant:
    """An attempt that a node got, and the row by which it lost it (none yet: it holds it still)."""

    attempt: int
    node: str
    row: Record
    left: Record | None = None


def grants(rows: list[Record]) -> tuple[list[Grant], list[str]]:
    """The grants in a job's history, in order, and what is wrong about them."""
    found: list[Grant] = []
    wrong: list[str] = []
    for row in rows:
        holder = found[-1] if found and found[-1].left is None else None
        if row["reason"] in {"held", "started"}:
            same = holder is not None and (holder.attempt, holder.node) == (
                row["attempt"],
                row["node"],
            )
            if same and row["reason"] == "started":
                continue
            if holder is not None:
                wrong.append(
                    f"version {row['version']}: granted while attempt {holder.attempt} holds"
                )
                holder.left = row
            found.append(Grant(row["attempt"], row["node"], row))
        elif holder is not None and row["reason"] not in STAYS:
            holder.left = row
    return found, wrong


def grants_disjoint(records: Records) -> Findings:
    """No attempt is granted before the one before it was taken away, and attempts rise."""
    found = Findings()
    for job, rows in records.history.items():
        held, wrong = grants(rows)
        found.subjects += len(held)
        found.broken += [f"job {job} {text}" for text in wrong]
        for earlier, later in pairwise(held):
            rises = f"job {job}: attempt {later.attempt} granted after {earlier.attempt}"
            found.judge(later.attempt > earlier.attempt, rises)
    for before, after in pairwise(sorted(records.executions.values(), key=_by_attempt)):
        if before["job_id"] == after["job_id"]:
            ended = before["ended_at"] if before["ended_at"] is not None else float("inf")
            text = f"job {before['job_id']}: attempts {before['attempt']} and {after['attempt']} overlap"
            found.judge(ended <= after["leased_at"], text)
    return found


def terminal_final(records: Records) -> Findings:
    """Nothing follows a terminal state."""
    found = Findings()
    for job, rows in records.history.items():
        for row in rows:
            text = f"job {job} version {row['version']}: left {row['from_status']}"
            found.judge(row["from_status"] not in TERMINAL, text)
    return found


def versions(records: Records) -> Findings:
    """Versions 0, 1, … without a gap, each edge legal and beginning where the one before ended; the job is what
    its last row says."""
    found = Findings()
    for job in records.jobs.keys() - records.history.keys():
        found.judge(False, f"job {job} has no history")
    for job, rows in records.history.items():
        numbers = [row["version"] for row in rows]
        found.judge(numbers == list(range(len(rows))), f"job {job} has versions {numbers}")
        first = (rows[0]["from_status"], rows[0]["to_status"])
        found.judge(first == (None, "CREATED"), f"job {job} begins with {first}")
        for before, after in pairwise(rows):
            edge = (after["from_status"], after["to_status"])
            joined = edge[0] == before["to_status"] and edge in EDGES
            found.judge(
                joined, f"job {job} version {after['version']}: {edge} after {before['to_status']}"
            )
        now = records.jobs.get(job)
        if now is not None:
            last = (rows[-1]["version"], rows[-1]["to_status"])
            text = f"job {job} is {now['status']} v{now['version']}, its last row says {last}"
            found.judge((now["version"], now["status"]) == last, text)
    return found


def one_result(records: Records) -> Findings:
    """At most one SUCCESS, of the attempt that was granted last, with the result that its handler gave."""
    found = Findings()
    gave = {key: rows[-1] for key, rows in records.keyed("end").items()}
    for job, rows in records.history.items():
        wins = [row for row in rows if row["to_status"] == "SUCCESS"]
        found.judge(len(wins) <= 1, f"job {job} has {len(wins)} results")
        held, _ = grants(rows)
        for win in wins:
            last = held[-1] if held else None
            author = last is not None and (last.attempt, last.node) == (win["attempt"], win["node"])
            found.judge(author, f"job {job}: the result is not by the last attempt granted")
            text = f"job {job}: the result is not what attempt {win['attempt']} gave"
            found.judge(_is_its(records.jobs.get(job), win, gave.get((job, win["attempt"]))), text)
    return found


def _is_its(job: Record | None, win: Record, end: Record | None) -> bool:
    """Whether job and history carry what the handler recorded that it returned."""
    if end is None or end["outcome"] != "SUCCESS":
        return False
    said = json.dumps(["SUCCESS", end["result"], None], sort_keys=True)
    kept = json.loads(job["result"]) if job and isinstance(job["result"], str) else None
    same_hash = win["result_hash"] == hashlib.sha256(said.encode()).hexdigest()
    return bool(kept == end["result"] and same_hash)


def executions_match(records: Records) -> Findings:
    """One execution for each grant and none besides, ended as the row says that took the attempt away."""
    found = Findings()
    granted: dict[tuple[str, int], Grant] = {}
    for job, rows in records.history.items():
        granted |= {(job, grant.attempt): grant for grant in grants(rows)[0]}
    for key in granted.keys() | records.executions.keys():
        grant, execution = granted.get(key), records.executions.get(key)
        if grant is None or execution is None:
            missing = "execution" if execution is None else "grant"
            found.judge(False, f"job {key[0]} attempt {key[1]} has no {missing}")
            continue
        text = f"job {key[0]} attempt {key[1]}: its execution says {execution['status']}"
        same = execution["node"] == grant.node and execution["status"] in _ends(grant)
        found.judge(same and (execution["ended_at"] is None) == (grant.left is None), text)
    return found


def _ends(grant: Grant) -> frozenset[str]:
    """What the execution may say."""
    if grant.left is None:
        return frozenset({"HELD", "RUNNING"})
    reason, to = grant.left["reason"], grant.left["to_status"]
    if reason in {"lost", "poison"}:
        # Held past its deadline with a cancel asked, it is ended as CANCELLED.
        return frozenset({"LOST", "CANCELLED"} if to == "CANCELLED" else {"LOST"})
    if to in {"SUCCESS", "FAILED", "CANCELLED"}:
        return frozenset({to})
    return frozenset({"SNOOZED"} if to == "CREATED" else {"RELEASED"})


def never_early(records: Records) -> Findings:
    """Nothing starts before its due time: by what was reported, by the handler's own clock, by the sink's, and
    for a job that nobody changed by the time that the client asked for."""
    found = Findings()
    for key, execution in records.executions.items():
        if execution["started_at"] is not None:
            text = f"job {key[0]} attempt {key[1]} started before it was due"
            found.judge(execution["started_at"] >= execution["due_at"], text)
    for start in records.all("start"):
        text = f"job {start['job']} attempt {start['attempt']} began before it was due"
        found.judge(start["at"] >= start["due"], text)
    for arrived in records.all("arrived"):
        due = records.executions.get((arrived["job"], arrived["attempt"]), {}).get("due_at", 0.0)
        text = f"job {arrived['job']} attempt {arrived['attempt']}: an effect before it was due"
        found.judge(arrived["at"] >= due, text)
    for job, start_at, due in _as_asked(records):
        found.judge(start_at >= due, f"job {job} began before the time that its client asked for")
    return found


def _as_asked(records: Records) -> Iterator[tuple[str, float, float]]:
    """Job, first start and due time asked for, of those that were never changed."""
    asked = {
        c["key"]: c["due"] for c in records.all("invoke") if c["call"] == "create" and c["due"]
    }
    first: dict[str, float] = {}
    for start in records.all("start"):
        first[start["job"]] = min(start["at"], first.get(start["job"], float("inf")))
    for job, at in first.items():
        rows, name = records.history.get(job, []), records.jobs.get(job, {}).get("name")
        if name in asked and not any(row["reason"] in {"changed", "by-hand"} for row in rows):
            yield job, at, asked[name]


def _by_attempt(execution: Record) -> tuple[str, int]:
    return execution["job_id"], execution["attempt"]


RULES = (
    Rule("I5", "grants of a job are disjoint and its attempts rise", grants_disjoint),
    Rule("I7", "a terminal state is final", terminal_final),
    Rule("I8", "versions without a gap, legal edges that join", versions),
    Rule("I9", "one result, by the last attempt granted, as its handler gave it", one_result),
    Rule("I10", "executions are the grants, and end as history says", executions_match),
    Rule("I15", "nothing starts before it is due", never_early),
)
