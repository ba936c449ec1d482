"""Profile: what a source file is like, told without a rare or identifying value."""

from __future__ import annotations

from allpool.etl.profile.profile import profile

__all__ = ["profile"]
