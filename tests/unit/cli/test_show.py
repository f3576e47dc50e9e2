"""Answers for people and for programs; what a server sends steers no terminal."""

import io
import json
from typing import Any

import pytest

from punctual.cli.problems import Answered, BadInput
from punctual.cli.show import Fields, Show, Table, cell, clean, local

TABLE = Table(["JOB", "NAME"], [["a", "long " * 60], ["b", "\x1b[31m[red]evil"]], "No job fits.")


class Screen(io.TextIOWrapper):
    """A place to write to, which may be a terminal."""

    def __init__(self, *, terminal: bool = False, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    @property
    def text(self) -> str:
        self.flush()
        self.seek(0)
        return self.read()


def shown(data: Any, shape: Any, *, as_json: bool = False, **screen: Any) -> str:
    out = Screen(**screen)
    Show(as_json=as_json, out=out, err=Screen())(data, shape)
    return out.text


def test_a_table_that_is_piped_is_plain_and_not_cut() -> None:
    lines = shown([], TABLE).splitlines()
    assert lines[0] == "JOB  NAME"
    assert lines[1] == "a    " + ("long " * 60).rstrip()
    assert lines[2] == r"b    \x1b[31m[red]evil"


def test_a_terminal_gets_colours_but_not_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    fields = Fields([("status", "SUCCESS"), ("error", None)])
    assert "\x1b[32mSUCCESS" in shown({}, fields, terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in shown({}, fields, terminal=True)


def test_no_text_of_a_server_steers_a_terminal() -> None:
    assert r"\x1b[31m[red]evil" in shown([], TABLE, terminal=True)
    out = Screen(terminal=True)
    Show(as_json=False, out=out, err=Screen()).line("\x1b]0;title\x07", "SUCCESS")
    assert r"\x1b]0;title\x07" in out.text


def test_what_is_none_is_left_out() -> None:
    fields = Fields([("status", "FAILED"), ("result", None), ("labels", {}), ("late", 0)])
    assert shown({}, fields).splitlines() == ["status  FAILED", "labels  -", "late    0"]


def test_an_empty_table_says_so() -> None:
    assert shown([], Table(["JOB"], [], "No job fits.")) == "No job fits.\n"
    assert shown([], Table(["JOB"], [], "No job fits."), as_json=True) == "[]\n"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_json_can_be_read_whatever_it_holds(encoding: str) -> None:
    data = {"name": "ü 😀 \ud800 \x1b"}
    assert json.loads(shown(data, "", as_json=True, encoding=encoding)) == data


def test_in_the_json_form_nothing_is_said_beside_the_document() -> None:
    out, err = Screen(), Screen()
    show = Show(as_json=True, out=out, err=err)
    show.aside("by the way")
    show.line("a line")
    show.problem(BadInput("write something else."))
    assert err.text == ""
    document = json.loads(out.text)
    assert (document["success"], document["type"]) == (False, "/problems/bad-input")
    assert document["message"] == "write something else."


def test_an_error_goes_beside_the_answer() -> None:
    out, err = Screen(), Screen()
    errors = [{"loc": ["a"], "msg": "b"}, {"loc": ["c"], "msg": "d\x1b"}]
    Show(as_json=False, out=out, err=err).problem(Answered(422, {"message": "m", "errors": errors}))
    assert (out.text, err.text) == ("", "punctual: m\n  a: b\n  c: d\\x1b\n")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ("", "-"),
        ([], "-"),
        (0, "0"),
        (False, "false"),
        ("x", "x"),
        (["a", "b"], "a, b"),
        ({"a": "ü"}, '{"a": "ü"}'),
    ],
)
def test_a_cell(value: Any, text: str) -> None:
    assert cell(value) == text


def test_clean_keeps_letters_of_every_script() -> None:
    assert clean("Zoë 東京 😀 a\tb\u202e") == "Zoë 東京 😀 a\\tb\\u202e"


def test_times_are_local_with_their_offset() -> None:
    shown_time = local("2026-11-21T10:00:00.123Z")
    assert shown_time is not None
    assert len(shown_time) == len("2026-11-21 11:00:00.123+01:00")
    assert local(None) is None
    assert local("not a time") == "not a time"
