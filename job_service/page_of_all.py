"""One page of metrics for several processes, whichever of them is asked.

Each process waits in the directory where all meet, on a Unix socket that is named by its number, and hands its
own page to who connects. The one that is asked for the page of all gathers those of the others and tells each
series with the process that it is of; what is read from the database is the same in each, and is told once.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path

ANSWER_SECONDS = 1.0
"""A process that does not hand over its page within this is left out of it."""
MAX_PAGE_BYTES = 16_777_216

_NAME = re.compile(rb"^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{)?")

Page = Callable[[], Awaitable[bytes]]


class PageOfAll:
    """`whole` makes the page of this process, `own` the same without reading what is `common` to all (names of
    families)."""

    def __init__(
        self,
        meet: Path,
        number: int,
        count: int,
        *,
        whole: Page,
        own: Page,
        common: Collection[str],
    ) -> None:
        self._whole, self._own = whole, own
        self._meet = meet
        self._number = number
        self._others = [other for other in range(count) if other != number]
        self._common = frozenset(name.encode() for name in common)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Hand the own page out from now on."""

        async def hand_over(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(ANSWER_SECONDS):
                    writer.write(await self._own())
                    await writer.drain()
            writer.close()

        path = self._path(self._number)
        path.unlink(missing_ok=True)  # of one with this number that died
        self._server = await asyncio.start_unix_server(hand_over, path)

    def stop(self) -> None:
        """Hand it out no longer."""
        if self._server is not None:
            self._server.close()

    async def page(self) -> bytes:
        """The page of all."""
        mine, *theirs = await asyncio.gather(self._whole(), *map(self._of, self._others))
        pages = {number: page for number, page in zip(self._others, theirs, strict=True) if page}
        pages[self._number] = mine or b""
        return merged(pages, first=self._number, common=self._common)

    async def _of(self, other: int) -> bytes | None:
        async with AsyncExitStack() as closing:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    reader, writer = await asyncio.open_unix_connection(
                        self._path(other), limit=MAX_PAGE_BYTES
                    )
                    closing.callback(writer.close)
                    return await reader.read()
            except (OSError, TimeoutError):
                return None

    def _path(self, number: int) -> Path:
        return self._meet / str(number)


def merged(pages: Mapping[int, bytes], *, first: int, common: Collection[bytes]) -> bytes:
    """The pages as one: a family stands once, each of its series with its process as a label; one that is
    `common` is taken from the page `first` as it is."""
    families: dict[bytes, list[bytes]] = {}
    for number in sorted(pages):
        for name, head, series in _families(pages[number]):
            if name in common:
                if number == first:
                    families[name] = [*head, *series]
                continue
            lines = families.setdefault(name, head)
            lines += [_of_process(line, number) for line in series]
    return b"\n".join(line for lines in families.values() for line in lines) + b"\n"


def _families(page: bytes) -> Iterator[tuple[bytes, list[bytes], list[bytes]]]:
    """Name, lines before, series of each family."""
    head: list[bytes] = []
    series: list[bytes] = []
    for line in page.splitlines():
        if line.startswith(b"# HELP"):
            if head:
                yield head[0].split()[2], head, series
            head, series = [line], []
        else:
            (head if line.startswith(b"#") else series).append(line)
    if head:
        yield head[0].split()[2], head, series


def _of_process(line: bytes, number: int) -> bytes:
    label = b'{process="%d"' % number
    return _NAME.sub(lambda m: m[1] + label + (b"," if m[2] else b"}"), line, count=1)
