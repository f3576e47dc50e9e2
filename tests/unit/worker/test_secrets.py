"""S14: where secrets are found, for whom, and that nothing of them is left in what a call leaves behind."""

import base64
import html
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from shared.runtime.settings import SettingsProblem, load
from worker_service.guarded_http.redaction import Redactor
from worker_service.guarded_http.secrets import MAX_SECRET_BYTES, SecretProblem, Secrets
from worker_service.settings import WorkerSettings

HOST = "shop.example"
LOOKING_SECONDS = 5.0
VALUE = "s3cr3t/va+lue=\"ü'<&>"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """With one secret, and a file outside that no name leads to."""
    (tmp_path / "outside").write_text("nothing for a payload")
    inside = tmp_path / "secrets"
    inside.mkdir()
    (inside / "shop-token").write_text(VALUE + "\n")
    return inside


def problem(secrets: Secrets, name: str, host: str = HOST) -> SecretProblem:
    with pytest.raises(SecretProblem) as raised:
        secrets.read(name, host)
    assert VALUE not in str(raised.value)
    assert f"secret://{name}" in str(raised.value)
    return raised.value


def test_a_secret_is_a_file_without_its_last_line_end(directory: Path) -> None:
    assert Secrets(directory).read("shop-token", HOST) == VALUE
    (directory / "shop-token").write_text("two lines\r\nof it\r\n")
    assert Secrets(directory).read("shop-token", HOST) == "two lines\r\nof it"


def test_a_changed_file_is_read_anew(directory: Path) -> None:
    secrets = Secrets(directory)
    secrets.read("shop-token", HOST)
    (directory / "shop-token").write_text("another value")
    assert secrets.read("shop-token", HOST) == "another value"


def test_a_link_as_kubernetes_makes_them_is_followed(directory: Path) -> None:
    (directory / "..data").mkdir()
    (directory / "..data" / "linked").write_text(VALUE)
    (directory / "linked").symlink_to("..data/linked")
    assert Secrets(directory).read("linked", HOST) == VALUE


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../outside", "a/../../outside", "/etc/passwd", ".hidden", "a\0b", "a b", "ü", "a" * 101,
     "-a", "a-", "shop-token.hosts", "a\n", "C:", "%2e%2e"],
)  # fmt: skip
def test_a_name_leads_nowhere_else(directory: Path, name: str) -> None:
    (directory / "shop-token.hosts").write_text(HOST)
    assert problem(Secrets(directory, "SECRET_"), name).lasting


def test_a_missing_secret_says_where_to_put_it() -> None:
    assert str(problem(Secrets(), "a1")).endswith(
        "set PUNCTUAL_SECRETS__DIRECTORY to the directory that holds it"
    )
    said = problem(Secrets(Path("/nowhere"), "SECRET_", {}), "shop.token-1")
    assert str(said) == (
        "secret://shop.token-1 is not known to this worker; put it into the file shop.token-1 of "
        "PUNCTUAL_SECRETS__DIRECTORY or set the variable SECRET_SHOP_TOKEN_1 of the worker"
    )
    assert not said.lasting


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"seven77", b"x" * (MAX_SECRET_BYTES + 1), b"\xff" * 20, b"nul \0 inside"]
)
def test_what_cannot_be_used_is_said_without_showing_it(directory: Path, data: bytes) -> None:
    (directory / "bad").write_bytes(data)
    said = problem(Secrets(directory), "bad")
    assert "cannot be" in str(said)
    assert not said.lasting


def test_what_is_no_plain_file_is_not_waited_for(directory: Path) -> None:
    os.mkfifo(directory / "pipe")
    (directory / "folder").mkdir()
    for name in ("pipe", "folder"):
        assert "cannot be read" in str(problem(Secrets(directory), name))


def test_the_environment_is_asked_only_by_its_prefix(directory: Path) -> None:
    environ = {
        "SECRET_MAIL_KEY": VALUE,
        "MAIL_KEY": "not this one",
        "SECRET_SHOP_TOKEN": "not this",
    }
    assert Secrets(None, "SECRET_", environ).read("mail-key", HOST) == VALUE
    assert Secrets(directory, "SECRET_", environ).read("shop-token", HOST) == VALUE
    problem(Secrets(directory, "", environ), "mail-key")
    problem(Secrets(None, "OTHER_", environ), "mail-key")


@pytest.mark.parametrize(
    ("hosts", "host", "allowed"),
    [
        ("shop.example", "shop.example", True),
        ("SHOP.example\n", "shop.EXAMPLE.", True),
        ("a.example\nshop.example\n", "shop.example", True),
        ("shop.example", "evil.example", False),
        ("shop.example", "shop.example.evil.example", False),
        ("shop.example", "evilshop.example", False),
        ("*.shop.example", "api.shop.example", True),
        ("*.shop.example", "shop.example", False),
        ("*.shop.example", "evilshop.example", False),
        ("", "shop.example", False),
        ("*", "shop.example", False),
    ],
)
def test_a_secret_goes_only_to_the_hosts_of_its_file(
    directory: Path, hosts: str, host: str, allowed: bool
) -> None:
    (directory / "shop-token.hosts").write_text(hosts)
    if allowed:
        assert Secrets(directory).read("shop-token", host) == VALUE
    else:
        said = problem(Secrets(directory), "shop-token", host)
        assert said.lasting
        assert f"is not for {host}; its file shop-token.hosts names the hosts" in str(said)


@pytest.mark.parametrize("prefix", ["PUNCTUAL_", "PUNCTUAL_SECRETS__", "lower_", "9", "A-"])
def test_a_prefix_that_is_ours_or_none_stops_the_start(
    prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUNCTUAL_SECRETS__ENVIRONMENT_PREFIX", prefix)
    with pytest.raises(SettingsProblem, match=r"^PUNCTUAL_SECRETS__ENVIRONMENT_PREFIX: "):
        load(WorkerSettings)


ECHOES: dict[str, Callable[[str], str]] = {
    "plain": lambda v: v,
    "JSON": lambda v: json.dumps(v),
    "JSON in UTF-8": lambda v: json.dumps(v, ensure_ascii=False),
    "JSON of PHP": lambda v: json.dumps(v).replace("/", "\\/"),
    "JSON, all escaped": lambda v: '"' + "".join(f"\\u{ord(c):04x}" for c in v) + '"',
    "HTML": html.escape,
    "HTML text": lambda v: html.escape(v, quote=False),
    "HTML, all escaped": lambda v: "".join(f"&#{ord(c)};" for c in v),
    "path": quote,
    "query": quote_plus,
    "query, all encoded": lambda v: "".join(f"%{b:02X}" for b in v.encode()),
    "small letters": lambda v: quote(v, safe="").lower(),
    "base64": lambda v: base64.b64encode(v.encode()).decode(),
    "base64 of more, by one": lambda v: base64.b64encode(f"u{v}more".encode()).decode(),
    "base64 of more, by two": lambda v: base64.b64encode(f"us{v}more".encode()).decode(),
    "base64 of URLs": lambda v: base64.urlsafe_b64encode(v.encode()).decode(),
    "hex": lambda v: v.encode().hex(),
    "big hex": lambda v: v.encode().hex().upper(),
}


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize(
    "value", [VALUE, "plain-token-0123456789", "a\nb\tc\\d\"e'f%g&h", "ключ-от-дома"]
)
def test_an_echo_in_any_usual_form_is_blacked_out(echo: str, value: str) -> None:
    shown = f"you sent {ECHOES[echo](value)} to us"
    redactor = Redactor({"shop-token": value, "other": "something-else"})
    by_text = redactor.text(shown)
    by_bytes = redactor.text(redactor.data(shown.encode(), cut=False).decode())
    for left in (by_text, by_bytes):
        assert "secret://shop-token" in left
        assert ECHOES[echo](value) not in left
        assert value not in left


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "latin-1"])
def test_an_echo_in_another_charset_is_blacked_out(encoding: str) -> None:
    data = f"<{VALUE}>".encode(encoding)
    assert VALUE.encode(encoding) not in Redactor({"a": VALUE}).data(data, cut=False)


def test_values_of_json_are_blacked_out_wherever_they_stand() -> None:
    echoed: JsonValue = {"a": [1, None, {VALUE: f"x{VALUE}y", "b": True}], "c": 1.5}
    assert Redactor({"k-1": VALUE}).value(echoed) == {
        "a": [1, None, {"[secret://k-1]": "x[secret://k-1]y", "b": True}],
        "c": 1.5,
    }


def test_the_longer_of_two_secrets_is_found_first() -> None:
    redactor = Redactor({"short": "abcdefgh", "long": "abcdefghijkl"})
    assert redactor.text("abcdefghijkl abcdefgh") == "[secret://long] [secret://short]"


@given(before=st.binary(max_size=20), at=st.integers(min_value=1, max_value=40))
def test_a_secret_cut_in_two_leaves_nothing_of_it(before: bytes, at: int) -> None:
    value = "0123456789-abcdefghij-ABCDEFGHIJ-0123456789"
    left = Redactor({"a": value}).data(before + value[:at].encode(), cut=True)
    assert len(left) <= len(before)
    assert before.startswith(left)


def test_the_largest_secrets_take_no_long_time() -> None:
    """A handler blocks all others while it looks; what is cut may end anywhere in a secret."""
    value = "0123" * (MAX_SECRET_BYTES // 4 - 1) + "4567"
    redactor = Redactor({f"n{n}": f"{n:02d}{value[2:]}" for n in range(20)})
    data = (value[:-4] * 8)[:65_536].encode()
    began = time.process_time()
    redactor.data(data, cut=True)
    redactor.value(["0123456789\\" * 4] * 1_400)
    assert time.process_time() - began < LOOKING_SECONDS


def test_without_a_secret_nothing_is_touched() -> None:
    redactor = Redactor({})
    assert not redactor
    assert redactor.text("%41 \\u0041 &amp;") == "%41 \\u0041 &amp;"
    assert redactor.data(b"abc", cut=True) == b"abc"
    value: JsonValue = {"a": ["b"]}
    assert redactor.value(value) is value
