"""The tables and plots of docs/benchmarks.md are what the raw rows beside it yield."""

from bench.compare_tables import pictures
from bench.pages import PAGE, RAW, page, read


def test_the_page_is_that_of_the_raw_rows() -> None:
    assert page(PAGE.read_text()) == PAGE.read_text(), "python -m bench.pages"


def test_each_picture_is_that_of_the_raw_rows() -> None:
    drawn = pictures(read("compare").rows)
    assert {name: (RAW / name).read_text() for name in drawn} == drawn
