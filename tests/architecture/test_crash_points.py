"""The list of crash points, the failpoints in the code and the page that shows them are in step."""

import re

from tests.support import crash_points
from tests.support.marked_text import between
from tests.support.source_files import PACKAGES, ROOT


def test_the_page_of_crash_points_is_written_from_their_list() -> None:
    written = between(crash_points.PAGE.read_text(), crash_points.PART)
    assert written == crash_points.part()


def test_every_failpoint_in_the_code_is_a_crash_point() -> None:
    hits = re.compile(r'failpoints\.hit\("([a-z.-]+)"')
    sources = [file for name in PACKAGES for file in (ROOT / name).rglob("*.py")]
    in_code = {
        point
        for file in sources
        if file.name != "failpoints.py"
        for point in hits.findall(file.read_text())
    }
    assert in_code == {point.point for point in crash_points.POINTS}
