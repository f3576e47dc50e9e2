"""The timer wheel, in virtual time."""

from hypothesis import given
from hypothesis import strategies as st

from scheduler_service.domain.timer_wheel import BUCKET_US, TimerWheel

moments = st.integers(min_value=-5_000_000, max_value=5_000_000)


@given(st.lists(moments, max_size=60), st.lists(moments, max_size=30))
def test_nothing_comes_out_before_its_time_nor_a_bucket_after_it(
    times: list[int], looks: list[int]
) -> None:
    wheel: TimerWheel[tuple[int, int]] = TimerWheel()
    for number, at_us in enumerate(times):
        wheel.add(at_us, (number, at_us))
    taken = []
    for now_us in sorted(looks):
        out = wheel.take(now_us)
        assert all(at_us <= now_us for _, at_us in out)
        taken += out
        left = {(n, t) for n, t in enumerate(times)} - set(taken)
        assert all(at_us > now_us - BUCKET_US for _, at_us in left)
        assert len(wheel) == len(left)
    taken += wheel.take(5_000_000 + BUCKET_US)
    assert sorted(taken) == [(n, t) for n, t in enumerate(times)]
    assert len(wheel) == 0
    assert wheel.next_at_us() is None


@given(st.lists(moments, min_size=1, max_size=60))
def test_a_sleeper_that_only_wakes_for_the_next_bucket_gets_everything_in_order(
    times: list[int],
) -> None:
    wheel: TimerWheel[int] = TimerWheel()
    for at_us in times:
        wheel.add(at_us, at_us)
    taken = []
    while (now_us := wheel.next_at_us()) is not None:
        out = wheel.take(now_us)
        assert out, "woken for an empty bucket"
        assert all(0 <= now_us - at_us < BUCKET_US for at_us in out)
        taken += out
    assert sorted(taken) == sorted(times)


def test_within_a_bucket_the_order_added_stays() -> None:
    wheel: TimerWheel[str] = TimerWheel()
    for at_us, item in [(2_500, "c"), (1_400, "a"), (1_100, "b")]:
        wheel.add(at_us, item)
    assert wheel.take(1_999) == []
    assert wheel.take(3_000) == ["a", "b", "c"]


def test_clear_forgets_everything() -> None:
    wheel: TimerWheel[str] = TimerWheel()
    wheel.add(1, "a")
    wheel.clear()
    assert (len(wheel), wheel.next_at_us(), wheel.take(10_000)) == (0, None, [])
