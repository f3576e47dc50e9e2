"""What the stack of these tests is told."""

from tests.support.stacks import HANDLERS

PUBLIC_REQUESTS = 12
"""Requests of clients that its job_service takes at once."""

ENVIRON = {
    "PUNCTUAL_HTTP_CALL__ALLOW_NETWORKS": "127.0.0.0/8",
    "PUNCTUAL_LIMITS__PUBLIC_REQUESTS": str(PUBLIC_REQUESTS),
    "PUNCTUAL_WORKER__HANDLERS": str(HANDLERS),
}
