"""Everything that the database says of one job."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

from punctual.audit.edges import UNSETTLED
from punctual.audit.life import Life, fold
from punctual.audit.row import Row


@dataclass
class Story:
    """One job's rows in each table. History is in the order of versions, executions in that of attempts."""

    job_id: UUID
    job: Row | None = None
    deleted: Row | None = None
    history: Sequence[Row] = field(default_factory=tuple)
    executions: Sequence[Row] = field(default_factory=tuple)
    due: Row | None = None
    inflight: Row | None = None
    in_line: Row | None = None
    unsuccessful: Row | None = None

    @cached_property
    def life(self) -> Life:
        """The history, folded."""
        return fold(self.history, self.executions)

    @property
    def unsettled(self) -> bool:
        """There is a job, and it is to go on by itself."""
        job = self.job
        return job is not None and (
            job["status"] in UNSETTLED or job["next_attempt_at"] is not None
        )
