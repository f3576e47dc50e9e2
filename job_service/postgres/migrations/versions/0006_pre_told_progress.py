"""What handlers tell while they run, kept with their executions.

`pre`: runs before the new code is deployed; older code writes none of it.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TOLD = """
ALTER TABLE executions
    ADD COLUMN progress jsonb, -- {"done", "total", "note", "at"}, the last that was told
    ADD COLUMN log      jsonb  -- [{"at", "level", "text"}], oldest first, at most 200
"""


def upgrade() -> None:
    """Make the changes: without a default no row is written anew."""
    op.execute(TOLD)
