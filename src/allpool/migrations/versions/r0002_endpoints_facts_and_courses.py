"""Endpoints, facts, courses, published figures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Bring a store from 0001 to 0002."""
    op.create_table(
        "adex",
        sa.Column("studyid", sa.String(), nullable=False),
        sa.Column("siteid", sa.String(), nullable=True),
        sa.Column("usubjid", sa.String(), nullable=False),
        sa.Column("course", sa.Integer(), nullable=False),
        sa.Column("astdt", sa.Date(), nullable=True),
        sa.Column("ady", sa.Float(), nullable=True),
        sa.Column("planned_days", sa.Float(), nullable=True),
        sa.Column("delivered_days", sa.Float(), nullable=True),
        sa.Column("setting", sa.String(), nullable=True),
        sa.Column("srcdom", sa.String(), nullable=False),
        sa.Column("srcid", sa.String(), nullable=False),
        sa.Column("srcseq", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("usubjid", "course", name=op.f("pk_adex")),
    )
    op.create_table(
        "adfact",
        sa.Column("studyid", sa.String(), nullable=False),
        sa.Column("siteid", sa.String(), nullable=True),
        sa.Column("usubjid", sa.String(), nullable=False),
        sa.Column("paramcd", sa.String(), nullable=False),
        sa.Column("aval", sa.Float(), nullable=True),
        sa.Column("avalc", sa.String(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("srcdom", sa.String(), nullable=True),
        sa.Column("srcid", sa.String(), nullable=True),
        sa.Column("srcseq", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("usubjid", "paramcd", name=op.f("pk_adfact")),
    )
    with op.batch_alter_table("adae", schema=None) as batch_op:
        batch_op.add_column(sa.Column("srcseq", sa.Integer(), nullable=True))

    with op.batch_alter_table("admrd", schema=None) as batch_op:
        batch_op.add_column(sa.Column("srcseq", sa.Integer(), nullable=True))

    with op.batch_alter_table("adrs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("srcseq", sa.Integer(), nullable=True))

    with op.batch_alter_table("adtte", schema=None) as batch_op:
        batch_op.add_column(sa.Column("entry_day", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("srcseq", sa.Integer(), nullable=True))

    with op.batch_alter_table("analysis_result", schema=None) as batch_op:
        batch_op.add_column(sa.Column("variable", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("variable_level", sa.String(), nullable=True))

    # nothing wrote into it before this version
    op.drop_table("published_estimate")
    op.create_table(
        "published_estimate",
        sa.Column("study", sa.String(), nullable=False),
        sa.Column("record", sa.String(), nullable=False),
        sa.Column("location", sa.String(), nullable=True),
        sa.Column("population", sa.Text(), nullable=True),
        sa.Column("population_id", sa.String(), nullable=True),
        sa.Column("endpoint", sa.String(), nullable=True),
        sa.Column("definition", sa.String(), nullable=True),
        sa.Column("definition_note", sa.Text(), nullable=True),
        sa.Column("statistic", sa.String(), nullable=False),
        sa.Column("numerator", sa.Integer(), nullable=True),
        sa.Column("denominator", sa.Integer(), nullable=True),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("lower", sa.Float(), nullable=True),
        sa.Column("upper", sa.Float(), nullable=True),
        sa.Column("level", sa.Float(), nullable=True),
        sa.Column("standard_error", sa.Float(), nullable=True),
        sa.Column("at", sa.Float(), nullable=True),
        sa.Column("time_unit", sa.String(), nullable=True),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("unit_of_analysis", sa.String(), nullable=True),
        sa.Column("printed", sa.Text(), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("check_status", sa.String(), nullable=True),
        sa.Column("agreement", sa.String(), nullable=True),
        sa.Column("recomputed", sa.Float(), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("study", "record", name=op.f("pk_published_estimate")),
    )


def downgrade() -> None:
    """Take a store back from 0002 to 0001."""
    op.drop_table("published_estimate")
    op.create_table(
        "published_estimate",
        sa.Column("study", sa.String(), nullable=False),
        sa.Column("record", sa.String(), nullable=False),
        sa.Column("location", sa.String(), nullable=True),
        sa.Column("population", sa.Text(), nullable=True),
        sa.Column("statistic", sa.String(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("check_status", sa.String(), nullable=True),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("study", "record", name=op.f("pk_published_estimate")),
    )

    with op.batch_alter_table("analysis_result", schema=None) as batch_op:
        batch_op.drop_column("variable_level")
        batch_op.drop_column("variable")

    with op.batch_alter_table("adtte", schema=None) as batch_op:
        batch_op.drop_column("srcseq")
        batch_op.drop_column("entry_day")

    with op.batch_alter_table("adrs", schema=None) as batch_op:
        batch_op.drop_column("srcseq")

    with op.batch_alter_table("admrd", schema=None) as batch_op:
        batch_op.drop_column("srcseq")

    with op.batch_alter_table("adae", schema=None) as batch_op:
        batch_op.drop_column("srcseq")

    op.drop_table("adfact")
    op.drop_table("adex")
