"""R6: every unsettled job has exactly one narrow row.

In `due`, in `inflight` or in the line of its ordering key if it is to go on; in `unsuccessful` if it is settled
and no SUCCESS; nowhere else. A row in `inflight` names the attempt and the holder that the job names. A job
without its row is found by nobody: it is lost although it is there.
"""

from collections.abc import Iterator

from punctual.audit.findings import Breach
from punctual.audit.story import Story
from punctual.audit.world import World


def broken(story: Story, world: World) -> Iterator[Breach]:
    """Too few rows, too many, or one that says something else than its job."""
    job = story.job
    placed = {
        table: row
        for table, row in (
            ("due", story.due),
            ("inflight", story.inflight),
            ("in_line", story.in_line),
            ("unsuccessful", story.unsuccessful),
        )
        if row is not None
    }
    if job is None:
        for table, row in placed.items():
            yield Breach(f"A row in {table} of a job that is not there.", ((table, row),))
        return
    if story.unsettled:
        right = len(placed) == 1 and "unsuccessful" not in placed
        wanted = "one row in due, inflight or in_line"
    elif job["status"] == "SUCCESS":
        right, wanted = not placed, "no narrow row"
    else:
        right, wanted = placed.keys() == {"unsuccessful"}, "one row in unsuccessful"
    if not right:
        has = " and ".join(placed) or "none"
        text = f"A job that is {job['status']} has {wanted}; this one has {has}."
        yield Breach(text, (("jobs", job), *placed.items()))
    flight, letter = story.inflight, story.unsuccessful
    if flight is not None and (flight["attempt"], flight["worker"]) != (
        job["attempt"],
        job["node"],
    ):
        text = "Its row in inflight names another attempt or holder than the job."
        yield Breach(text, (("jobs", job), ("inflight", flight)))
    if letter is not None and letter["status"] != job["status"]:
        text = f"Its row in unsuccessful says {letter['status']}, the job {job['status']}."
        yield Breach(text, (("jobs", job), ("unsuccessful", letter)))
