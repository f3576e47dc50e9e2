"""Which server is meant: flags before the environment, the environment before files."""

from pathlib import Path

import pytest

from punctual.cli import where
from punctual.cli.problems import BadInput

HOME = {"HOME": "/home/ada"}
CONFIG = "/home/ada/.config/punctual/config.toml"
PROFILES = '[profiles.prod]\nurl = "https://prod.test"\n'
DEFAULT = '[profiles.default]\nurl = "http://default.test:1"\n'
ENDPOINTS = "/state/endpoints.env"
STACK = {ENDPOINTS: "KAFKA_KIND=apache\nJOB_SERVICE_URL=http://127.0.0.1:9\n"}


def find(
    url: str | None = None,
    profile: str | None = None,
    environ: dict[str, str] | None = None,
    files: dict[str, str] | None = None,
) -> where.Place:
    """Look, with these files and no others."""

    def read(file: Path) -> str:
        if str(file) not in (files or {}):
            raise FileNotFoundError(str(file))
        return (files or {})[str(file)]

    return where.find(url, profile, {**HOME, **(environ or {})}, lambda: Path("/state"), read)


EVERYTHING = {CONFIG: PROFILES + DEFAULT, **STACK}
BOTH = {"PUNCTUAL_URL": "http://env.test", "PUNCTUAL_PROFILE": "prod"}


@pytest.mark.parametrize(
    ("place", "url"),
    [
        (find("http://flag.test", "prod", BOTH, EVERYTHING), "http://flag.test"),
        (find(None, "prod", BOTH, EVERYTHING), "https://prod.test"),
        (find(None, None, BOTH, EVERYTHING), "http://env.test"),
        (find(None, None, {"PUNCTUAL_PROFILE": "prod"}, EVERYTHING), "https://prod.test"),
        (find(None, None, {}, EVERYTHING), "http://default.test:1"),
        (find(None, None, {}, {CONFIG: PROFILES, **STACK}), "http://127.0.0.1:9"),
        (find(None, None, {"PUNCTUAL_URL": ""}, {}), "http://127.0.0.1:8080"),
    ],
)
def test_the_first_that_is_there_is_taken(place: where.Place, url: str) -> None:
    assert place.url == url


def test_the_profile_file_moves_with_xdg_config_home() -> None:
    there = {"/xdg/punctual/config.toml": PROFILES}
    assert find(profile="prod", environ={"XDG_CONFIG_HOME": "/xdg"}, files=there).url.endswith(
        "prod.test"
    )


def test_an_unknown_profile_is_refused_with_those_that_are_there() -> None:
    with pytest.raises(BadInput, match=r"prod2.*it has default, prod.*\[profiles.prod2\]"):
        find(profile="prod2", files=EVERYTHING)
    with pytest.raises(BadInput, match="it has no profiles"):
        find(environ={"PUNCTUAL_PROFILE": "x"})


@pytest.mark.parametrize(
    "content",
    [
        "[profiles.prod",
        "profiles = 3",
        "[profiles]\nprod = 3",
        "[profiles.prod]\nurl = 3",
        "[profiles.prod]",
    ],
)
def test_a_profile_file_that_cannot_be_used_is_named(content: str) -> None:
    with pytest.raises(BadInput, match=r"config\.toml"):
        find(profile="prod", files={CONFIG: content})


@pytest.mark.parametrize(
    "url", ["localhost:8080", "ftp://x", "http://", "http://x:99999", "http://x y", "http://[", "x"]
)
def test_what_is_no_address_is_refused_with_who_said_it(url: str) -> None:
    with pytest.raises(BadInput, match=r"PUNCTUAL_URL.*no address"):
        find(environ={"PUNCTUAL_URL": url})


def test_a_misspelt_variable_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadInput, match=r"PUNCTUAL_URLL.*did you mean PUNCTUAL_URL"):
        find(environ={"PUNCTUAL_URLL": "http://x"})


def test_a_setting_of_the_services_is_no_mistake() -> None:
    assert find(environ={"PUNCTUAL_WORKER__SLOTS": "3"}).url == where.DEFAULT_URL


def test_a_password_in_an_address_is_not_shown() -> None:
    place = find("http://ada:secret@x.test/base/")
    assert place.url == "http://ada:secret@x.test/base"
    assert str(place) == "http://x.test/base (--url)"
