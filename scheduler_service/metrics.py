"""What a scheduler tells Prometheus."""

from collections.abc import Iterable

from scheduler_service.domain.held_jobs import HeldJobs
from scheduler_service.kafka.publisher import Publisher
from scheduler_service.operations.claim_due import ClaimDue
from shared.runtime.legs import Legs
from shared.runtime.metrics import Metrics
from shared.runtime.periodic import Periodic


def measure(
    *,
    version: str,
    loops: Iterable[Periodic],
    held: HeldJobs,
    publisher: Publisher,
    claim: ClaimDue,
    events: Periodic,
    legs: Legs,
) -> Metrics:
    """The series of one process."""
    metrics = Metrics(service="scheduler_service", version=version, loops=loops)
    metrics.legs(legs)
    metrics.gauge("held_jobs", "Jobs claimed and not published yet.", (), lambda: {(): len(held)})
    metrics.gauge(
        "lead_seconds",
        "How long before their due time jobs are published, as it is now.",
        (),
        lambda: {(): held.lead.seconds},
    )
    metrics.gauge(
        "broker_connected",
        "1 while there is a producer that nothing speaks against.",
        (),
        lambda: {(): publisher.connected()},
    )
    metrics.counter(
        "claimed_jobs",
        "Jobs claimed; what came again counts again.",
        (),
        lambda: {(): claim.claimed},
    )
    metrics.counter(
        "published_records",
        "Dispatch records that the broker acknowledged.",
        (),
        lambda: {(): publisher.published},
    )
    metrics.counter(
        "published_events",
        "Events that the broker acknowledged.",
        (),
        lambda: {(): events.done["events"]},
    )
    return metrics
