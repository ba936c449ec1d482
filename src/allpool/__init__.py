"""allpool: the data-standards and interoperability layer of a leukaemia consortium."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("allpool")
