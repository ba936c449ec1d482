"""The command line: the only place that knows both the ETL and the analysis."""

from __future__ import annotations

from allpool.cli.main import run

__all__ = ["run"]
