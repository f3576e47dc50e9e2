"""The forms that every reply has (contract.md section 1), for the OpenAPI documents."""

from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

PROBLEM_MEDIA = "application/problem+json"
PROBLEM_REF = "#/components/schemas/Problem"

Responses = dict[int | str, dict[str, Any]]


class Problem(BaseModel):
    """RFC 9457, with what the envelope has. Further members depend on the type: docs/problems.md."""

    model_config = ConfigDict(extra="allow")

    success: Literal[False]
    message: str = Field(description="What to do, in one sentence.")
    type: str = Field(pattern="^/problems/[a-z-]+$", description="Stable; look at this.")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    instance: str = Field(description="The path of the request.")


class Done(BaseModel):
    """All is well, and there is nothing to tell."""

    success: Literal[True]
    message: str
    data: None


class About(BaseModel):
    """Which service this is."""

    service: str
    version: str


class Version(BaseModel):
    """Which release runs."""

    success: Literal[True]
    message: str
    data: About


def told_of(method: str, status: int, detail: str) -> tuple[str, str]:
    """Slug and message of a refusal that the framework found: no such path, or not with this method."""
    if status == 404:
        return "not-found", "There is no such path; /docs lists those that there are."
    if status == 405:
        return (
            "method-not-allowed",
            f"{method[:20]} is not served here; the header Allow says what is.",
        )
    return "http", f"The request cannot be served: {detail}."


def problems(*statuses: int) -> Responses:
    """The problems that a call may answer, as `responses=` of its route."""
    content = {PROBLEM_MEDIA: {"schema": {"$ref": PROBLEM_REF}}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


def plain_text(description: str) -> Responses:
    """A 200 that is no JSON."""
    content = {"text/plain": {"schema": {"type": "string"}}}
    return {200: {"description": description, "content": content}}
