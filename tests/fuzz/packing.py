"""Workbooks as archives of parts; the same parts give the same bytes, whenever they are packed."""

from __future__ import annotations

import io
import re
import zipfile

import openpyxl

Parts = dict[str, bytes]


def saved(workbook: openpyxl.Workbook) -> bytes:
    """Return the bytes of a workbook, without the moment at which it was written."""
    out = io.BytesIO()
    workbook.save(out)
    parts = unpacked(out.getvalue())
    told = parts["docProps/core.xml"]
    parts["docProps/core.xml"] = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2021-01-01T00:00:00Z", told)
    return packed(parts)


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
