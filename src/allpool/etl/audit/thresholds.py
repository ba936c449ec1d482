"""How many failing rows of a rule are tolerated, and when they mean that the feed is wrong, not the rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final, Literal

from allpool.etl.audit.rules import Rule, Severity
from allpool.etl.audit.trend import Trend

Why = Literal["threshold", "trend"]

UNTOUCHABLE: Final = ("*.id.required", "*.content_hash.required", "*.feed.required", "*.id.unique")
"""Rules that only a bug of allpool breaks: no configuration lets such rows in."""
NEEDED: Final = ("*.required", "*.reference")
"""Rules that the tables themselves need kept: a row that breaks one cannot be published with a warning."""


@dataclass(frozen=True)
class Limit:
    """What the configuration says of some rules at some centres."""

    rules: tuple[str, ...]
    """Ids, or patterns with `*`."""
    centres: frozenset[str] = frozenset()
    """Centres or feeds; empty for all."""
    share: float | None = None
    rows: int | None = None
    severity: Severity | None = None

    def concerns(self, rule: str, places: Collection[str]) -> bool:
        """Return whether it is about `rule` at the feed or centre in `places`."""
        here = not self.centres or not self.centres.isdisjoint(places)
        return here and any(fnmatchcase(rule, pattern) for pattern in self.rules)


@dataclass(frozen=True)
class Judgement:
    """What failing rows of one rule come to in one feed."""

    severity: Severity
    tolerated: float | None
    raised: Why | None


@dataclass(frozen=True)
class Thresholds:
    """How large a share of rows may fail a rule at a centre, and what follows where more do.

    A mapping that points at the wrong column or unit fails nearly every row; a centre's slips fail a few. So
    a rule that quarantines blocks the feed where more than `share` of its rows fail, and at least `rows` of
    them: three bad rows of four in a small file are three bad rows. `rules` gives other shares by rule id;
    `limits` other shares, least rows and severities per rule and centre, of which the last one that says
    something counts. A rule that only warns has no threshold but by a limit, and is raised beyond it. A rule
    that blocks does so from the first row, or from the share that a limit gives; up to that it quarantines.
    """

    share: float = 0.5
    rows: int = 20
    rules: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    limits: tuple[Limit, ...] = ()
    centres: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Feed -> its centre, where it has one."""
    patients: int = 20
    """Patients from which a promised element that none of them has is raised: of fewer, none says little
    (none of 20 is compatible with one in seven; Hanley JA, Lippman-Hand A, JAMA 1983;249:1743)."""
    trend: Trend = field(default_factory=Trend)

    def severity(self, rule: Rule, *, failed: int, rows: int) -> Severity:
        """Return the severity that `rule` has at any centre where `failed` of `rows` rows fail it."""
        return self.judge(rule.id, rule.severity, feed="", failed=failed, rows=rows).severity

    def judge(self, rule: str, severity: Severity, *, feed: str, failed: int, rows: int) -> Judgement:
        """Return what `failed` of `rows` rows of `feed` come to that fail `rule`, whose severity is given."""
        share, least, own = self._said(rule, feed)
        severity = own or severity
        if severity == "quarantine" and share is None:
            share = self.rules.get(rule, self.share)
        if share is None or not rows:
            return Judgement(severity, share, None)
        beyond = failed >= least and failed / rows > share
        if severity != "warn":
            severity = "block" if beyond else "quarantine"
        return Judgement(severity, share, "threshold" if beyond else None)

    def _said(self, rule: str, feed: str) -> tuple[float | None, int, Severity | None]:
        """Return share, least rows and severity as the limits give them."""
        share, least, severity = None, self.rows, None
        if any(fnmatchcase(rule, pattern) for pattern in UNTOUCHABLE):
            return share, least, severity
        places = [place for place in (feed, self.centres.get(feed)) if place]
        for limit in self.limits:
            if limit.concerns(rule, places):
                share = limit.share if limit.share is not None else share
                least = limit.rows if limit.rows is not None else least
                severity = limit.severity or severity
        if severity == "warn" and any(fnmatchcase(rule, pattern) for pattern in NEEDED):
            severity = None
        return share, least, severity
