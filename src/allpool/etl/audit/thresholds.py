"""When many failing rows mean that the feed is wrong, and not the rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from allpool.etl.audit.rules import Rule, Severity


@dataclass(frozen=True)
class Thresholds:
    """How large a share of rows may fail a quarantine rule before the whole feed is held back.

    A mapping that points at the wrong column or unit fails nearly every row; a centre's slips fail a few. So
    a rule blocks where more than `share` of its rows fail, and at least `rows` of them: three bad rows of
    four in a small file are three bad rows. `rules` gives other shares by rule id.
    """

    share: float = 0.5
    rows: int = 20
    rules: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def severity(self, rule: Rule, *, failed: int, rows: int) -> Severity:
        """Return the severity that `rule` has where `failed` of `rows` rows fail it."""
        if rule.severity != "quarantine" or failed < self.rows or rows == 0:
            return rule.severity
        return "block" if failed / rows > self.rules.get(rule.id, self.share) else "quarantine"
