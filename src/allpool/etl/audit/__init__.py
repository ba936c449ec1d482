"""The audit: rules over the staging tables, run by Great Expectations, before anything is published.

`audit` finds, `withdraw` takes what must wait out of staging, `preload` warms up the library in time.
"""

from allpool.etl.audit.completeness import Delivered, delivered
from allpool.etl.audit.findings import FAILURE_SCHEMA, Audited, audit
from allpool.etl.audit.generated import rules_for
from allpool.etl.audit.judgement import RuleResult
from allpool.etl.audit.rules import Rule
from allpool.etl.audit.selection import RELATED_SCHEMA, WAIVED
from allpool.etl.audit.suite import preload
from allpool.etl.audit.thresholds import Thresholds
from allpool.etl.audit.withdrawal import HELD_WITH, withdraw

__all__ = [
    "FAILURE_SCHEMA",
    "HELD_WITH",
    "RELATED_SCHEMA",
    "WAIVED",
    "Audited",
    "Delivered",
    "Rule",
    "RuleResult",
    "Thresholds",
    "audit",
    "delivered",
    "preload",
    "rules_for",
    "withdraw",
]
