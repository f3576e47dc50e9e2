"""The places in a payload that are filled right before a call: `secret://name`, and where the payload asks for
it `{jobId}` and its like. There is no expression: a place is a name and nothing else.

What is filled in is never looked at again: a secret that holds `{token}` is sent as it is.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from pydantic import JsonValue

from worker_service.handler_api import SECRET_NAME, Context

PLACES = ("jobId", "attempt", "token", "idempotencyKey", "dueAt")
TEMPLATE = r"^([^{}]|\{\{|\}\}|\{(" + "|".join(PLACES) + r")\})*$"
"""A text with places: a brace for itself is written twice."""
_NO_NAME = "secret://($|[^A-Za-z0-9]|[A-Za-z0-9._-]{101}"
BAD_SECRET = _NO_NAME + r"|[A-Za-z0-9._-]+[/\\%])"
"""What looks like a secret and names none."""
BAD_SECRET_IN_URL = f"^[^:]+://[^/?#]+.*{_NO_NAME})"
"""The same behind the host of a URL, where more of a path may follow."""
_SECRET = re.compile(f"secret://({SECRET_NAME})")
_HOLE = re.compile(f"{_SECRET.pattern}|(\\{{\\{{)|(\\}}\\}})|\\{{([A-Za-z]+)\\}}")
_URL = re.compile(r"([^:]+://[^/?#]*)([^?#]*)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Filler:
    """`places` is None where the payload asks for none; `secrets` by name."""

    places: Mapping[str, str] | None
    secrets: Mapping[str, str]

    def text(self, text: str) -> str:
        """A text with all its places filled."""
        if self.places is None:
            return _SECRET.sub(lambda found: self.secrets[found[1]], text)
        return _HOLE.sub(self._filled, text)

    def value(self, value: JsonValue) -> JsonValue:
        """The same for all strings of a JSON value; keys of objects stay as they are."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        return value

    def url(self, url: str) -> str:
        """A URL with its secrets, each quoted for where it stands. Scheme and host are never touched."""
        origin, path, rest = _parts(url)
        path = _SECRET.sub(lambda found: quote(self.secrets[found[1]], safe="/"), path)
        return (
            origin + path + _SECRET.sub(lambda found: quote(self.secrets[found[1]], safe=""), rest)
        )

    def _filled(self, found: re.Match[str]) -> str:
        assert self.places is not None
        secret, opening, closing, place = found.groups()
        if secret is not None:
            return self.secrets[secret]
        return self.places[place] if place else (opening or closing)[0]


def places_of(context: Context, key: str) -> dict[str, str]:
    """What stands in each place: ASCII without line ends, so fit for a header."""
    values = (
        str(context.job_id),
        str(context.attempt),
        context.token,
        key,
        context.due_at.isoformat(),
    )
    return dict(zip(PLACES, values, strict=True))


def secrets_named(url: str, headers: Mapping[str, str], body: JsonValue) -> list[str]:
    """The secrets that a call needs, each once."""
    _, path, rest = _parts(url)
    texts = [path, rest, *headers.values(), *strings(body)]
    return list(dict.fromkeys(name for text in texts for name in _SECRET.findall(text)))


def has_secret(value: JsonValue) -> bool:
    """Whether a value needs a secret."""
    return any(_SECRET.search(text) for text in strings(value))


def strings(value: JsonValue) -> Iterator[str]:
    """The strings of a JSON value, keys of objects left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


def _parts(url: str) -> tuple[str, str, str]:
    """Scheme and host, path, and the rest."""
    found = _URL.fullmatch(url)
    return (found[1], found[2], found[3]) if found else (url, "", "")
