"""Corruptions of any file: what disks, mail gateways and broken exports do to bytes."""

from __future__ import annotations

import codecs
from random import Random

JUNK = (
    codecs.BOM_UTF8,
    codecs.BOM_UTF16_LE,
    codecs.BOM_UTF16_BE,
    codecs.BOM_UTF32_LE,
    b"PK\x03\x04",
    bytes.fromhex("D0CF11E0A1B11AE1"),  # an old .xls
    b"<html><body>Your session has expired</body></html>\n",
    b"%PDF-1.7\n",
    b"\x1f\x8b\x08\x00",  # gzip
    b"<?xml version='1.0'?>\n",
    b"sep=;\r\n",
    b"\n\n\n",
)


def flip_bytes(random: Random, content: bytes) -> bytes:
    """Change a few bytes."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 2, 5, 20, 100))):
        changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def flip_bits(random: Random, content: bytes) -> bytes:
    """Change single bits."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 3, 10))):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def overwrite_block(random: Random, content: bytes) -> bytes:
    """Put zeros, or noise, over a block."""
    begin, end = _span(random, content)
    block = bytes(end - begin) if random.random() < 0.5 else random.randbytes(end - begin)
    return content[:begin] + block + content[end:]


def truncate(random: Random, content: bytes) -> bytes:
    """Stop anywhere; also at once."""
    return content[: random.choice((0, 1, 2, random.randrange(len(content)), len(content) - 1))]


def lose_block(random: Random, content: bytes) -> bytes:
    """Leave out a part."""
    begin, end = _span(random, content)
    return content[:begin] + content[end:]


def repeat_block(random: Random, content: bytes) -> bytes:
    """Say a part several times."""
    begin, end = _span(random, content)
    return content[:end] + content[begin:end] * random.choice((1, 2, 50)) + content[end:]


def twice(random: Random, content: bytes) -> bytes:
    """Append the file to itself, headers and all."""
    return content * random.choice((2, 3))


def nul_bytes(random: Random, content: bytes) -> bytes:
    """Put NUL bytes between others."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 3, 30))):
        changed.insert(random.randrange(len(changed) + 1), 0)
    return bytes(changed)


def junk_before(random: Random, content: bytes) -> bytes:
    """Begin with what another kind of file begins with."""
    return random.choice(JUNK) + content


def junk_behind(random: Random, content: bytes) -> bytes:
    """End with what does not belong there."""
    return content + random.choice((*JUNK, random.randbytes(500), b"\x1a", bytes(4096)))


def nothing_but(random: Random, content: bytes) -> bytes:
    """Be something else altogether."""
    size = len(content)
    return random.choice(
        (b"", b"\n", b" \t\r\n" * 20, bytes(size), random.randbytes(size), b'"' * size, b";" * size)
    )


def reversed_bytes(_: Random, content: bytes) -> bytes:
    """Come backwards."""
    return content[::-1]


def _span(random: Random, content: bytes) -> tuple[int, int]:
    begin = random.randrange(len(content))
    return begin, min(len(content), begin + random.choice((1, 7, 64, 512, len(content))))


ALL = (
    flip_bytes,
    flip_bits,
    overwrite_block,
    truncate,
    lose_block,
    repeat_block,
    twice,
    nul_bytes,
    junk_before,
    junk_behind,
    nothing_but,
    reversed_bytes,
)
