"""Workbooks as archives of parts; the same parts give the same bytes, whenever they are packed."""

from __future__ import annotations

import io
import re
import zipfile

import openpyxl

Parts = dict[str, bytes]
MAIN = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATION = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
CONTENT_TYPE = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
INLINE = re.compile(rb'<c([^<>]*?) t="inlineStr"><is>(<t[^<>]*>[^<]*</t>)</is></c>')


def saved(workbook: openpyxl.Workbook) -> bytes:
    """Return the bytes of a workbook, without the moment at which it was written."""
    out = io.BytesIO()
    workbook.save(out)
    parts = unpacked(out.getvalue())
    told = parts["docProps/core.xml"]
    parts["docProps/core.xml"] = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2021-01-01T00:00:00Z", told)
    return packed(_with_shared_strings(parts))


def _with_shared_strings(parts: Parts) -> Parts:
    """Return the parts with each text once in a table, as spreadsheet programs write them; openpyxl does not.

    ECMA-376-1, 12.3.15 (Shared String Table Part) and 18.4.9 (sst).
    """
    texts: dict[bytes, int] = {}

    def shared(match: re.Match[bytes]) -> bytes:
        number = texts.setdefault(match[2], len(texts))
        return b'<c%s t="s"><v>%d</v></c>' % (match[1], number)

    changed = {
        name: INLINE.sub(shared, part) if name.startswith("xl/worksheets/") else part
        for name, part in parts.items()
    }
    count = len(texts)
    items = b"".join(b"<si>" + text + b"</si>" for text in texts)
    changed["xl/sharedStrings.xml"] = (
        b'<?xml version="1.0"?><sst xmlns="%s" count="%d" uniqueCount="%d">%s</sst>'
        % (MAIN, count, count, items)
    )
    types, relations = "[Content_Types].xml", "xl/_rels/workbook.xml.rels"
    changed[types] = parts[types].replace(
        b"</Types>", b'<Override PartName="/xl/sharedStrings.xml" ContentType="%s"/></Types>' % CONTENT_TYPE
    )
    changed[relations] = parts[relations].replace(
        b"</Relationships>",
        b'<Relationship Id="rIdShared" Type="%s" Target="sharedStrings.xml"/></Relationships>' % RELATION,
    )
    return changed


def unpacked(content: bytes) -> Parts:
    """Return the parts of an archive by name."""
    with zipfile.ZipFile(io.BytesIO(content)) as found:
        return {name: found.read(name) for name in found.namelist()}


def packed(parts: Parts, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive of `parts`, all of one date."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, content in parts.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = method
            made.writestr(entry, content)
    return out.getvalue()
