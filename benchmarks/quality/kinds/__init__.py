"""The kinds of error that centres make; importing a module adds its kinds to the catalogue."""

from benchmarks.quality.kinds import clinic, dates, files, rows, values, writing

__all__ = ["clinic", "dates", "files", "rows", "values", "writing"]
