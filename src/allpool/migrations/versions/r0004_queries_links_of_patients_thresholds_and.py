"""Queries, links of patients, thresholds and trends."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Bring a store from 0003 to 0004."""
    op.create_table(
        "analysis_quality",
        sa.Column("analysis_id", sa.String(), nullable=False),
        sa.Column("subjects", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("warned", sa.Integer(), nullable=False),
        sa.Column("clear", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("analysis_id", name=op.f("pk_analysis_quality")),
    )
    op.create_table(
        "patient_link",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("first_patient", sa.String(), nullable=False),
        sa.Column("second_patient", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("match_weight", sa.Float(), nullable=True),
        sa.Column("match_probability", sa.Float(), nullable=True),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("first_run", sa.Integer(), nullable=False),
        sa.Column("last_run", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_link")),
    )
    with op.batch_alter_table("patient_link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_patient_link_first_patient"), ["first_patient"], unique=False)
        batch_op.create_index(batch_op.f("ix_patient_link_second_patient"), ["second_patient"], unique=False)

    op.create_table(
        "query",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("feed", sa.String(), nullable=False),
        sa.Column("centre", sa.String(), nullable=True),
        sa.Column("study", sa.String(), nullable=True),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=True),
        sa.Column("sheet", sa.String(), nullable=True),
        sa.Column("row", sa.Integer(), nullable=True),
        sa.Column("column", sa.String(), nullable=True),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("others", sa.JSON(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("expected", sa.Text(), nullable=True),
        sa.Column("record", sa.String(), nullable=True),
        sa.Column("element", sa.String(), nullable=True),
        sa.Column("patient_id", sa.String(), nullable=True),
        sa.Column("table_name", sa.String(), nullable=True),
        sa.Column("resource_id", sa.String(), nullable=True),
        sa.Column("content_hash", sa.String(), nullable=True),
        sa.Column("records", sa.JSON(), nullable=False),
        sa.Column("held_with", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("opened_run", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_run", sa.Integer(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_query")),
    )
    with op.batch_alter_table("query", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_query_feed"), ["feed", "status"], unique=False)
        batch_op.create_index(batch_op.f("ix_query_patient_id"), ["patient_id"], unique=False)

    op.create_table(
        "query_event",
        sa.Column("query", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("query", "number", name=op.f("pk_query_event")),
    )
    with op.batch_alter_table("quality_result", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tolerated", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("usual", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("raised", sa.String(), nullable=True))


def downgrade() -> None:
    """Take a store back from 0004 to 0003."""
    with op.batch_alter_table("quality_result", schema=None) as batch_op:
        batch_op.drop_column("raised")
        batch_op.drop_column("usual")
        batch_op.drop_column("tolerated")

    op.drop_table("query_event")
    with op.batch_alter_table("query", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_query_patient_id"))
        batch_op.drop_index(batch_op.f("ix_query_feed"))

    op.drop_table("query")
    with op.batch_alter_table("patient_link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_patient_link_second_patient"))
        batch_op.drop_index(batch_op.f("ix_patient_link_first_patient"))

    op.drop_table("patient_link")
    op.drop_table("analysis_quality")
