"""What handlers and the effect sink recorded: I6, I11, I12."""

from collections import Counter, defaultdict

from tests.chaos.checker.findings import Findings, Rule
from tests.chaos.checker.records import Records

REFUSED = 409
APPLIED = 200


def one_start(records: Records) -> Findings:
    """An attempt starts at most once, on the node that it was granted to, and its effect and end follow."""
    found = Findings()
    starts = records.keyed("start")
    for (job, attempt), rows in starts.items():
        found.judge(len(rows) == 1, f"job {job} attempt {attempt} started {len(rows)} times")
        granted = records.executions.get((job, attempt), {})
        for row in rows:
            right = (row["execution"], row["node"]) == (granted.get("id"), granted.get("node"))
            found.judge(right, f"job {job} attempt {attempt} started without its grant")
    for what in ("effect", "end"):
        for job, attempt in records.keyed(what):
            text = f"job {job} attempt {attempt} has an {what} and no start"
            found.judge((job, attempt) in starts, text)
    return found


def fenced_effects(records: Records) -> Findings:
    """At the fenced sink tokens never fall, a key is applied once, and every token was granted."""
    found = Findings()
    highest: dict[str, int] = {}
    applied: set[str] = set()
    for effect in records.all("arrived"):
        if effect["path"] != "fenced" or effect["status"] == REFUSED:
            continue
        job, token, key = effect["job"], effect["attempt"], effect["key"]
        falls = f"job {job}: token {token} accepted after {highest.get(job)}"
        found.judge(token >= highest.get(job, 0), falls)
        highest[job] = max(token, highest.get(job, 0))
        granted = (job, token) in records.executions
        found.judge(granted, f"job {job}: an effect with token {token}, which nobody was granted")
        if effect["status"] == APPLIED:
            found.judge(key not in applied, f"key {key} was applied twice")
            applied.add(key)
    return found


def explained_duplicates(records: Records) -> Findings:
    """At the unfenced sink, and of rows that were inserted without the ledger, one effect for each grant at
    most, and each but the last by an attempt that did not succeed."""
    found = Findings()
    bare = [effect for effect in records.all("arrived") if effect["path"] == "bare"]
    bare += [row for row in records.all("row") if row["how"] == "again"]
    counts = Counter((effect["job"], effect["attempt"]) for effect in bare)
    attempts: dict[str, list[int]] = defaultdict(list)
    for (job, attempt), times in counts.items():
        found.judge(times == 1, f"job {job} attempt {attempt} had {times} effects")
        attempts[job].append(attempt)
    for job, numbers in attempts.items():
        for number in numbers:
            status = records.executions.get((job, number), {}).get("status")
            found.judge(
                status is not None, f"job {job}: an effect of attempt {number}, never granted"
            )
            last = number == max(numbers)
            text = f"job {job}: attempt {number} succeeded, and another had an effect after it"
            found.judge(last or status != "SUCCESS", text)
    return found


RULES = (
    Rule("I6", "an attempt starts at most once, and only where it was granted", one_start),
    Rule("I11", "fenced effects: tokens never fall, each key is applied once", fenced_effects),
    Rule(
        "I12",
        "duplicate effects are explained by attempts that ended otherwise",
        explained_duplicates,
    ),
)
