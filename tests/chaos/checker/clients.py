"""What clients were told, against what is in the database: I1, I2, I17, I18."""

from collections import defaultdict

from tests.chaos.checker.findings import Findings, Rule
from tests.chaos.checker.records import Record, Records, settled

NOT_FOUND = 404


def no_loss(records: Records) -> Findings:
    """ok: the job is there. Only definite refusals: it is not. No job that nobody asked for."""
    found = Findings()
    by_name = _jobs_by_name(records)
    for key, answers in _creates(records).items():
        kinds = {answer["what"] for answer in answers}
        told = {answer["job"] for answer in answers if answer["what"] == "ok"}
        for job in told:
            found.judge(job in records.jobs, f"job {job} was created (key {key}) and is gone")
        if kinds == {"fail"}:
            found.judge(key not in by_name, f"key {key}: refused, and yet there is a job")
    asked = {call["key"] for call in records.all("invoke") if call["call"] == "create"}
    for name in by_name:
        found.judge(name in asked, f"job {by_name[name][0]['id']}: no client asked for it")
    for call, answer in records.answers():
        if "job" in call:
            gone = answer["what"] == "fail" and answer["status"] == NOT_FOUND
            found.judge(not gone, f"job {call['job']}: {call['call']} was answered 404")
    return found


def ends(records: Records) -> Findings:
    """Every job that was due a while before the end is settled."""
    found = Findings()
    until = records.one("collected").get("at", float("inf")) - QUIET_SECONDS
    for job in records.jobs.values():
        if job["ready_at"] <= until:
            text = f"job {job['id']} is {job['status']} (attempt {job['attempt']}) at the end"
            found.judge(settled(job), text)
    return found


QUIET_SECONDS = 10.0
"""So long before the records were collected a job must have been due to count as unsettled."""


def idempotent_create(records: Records) -> Findings:
    """One job for each key, however often it was asked for, and each answer names it."""
    found = Findings()
    by_name = _jobs_by_name(records)
    kept = {row["key"]: row["job_id"] for row in records.all("idempotency_keys")}
    for key, answers in _creates(records).items():
        ids = {answer["job"] for answer in answers if answer["what"] == "ok"}
        ids |= {job["id"] for job in by_name.get(key, [])}
        if key in kept:
            ids.add(kept[key])
        found.judge(len(ids) <= 1, f"key {key} has {len(ids)} jobs: {sorted(ids)}")
    return found


def read_your_writes(records: Records) -> Findings:
    """A call after an acknowledged one sees that version or a later one; and what any answer said of a version
    is what history says of it."""
    found = Findings()
    calls: dict[str, list[tuple[Record, Record]]] = defaultdict(list)
    for call, answer in records.answers():
        if answer["what"] == "ok":
            calls[answer["job"]].append((call, answer))
    for job, pairs in calls.items():
        states = {row["version"]: row["to_status"] for row in records.history.get(job, [])}
        acknowledged = sorted((answer["boot"], answer["version"]) for _, answer in pairs)
        pairs.sort(key=lambda pair: pair[0]["boot"])
        highest = place = 0
        for call, answer in pairs:
            while acknowledged[place][0] < call["boot"]:
                highest = max(highest, acknowledged[place][1])
                place += 1
            version = answer["version"]
            text = f"job {job}: {call['call']} saw version {version} after {highest}"
            found.judge(version >= highest, text)
            said = f"job {job}: {call['call']} saw {answer['state']} as version {version}"
            found.judge(states.get(version) == answer["state"], said)
    return found


def _creates(records: Records) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = defaultdict(list)
    for call, answer in records.answers():
        if call["call"] == "create":
            found[call["key"]].append(answer)
    return found


def _jobs_by_name(records: Records) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = defaultdict(list)
    for job in records.jobs.values():
        found[job["name"]].append(job)
    return found


RULES = (
    Rule("I1", "no loss: what was acknowledged is there, what was refused is not", no_loss),
    Rule("I2", "every job ends", ends),
    Rule("I17", "one job for each idempotency key", idempotent_create),
    Rule("I18", "read your writes; answers agree with history", read_your_writes),
)
