"""Who is run and what the tables say of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

from bench.bars import Bar, bars
from bench.compare import measured, prepared
from bench.compare_tables import pictures, tables
from bench.figures import Spread, Throughput
from bench.peers.peer import BATCH, LATE, Missing

ABOUT: dict[str, dict[str, str]] = {"missing": {}, "versions": {}, "promises": {}}


class ToyPeer:
    """Runs a job in a millisecond; or is not here, or breaks."""

    name = "Toy"
    promises = "Nothing."
    measures = frozenset({BATCH, LATE})
    best = True

    def __init__(self, *, share: float = 1.0, missing: str = "", breaks: str = "") -> None:
        self.share = share
        self._missing = missing
        self._breaks = breaks

    def prepare(self) -> str:
        if self._missing:
            raise Missing(self._missing)
        return "toy 1"

    @contextmanager
    def running(self) -> Iterator["ToyPeer"]:
        yield self

    def run(self, jobs: int, way: str) -> Throughput:
        return Throughput(
            jobs, jobs / 2000, jobs / 1000, {"worker": 5.0, "postgres": 7.0, "client": 1.0}
        )

    def late(self, jobs: int, rate: float, ahead: float) -> list[float]:
        if self._breaks:
            raise RuntimeError(self._breaks)
        return [float(n) for n in range(-1, jobs - 1)]


def test_who_is_missing_is_left_out_with_the_reason() -> None:
    here, versions, missing = prepared([ToyPeer(), ToyPeer(missing="go is not on this machine")])
    assert len(here) == 1
    assert versions == {"Toy": "toy 1"}
    assert missing == {"Toy": "go is not on this machine"}


def test_a_slow_peer_gets_its_share_of_the_jobs() -> None:
    run, late = measured(ToyPeer(share=0.1), jobs=1_000, late_jobs=100)
    assert (run["jobs"], run["done_s"], run["product_us"], run["store_us"]) == (100, 0.1, 5.0, 7.0)
    assert (late["jobs"], late["p50_ms"], late["max_ms"], late["early"]) == (100, 48.0, 98.0, 1)


def test_a_peer_that_breaks_keeps_what_it_did_and_says_why() -> None:
    run, broken = measured(ToyPeer(breaks="no more\nlong log"), jobs=10, late_jobs=10)
    assert run["measure"] == BATCH
    assert broken == {"peer": "Toy", "error": "RuntimeError: no more"}


def _row(peer: str, rate: float, cpu: float, n: int = 1) -> dict[str, Any]:
    costs = {"client": 3.0, "worker": cpu / 2, "postgres": cpu / 2}
    row: dict[str, Any] = {
        "peer": peer,
        "round": n,
        "measure": BATCH,
        "jobs": 1_000,
        "created_s": 0.1,
    }
    return {
        **row,
        "done_s": 1_000 / rate,
        "product_us": cpu / 2,
        "store_us": cpu / 2,
        "cpu_us": costs,
    }


def _line_of(name: str, rows: list[dict[str, Any]]) -> str:
    return next(line for line in tables(ABOUT, rows).splitlines() if line.startswith(f"| {name} "))


def test_where_a_peer_is_better_the_table_says_so_in_bold() -> None:
    line = _line_of("River", [_row("Punctual", 5_000, 100), _row("River", 20_000, 50)])
    assert "**slower 4×**" in line
    assert "**more 2×**" in line


def test_where_punctual_is_better_the_table_says_so_plainly() -> None:
    line = _line_of("Celery", [_row("Punctual", 5_000, 100), _row("Celery", 250, 4_000)])
    assert "| faster 20× |" in line
    assert "| less 40× |" in line


def test_rounds_that_do_not_agree_are_level() -> None:
    rows = [_row("Punctual", 1_000, 100, 1), _row("River", 800, 100, 1)]
    rows += [_row("Punctual", 1_000, 100, 2), _row("River", 1_250, 100, 2)]
    assert "| level: 1× (0.8×–1.2×) |" in _line_of("River", rows)


def test_a_peer_without_a_common_round_has_no_ratio() -> None:
    rows = [_row("Punctual", 1_000, 100, 1), _row("River", 800, 100, 2)]
    assert "not measured in the same round" in _line_of("River", rows)


def test_who_was_not_run_and_who_failed_are_named_with_the_reason() -> None:
    about = {
        **ABOUT,
        "missing": {"River": "go is not on this machine"},
        "promises": {"River": "A row."},
    }
    text = tables(about, [{"peer": "Celery", "round": 2, "error": "RuntimeError: gone"}])
    assert "| River | not run | A row. |" in text
    assert "- River was not run: go is not on this machine" in text
    assert "- Celery failed in round 2: RuntimeError: gone" in text


def test_the_pictures_are_xml_with_a_bar_for_each_system() -> None:
    drawn = pictures([_row("Punctual", 5_000, 100), _row("River & Co", 20_000, 50)])
    texts = [text.text for text in ElementTree.fromstring(drawn["batch.svg"]).iter() if text.text]
    assert {"Punctual", "River & Co", "20,000"} <= set(texts)


def test_longer_bars_are_greater_figures_on_an_axis_of_powers_of_ten() -> None:
    drawn = [Bar(name, Spread(v, v, v)) for name, v in (("a", 10.0), ("b", 100.0), ("c", 1_000.0))]
    tree = ElementTree.fromstring(bars("t", drawn))
    widths = [float(rect.attrib["width"]) for rect in tree.iter("{http://www.w3.org/2000/svg}rect")]
    c, b, a = widths[1:]
    assert (a, b) == (0.0, c / 2)
