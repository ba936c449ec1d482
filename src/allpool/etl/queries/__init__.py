"""Queries: what the night asks the centres, what they answer, and what the consortium decides.

`asked` makes queries of findings, `record` keeps them in the store, `export` and `answers` are the way to
the centre and back, `decisions` the consortium's.
"""

from __future__ import annotations
