"""Which server is meant. The first of these that is there:

1. `--url`
2. `--profile`, a name in the profile file
3. `PUNCTUAL_URL`
4. `PUNCTUAL_PROFILE`
5. the profile named `default`, if the file has one
6. `JOB_SERVICE_URL` of the local stack, if one is up
7. `http://127.0.0.1:8080`

The profile file is `$XDG_CONFIG_HOME/punctual/config.toml`, by default `~/.config/punctual/config.toml`:
a table `[profiles.NAME]` with `url = "…"` for each. `database = "…"` beside it is for `punctual audit`.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from punctual.cli.problems import BadInput

DEFAULT_URL = "http://127.0.0.1:8080"
DEFAULT_PROFILE = "default"
URL_NAME = "PUNCTUAL_URL"
PROFILE_NAME = "PUNCTUAL_PROFILE"
Read = Callable[[Path], str]
"""The text of a file; OSError or UnicodeDecodeError where there is none."""

_OUR_NAMES = frozenset({URL_NAME, PROFILE_NAME, "PUNCTUAL_STATE_DIR"})


@dataclass(frozen=True)
class Place:
    """An address, and where it was found; an error about it names both."""

    url: str
    said_by: str

    def __str__(self) -> str:
        """Without what stands before an `@`: it may be a password."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path} ({self.said_by})"


def find(
    url: str | None,
    profile: str | None,
    environ: Mapping[str, str],
    state_dir: Callable[[], Path],
    read: Read,
) -> Place:
    """The server that is meant.

    Raises:
        BadInput: an address, a profile or a variable is not what it should be.
    """
    refuse_misspelt(environ)
    if url:
        return _place(url, "--url")
    if profile:
        return _by_profile(profile, "--profile", environ, read)
    if environ.get(URL_NAME):
        return _place(environ[URL_NAME], URL_NAME)
    if environ.get(PROFILE_NAME):
        return _by_profile(environ[PROFILE_NAME], PROFILE_NAME, environ, read)
    file = config_file(environ)
    if DEFAULT_PROFILE in (known := profiles(file, read)):
        return _of(known, DEFAULT_PROFILE, file)
    local = state_dir() / "endpoints.env"
    url = endpoint("JOB_SERVICE_URL", local, read)
    return _place(DEFAULT_URL, "the default") if url is None else _place(url, str(local))


def config_file(environ: Mapping[str, str]) -> Path:
    """Where profiles stand."""
    base = environ.get("XDG_CONFIG_HOME")
    folder = Path(base) if base else Path(environ.get("HOME") or Path.home()) / ".config"
    return folder / "punctual" / "config.toml"


def refuse_misspelt(environ: Mapping[str, str]) -> None:
    """Refuse a `PUNCTUAL_` variable that nobody reads, as the services do.

    Raises:
        BadInput: names it and the nearest known one.
    """
    if all(name in _OUR_NAMES for name in environ if name.upper().startswith("PUNCTUAL_")):
        return
    from shared.runtime.settings import SettingsProblem, refuse_unknown

    try:
        refuse_unknown(environ)
    except SettingsProblem as problem:
        raise BadInput(str(problem)) from None


def _place(url: str, said_by: str) -> Place:
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or any(not c.isprintable() or c.isspace() for c in url):
        raise BadInput(f"{said_by}: {url!r} is no address: write it like {DEFAULT_URL}.")
    return Place(url.rstrip("/"), said_by)


def _by_profile(name: str, said_by: str, environ: Mapping[str, str], read: Read) -> Place:
    file = config_file(environ)
    known = profiles(file, read)
    if name not in known:
        there = f"it has {', '.join(sorted(known))}" if known else "it has no profiles"
        add = f'add [profiles.{name}] with url = "…"'
        raise BadInput(f"{said_by}: there is no profile {name!r} in {file} ({there}): {add}.")
    return _of(known, name, file)


def _of(known: Mapping[str, Any], name: str, file: Path) -> Place:
    profile = known[name]
    url = profile.get("url") if isinstance(profile, dict) else None
    if not isinstance(url, str):
        raise BadInput(f'{file}: [profiles.{name}] needs a line url = "{DEFAULT_URL}".')
    return _place(url, f"profile {name} of {file}")


def profiles(file: Path, read: Read) -> dict[str, Any]:
    """The tables of the profile file, by name; none where there is no such file.

    Raises:
        BadInput: it is no profile file.
    """
    try:
        content = tomllib.loads(read(file))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise BadInput(f"{file} is no TOML: {error}.") from None
    profiles = content.get("profiles", {})
    if not isinstance(profiles, dict):
        raise BadInput(f"{file}: profiles are tables like [profiles.local].")
    return profiles


def endpoint(name: str, file: Path, read: Read) -> str | None:
    """What the local stack wrote down under that name, if one is up."""
    try:
        lines = read(file).splitlines()
    except (OSError, ValueError):
        return None
    found = (line.partition("=") for line in lines)
    return next((value for key, sign, value in found if key == name and sign and value), None)
