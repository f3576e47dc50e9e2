"""What HTTP_CALL takes. Its JSON Schema says the same as far as one can, so that create refuses the rest."""

import json
import re
from typing import Annotated, Any, Literal, Self

import httpx
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from worker_service.handlers.http_call.filling import (
    BAD_SECRET,
    BAD_SECRET_IN_URL,
    PLACES,
    TEMPLATE,
    Filler,
    secrets_named,
    strings,
)
from worker_service.handlers.http_call.statuses import Statuses, StatusList, covers, written

MAX_URL_CHARS = 2_048
MAX_HEADERS = 50
MAX_HEADER_CHARS = 4_096
MAX_CALL_SECONDS = 3_600.0
RETRIED: StatusList = [408, 425, 429, "5xx"]
MAX_SECRETS = 20
"""Of one payload."""
FENCING_TOKEN = "Punctual-Fencing-Token"  # noqa: S105 - a header's name
NOT_TO_SET = (
    "connection", "content-length", "expect", "host", "keep-alive", "proxy-authenticate",
    "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    "traceparent", "tracestate", FENCING_TOKEN.lower(),
)  # fmt: skip
"""Headers that belong to the connection or to Punctual."""
VALUE = r"^([!-~]([\t -~]*[!-~])?)?$"
"""Of a header: printable ASCII, so no line end begins another header."""

_URL = r"^[hH][tT][tT][pP][sS]?://[^\x00-\x20\x7f/?#@\\]+([/?#][^\x00-\x20\x7f\\]*)?$"
_TOKEN = "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$"  # noqa: S105 - a token of HTTP's grammar
_NO_BAD_SECRET: dict[str, Any] = {"not": {"type": "string", "pattern": BAD_SECRET}}


def _with_places(schema: dict[str, Any]) -> dict[str, Any]:
    """With what the model checks of places and secrets in strings at any depth of the body."""
    schema["properties"]["body"] |= _at_any_depth(_NO_BAD_SECRET, "#/properties/body")
    schema["if"] = {"properties": {"templates": {"const": True}}, "required": ["templates"]}
    schema["then"] = {
        "properties": {
            "headers": {"additionalProperties": {"pattern": TEMPLATE}},
            "body": _at_any_depth({"pattern": TEMPLATE}, "#/then/properties/body"),
        }
    }
    return schema


def _at_any_depth(schema: dict[str, Any], place: str) -> dict[str, Any]:
    """A schema for a JSON value and all inside it, where `place` leads to it."""
    return {**schema, "items": {"$ref": place}, "additionalProperties": {"$ref": place}}


def _any_case(names: tuple[str, ...]) -> str:
    """A pattern for names in any case, for validators that know no flags."""
    return (
        "^("
        + "|".join(
            "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in name) for name in names
        )
        + ")$"
    )


def _header_name(name: str) -> str:
    if not re.fullmatch(_TOKEN, name):
        raise ValueError("a header's name is letters, digits and -")
    if name.lower() in NOT_TO_SET:
        raise ValueError(f"{name} is not for the payload to set")
    return name


def _names_secrets(value: Any) -> Any:
    if any(re.search(BAD_SECRET, text) for text in strings(value)):
        raise ValueError(
            "secret:// is followed by the name of a secret: a letter or digit, then up to 99 letters, "
            "digits, . _ -"
        )
    return value


def checked_target(url: httpx.URL) -> httpx.URL:
    """A URL that can be called, as far as it says itself.

    Raises:
        ValueError: it cannot; the text says what to write.
    """
    port = url.port if url.port is not None else 80
    if url.scheme not in ("http", "https") or not url.host or not 0 < port < 65_536:
        raise ValueError("write http:// or https://, a host, and a port from 1 to 65535 if any")
    if url.userinfo:
        raise ValueError("no user and password in a URL; send an Authorization header")
    return url


def _target(text: str) -> str:
    if re.search(BAD_SECRET_IN_URL, text):
        raise ValueError("secret:// in a URL is followed by the name of a secret")
    try:
        checked_target(httpx.URL(text))
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ValueError(f"this is no URL that can be called: {error}") from None
    return text


Url = Annotated[
    str,
    Field(max_length=MAX_URL_CHARS, pattern=_URL, examples=["https://example.com/hook"]),
    AfterValidator(_target),
]
Name = Annotated[
    str,
    AfterValidator(_header_name),
    WithJsonSchema(
        {
            "type": "string",
            "allOf": [{"pattern": _TOKEN}, {"not": {"pattern": _any_case(NOT_TO_SET)}}],
        }
    ),
]
Value = Annotated[
    str,
    Field(max_length=MAX_HEADER_CHARS, pattern=VALUE, json_schema_extra=_NO_BAD_SECRET),
    AfterValidator(_names_secrets),
]
Body = Annotated[JsonValue, AfterValidator(_names_secrets)]


class HttpCall(BaseModel):
    """One request. `body`: a string is sent as it is, any other value as JSON.

    `expectedStatus`, `retryStatus`: a status, a range (`200-204`, `2xx`), or a list of them.
    `timeoutSeconds`: of one try, from resolving the name to the last byte. `templates`: whether `{jobId}` and
    its like are filled in values of headers and strings of the body.
    """

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)

    url: Annotated[Url, Field(json_schema_extra={"not": {"pattern": BAD_SECRET_IN_URL}})]
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    headers: dict[Name, Value] = Field(default_factory=dict, max_length=MAX_HEADERS)
    body: Body = None
    templates: bool = False
    expected_status: Statuses = "2xx"
    retry_status: Statuses = Field(default=RETRIED)
    timeout_seconds: float = Field(default=30.0, gt=0, le=MAX_CALL_SECONDS)
    follow_redirects: bool = False

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """As that of any model; here, because pydantic's own knows no schema that refers to its own parts."""
        return _with_places(super().model_json_schema(*args, **options))

    @field_validator("headers")
    @classmethod
    def _once_each(cls, headers: dict[str, str]) -> dict[str, str]:
        if len({name.lower() for name in headers}) < len(headers):
            raise ValueError("the same header is given twice")
        return headers

    @model_validator(mode="after")
    def _places_are_known(self) -> Self:
        if len(self.secrets()) > MAX_SECRETS:
            raise ValueError(f"a call takes at most {MAX_SECRETS} secrets")
        texts = [*self.headers.values(), *strings(self.body)] if self.templates else []
        if not all(re.fullmatch(TEMPLATE, text) for text in texts):
            known = ", ".join(f"{{{place}}}" for place in PLACES)
            raise ValueError(
                f"a place is one of {known}; write {{{{ and }}}} for a brace, or leave templates out"
            )
        return self

    def secrets(self) -> list[str]:
        """The names of the secrets that it needs, each once."""
        return secrets_named(self.url, self.headers, self.body)

    def expects(self, status: int) -> bool:
        """Whether an answer with this status is the success that was asked for."""
        return covers(self.expected_status, status)

    def retries(self, status: int) -> bool:
        """Whether an answer with this status, if it is no success, deserves another try."""
        return covers(self.retry_status, status)

    def expectation(self) -> str:
        """`expectedStatus`, to be read."""
        return written(self.expected_status)

    def content(self, filler: Filler) -> tuple[bytes | None, str]:
        """The body's bytes, its places filled, and their type."""
        body = filler.value(self.body)
        if body is None:
            return None, ""
        if isinstance(body, str):
            return body.encode(), "text/plain; charset=utf-8"
        return json.dumps(body, ensure_ascii=False).encode(), "application/json"
