"""A column name taken apart: its words, the unit it states, and when the value was taken."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from allpool.mappings.draft.lexicon import Token, load_lexicon, plain
from allpool.mappings.terminology import Terminology
from allpool.mappings.units.written import folded, written_forms

MOMENTS: tuple[tuple[str, str], ...] = (
    (r"(?:^|[\s_(,-])c(?:ycle)? ?(?P<course>\d) ?[_-]?d(?:ay)? ?(?P<day>\d{1,3})(?=$|[\s_),-])", "course"),
    (r"第?(?P<range>\d{1,2}[-~–—至到]\d{1,2})天", "range"),
    (r"(?:^|[\s_(-])d(?:ays?|en)?[\s_]?(?P<range>\d{1,2}[ _–-]\d{1,2})(?=$|[\s_)-])", "range"),
    (r"第?(?P<day>\d{1,3})[天日](?:起|后)?", "day"),
    (r"(?:^|[\s_(,-])(?:day|den|tag|d)[\s_]?(?P<day>\d{1,3})(?=$|[\s_),-])", "day"),
    (r"(?<=[a-z])_?(?:day|den|tag)(?P<day>\d{1,3})(?=$|[\s_),-])", "day"),
    (r"(?P<day>\d{1,3})\. ?(?:den|dni)(?=$|[\s_),-])", "day"),
    (r"第?(?P<week>\d{1,2})周", "week"),
    (r"(?:^|[\s_(,-])(?:week|wk|w|tyden|woche)[\s_]?(?P<week>\d{1,2})(?=$|[\s_),-])", "week"),
    (r"第?(?P<month>\d{1,2})个?月", "month"),
    (r"(?:^|[\s_(,-])(?:month|mesic|monat)[\s_]?(?P<month>\d{1,2})(?=$|[\s_),-])", "month"),
    (r"(?:疗程|周期) ?(?P<course>\d)", "course"),
    (r"第(?P<course>\d)(?:疗程|周期)", "course"),
    (r"(?:^|[\s_(,-])(?:course|cycle|cyklus|kurz|zyklus|kurs|c)[\s_]?(?P<course>\d)(?=$|[\s_),-])", "course"),
    (r"(?P<course>\d)\. ?(?:cyklus|cyklu|kurz|kurzu|zyklus|course|cycle)(?=$|[\s_),-])", "course"),
)
"""How names say when: the pattern (on the plain text) and the part that it gives."""

ANSWERS = re.compile(
    r"[(\[（【]\s*(?:y/n|yes/no|0/1|1/0|ano/ne|a/n|ja/nein|j/n|是/否|有/无|男/女|[mf]/[fmwž])\s*[)\]）】]",
    re.IGNORECASE,
)
"""Answers in brackets, which say how a column is filled and not what it holds."""

BEFORE = frozenset(
    {
        "baseline", "bl", "pretreatment", "pre treatment", "pre blina", "pre blinatumomab",
        "before treatment", "pred lecbou", "pred zahajenim", "vstupni", "vor therapie", "vor blinatumomab",
        "基线", "治疗前", "用药前", "贝林妥欧前",
    }
)  # fmt: skip
AT_DIAGNOSIS = frozenset(
    {
        "at dx",
        "at diagnosis",
        "at diag",
        "初诊",
        "诊断时",
        "初诊时",
        "pri dg",
        "pri diagnoze",
        "bei ed",
        "bei diagnose",
    }
)
"""Plain words of names for the two moments that names say most; the code table `timepoint` has the others."""


@dataclass(frozen=True)
class Header:
    """What a column name says."""

    text: str
    tokens: tuple[Token, ...]
    sure: float
    """Less than 1 where a word was read as another mistyped."""
    unit_text: str | None = None
    units: tuple[str, ...] = ()
    """UCUM units that the text may mean."""
    timepoint: str | None = None
    """Code of the table `timepoint`."""
    course: int | None = None
    instance: str | None = None
    """A number at the end of a word that tells repeated columns apart (`interruption2_from`)."""
    is_checkbox: bool = False
    """One box of a REDCap field with several; which answer it is stands in the data dictionary."""


def read_header(text: str, terminology: Terminology, unit: str | None = None, *, mend: bool = True) -> Header:
    """Return the parts of a column name; `unit` is what the profile found in its name or cells.

    With `mend` a word that is not known counts as the known one that it is a slip of typing from.
    """
    named, found = split_unit(ANSWERS.sub(" ", text))
    unit_text = found or unit
    body, moments = _moments(plain(re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", named)))
    timepoint, body = _timepoint(body, moments, terminology)
    lexicon = load_lexicon()
    tokens, sure = lexicon.tokens(body if body.strip(" _-()") else plain(named), mend=mend)
    instance = re.search(r"(?<=[^\W\d_])(\d)(?=$|[\s_])", plain(named))
    return Header(
        text=text,
        tokens=tokens,
        sure=sure,
        unit_text=unit_text,
        units=ucum(unit_text) if unit_text else (),
        timepoint=timepoint,
        course=int(moments["course"]) if "course" in moments else None,
        instance=instance.group(1) if instance else None,
        is_checkbox="___" in text,
    )


def split_unit(text: str) -> tuple[str, str | None]:
    """Return a name without the unit in it, and the unit as written: in brackets, or as its last words."""
    for match in reversed(
        list(re.finditer(r"[(\[（【]([^()\[\]（）【】]*(?:\([^()]*\))?[^()\[\]（）【】]*)[)\]）】]", text))
    ):
        if ucum(match.group(1)):
            return (text[: match.start()] + " " + text[match.end() :]).strip(), match.group(1)
    parts = re.split(r"[_\s,]+", text.strip())
    for size in (4, 3, 2, 1):
        if len(parts) > size:
            tail = "_".join(parts[-size:])
            if ucum(tail) and (size > 1 or plain(tail) not in AMBIGUOUS):
                return " ".join(parts[:-size]), tail
    if text.rstrip().endswith("%"):
        return text.rstrip(" %"), "%"
    if "%" in text:
        return text.replace("%", " "), "%"
    return text, None


AMBIGUOUS = frozenset(
    {
        "d", "j", "y", "a", "let", "g", "ul", "nl", "1", "day", "days", "dny", "dni", "dnu", "tage",
        "天", "日", "月", "周", "year", "years", "rok", "roku", "month", "week", "fraction", "ratio",
    }
)  # fmt: skip
"""Last words that are as often a word of the name as its unit; in brackets they are units."""


def ucum(text: str) -> tuple[str, ...]:
    """Return the UCUM units that a unit text of a column name may mean."""
    short = text.strip()
    known = written_forms().get(folded(short))
    if known is not None:
        return (known,)
    return _units().get(re.sub(r"\s+", "", plain(short)), ())


@cache
def _units() -> Mapping[str, tuple[str, ...]]:
    """Return the units by what names write, the codes of UCUM among them."""
    found: dict[str, dict[str, None]] = {}
    for unit, texts in load_lexicon().file.units.items():
        for text in (unit, *texts):
            found.setdefault(re.sub(r"\s+", "", plain(text)), {})[unit] = None
    for unit in written_forms().values():
        found.setdefault(plain(unit), {})[unit] = None
    return {text: tuple(units) for text, units in found.items()}


def _moments(text: str) -> tuple[str, dict[str, str]]:
    """Return the text without the days, weeks and courses that it names, and these by kind."""
    found: dict[str, str] = {}
    if not any(char.isdigit() for char in text):
        return text, found
    for pattern, kind in MOMENTS:
        match = re.search(pattern, text)
        if match and kind not in found:
            found.update({name: part for name, part in match.groupdict().items() if part})
            keep = " course " if kind == "course" and "day" not in match.groupdict() else " "
            text = text[: match.start()] + keep + text[match.end() :]
    return text, found


def _timepoint(text: str, moments: Mapping[str, str], terminology: Terminology) -> tuple[str | None, str]:
    """Return the code of the timepoint that a name states, and the name without it."""
    codes = terminology["timepoint"].codes
    for kind in ("day", "week", "month"):
        if kind in moments and f"{kind}_{moments[kind]}" in codes:
            return f"{kind}_{moments[kind]}", text
    words = f" {re.sub(r'[_./:;,()-]+', ' ', text)} "
    for texts, code in ((AT_DIAGNOSIS, "diagnosis"), (BEFORE, "baseline")):
        for said in sorted(texts, key=len, reverse=True):
            needle = said if not said.isascii() else f" {said} "
            if needle in words:
                return code, words.replace(needle, " ", 1)
    if "course" in moments:
        if f"end_of_course_{moments['course']}" in codes and re.search(
            r"\b(post|after|end|po|nach)\b|后|结束后", text
        ):
            return f"end_of_course_{moments['course']}", re.sub(r"\b(post|after|po|nach)\b|后", " ", text)
        return None, text
    for said, code in (
        ("移植后", "post_transplant"),
        ("post hsct", "post_transplant"),
        ("after transplant", "post_transplant"),
    ):
        if said in words and code in codes:
            return code, words.replace(said, " ", 1)
    return None, text
