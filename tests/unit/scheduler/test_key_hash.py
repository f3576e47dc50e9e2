"""Many hashes at once are those that aiokafka's own gives one by one."""

import struct

import pytest
from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from scheduler_service.kafka.key_hash import hashes


@given(st.lists(st.binary(min_size=36, max_size=36), max_size=40))
def test_each_key_has_the_hash_of_any_client(keys: list[bytes]) -> None:
    assert list(hashes(keys, 36)) == [murmur2(key) & 0xFFFFFFFF for key in keys]


def test_the_largest_words_do_not_spill_into_their_neighbours() -> None:
    keys = [b"\xff" * 8, b"\0" * 8, b"\xff" * 8]
    assert list(hashes(keys, 8)) == [murmur2(key) & 0xFFFFFFFF for key in keys]


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(struct.error):
        hashes([b"12345678", b"1234"], 8)
