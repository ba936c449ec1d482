"""The page of printed figures: what it shows of synthetic patients, and what it keeps of real ones."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from allpool.analysis.published.forms import PublishedFile, PublishedRecord
from allpool.analysis.published.page import WITHHELD, founding_studies_page
from allpool.analysis.published.recompute import Agreement, Compared, PartResult, RecordResult
from allpool.analysis.published.recomputed import Recomputed
from allpool.analysis.published.wording import figure_line


def result(agreement: Agreement, *, synthetic: bool, recomputed: str) -> RecordResult:
    fields: dict[str, Any] = {
        "record": "r",
        "location": "text",
        "population": "all",
        "statistic": "fisher_p",
        "printed": {"p": "0.029"},
        "recompute": {
            "kind": "association",
            "groups": {
                "men": [{"column": "sex", "in": "male"}],
                "women": [{"column": "sex", "in": "female"}],
            },
            "outcome": [{"fact": "transplanted", "in": "Y"}],
            "test": "fisher",
            "note": "test not named",
        },
    }
    record = PublishedRecord.model_validate(fields)
    (part,) = record.figures.values()
    compared = Compared("p", "0.029", None, recomputed, float(recomputed), agreement)
    found = Recomputed({"p": float(recomputed)}, pd.DataFrame(), "Fisher's exact test: men 1/3, women 0/2", 5)
    return RecordResult(
        "001", record, (PartResult("", part, (compared,), found, None, agreement),), agreement, synthetic
    )


def page(found: RecordResult) -> str:
    file = PublishedFile(study="001", title="A study", source="a paper", records=(found.record,))
    return founding_studies_page([file], [found])


def test_of_synthetic_patients_everything_is_shown_and_called_synthetic() -> None:
    text = page(result("differs", synthetic=True, recomputed="0.031"))
    assert "synthetic" in text
    assert "P 0.031" in text
    assert "women 0/2" in text


def test_of_real_patients_no_count_leaves_that_the_paper_does_not_print() -> None:
    text = page(result("differs", synthetic=False, recomputed="0.031"))
    assert WITHHELD in text
    assert "0.031" not in text
    assert "0/2" not in text
    assert "test not named" in text
    assert "synthetic" not in text
    agreed = page(result("reproduced", synthetic=False, recomputed="0.029"))
    assert "| P 0.029 | P 0.029 | reproduced |" in agreed
    assert "0/2" not in agreed


@pytest.mark.parametrize(
    ("texts", "line"),
    [
        ({"numerator": "12", "denominator": "15", "percent": "80.0"}, "12/15 (80.0 %)"),
        ({"value": "4", "numerator": "4", "denominator": "19"}, "4/19"),
        ({"percent": "64.2", "standard_error": "12.1"}, "64.2 % (SE 12.1)"),
        ({"percent": "75", "lower": "59", "upper": "91"}, "75 % (59-91)"),
        ({"median": "49", "min": "9", "max": "66"}, "49 (9-66)"),
        ({"median": "60", "q1": "25", "q3": "86"}, "60 (25-86)"),
        ({"median": "37", "min": "25"}, "37 (minimum 25)"),
        ({"mean": "2.4", "min": "1", "max": "8"}, "mean 2.4 (1-8)"),
        ({"median": "not reached"}, "not reached"),
        ({"odds_ratio": "0.95", "p": "0.001"}, "odds ratio 0.95, P 0.001"),
        ({"first": "2021-11", "last": "2024-11"}, "2021-11 to 2024-11"),
        ({"values": "14, 25, 37"}, "14, 25, 37"),
        ({"verdict": "not significant"}, "not significant"),
        ({"sum": "7"}, "sum 7"),
    ],
)
def test_a_figure_reads_as_a_paper_prints_it(texts: dict[str, str], line: str) -> None:
    assert figure_line(texts) == line
