"""The parts of an Office Open XML file (ECMA-376-2, a ZIP archive), unpacked within checked limits."""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from allpool.errors import SourceError
from allpool.etl.readers.source import ReadLimits
from allpool.etl.readers.xml import parse

# [MS-CFB] 2.2: the signature of a compound file, in which both old .xls and encrypted .xlsx come.
COMPOUND_FILE = bytes.fromhex("D0CF11E0A1B11AE1")
RATIO_FROM_BYTES = 16 * 2**20
STEP = 2**20
# Local file header: .ZIP File Format Specification 6.3.10, section 4.3.7.
LOCAL_HEADER = 30


@dataclass(frozen=True)
class Archive:
    """A workbook's parts by name; every one has been unpacked once and found within limits."""

    content: bytes
    entries: dict[str, zipfile.ZipInfo]

    def stream(self, name: str) -> Iterator[bytes]:
        """Yield a part's bytes in pieces of at most a MiB; never more than the archive declares for it."""
        entry = self.entries.get(name)
        if entry is None:
            unreadable("a part is missing")
        produced = 0
        for piece in self._inflated(entry):
            produced += len(piece)
            if produced > entry.file_size:
                unreadable("a part is larger than declared")
            yield piece

    def _inflated(self, entry: zipfile.ZipInfo) -> Iterator[bytes]:
        header = self.content[entry.header_offset : entry.header_offset + LOCAL_HEADER]
        skipped = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        begin = entry.header_offset + LOCAL_HEADER + skipped
        data = memoryview(self.content)[begin : begin + entry.compress_size]
        if entry.compress_type == zipfile.ZIP_STORED:
            for offset in range(0, len(data), STEP):
                yield bytes(data[offset : offset + STEP])
            return
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        for offset in range(0, len(data), STEP):
            pending: bytes = bytes(data[offset : offset + STEP])
            while pending:
                yield inflate.decompress(pending, STEP)
                pending = inflate.unconsumed_tail
        yield inflate.flush()


def open_archive(content: bytes, limits: ReadLimits) -> Archive:
    """Return the archive in `content`.

    Raises SourceError `unreadable_workbook`: no workbook, damaged, encrypted, an old .xls, or past limits.
    """
    if content.startswith(COMPOUND_FILE):
        unreadable(
            "it is protected by a password, or in the old .xls format, where formulas cannot be told apart"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            found = packed.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError):
        unreadable("it is damaged, or no workbook")
    archive = Archive(content=content, entries={entry.filename: entry for entry in found})
    _check(found, packed_bytes=len(content), limits=limits)
    try:
        for name in archive.entries:
            for _ in archive.stream(name):
                pass
    except zlib.error:
        unreadable("it is damaged")
    return archive


def sheet_parts(archive: Archive) -> dict[str, str]:
    """Return the part that holds each sheet, by the sheet's name in the workbook's order."""
    workbook = next(iter(_targets(archive, "_rels/.rels", kind="officeDocument").values()), "xl/workbook.xml")
    folder, name = posixpath.split(workbook)
    targets = _targets(archive, posixpath.join(folder, "_rels", f"{name}.rels"), kind="worksheet")
    parts: dict[str, str] = {}

    def start(element: str, attributes: dict[str, str]) -> None:
        if element == "sheet" and attributes.get("id") in targets:
            parts[attributes.get("name", "")] = targets[attributes["id"]]

    parse(archive.stream(workbook), start=start)
    return parts


def unreadable(reason: str) -> NoReturn:
    """Raise SourceError `unreadable_workbook`."""
    raise SourceError(
        f"the workbook cannot be read: {reason}; open it in the spreadsheet program "
        "and save it as .xlsx without a password",
        rule="unreadable_workbook",
    )


def _check(found: list[zipfile.ZipInfo], *, packed_bytes: int, limits: ReadLimits) -> None:
    names = {entry.filename.lower() for entry in found}
    if len(names) < len(found):
        unreadable("it has two parts of one name")
    if any(entry.flag_bits & 1 for entry in found):
        unreadable("it is protected by a password")
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in found):
        unreadable("it is packed in a way that workbooks are not")
    total = sum(entry.file_size for entry in found)
    is_bomb = total > RATIO_FROM_BYTES and total > limits.workbook_ratio * packed_bytes
    if total > limits.workbook_bytes or is_bomb:
        unreadable(f"it unpacks to {total:,} bytes, past the limit")


def _targets(archive: Archive, part: str, *, kind: str) -> dict[str, str]:
    """Return part names by relationship id (ECMA-376-2, clause 9.3), of the relationships of one kind."""
    folder = posixpath.dirname(posixpath.dirname(part))
    targets: dict[str, str] = {}

    def start(element: str, attributes: dict[str, str]) -> None:
        if element == "Relationship" and attributes.get("Type", "").endswith(f"/{kind}"):
            joined = posixpath.join("/", folder, attributes.get("Target", ""))
            targets[attributes.get("Id", "")] = posixpath.normpath(joined).lstrip("/")

    parse(archive.stream(part), start=start)
    return targets
