"""Landed FHIR resources, relations of codes, elements that are not collected."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Bring a store from 0002 to 0003."""
    op.create_table(
        "code_relation",
        sa.Column("feed", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("table_name", sa.String(), nullable=False),
        sa.Column("record", sa.String(), nullable=False),
        sa.Column("data_element", sa.String(), nullable=True),
        sa.Column("source_column", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("equivalence", sa.String(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("feed", "rule", "target", "text", name=op.f("pk_code_relation")),
    )
    op.create_table(
        "landed_resource",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("resource_type", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=True),
        sa.Column("patient", sa.String(), nullable=True),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("entries", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("security", sa.String(), nullable=True),
        sa.Column("study", sa.String(), nullable=True),
        sa.Column("centre", sa.String(), nullable=True),
        sa.Column("feed", sa.String(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("source_file", sa.String(), nullable=True),
        sa.Column("source_row", sa.Integer(), nullable=True),
        sa.Column("rule", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_landed_resource")),
    )
    with op.batch_alter_table("landed_resource", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_landed_resource_feed"), ["feed", "resource_type"], unique=False)
        batch_op.create_index(batch_op.f("ix_landed_resource_patient"), ["patient"], unique=False)

    op.create_table(
        "not_collected",
        sa.Column("feed", sa.String(), nullable=False),
        sa.Column("element", sa.String(), nullable=False),
        sa.Column("record", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=True),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("feed", "element", name=op.f("pk_not_collected")),
    )
    op.create_table(
        "stage_landed_resource",
        sa.Column("id", sa.String(), nullable=True),
        sa.Column("resource_type", sa.String(), nullable=True),
        sa.Column("source_id", sa.String(), nullable=True),
        sa.Column("patient", sa.String(), nullable=True),
        sa.Column("resource", sa.Text(), nullable=True),
        sa.Column("entries", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("content_hash", sa.String(), nullable=True),
        sa.Column("security", sa.String(), nullable=True),
        sa.Column("study", sa.String(), nullable=True),
        sa.Column("centre", sa.String(), nullable=True),
        sa.Column("feed", sa.String(), nullable=True),
        sa.Column("run", sa.Integer(), nullable=True),
        sa.Column("source_file", sa.String(), nullable=True),
        sa.Column("source_row", sa.Integer(), nullable=True),
        sa.Column("rule", sa.String(), nullable=True),
    )
    with op.batch_alter_table("observation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("data_absent_reason_delivered", sa.String(), nullable=True))

    with op.batch_alter_table("stage_observation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("data_absent_reason_delivered", sa.String(), nullable=True))


def downgrade() -> None:
    """Take a store back from 0003 to 0002."""
    with op.batch_alter_table("stage_observation", schema=None) as batch_op:
        batch_op.drop_column("data_absent_reason_delivered")

    with op.batch_alter_table("observation", schema=None) as batch_op:
        batch_op.drop_column("data_absent_reason_delivered")

    op.drop_table("stage_landed_resource")
    op.drop_table("not_collected")
    with op.batch_alter_table("landed_resource", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_landed_resource_patient"))
        batch_op.drop_index(batch_op.f("ix_landed_resource_feed"))

    op.drop_table("landed_resource")
    op.drop_table("code_relation")
