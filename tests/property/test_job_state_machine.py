"""The real SQL against a model: any sequence of what clients, schedulers, workers, duties and time can do.

After each step every job is what the model says and has its one narrow row (R6); at the end the histories are
complete and legal and the counts are right (G3, G4, G7), and `punctual audit` finds nothing.
"""

import asyncio
import os
import time
from contextlib import AsyncExitStack
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from job_service.domain.wanted import Change
from job_service.operations.problems import IllegalTransition, LeaseLost, VersionConflict
from shared.contracts.states import JobStatus as S
from shared.contracts.states import Outcome
from shared.runtime.settings import Claim, LeaseTimes, Retry
from tests.support.auditing import assert_clean
from tests.support.duty_machine import DUTIES, DutyMachine
from tests.support.job_model_check import agree, settle
from tests.support.job_model_world import LOOKAHEAD_SECONDS
from tests.support.job_service import open_service
from tests.support.protocol_machine import DAY, FAR, PAST, SOON, moment


class JobMachine(DutyMachine):
    """And as clients do."""

    jobs = DutyMachine.jobs

    @rule(job=jobs)
    def cancels(self, job: UUID) -> None:
        known = self.model.jobs[job]
        legal = known.ask_cancel()
        try:
            _, over = self.do(self.service.operations.change.cancel(job))
        except IllegalTransition:
            assert not legal
        else:
            assert legal
            assert over == (known.status is S.CANCELLED)

    @rule(
        job=jobs,
        when=st.sampled_from([None, PAST, SOON, FAR]),
        stale=st.sampled_from([False, False, True]),
    )
    def changes(self, job: UUID, when: float | None, stale: bool) -> None:
        known, now = self.model.jobs[job], time.time()
        at = None if when is None else now + when
        wanted = Change(
            None if at is None else moment(at),
            priority=None if at else 90,
            band=None if at else 0,
            labels='{"a": "b"}',
        )
        version = known.version - 1 if stale else known.version
        legal = not stale and known.change(at, now)
        try:
            self.do(self.service.operations.change.change(job, version, wanted))
        except VersionConflict:
            assert stale
        except IllegalTransition:
            assert not stale
            assert not legal
        else:
            assert legal

    @rule(job=jobs, retry=st.booleans())
    def schedules_by_hand(self, job: UUID, retry: bool) -> None:
        known, now = self.model.jobs[job], time.time()
        sources = [S.FAILED] if retry else [S.CREATED, S.FAILED]
        legal = known.schedule_now(set(sources), now)
        try:
            self.do(self.service.operations.change.schedule_now(job, None, sources))
        except IllegalTransition:
            assert not legal
        else:
            assert legal

    @rule(job=jobs)
    def starts_by_hand(self, job: UUID) -> None:
        known, now = self.model.jobs[job], time.time()
        legal = known.status is S.SCHEDULED and known.holder is None and not known.behind
        try:
            _, token = self.do(self.service.operations.change.start_by_hand(job, None))
        except IllegalTransition:
            assert not legal
        else:
            assert legal
            known.start_by_hand(token, now)

    @rule(job=jobs, status=st.sampled_from([S.SUCCESS, S.FAILED]), right=st.booleans())
    def ends_by_hand(self, job: UUID, status: S, right: bool) -> None:
        """With the token of this attempt, or with that of one before."""
        known, now = self.model.jobs[job], time.time()
        token = known.token if right else known.old_token
        try:
            self.do(self.service.operations.change.end_by_hand(job, None, status, token))
        except IllegalTransition:
            assert known.status is not S.RUNNING
        except LeaseLost:
            assert not (right and known.by_hand)
        else:
            assert right
            assert known.by_hand
            known.end(known.holder or job, known.attempt, Outcome(status.value), now)

    @rule(job=jobs, stale=st.sampled_from([False, False, True]))
    def takes_back(self, job: UUID, stale: bool) -> None:
        known, now = self.model.jobs[job], time.time()
        version = known.version - 1 if stale else known.version
        legal = not stale and known.take_back(now)
        try:
            self.do(self.service.operations.change.take_back(job, version))
        except VersionConflict:
            assert stale
        except IllegalTransition:
            assert not stale
            assert not legal
        else:
            assert legal

    @rule(job=jobs)
    def abandons(self, job: UUID) -> None:
        legal = self.model.jobs[job].abandon()
        try:
            self.do(self.service.operations.change.abandon(job, None))
        except IllegalTransition:
            assert not legal
        else:
            assert legal

    @invariant()
    def the_database_is_what_the_model_says(self) -> None:
        if self.workers:
            self.do(agree(self.service.raw, self.model))

    def teardown(self) -> None:
        """Settled, and audited: whatever was done, no promise is broken once the duties had their turn."""
        self.do(settle(self.service.raw))
        for duty in DUTIES:
            self.does(duty)
        self.do(assert_clean(self.service.url))


@pytest.mark.timeout(600)
def test_no_sequence_of_steps_breaks_the_books(database_url: str) -> None:
    """R6, R19, G3, G4, G7 after every step."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        stack = AsyncExitStack()
        JobMachine.runner = runner
        JobMachine.service = runner.run(
            stack.enter_async_context(
                open_service(
                    database_url,
                    pool_size=2,
                    claim=Claim(lookahead=LOOKAHEAD_SECONDS),
                    lease=LeaseTimes(ttl=600.0, scheduler_ttl=600.0),
                    retry=Retry(base=DAY, cap=DAY),
                )
            )
        )
        try:
            run_state_machine_as_test(
                JobMachine,
                settings=settings(
                    max_examples=80,
                    stateful_step_count=50,
                    deadline=None,
                    derandomize=bool(os.environ.get("CI")),
                    print_blob=True,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(stack.aclose())
