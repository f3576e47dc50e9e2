"""The database of job_service, by aggregate, on one pool."""

from dataclasses import dataclass

from job_service.postgres.bulk_actions import BulkActions
from job_service.postgres.bulk_chunks import BulkChunks
from job_service.postgres.claims import Claims
from job_service.postgres.client_changes import ClientChanges
from job_service.postgres.counts import Counts
from job_service.postgres.database import Database
from job_service.postgres.dead_letters import DeadLetters
from job_service.postgres.deletion import Deletion
from job_service.postgres.explaining import Explaining
from job_service.postgres.feed import Feed
from job_service.postgres.job_types import JobTypes
from job_service.postgres.jobs import Jobs
from job_service.postgres.leases import Leases, LeaseTerms
from job_service.postgres.listing import Listing
from job_service.postgres.nodes import Nodes
from job_service.postgres.overdue import Overdue
from job_service.postgres.parked import Parked
from job_service.postgres.partitions import Partitions
from job_service.postgres.progress import Progress
from job_service.postgres.reaping import Reaping, ReapTerms
from job_service.postgres.reports import Reports
from job_service.settings import JobServiceSettings

DEFAULT_TIMEOUT_SECONDS = 300.0
"""Where neither the job nor its type names a time."""

DEADLINE_GRACE_SECONDS = 10.0
"""The server ends an attempt this long after its time-out (R16)."""


@dataclass(frozen=True)
class Stores:
    """The database, by aggregate."""

    database: Database
    jobs: Jobs
    listing: Listing
    explaining: Explaining
    claims: Claims
    leases: Leases
    reports: Reports
    changes: ClientChanges
    deletion: Deletion
    letters: DeadLetters
    bulks: BulkActions
    chunks: BulkChunks
    nodes: Nodes
    types: JobTypes
    reaping: Reaping
    overdue: Overdue
    parked: Parked
    progress: Progress
    partitions: Partitions
    counts: Counts
    feed: Feed


def make_stores(settings: JobServiceSettings) -> Stores:
    """Connect the aggregates to one pool."""
    database = Database(settings.database)
    poison, retry = settings.poison, settings.retry
    terms = LeaseTerms(poison.suspect_after, DEFAULT_TIMEOUT_SECONDS, DEADLINE_GRACE_SECONDS)
    reap_terms = ReapTerms(
        grace_seconds=settings.lease.grace,
        amnesty_seconds=max(settings.lease.ttl, settings.lease.scheduler_ttl),
        gap_seconds=settings.lease.gap_seconds,
        suspect_after=poison.suspect_after,
        poison_losses=poison.losses,
    )
    return Stores(
        database=database,
        jobs=Jobs(database, lookahead_seconds=settings.claim.lookahead),
        listing=Listing(database),
        explaining=Explaining(database, suspect_after=poison.suspect_after),
        claims=Claims(
            database,
            lookahead_seconds=settings.claim.lookahead,
            aged_after_seconds=settings.claim.aged_after,
            look_after_seconds=settings.reconcile.passed_after,
        ),
        leases=Leases(database, terms),
        reports=Reports(database, base_seconds=retry.base, cap_seconds=retry.cap),
        changes=ClientChanges(
            database,
            default_timeout_seconds=DEFAULT_TIMEOUT_SECONDS,
            deadline_grace_seconds=DEADLINE_GRACE_SECONDS,
        ),
        deletion=Deletion(database),
        letters=DeadLetters(database),
        bulks=BulkActions(database),
        chunks=BulkChunks(database),
        nodes=Nodes(database),
        types=JobTypes(database),
        reaping=Reaping(database, reap_terms),
        overdue=Overdue(
            database,
            unplaced_seconds=settings.reconcile.unplaced_after,
            regardless_seconds=settings.reconcile.regardless_after,
            gap_seconds=settings.lease.gap_seconds,
            base_seconds=retry.base,
            cap_seconds=retry.cap,
        ),
        parked=Parked(database),
        progress=Progress(database),
        partitions=Partitions(database),
        counts=Counts(database),
        feed=Feed(database),
    )
