"""The figures of a record as one line of text, as a paper would print them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from allpool.analysis.published.phrases import recipe_phrases
from allpool.analysis.published.recompute import PartResult, RecordResult
from allpool.analysis.published.recomputed import Recomputed

Texts = Mapping[str, str]


def printed_line(result: RecordResult) -> str:
    """Return what stands in the paper: figures, else our words for it."""
    record = result.record
    if record.printed is not None and not result.parts:
        return figure_line({name: _joined(text) for name, text in record.printed.given.items()})
    lines = [
        (part.name, figure_line({item.quantity: item.printed for item in part.compared}))
        for part in result.parts
    ]
    return _parts(lines) or record.words or ""


def corrected_line(result: RecordResult) -> str:
    """Return what the figures must have been, where they are impossible as printed; else nothing."""
    if not any(item.corrected for part in result.parts for item in part.compared):
        return ""
    return _parts(
        [
            (
                part.name,
                figure_line({item.quantity: item.corrected or item.printed for item in part.compared}),
            )
            for part in result.parts
        ]
    )


def recomputed_line(result: RecordResult) -> str:
    """Return the recomputed figures in the printed digits, or why there are none."""
    return _parts(
        [
            (part.name, part.refused or figure_line({i.quantity: i.recomputed for i in part.compared}))
            for part in result.parts
        ]
    )


def method_line(result: RecordResult) -> str:
    """Return how the figures were recomputed, and what was assumed for it."""
    methods = dict.fromkeys(
        text
        for part in result.parts
        if part.result is not None
        for text in (_how(part, part.result), *recipe_phrases(part.part.recompute))
    )
    notes = dict.fromkeys(
        note
        for part in result.parts
        for note in (part.part.recompute.note, *(part.result.notes if part.result is not None else ()))
        if note
    )
    return "; ".join((*methods, *notes))


def definition_line(result: RecordResult) -> str:
    """Return what was asked and of whom, without any number that the answer brought."""
    texts = dict.fromkeys(
        text
        for part in result.parts
        for recipe in (part.part.recompute,)
        for text in (recipe.kind.replace("_", " "), *recipe_phrases(recipe), recipe.note)
        if text
    )
    return "; ".join(texts)


def _how(part: PartResult, result: Recomputed) -> str:
    """Return the method, with the P that a bare verdict rests on."""
    p = result.figures.get("p")
    bare = any(item.quantity == "verdict" for item in part.compared)
    return f"{result.method}, P {p:.2g}" if bare and isinstance(p, float) else result.method


def figure_line(texts: Texts) -> str:
    """Return one figure: `12/15 (80.0 %; 51.9-95.7)`, `49 (9-66)`, `P 0.023`."""
    rest = dict(texts)
    words: list[str] = []
    count = _pair(rest, "numerator", "denominator", "/")
    if count:
        rest.pop("value", None)
    elif "numerator" in rest:
        count = rest.pop("numerator")
    elif "denominator" in rest:
        words.append(f"n {rest.pop('denominator')}")
    percent = f"{rest.pop('percent')} %" if "percent" in rest else ""
    inside = [part for part in (percent if count else "", _pair(rest, "lower", "upper", "-")) if part]
    head = count or percent
    if "standard_error" in rest:
        inside.append(f"SE {rest.pop('standard_error')}")
    if head:
        words.insert(0, head + (f" ({'; '.join(inside)})" if inside else ""))
        inside = []
    for name in ("median", "mean", "sum", "value", "hazard_ratio", "odds_ratio"):
        if name in rest:
            label = {"median": "", "value": "", "sum": "sum "}.get(name, f"{name.replace('_', ' ')} ")
            words.append(label + rest.pop(name) + _spread(rest))
    words += inside
    if period := _pair(rest, "first", "last", " to "):
        words.append(period)
    if "p" in rest:
        words.append(f"P {rest.pop('p')}")
    return ", ".join((*words, *rest.values()))


def _spread(rest: dict[str, str]) -> str:
    spread = _pair(rest, "min", "max", "-") or _pair(rest, "q1", "q3", "-")
    if not spread and "min" in rest:
        spread = f"minimum {rest.pop('min')}"
    return f" ({spread})" if spread else ""


def _pair(rest: dict[str, str], first: str, second: str, between: str) -> str:
    if first not in rest or second not in rest:
        return ""
    return f"{rest.pop(first)}{between}{rest.pop(second)}"


def _parts(lines: Sequence[tuple[str, str]]) -> str:
    return "; ".join(f"{name.replace('_', ' ')}: {line}" if name else line for name, line in lines)


def _joined(text: str | tuple[str, ...]) -> str:
    return text if isinstance(text, str) else ", ".join(text)
