"""What a worker remembers of attempts that left its table."""

from shared.kernel.ids import new_id
from worker_service.domain.memory import Memory


def test_the_oldest_is_forgotten_and_attempts_of_a_job_are_told_apart() -> None:
    memory = Memory(limit=2)
    job = new_id()
    for attempt in (1, 2, 2_147_483_647):
        memory.add(job, attempt)
    assert [memory.has(job, n) for n in (1, 2, 2_147_483_647, 3)] == [False, True, True, False]
    assert not memory.has(new_id(), 2)


def test_one_that_is_told_twice_takes_one_place() -> None:
    memory = Memory(limit=2)
    first, second = new_id(), new_id()
    for job in (first, second, second, second):
        memory.add(job, 1)
    assert memory.has(first, 1)
    assert memory.has(second, 1)


def test_one_that_is_told_again_is_not_the_next_to_be_forgotten() -> None:
    """R2: what was given back, and is told again when the release is answered, stays the longer."""
    memory = Memory(limit=2)
    again, other, third, fourth = (new_id() for _ in range(4))
    for job in (again, other, again, third):
        memory.add(job, 1)
    assert [memory.has(job, 1) for job in (again, other, third)] == [True, False, True]
    memory.add(fourth, 1)
    assert [memory.has(job, 1) for job in (again, third, fourth)] == [True, False, True]
