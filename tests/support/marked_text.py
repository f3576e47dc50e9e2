"""A generated part of a page that is otherwise written by hand, between two comments:

<!-- begin settings -->
…
<!-- end settings -->
"""


def between(page: str, name: str) -> str:
    """What stands between the markers.

    Raises:
        ValueError: the page has no such markers, or more than one pair.
    """
    return _cut(page, name)[1]


def with_part(page: str, name: str, part: str) -> str:
    """The page with another text between the markers.

    Raises:
        ValueError: the page has no such markers, or more than one pair.
    """
    before, _, after = _cut(page, name)
    return f"{before}{part}{after}"


def _cut(page: str, name: str) -> tuple[str, str, str]:
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    if page.count(begin) != 1 or page.count(end) != 1:
        raise ValueError(f"the page needs the lines {begin.strip()} and {end}, once each")
    before, rest = page.split(begin)
    if end not in rest:
        raise ValueError(f"{end} stands before {begin.strip()}")
    part, after = rest.split(end)
    return before + begin, part, end + after
