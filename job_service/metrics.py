"""What job_service tells Prometheus."""

from collections.abc import Sequence
from functools import partial

from job_service.operations.claim_due import ClaimDue
from job_service.operations.lease_attempts import LeaseAttempts
from job_service.operations.report_attempts import ReportAttempts
from job_service.page_of_all import PageOfAll
from job_service.postgres.database import Database
from job_service.postgres.gauges import Gauges, Snapshot
from job_service.processes import Member
from shared.contracts.states import JobStatus
from shared.runtime.metrics import PREFIX, Metrics, Values
from shared.runtime.periodic import Periodic

COMMON = frozenset(
    f"{PREFIX}{name}"
    for name in (
        *("build_info", "jobs", "in_flight", "oldest_due_seconds", "lag"),
        *("nodes", "slots", "running", "held"),
        *("dead_letters", "bulk_actions"),
    )
)
"""What every process tells alike: what it is, and what the database holds."""


class JobServiceMetrics:
    """The series of one process, and of the database as it sees it."""

    def __init__(self, database: Database, duties: Sequence[Periodic], *, version: str) -> None:
        self.metrics = Metrics(service="job_service", version=version, loops=duties)
        self._duties = duties
        self._gauges = Gauges(database)
        self._seen: Snapshot | None = None
        self.metrics.before(self._refresh)
        self._of_the_database()
        self._of_the_process(database)

    def of_attempts(self, claims: ClaimDue, leases: LeaseAttempts, reports: ReportAttempts) -> None:
        """What schedulers and workers were answered."""
        tally = self.metrics.tally
        tally("claimed_jobs", "Jobs handed to schedulers.", "job_type", claims.claimed)
        tally("leases", "Attempts that workers asked for.", "decision", leases.decided)
        tally("reports", "Ends of attempts that workers told.", "verdict", reports.verdicts)
        tally("ends", "Ends of attempts that were accepted.", "reason", reports.reasons)

    def of_all(self, member: Member) -> PageOfAll:
        """The page of all processes of which this is one."""
        return PageOfAll(
            member.meet,
            member.number,
            member.count,
            whole=self.metrics.render,
            own=partial(self.metrics.render, refreshed=False),
            common=COMMON,
        )

    async def _refresh(self) -> None:
        self._seen = None
        self._seen = await self._gauges.read()

    def _of_the_database(self) -> None:
        gauge = self.metrics.gauge
        gauge("jobs", "Jobs by state.", ("status",), self._jobs)
        gauge(
            "in_flight",
            "Attempts claimed by schedulers, leased by workers, started from outside.",
            ("place",),
            lambda: {(k,): v for k, v in self._seen.in_flight.items()} if self._seen else {},
        )
        gauge(
            "oldest_due_seconds",
            "How long the oldest job that is due and not claimed has waited.",
            ("job_type",),
            lambda: {(k,): v for k, v in self._seen.oldest_due.items()} if self._seen else {},
        )
        gauge(
            "lag",
            "Records that the worker group has not decided, as workers last said.",
            (),
            lambda: {(): self._seen.lag} if self._seen else {},
        )
        gauge(
            "dead_letters",
            "Jobs that failed for good.",
            (),
            lambda: {(): self._seen.dead_letters} if self._seen else {},
        )
        gauge(
            "bulk_actions",
            "Bulk actions that have not ended.",
            (),
            lambda: {(): self._seen.bulk_actions} if self._seen else {},
        )
        for place, name, text in (
            (1, "nodes", "Live nodes."),
            (2, "slots", "Handlers that the live workers can run at once."),
            (3, "running", "Handlers that run."),
            (4, "held", "Attempts that workers hold until they are due."),
        ):
            gauge(name, text, ("role",), lambda place=place: self._nodes(place))  # type: ignore[misc]

    def _of_the_process(self, database: Database) -> None:
        metrics = self.metrics
        metrics.gauge(
            "database_connections",
            "Connections of the pool.",
            ("state",),
            lambda: {(k,): v for k, v in database.connections().items()},
        )
        metrics.tally(
            "database_errors",
            "Units of database work that failed: definite, retryable, locked, overloaded, unknown.",
            "kind",
            database.errors,
        )
        metrics.counter(
            "duty_done",
            "What duties found and did, as they count it.",
            ("duty", "what"),
            lambda: {(d.name, what): n for d in self._duties for what, n in d.done.items()},
        )

    def _jobs(self) -> Values:
        if self._seen is None:
            return {}
        return {(status.value,): self._seen.jobs.get(status.value, 0) for status in JobStatus}

    def _nodes(self, place: int) -> Values:
        return {(node[0],): float(node[place]) for node in (self._seen.nodes if self._seen else [])}
