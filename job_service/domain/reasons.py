"""The reasons why a job is not running, or what it is doing. docs/why.md is written from this table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """One reason. `means`: when it holds. `text` is told to the client; in braces stand facts."""

    slug: str
    means: str
    text: str


_TABLE = (
    Reason(
        "not-due",
        "Its time has not come.",
        "It is due at {next_at}: wait, or PATCH its scheduledTime to bring it forward.",
    ),
    Reason(
        "backing-off",
        "An attempt failed, and the next one is not due yet.",
        "Attempt {attempt} failed and the next is due at {next_at}: wait, or POST /api/v1/jobs/{job_id}/retry "
        "to run it now.",
    ),
    Reason(
        "key-taken",
        "It is due, but a job of the same ordering key comes first or is not done.",
        "Job {key_holder} has the ordering key {ordering_key}: wait for it; GET /api/v1/jobs/{key_holder}/why "
        "says what it waits for.",
    ),
    Reason(
        "paused",
        "It is due, but its job type is paused.",
        "Job type {job_type} has been paused since {paused_at}: POST /api/v1/job-types/{job_type}/resume.",
    ),
    Reason(
        "no-worker",
        "It is due, but no live worker runs its job type.",
        "No live worker runs job type {job_type}: start one that has it; GET /api/v1/nodes shows who has what.",
    ),
    Reason(
        "no-scheduler",
        "It is due, but there is no live scheduler to claim it.",
        "No scheduler is live: start scheduler_service, or look why it does not reach job_service.",
    ),
    Reason(
        "no-slot",
        "It is due, but every slot of the workers that run its job type is taken.",
        "All {slots} slots for job type {job_type} are taken: wait for one, or start more workers.",
    ),
    Reason(
        "suspect",
        "It was lost with its worker before, and each live worker of its job type holds another such job.",
        "It was lost {lost} times and a worker takes one such job at a time: wait, or start another worker.",
    ),
    Reason(
        "declined",
        "A worker could not take it, and it is offered again after a short back-off.",
        "A worker had no room for it, and it is offered again at {next_at}: wait, or start more workers.",
    ),
    Reason(
        "to-be-claimed",
        "Everything that it needs is there; jobs that are due earlier or have a higher priority go first.",
        "It is claimed in its turn, mostly within a second: wait; a higher priority brings it forward.",
    ),
    Reason(
        "scheduler-silent",
        "The scheduler that claimed it does not renew its session.",
        "Scheduler {scheduler} claimed it and is silent since {silent_since}: it is given to another one from "
        "{next_at} on; see that one is live.",
    ),
    Reason(
        "waiting-for-broker",
        "A scheduler claimed it, and no worker has read its record from the topic yet.",
        "Scheduler {scheduler} claimed it at {since} and no worker has read its record: see that Kafka and the "
        "workers are ready (GET /readyz); at {next_at} its record is looked for.",
    ),
    Reason(
        "held",
        "A worker holds it until its time has come.",
        "Worker {worker} holds it and starts it at {next_at}: there is nothing to do.",
    ),
    Reason(
        "starting",
        "A worker holds it, its time has come, and the start is not reported yet.",
        "Worker {worker} is about to start it, or gives it back if no slot comes free: wait.",
    ),
    Reason(
        "node-silent",
        "The worker that has it does not renew its session.",
        "Worker {worker} is silent since {silent_since}: its attempt is taken back from {next_at} on and runs "
        "elsewhere; look what became of that process.",
    ),
    Reason(
        "cancel-asked",
        "A worker has it, and was asked to cancel it.",
        "Worker {worker} was asked to cancel it: wait until its handler ends.",
    ),
    Reason(
        "running",
        "Its handler runs.",
        "Worker {worker} has been running it since {since}: wait, or cancel it; at {next_at} it times out.",
    ),
    Reason(
        "running-outside",
        "It was started by hand, for an executor outside of Punctual.",
        "It was started by hand at {since}: set SUCCESS or FAILED with its leaseToken before {next_at}.",
    ),
    Reason(
        "waiting-for-children",
        "It waits for the jobs that it has started.",
        "It goes on when the jobs that it started have settled: look at those.",
    ),
    Reason("succeeded", "It has ended well.", "It is done: there is nothing to do."),
    Reason(
        "failed",
        "It failed, and no try is left.",
        "It failed for good after {failures} failures: read its error, then POST /api/v1/jobs/{job_id}/retry "
        "or /abandon.",
    ),
    Reason(
        "poisoned",
        "It was lost with its workers so often that it is quarantined.",
        "It was lost {lost} times and is quarantined: find out why, then POST /api/v1/jobs/{job_id}/retry "
        "or /abandon.",
    ),
    Reason(
        "cancelled",
        "It was cancelled.",
        "It was cancelled: POST /api/v1/jobs/{job_id}/rerun if needed.",
    ),
    Reason(
        "expired",
        "Its expiresAt passed before it started.",
        "It expired at {expires_at} before a start: POST /api/v1/jobs/{job_id}/rerun if it is still wanted.",
    ),
    Reason(
        "stopped",
        "It was stopped.",
        "It was stopped: POST /api/v1/jobs/{job_id}/abandon, or rerun it.",
    ),
    Reason(
        "abandoned",
        "An operator gave it up.",
        "An operator gave it up: rerun it if it is still wanted.",
    ),
)
REASONS = {reason.slug: reason for reason in _TABLE}
"""Every reason, by its slug. Slugs are stable; texts are not."""
