"""Corruptions of an ODM file: elements lost and nested, attributes false, entities, encodings."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from xml.sax.saxutils import quoteattr

from tests.fuzz.corrupt.cells import STRANGE
from tests.fuzz.corrupt.entities import declared

XmlCorruption = Callable[[Random, bytes], bytes]
ATTRIBUTE = re.compile(rb'(?<![\w:])([\w:]{1,40})="([^"<]*)"')
ELEMENT = re.compile(
    rb"<(\w+)[^<>]*?/>|<ItemGroupData .*?</ItemGroupData>|<SubjectData .*?</SubjectData>", re.S
)


def strange_attributes(random: Random, content: bytes) -> bytes:
    """Give attributes values that break programs."""
    values = [
        *STRANGE,
        "x" * 70_000,
        "Yes",
        "Transactional",
        "Remove",
        "F.VISIT",
        "G.LAB",
        "_row",
        "&#0;",
        "&x;",
    ]
    for _ in range(random.choice((1, 4, 30))):
        chosen = random.choice(list(ATTRIBUTE.finditer(content)) or [None])
        if chosen is None:
            break
        told = random.choice(values)
        raw = f'"{told}"' if told.startswith("&") else quoteattr(_legal(told))
        content = content[: chosen.start(2) - 1] + raw.encode() + content[chosen.end() :]
    return content


def other_names(random: Random, content: bytes) -> bytes:
    """Call attributes otherwise, or say one twice."""
    chosen = random.choice(list(ATTRIBUTE.finditer(content)))
    names = (
        b"OID",
        b"IsNull",
        b"TransactionType",
        b"xmlns",
        b"xmlns:x",
        b"Value",
        b"ItemOID",
        b"x:y",
        b"FileType",
    )
    more = random.choice(names) + b'="Yes" '
    if random.random() < 0.5:
        return content[: chosen.start()] + more + content[chosen.start() :]
    return content[: chosen.start(1)] + random.choice(names) + content[chosen.end(1) :]


def swapped_attributes(random: Random, content: bytes) -> bytes:
    """Let values change places."""
    for _ in range(random.choice((1, 5, 40))):
        found = list(ATTRIBUTE.finditer(content))
        one, two = sorted(random.sample(found, 2), key=lambda match: match.start())
        content = b"".join(
            (
                content[: one.start(2)],
                two[2],
                content[one.end(2) : two.start(2)],
                one[2],
                content[two.end(2) :],
            )
        )
    return content


def elements(random: Random, content: bytes) -> bytes:
    """Lose elements, say them again, or let them change places."""
    for _ in range(random.choice((1, 3))):
        found = list(ELEMENT.finditer(content))
        if not found:
            break
        chosen, other = random.choice(found), random.choice(found)
        instead = random.choice((b"", chosen[0] * random.choice((2, 500)), other[0], b"<ItemData/>"))
        content = content[: chosen.start()] + instead + content[chosen.end() :]
    return content


def tags(random: Random, content: bytes) -> bytes:
    """Break tags: one is lost, one too many, one cut short."""
    chosen = random.choice(list(re.finditer(rb"</?\w+[^<>]*>", content)))
    instead = random.choice(
        (b"", chosen[0] * 2, chosen[0][:-1], b"</ODM>", b"<![CDATA[", b"<!--", b"<?x", b"]]>")
    )
    return content[: chosen.start()] + instead + content[chosen.end() :]


def typed_data(random: Random, content: bytes) -> bytes:
    """Write values between tags, as ODM's typed data are, well or not, or as data within the file."""
    kind = random.choice(("String", "Date", "Float", "Base64Binary", "Any", ""))

    def between(match: re.Match[bytes]) -> bytes:
        if random.random() < 0.7:
            return match[0]
        item, value = match[1], match[2]
        return b'<ItemData%s ItemOID="%s">%s</ItemData%s>' % (kind.encode(), item, value, kind.encode())

    return re.sub(rb'<ItemData ItemOID="([^"]*)" Value="([^"]*)"/>', between, content)


def nested(random: Random, content: bytes) -> bytes:
    """Nest elements deeper than any parser likes."""
    depth, name = (
        random.choice((200, 300, 100_000)),
        random.choice((b"a", b"ItemGroupData", b"FormData", b"ODM")),
    )
    chosen = random.choice(list(re.finditer(rb"<\w", content)))
    closed = b"".join([b"</", name, b">"]) * depth if random.random() < 0.6 else b""
    return content[: chosen.start()] + (b"<" + name + b">") * depth + closed + content[chosen.start() :]


def many_forms(random: Random, content: bytes) -> bytes:
    """Say one patient again, thousands of times."""
    chosen = random.choice(list(re.finditer(rb"<SubjectData .*?</SubjectData>", content, re.S)) or [None])
    if chosen is None:
        return content
    return content[: chosen.end()] + chosen[0] * random.choice((100, 5000)) + content[chosen.end() :]


def entity_bomb(random: Random, content: bytes) -> bytes:
    """Declare entities that grow, or that reach out of the file, and use them."""
    body = re.sub(rb"^<\?xml[^>]*\?>", b"", content.lstrip())
    used = b"&l9;" * random.choice((1, 500))
    body = re.sub(rb'Value="', b'Value="' + used, body, count=3)
    return b'<?xml version="1.0"?>' + declared(random, "ODM") + body


def xml_encoding(random: Random, content: bytes) -> bytes:
    """Declare another encoding, and write in it or not."""
    body = re.sub(rb"^<\?xml[^>]*\?>", b"", content.lstrip())
    lie = random.choice(("UTF-16", "UTF-7", "GB18030", "EBCDIC-CP-US", "x-unknown", "ISO-8859-2", "UTF-32"))
    told = body if random.random() < 0.5 else body.decode("utf-8", "replace").encode("utf-16")
    return f'<?xml version="1.0" encoding="{lie}"?>'.encode() + told


ALL: tuple[XmlCorruption, ...] = (
    strange_attributes,
    other_names,
    swapped_attributes,
    elements,
    tags,
    typed_data,
    nested,
    many_forms,
    entity_bomb,
    xml_encoding,
)


def _legal(text: str) -> str:
    """Return a text without what XML has no place for (XML 1.0, production 2)."""
    return re.sub("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)
