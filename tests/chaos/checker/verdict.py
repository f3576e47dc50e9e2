"""The verdict over a run: faults by kind, jobs, lateness, and every invariant with its count."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.checker import books, clients, handlers, keys, life, offsets, rows, times
from tests.chaos.checker.findings import Findings, Rule
from tests.chaos.checker.records import Records, read

SHOWN = 5
"""How many offenders of each rule are named."""
RULES: tuple[Rule, ...] = tuple(
    sorted(
        (
            rule
            for judges in (clients, times, life, handlers, keys, rows, offsets, books)
            for rule in judges.RULES
        ),
        key=lambda rule: int(rule.id[1:]),
    )
)


@dataclass(frozen=True)
class Verdict:
    """What each rule found."""

    records: Records
    findings: dict[str, Findings]

    @property
    def violations(self) -> int:
        """How many in all."""
        return sum(len(found.broken) for found in self.findings.values())

    def table(self) -> str:
        """All of it, to print."""
        return "\n\n".join(
            part for part in (self._faults(), self._jobs(), self._lateness(), self._rules()) if part
        )

    def last_line(self) -> str:
        """The line that others read."""
        windows = self.records.windows
        return (
            f"seed={self.records.one('run').get('seed')} jobs={len(self.records.jobs)} "
            f"faults={len(windows)} kinds={len({w.kind for w in windows})} "
            f"violations={self.violations}"
        )

    def _faults(self) -> str:
        kinds = Counter(window.kind for window in self.records.windows)
        seconds: Counter[str] = Counter()
        for window in self.records.windows:
            seconds[window.kind] += round(window.end - window.begin)
        rows = [f"| {kind} | {n} | {seconds[kind]} |" for kind, n in sorted(kinds.items())]
        failed = [r for r in self.records.all("end-fault") if "failed" in r]
        told = [f"not carried out: {r['kind']} {r['target']}: {r['failed']}" for r in failed]
        return "\n".join(["| fault | times | seconds |", "|---|---|---|", *rows, *told])

    def _jobs(self) -> str:
        states = Counter(job["status"] for job in self.records.jobs.values())
        ends = Counter(execution["status"] for execution in self.records.executions.values())
        zombies = sum(1 for e in self.records.executions.values() if e["notes"] not in {"[]", None})
        answers = Counter(answer["what"] for _, answer in self.records.answers())
        rows = [
            f"| jobs | {_pairs(states)} |",
            f"| attempts | {_pairs(ends)}, late reports {zombies} |",
            f"| calls of clients | {_pairs(answers)} |",
        ]
        told = Counter(row["how"] for row in self.records.all("row"))
        if told:
            duplicates = told["again"] - len(
                {r["job"] for r in self.records.all("row") if r["how"] == "again"}
            )
            rows.append(f"| rows | {_pairs(told)}; without `once` {duplicates} duplicates |")
        errors = Counter({r["event"]: 0 for r in self.records.all("log-error")})
        for row in self.records.all("log-error"):
            errors[row["event"]] += row["count"]
        rows += [f"| error in logs: {event} | {count} |" for event, count in errors.items()]
        return "\n".join(["| what | how many |", "|---|---|", *rows])

    def _lateness(self) -> str:
        late = times.lateness(self.records)
        lines = [
            "| first starts | jobs | p50 s | p90 s | p99 s | max s |",
            "|---|---|---|---|---|---|",
        ]
        for name, faulty in (("outside of fault windows", False), ("inside", True)):
            seconds = [item.seconds for item in late if item.faulty is faulty]
            shown = " | ".join(f"{value:.3f}" for value in times.percentiles(seconds))
            lines.append(f"| {name} | {len(seconds)} | {shown} |")
        return "\n".join(lines)

    def _rules(self) -> str:
        lines = ["| rule | promise | judged | violations |", "|---|---|---|---|"]
        for rule in RULES:
            found = self.findings[rule.id]
            lines.append(f"| {rule.id} | {rule.promise} | {found.subjects} | {len(found.broken)} |")
        for rule in RULES:
            broken = self.findings[rule.id].broken
            lines += [f"{rule.id}: {text}" for text in broken[:SHOWN]]
            lines += [f"{rule.id}: and {len(broken) - SHOWN} more"] if len(broken) > SHOWN else []
        return "\n".join(lines)


def judge(records: Records) -> Verdict:
    """Every rule over all records."""
    return Verdict(records, {rule.id: rule.judge(records) for rule in RULES})


def judge_directory(directory: Path) -> Verdict:
    """The records of a directory, judged."""
    return judge(read(directory))


def _pairs(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {n}" for name, n in sorted(counts.items()))
