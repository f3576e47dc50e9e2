"""Compressed bodies: undone, and never further than is asked for."""

import gzip
import zlib
from collections.abc import Callable

import pytest

from worker_service.guarded_http.unpacking import NotPacked, unpacker_of

MOST = 1_000
TEXT = b"the quick brown fox " * 20
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    " GZIP ": gzip.compress,
}


@pytest.mark.parametrize("encoding", PACKED)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_body_comes_out_as_it_went_in(encoding: str, size: int) -> None:
    packed = PACKED[encoding](TEXT)
    unpacker = unpacker_of(encoding)
    assert unpacker is not None
    parts = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert b"".join(unpacker.unpack(part, MOST) for part in parts) == TEXT


def test_deflate_without_its_frame_is_read_too() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    unpacker = unpacker_of("deflate")
    assert unpacker is not None
    assert unpacker.unpack(packer.compress(TEXT) + packer.flush(), MOST) == TEXT


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_no_more_is_made_than_is_asked_for(encoding: str) -> None:
    unpacker = unpacker_of(encoding)
    assert unpacker is not None
    assert unpacker.unpack(PACKED[encoding](bytes(100_000_000)), MOST) == bytes(MOST)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_is_not_packed_is_said(encoding: str) -> None:
    unpacker = unpacker_of(encoding)
    assert unpacker is not None
    with pytest.raises(NotPacked, match=encoding):
        unpacker.unpack(b"\xffhello there", MOST)


@pytest.mark.parametrize("encoding", ["", "identity", "br", "zstd", "gzip, gzip", "compress"])
def test_what_is_not_undone(encoding: str) -> None:
    assert unpacker_of(encoding) is None
