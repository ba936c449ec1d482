<%!
def draft(lines):
    """Leave out the remarks that Alembic puts around what it drafts."""
    kept = [line for line in (lines or "").splitlines() if "# ###" not in line]
    return "\n".join(kept).strip() or "pass"
%>\
"""${message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision: str = ${repr(up_revision)}
down_revision: str | None = ${repr(down_revision)}
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Bring a store from ${down_revision or "nothing"} to ${up_revision}."""
    ${draft(upgrades)}


def downgrade() -> None:
    """Take a store back from ${up_revision} to ${down_revision or "nothing"}."""
    ${draft(downgrades)}
