"""Every slug that job_service answers with: what it means, and what to do about it.

`GET /problems/{slug}` serves these texts and docs/problems.md is written from them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ProblemText:
    """`statuses`: the codes it comes with. `means` and `do`: one sentence a line."""

    slug: str
    statuses: tuple[int, ...]
    means: str
    do: str
    facts: tuple[str, ...] = ()


_TEXTS = (
    ProblemText(
        "validation",
        (400, 422),
        "400: the body is no JSON, nested too deeply, or has a number of thousands of digits.\n"
        "422: it is JSON, but a field, a parameter or a header does not fit.",
        "Read `errors`: each names the place in `loc` and what is wrong in `msg`.\n"
        "Mend the request; the same one is refused again.",
        ("errors",),
    ),
    ProblemText(
        "not-found",
        (404,),
        "There is no such path, or no such job, execution, node or type.",
        "Check the path and the id.\nA deleted job is not found either, but its history still is.",
    ),
    ProblemText(
        "method-not-allowed",
        (405,),
        "The path is there, but not with this method.",
        "Use one of the methods that the header `Allow` names.",
    ),
    ProblemText(
        "request-timeout",
        (408,),
        "The body did not arrive in time.",
        "Send the request again, in one go.",
    ),
    ProblemText(
        "illegal-transition",
        (409,),
        "The job's state does not allow this.\n"
        "`current` is the state it is in, `allowed` are the states that a client may bring it to.",
        "Read the job again and choose from `allowed`.\n"
        "After a request that was not answered this may mean that the first one took effect.",
        ("current", "allowed", "version"),
    ),
    ProblemText(
        "version-conflict",
        (409, 412),
        "The job has changed since the version that the request is based on.\n"
        "412: `If-Match` is stale; 409: the `version` in the body is.",
        "Read the job again, look whether the change is still wanted, and send it with the new version.",
        ("expected", "actual"),
    ),
    ProblemText(
        "lease-lost",
        (409,),
        "The attempt is not held by the one who wants to end it.\n"
        "An attempt that a worker runs is never ended by hand, and one that was started by hand only "
        "with its `leaseToken`.",
        "To stop a job that a worker runs, cancel it.",
    ),
    ProblemText(
        "idempotency-in-flight",
        (409,),
        "The first request with this idempotency key is not done yet.",
        "Repeat the request with the same key after a second.",
    ),
    ProblemText(
        "idempotency-key-reused",
        (422,),
        "This idempotency key came before with another body.",
        "For a new job use a new key.\nTo repeat the first request, send its body unchanged.",
    ),
    ProblemText(
        "job-deleted",
        (409,),
        "The job that was made under this idempotency key has been deleted since, so there is nothing to "
        "answer with, and no second job is made.",
        "For a new job use a new key.",
        ("jobId",),
    ),
    ProblemText(
        "too-many-bulk-actions",
        (409,),
        "As many bulk actions as may be have not ended (`PUNCTUAL_BULK__MOST_OPEN`).",
        "Wait until one has ended, or stop one: `GET /api/v1/bulk-actions` shows them.",
        ("most",),
    ),
    ProblemText(
        "not-drainable",
        (409,),
        "Only a live worker drains; this node is a scheduler, or it is dead.",
        "Look for live workers in `GET /api/v1/nodes`.",
    ),
    ProblemText(
        "unknown-job-type",
        (422,),
        "No worker has ever declared this job type.",
        "`didYouMean` is the nearest known name, `known` are the first 100 by name.\n"
        "Start a worker that has the type, or mend the name.",
        ("known", "didYouMean"),
    ),
    ProblemText(
        "payload-invalid",
        (422,),
        "The payload does not fit the JSON Schema of its job type.",
        "Read `errors`; the schema is in `GET /api/v1/job-types`.",
        ("errors",),
    ),
    ProblemText(
        "too-large",
        (413, 431),
        "413: the body is larger than allowed: 8 MiB for a batch, 1 MiB for all else.\n"
        "431: the first line and the headers are together larger than 64 KiB.",
        "Send less: more batches, smaller payloads, or a reference to where the data is.",
    ),
    ProblemText(
        "unsupported-media",
        (415,),
        "The body is not declared as JSON.",
        "Send the header `Content-Type: application/json`.",
    ),
    ProblemText(
        "precondition-required",
        (428,),
        "This change has to say which version it is based on.",
        "Read the job and send its `ETag` as `If-Match`.",
    ),
    ProblemText(
        "overloaded",
        (429, 503),
        "More requests are under way than this process takes at once; this one did nothing.",
        "Wait `Retry-After` seconds and repeat it, with fewer at once.",
    ),
    ProblemText(
        "unavailable",
        (503,),
        "The database does not answer now.",
        "Wait `Retry-After` seconds and repeat the request.\n"
        "A create may have taken effect: repeat it under the same idempotency key.",
    ),
    ProblemText(
        "http",
        (400,),
        "The request is no valid HTTP for this service.",
        "Read `detail`.",
    ),
    ProblemText(
        "internal",
        (500,),
        "Something is wrong in the service, not in the request.",
        "Look at the log of job_service for the time of the request, and report it.",
    ),
)

PROBLEMS = {text.slug: text for text in _TEXTS}


def as_text(problem: ProblemText) -> str:
    """One problem, in Markdown, one sentence a line."""
    statuses = ", ".join(str(status) for status in problem.statuses)
    lines = [f"## {problem.slug}", "", f"Status {statuses}.", problem.means, "", problem.do]
    if problem.facts:
        facts = ", ".join(f"`{fact}`" for fact in problem.facts)
        lines += ["", f"Further members of the body: {facts}."]
    return "\n".join([*lines, ""])
