"""Corruptions of the archive that a workbook is: parts lost and swapped, bombs, false facts."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from functools import cache
from random import Random

from tests.fuzz.packing import Parts, packed, unpacked

ArchiveCorruption = Callable[[Random, bytes], bytes]
MIB = 2**20


def part_lost(random: Random, content: bytes) -> bytes:
    """Leave out parts, or cut one short."""
    parts = unpacked(content)
    name = random.choice(list(parts))
    if random.random() < 0.5:
        del parts[name]
    else:
        parts[name] = parts[name][: random.randrange(len(parts[name]) + 1)]
    return packed(parts)


def parts_swapped(random: Random, content: bytes) -> bytes:
    """Let two parts stand under each other's names."""
    parts = unpacked(content)
    one, two = random.sample(list(parts), 2)
    parts[one], parts[two] = parts[two], parts[one]
    return packed(parts)


def zip_bomb(random: Random, content: bytes) -> bytes:
    """Let a part unpack to far more than it is packed in."""
    parts = unpacked(content)
    target = random.choice([name for name in parts if name.endswith(".xml")])
    mib = random.choice((60, 300, 1500))
    return _with_bomb(parts, random.choice((target, "xl/media/image1.png", "bomb.xml")), mib)


def archive_facts(random: Random, content: bytes) -> bytes:
    """Change what the archive says of its parts: sizes, methods, flags, offsets, checksums."""
    changed = bytearray(content)
    # .ZIP File Format Specification 6.3.10: 4.3.7 local header, 4.3.12 central directory, 4.3.16 its end
    headers = ((b"PK\x03\x04", 30), (b"PK\x01\x02", 46), (b"PK\x05\x06", 22))
    for _ in range(random.choice((1, 2, 6))):
        mark, length = random.choice(headers)
        found = [match.start() for match in re.finditer(re.escape(mark), content)]
        at = random.choice(found) + random.randrange(4, length)
        if at < len(changed):
            changed[at] = random.choice((0, 1, 8, 9, 0x7F, 0xFF, random.randrange(256)))
    return bytes(changed)


def many_parts(random: Random, content: bytes) -> bytes:
    """Add thousands of parts, or one with a name that leaves the folder, or the same again."""
    parts = unpacked(content)
    match random.randrange(3):
        case 0:
            parts |= {f"xl/extra{number}.xml": b"<x/>" for number in range(random.choice((100, 20_000)))}
        case 1:
            parts |= {
                "../../outside.xml": b"<x/>",
                "/etc/passwd": b"x",
                "xl\\worksheets\\sheet1.xml": b"<x/>",
            }
        case _:
            name = random.choice(list(parts))
            parts[name.upper() if name.upper() not in parts else f"{name}2"] = parts[name]
    return packed(parts)


def packed_otherwise(random: Random, content: bytes) -> bytes:
    """Pack the parts in another way."""
    method = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    return packed(unpacked(content), method=method)


def relations(random: Random, content: bytes) -> bytes:
    """Point to parts that are not there, outside, or in circles."""
    parts = unpacked(content)
    name = random.choice([name for name in parts if name.endswith(".rels")])
    target = random.choice(
        (b"../../../x.xml", b"http://localhost:9/x", b"", b"/xl/workbook.xml", b"sheet1.xml", b"\\")
    )
    found = list(re.finditer(rb'Target="[^"]*"', parts[name]))
    if found:
        at = random.choice(found)
        parts[name] = parts[name][: at.start()] + b'Target="' + target + b'"' + parts[name][at.end() :]
    return packed(parts)


ALL: tuple[ArchiveCorruption, ...] = (
    part_lost,
    parts_swapped,
    zip_bomb,
    archive_facts,
    many_parts,
    packed_otherwise,
    relations,
)


def _with_bomb(parts: Parts, target: str, mib: int) -> bytes:
    """Pack `parts` with spaces for `target`; the packed spaces are made once."""
    return _appended(packed({name: part for name, part in parts.items() if name != target}), target, mib)


@cache
def _spaces(mib: int) -> bytes:
    """Return an archive with one part `bomb` of so many MiB of spaces."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made, made.open("bomb", "w") as part:
        for _ in range(mib):
            part.write(b" " * MIB)
    return out.getvalue()


def _appended(archive: bytes, target: str, mib: int) -> bytes:
    """Return `archive` with the spaces added under the name `target`, without unpacking them."""
    bomb = _spaces(mib)
    with zipfile.ZipFile(io.BytesIO(bomb)) as spaces:
        entry = spaces.infolist()[0]
    begin = 30 + len(entry.filename) + int.from_bytes(bomb[28:30], "little")
    data = bomb[begin : begin + entry.compress_size]
    out = io.BytesIO(archive)
    with zipfile.ZipFile(out, "a") as grown:
        directory, added = grown.start_dir, zipfile.ZipInfo(target)
        added.compress_type, added.CRC = zipfile.ZIP_DEFLATED, entry.CRC
        added.compress_size, added.file_size, added.header_offset = len(data), entry.file_size, directory
        out.seek(directory)
        out.write(added.FileHeader(zip64=False) + data)
        grown.start_dir = out.tell()
        grown.filelist.append(added)
        grown.NameToInfo[target] = added
        grown._didModify = True
    return out.getvalue()
