"""The version of allpool; part of every result and of every feed's fingerprint."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("allpool")
