"""What Alembic runs: one migration in the transaction of the connection that `schema` hands over."""

from __future__ import annotations

from alembic import context
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection

from allpool.errors import StoreError
from allpool.models import Base


def run() -> None:
    """Run the migrations that were asked for."""
    connection = context.config.attributes.get("connection")
    if not isinstance(connection, Connection):
        raise StoreError("migrations run through `allpool db upgrade`, which knows the store")
    is_new = MigrationContext.configure(connection).get_current_revision() is None
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        # SQLite alters little in place; a draft for it makes the table anew. New tables need none of it.
        render_as_batch=not is_new,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
