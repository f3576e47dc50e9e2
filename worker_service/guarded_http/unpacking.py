"""Decompression that makes no more than it is asked for, whatever a few bytes would unpack to."""

import zlib

_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


class NotPacked(Exception):
    """The data is not what its `Content-Encoding` says."""


class Unpacker:
    """For one body of gzip or deflate. What follows the end of the compressed data is left out."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._packed = zlib.decompressobj(_GZIP if name == "gzip" else _ZLIB)
        self._begun = False

    def unpack(self, data: bytes, most: int) -> bytes:
        """At most `most` bytes (1 or more) of what the next part unpacks to.

        Raises:
            NotPacked: it does not.
        """
        try:
            return self._packed.decompress(data, most)
        except zlib.error as error:
            if self._name != "deflate" or self._begun:
                raise NotPacked(f"{self._name}: {error}") from None
        finally:
            self._begun = True
        # Some servers send deflate without the frame that it has by its standard.
        self._packed = zlib.decompressobj(_RAW)
        return self.unpack(data, most)


def unpacker_of(encoding: str) -> Unpacker | None:
    """For the value of a `Content-Encoding`; None where nothing is to be undone or cannot be."""
    name = encoding.strip().lower().removeprefix("x-")
    return Unpacker(name) if name in ("gzip", "deflate") else None
