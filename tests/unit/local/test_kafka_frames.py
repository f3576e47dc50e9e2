"""What the embedded broker reads and changes in requests, checked against the client's own encoder."""

from typing import Any

import pytest
from aiokafka.protocol.fetch import FetchRequest_v0, FetchRequest_v4
from aiokafka.protocol.group import SyncGroupRequest_v0, SyncGroupRequest_v3
from aiokafka.protocol.metadata import MetadataRequest_v1

from punctual.local.kafka_frames import (
    FETCH,
    SYNC_GROUP,
    FrameProblem,
    SyncGroup,
    call_of,
    read_sync_group,
    shorten_wait,
)

SHARES = [("leader", b"\x00" * 40), ("other", b"")]


def frame_of(request: Any, client: str = "aiokafka-0.14.0") -> bytearray:
    header = request.build_request_header(correlation_id=7, client_id=client)
    return bytearray(header.encode() + request.encode())


@pytest.mark.parametrize(
    "request_",
    [FetchRequest_v0(-1, 500, 1, []), FetchRequest_v4(-1, 500, 1, 1_000, 0, [])],
)
@pytest.mark.parametrize(("most", "expected"), [(25, 25), (1_000, 500)])
def test_only_the_wait_of_a_fetch_is_changed_and_only_shortened(
    request_: Any, most: int, expected: int
) -> None:
    frame = frame_of(request_)
    before = bytes(frame)
    shorten_wait(frame, most)
    assert call_of(frame) == FETCH
    place = before.index((500).to_bytes(4, "big"))
    assert bytes(frame) == before[:place] + expected.to_bytes(4, "big") + before[place + 4 :]


@pytest.mark.parametrize("shares", [[], SHARES])
def test_a_sync_group_is_read_in_every_version_that_the_client_writes(
    shares: list[tuple[str, bytes]],
) -> None:
    expected = SyncGroup("größe", 3, "me", len(shares))
    for request in (
        SyncGroupRequest_v0("größe", 3, "me", shares),
        SyncGroupRequest_v3("größe", 3, "me", None, shares),
    ):
        frame = frame_of(request)
        assert call_of(frame) == SYNC_GROUP
        assert read_sync_group(frame) == expected


def test_other_calls_and_versions_with_compact_fields_are_let_through_unread() -> None:
    compact = b"\x00\x01\x00\x0c" + b"\x00" * 20
    assert call_of(compact) is None
    assert call_of(frame_of(MetadataRequest_v1(None))) is None


@pytest.mark.parametrize("length", [0, 3, 9, 20, 30])
def test_a_frame_that_ends_early_is_refused(length: int) -> None:
    whole = frame_of(SyncGroupRequest_v0("group", 3, "member", SHARES))
    with pytest.raises(FrameProblem):
        read_sync_group(whole[:length])
