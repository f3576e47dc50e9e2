"""DUMMY: sleeps, and fails if asked to. For first steps and for tests."""

import asyncio
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, RootModel
from pydantic.alias_generators import to_camel

from worker_service.handler_api import Context, Fail, job_type


class Wishes(BaseModel):
    """`sleepMs`: how long. `fail`: the text to fail with, in the first `times` tries (all without
    it).
    """

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    sleep_ms: int = Field(default=2_000, ge=0, le=86_400_000)
    fail: str | None = None
    times: int | None = Field(default=None, ge=0)


class DummyPayload(RootModel[Wishes | str | None]):
    """Nothing, any text (which is not looked at), or wishes."""

    def wishes(self) -> Wishes:
        """What to do."""
        return self.root if isinstance(self.root, Wishes) else Wishes()


@job_type("DUMMY", payload=DummyPayload, timeout_seconds=90_000)
async def dummy(payload: DummyPayload, context: Context) -> dict[str, Any]:
    """Sleep, then fail or say how long it was."""
    wishes = payload.wishes()
    await asyncio.sleep(wishes.sleep_ms / 1000)
    failing = wishes.times is None or context.failures < wishes.times
    if wishes.fail is not None and failing:
        raise Fail(wishes.fail)
    return {"sleptMs": wishes.sleep_ms}
