"""Texts of a YAML draft: scalars that come back as they were, and comments that stay comments."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

Value = str | Sequence["Value"] | Mapping[str, "Value"]

PLAIN = re.compile(r"[^\W_][\w.]*(?:-[\w.]+)*")
"""Texts that need no quotes anywhere in YAML, whatever stands around them."""
BREAKING = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


def written(value: Value) -> str:
    """Return a value as flow YAML on one line."""
    if isinstance(value, str):
        return _scalar(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(name)}: {written(item)}" for name, item in value.items()) + "}"
    return "[" + ", ".join(map(written, value)) + "]"


def remark(text: str) -> str:
    """Return a text for behind a `#`: on one line, whatever it holds."""
    return " ".join(BREAKING.sub(" ", text).split())


def _scalar(text: str) -> str:
    if PLAIN.fullmatch(text):
        return text
    return BREAKING.sub(lambda char: f"\\u{ord(char.group(0)):04x}", json.dumps(text, ensure_ascii=False))
