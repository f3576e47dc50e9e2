"""A job as if everything of it had happened earlier, so that no test waits for time to pass."""

from uuid import UUID

from job_service.postgres.database import Raw

_TIMES = {
    "jobs": (
        "id",
        (
            "scheduled_time",
            "due_at",
            "ready_at",
            "dispatch_at",
            "expires_at",
            "next_attempt_at",
            "created_at",
            "updated_at",
            "started_at",
            "finished_at",
        ),
    ),
    "due": ("job_id", ("dispatch_at",)),
    "in_line": ("job_id", ("place",)),
    "inflight": ("job_id", ("ready_at", "since", "look_at")),
    "expiring": ("job_id", ("expires_at",)),
    "job_history": ("job_id", ("at",)),
    "executions": ("job_id", ("due_at", "leased_at", "started_at", "ended_at")),
}
"""For each table the column with the job's id, and those with a moment."""


async def rewind(raw: Raw, job_id: UUID, seconds: float) -> None:
    """Shift every moment of the job by that much. The triggers are off meanwhile: they guard the
    promised time and the history."""
    async with raw.transaction():
        await raw.execute("SET LOCAL session_replication_role = replica")
        for table, (key, columns) in _TIMES.items():
            shifts = ", ".join(f"{name} = {name} - $2 * interval '1 second'" for name in columns)
            await raw.execute(f"UPDATE {table} SET {shifts} WHERE {key} = $1", job_id, seconds)
