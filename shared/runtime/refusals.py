"""Refusals of the server itself, before any application sees the request (contract.md section 1)."""

import json
from http import HTTPStatus

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1


def refusal(
    status: int, slug: str, message: str, instance: str = "/"
) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body of a problem, after which the connection ends."""
    body = {
        "success": False,
        "message": message,
        "type": f"/problems/{slug}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": message,
        "instance": instance,
    }
    encoded = json.dumps(body).encode()
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(encoded)).encode()),
        (b"connection", b"close"),
    ]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", str(RETRY_AFTER_SECONDS).encode()))
    return headers, encoded
