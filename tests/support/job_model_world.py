"""Several jobs, schedulers and workers in the model of `job_model`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from shared.contracts.states import JobStatus as S
from tests.support.job_model import ModelJob

LOOKAHEAD_SECONDS = 60.0
LOOK_AFTER_SECONDS = 10.0
LOOK_AGAIN_SECONDS = 5.0
UNPLACED_SECONDS = 60.0
REGARDLESS_SECONDS = 600.0


@dataclass
class ModelNode:
    """A scheduler or a worker. `lapsed`: its session is over, the reaper has not looked yet."""

    id: UUID
    worker: bool
    lapsed: bool = False
    dead: bool = False
    seq: int = 0
    acked: int = 0


@dataclass
class Model:
    """Jobs and nodes."""

    jobs: dict[UUID, ModelJob] = field(default_factory=dict)
    nodes: dict[UUID, ModelNode] = field(default_factory=dict)
    heads: dict[str | None, UUID] = field(default_factory=dict)
    paused: bool = False
    committed: int = 0
    end: int | None = None
    """What workers said last of the one topic partition; `end` None: nothing yet."""

    def held_by(self, node: UUID) -> Iterator[ModelJob]:
        """What a worker holds."""
        return (job for job in self.jobs.values() if job.holder == node)

    def arrange(self) -> None:
        """Of each key one job is the head: the one that keeps it, or who comes first."""
        keyed = [job for job in self.jobs.values() if job.key is not None and not job.settled]
        for key in {job.key for job in keyed}:
            line = sorted((j for j in keyed if j.key == key), key=lambda j: (j.due, j.id))
            kept = next((j for j in line if j.id == self.heads.get(key) and j.keeps_key), line[0])
            self.heads[key] = kept.id
            for job in line:
                job.behind = job is not kept

    def has_credit(self) -> bool:
        """Whether a worker is there that could take anything, and the one type is not paused."""
        return not self.paused and any(
            n.worker and not n.dead and not n.lapsed for n in self.nodes.values()
        )

    def claim(self, node: ModelNode, seq: int, acked: int, now: float) -> set[tuple[UUID, int]]:
        """What a live scheduler is answered: what it never heard of, and what is due (R8)."""
        answer = {
            (job.id, job.attempt)
            for job in self.jobs.values()
            if job.claimed_by == node.id and acked < job.claim_seq < seq
        }
        overtaken, node.seq = seq < node.seq, max(seq, node.seq)
        if overtaken or not self.has_credit():
            return answer
        for job in self.jobs.values():
            if job.in_due and (job.dispatch or 0.0) <= now + LOOKAHEAD_SECONDS:
                self._claim(job, node.id, seq, now)
                answer.add((job.id, job.attempt))
        return answer

    @staticmethod
    def _claim(job: ModelJob, node: UUID, seq: int, now: float) -> None:
        if job.status is not S.SCHEDULED:
            job.move(S.SCHEDULED)
            job.attempt += 1
        assert job.ready is not None
        job.claimed_by, job.claim_seq, job.record = node, seq, None
        job.claim_counts_from = max(job.ready, now)
        job.look = job.claim_counts_from + LOOK_AFTER_SECONDS

    def lease(self, node: ModelNode, job: ModelJob, attempt: int, now: float) -> str:
        """The decision; `dead` for a dead node."""
        if node.dead:
            return "dead"
        holds_suspect = any(held.suspect for held in self.held_by(node.id))
        return job.lease(node.id, attempt, now, holds_suspect=holds_suspect, paused=self.paused)

    def pause(self) -> None:
        """What is claimed and not leased goes back."""
        self.paused = True
        for job in self.jobs.values():
            if job.claimed_by is not None and job.holder is None:
                job.move(S.CREATED)

    def cancels_of(self, node: UUID) -> set[tuple[UUID, int]]:
        """What a worker holds and is to cancel."""
        return {(job.id, job.attempt) for job in self.held_by(node) if job.cancel}

    def mark(self) -> None:
        """The lapsed are dead."""
        for node in self.nodes.values():
            node.dead |= node.lapsed

    def reap(self, now: float, *, suspended: bool = False) -> None:
        """The lapsed are dead, unless marking is suspended (R14), and what the dead hold goes back."""
        if not suspended:
            self.mark()
        for node in self.nodes.values():
            if node.dead:
                for job in list(self.held_by(node.id)):
                    job.lose(now)
                for job in self.jobs.values():
                    if job.claimed_by == node.id:
                        job.claimed_by = None

    def reconcile(self, now: float) -> None:
        """Claims that nobody leased are armed again at the place that they had, if their records are lost by
        all evidence, or after too long (R21)."""
        for job in self.jobs.values():
            if job.claimed_by is None or job.holder is not None or job.look > now:
                continue
            if self._is_lost(job, now):
                job.claimed_by = None
            else:
                job.look = now + LOOK_AGAIN_SECONDS

    def _is_lost(self, job: ModelJob, now: float) -> bool:
        waited = now - job.claim_counts_from
        if job.record is None:
            return waited > UNPLACED_SECONDS
        gone = self.end is not None and not self.committed <= job.record < self.end
        return gone or waited > REGARDLESS_SECONDS

    def end_overdue(self, now: float) -> None:
        """Attempts past their deadline."""
        for job in self.jobs.values():
            if job.holder is not None and job.look <= now:
                job.overrun(now)

    def expire(self, now: float) -> None:
        """Those that may not start any more and that nobody holds."""
        for job in self.jobs.values():
            waiting = job.status in {S.CREATED, S.SCHEDULED} and job.holder is None
            if waiting and job.expired_by(now):
                job.move(S.EXPIRED)
