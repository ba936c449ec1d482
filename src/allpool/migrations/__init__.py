"""The store's schema, version by version: Alembic inside the package, so that any installation can upgrade.

No configuration file is needed: the functions of `schema` take an engine.
"""

from __future__ import annotations

from allpool.migrations.schema import SchemaState, check, current, downgrade, head, require_current, upgrade

__all__ = ["SchemaState", "check", "current", "downgrade", "head", "require_current", "upgrade"]
