"""The few requests of Kafka's protocol that the embedded broker has to understand on their way.

A frame is a request without its length: key of the call, its version, a correlation id, the client's
name, then the call's own fields. Only versions with plain (not compact) fields are read.
"""

import struct
from dataclasses import dataclass

FETCH = 1
SYNC_GROUP = 14
_FIRST_COMPACT = {FETCH: 12, SYNC_GROUP: 4}
_HEAD = struct.Struct(">hhi")
_INT16 = struct.Struct(">h")
_INT32 = struct.Struct(">i")


class FrameProblem(Exception):
    """A frame that ends before its fields do."""


@dataclass(frozen=True)
class SyncGroup:
    """A member asks for its share of the topic partitions; the leader's names everybody's."""

    group: str
    generation: int
    member: str
    shares: int
    """How many members the leader hands a share; 0 from anybody else."""


def call_of(frame: bytes | bytearray) -> int | None:
    """Which call it is, if it is one of ours in a version that we can read."""
    try:
        key, version, _ = _HEAD.unpack_from(frame)
    except struct.error as error:
        raise FrameProblem("a frame without a head") from error
    return key if version < _FIRST_COMPACT.get(key, 0) else None


def shorten_wait(frame: bytearray, most_ms: int) -> None:
    """Let this fetch wait no longer than `most_ms` for a record."""
    place = _after_head(frame) + _INT32.size  # the first field is the replica's id
    try:
        (wait_ms,) = _INT32.unpack_from(frame, place)
        _INT32.pack_into(frame, place, min(wait_ms, most_ms))
    except struct.error as error:
        raise FrameProblem("a fetch that ends early") from error


def read_sync_group(frame: bytes | bytearray) -> SyncGroup:
    """The members and the generation of a SyncGroup."""
    try:
        _, version, _ = _HEAD.unpack_from(frame)
        group, place = _string(frame, _after_head(frame))
        (generation,) = _INT32.unpack_from(frame, place)
        member, place = _string(frame, place + _INT32.size)
        if version >= 3:
            _, place = _string(frame, place)
        (shares,) = _INT32.unpack_from(frame, place)
    except struct.error as error:
        raise FrameProblem("a SyncGroup that ends early") from error
    return SyncGroup(group, generation, member, shares)


def _after_head(frame: bytes | bytearray) -> int:
    _, place = _string(frame, _HEAD.size)
    return place


def _string(frame: bytes | bytearray, place: int) -> tuple[str, int]:
    """The text at `place` (none counts as empty), and where the next field begins."""
    try:
        (length,) = _INT16.unpack_from(frame, place)
    except struct.error as error:
        raise FrameProblem("a text that ends early") from error
    begin = place + _INT16.size
    end = begin + max(length, 0)
    if end > len(frame):
        raise FrameProblem("a text that ends early")
    return bytes(frame[begin:end]).decode(errors="replace"), end
