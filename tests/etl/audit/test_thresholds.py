"""Thresholds per centre and rule, as they are judged and as they are written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from allpool.config import load_config
from allpool.errors import ConfigError
from allpool.etl.audit import Audited, Thresholds
from allpool.etl.audit.limits import load_thresholds, thresholds_mark
from allpool.etl.audit.thresholds import Limit
from allpool.mappings.compile import Vocabulary, load_vocabulary
from tests.etl.audit.cases import quantity, sound

PLAUSIBLE = "observation.value_quantity.plausible.wbc"
POSSIBLE = "observation.value_quantity.possible.wbc"

CONFIG = """
[consortium]
name = "thresholds"
example = true
[store]
url = "sqlite:///store.db"
[quality]
file = "quality.yaml"
share = 0.4
[[feeds]]
id = "004-brno"
centre = "brno"
mapping = "m.yaml"
folder = "data"
[[feeds]]
id = "004-praha"
centre = "praha"
mapping = "m.yaml"
folder = "data"
"""


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return load_vocabulary()


@pytest.fixture
def written(tmp_path: Path, vocabulary: Vocabulary) -> Callable[[str], Thresholds]:
    """Load thresholds from the text of a limits file."""
    (tmp_path / "allpool.toml").write_text(CONFIG, encoding="utf-8")

    def load(text: str) -> Thresholds:
        (tmp_path / "quality.yaml").write_text(text, encoding="utf-8")
        return load_thresholds(load_config(tmp_path / "allpool.toml"), vocabulary)

    return load


def judged(limits: Thresholds, rule: str, severity: Any, failed: int, rows: int, feed: str) -> Any:
    found = limits.judge(rule, severity, feed=feed, failed=failed, rows=rows)
    return found.severity, found.tolerated, found.raised


def test_a_limit_holds_for_its_centre_and_rules_alone(written: Callable[[str], Thresholds]) -> None:
    limits = written(
        "limits:\n"
        "  - rules: observation.value_quantity.plausible.*\n"
        "    centres: brno\n"
        "    share: 0.02\n"
        "    rows: 3\n"
        "    reason: agreed with the centre, November 2026\n"
    )
    assert judged(limits, PLAUSIBLE, "warn", 5, 100, "004-brno") == ("warn", 0.02, "threshold")
    assert judged(limits, PLAUSIBLE, "warn", 2, 50, "004-brno") == ("warn", 0.02, None)
    assert judged(limits, PLAUSIBLE, "warn", 5, 100, "004-praha") == ("warn", None, None)
    assert judged(limits, POSSIBLE, "quarantine", 30, 60, "004-brno") == ("block", 0.4, "threshold")


def test_the_last_limit_that_says_something_counts(written: Callable[[str], Thresholds]) -> None:
    limits = written(
        "limits:\n"
        "  - {rules: observation.*, share: 0.1, rows: 1, reason: all centres}\n"
        f"  - {{rules: [{POSSIBLE}], centres: [004-brno], severity: warn, reason: known}}\n"
        f"  - {{rules: [{PLAUSIBLE}], centres: [praha], severity: block, share: 0.2, reason: strict}}\n"
    )
    assert judged(limits, POSSIBLE, "quarantine", 9, 60, "004-brno") == ("warn", 0.1, "threshold")
    assert judged(limits, PLAUSIBLE, "warn", 9, 60, "004-praha") == ("quarantine", 0.2, None)
    assert judged(limits, PLAUSIBLE, "warn", 13, 60, "004-praha") == ("block", 0.2, "threshold")


def test_what_only_a_bug_breaks_has_no_threshold() -> None:
    limits = Thresholds(limits=(Limit(("*",), share=1.0, severity="warn"),))
    assert judged(limits, "observation.id.unique", "block", 1, 100, "f") == ("block", None, None)
    assert judged(limits, "observation.subject_id.reference", "quarantine", 1, 9, "f")[0] == "quarantine"


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        (
            "limits:\n  - rules: [observation.no_such.rule]\n    reason: x\n",
            2,
            "no rule of the audit is called",
        ),
        ("limits:\n  - rules: ['nothing.*']\n    reason: x\n", 2, "no rule of the audit is called"),
        (
            "limits:\n  - rules: [clinical.*]\n    centres: [wien]\n    reason: x\n",
            3,
            "no centre or feed 'wien'",
        ),
        ("limits:\n  - rules: [patient.id.unique]\n    share: 0.1\n    reason: x\n", 2, "bug of allpool"),
        (
            "limits:\n  - rules: ['*.reference']\n    severity: warn\n    reason: x\n",
            2,
            "cannot be published with a warning",
        ),
        ("limits:\n  - rules: [clinical.*]\n    share: 2\n    reason: x\n", 3, "less than or equal to 1"),
        (
            "limits:\n  - rules: [clinical.*]\n    shar: 0.2\n    reason: x\n",
            3,
            "not a word of this language",
        ),
        ("limits:\n  - rules: [clinical.*]\n    share: 0.2\n", 2, "reason"),
        (
            "limits:\n  - rules: ['completeness.*']\n    severity: block\n    reason: x\n",
            2,
            "it can only warn",
        ),
    ],
)
def test_a_wrong_limit_is_refused_with_its_line(
    written: Callable[[str], Thresholds], text: str, line: int, told: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        written(text)
    assert told in str(refused.value)
    assert refused.value.place is not None
    assert (refused.value.place.file, refused.value.place.line) == ("quality.yaml", line)


def test_another_threshold_is_another_mark(written: Callable[[str], Thresholds]) -> None:
    one = written("limits:\n  - {rules: clinical.*, share: 0.1, reason: x}\n")
    other = written("limits:\n  - {rules: clinical.*, share: 0.2, reason: x}\n")
    assert thresholds_mark(one) != thresholds_mark(other)
    assert thresholds_mark(one) == thresholds_mark(
        written("limits:\n  - {rules: clinical.*, share: 0.1, reason: another word}\n")
    )


def test_the_audit_says_what_was_tolerated(stage: Any, run: Callable[..., Audited]) -> None:
    rows = sound()
    rows["observation"] += [quantity(f"high{i}", "wbc", 1700.0, "10*9/L") for i in range(4)]
    stage(rows)
    limit = Limit((PLAUSIBLE,), frozenset({"brno"}), share=0.5, rows=2, severity="quarantine")
    audited = run(thresholds=Thresholds(limits=(limit,), centres={"004-brno": "brno"}))
    found = next(result for result in audited.results if result.rule == PLAUSIBLE)
    assert (found.severity, found.tolerated, found.raised) == ("block", 0.5, "threshold")
    assert found in audited.raised
    assert found in audited.blocked
