"""From a file's bytes to UTF-8 with line feeds, in one bounded pass; the encoding is never guessed."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

from allpool.errors import Place, SourceError

# Unicode Standard 16.0, section 23.8, table 23-7 (UTF-32 before UTF-16, whose LE mark it begins with).
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What no text begins with: .ZIP File Format Specification 6.3.10, section 4.3.7; [MS-CFB] 2.2; RFC 1952,
# section 2.3.1.
WORKBOOKS = (b"PK\x03\x04", bytes.fromhex("D0CF11E0A1B11AE1"))
COMPRESSED = (b"\x1f\x8b\x08",)
ASCII_BYTES = frozenset({"ascii", "utf-8"})
"""Names of codecs under which ASCII bytes are their own text, whatever was read before."""
SAMPLE = 2**16
LF, CR = b"\n", b"\r"


@dataclass(frozen=True)
class Text:
    """A file's text as UTF-8 bytes: no byte order mark, `\\n` line ends, the last one included."""

    content: bytearray
    encoding: str


def decode(chunks: Iterator[bytes], *, declared: str | None, line_bytes: int) -> Text:
    """Return the text that `chunks` hold, decoded strictly.

    Raises SourceError with the row: `encoding` (bytes that are no text in it, or no encoding to be told),
    `nul_byte`, `line_too_long`; without one `compressed_file`, also for a workbook. Memory stays within the
    text so far, one chunk and `line_bytes`.
    """
    first = next(chunks, b"")
    _refuse_packed(first)
    encoding = _encoding(first, declared)
    decoder = codecs.getincrementaldecoder(encoding)()
    content = bytearray()
    lines = _LineCheck(line_bytes)
    consumed, chunk = 0, first
    last = False
    while not last:
        following = next(chunks, b"")
        last = not following
        pending = decoder.getstate()[0]
        try:
            plain = encoding in ASCII_BYTES and not pending and chunk.isascii()
            encoded = chunk if plain else decoder.decode(chunk, final=last).encode()
        except UnicodeError as error:
            raise _undecodable(error, content, consumed - len(pending), encoding, declared, first) from None
        content += encoded if content else encoded.removeprefix(codecs.BOM_UTF8)
        lines.check(content)
        consumed += len(chunk)
        chunk = following
    return Text(content=_line_feeds(content), encoding=encoding)


def _refuse_packed(first: bytes) -> None:
    if first.startswith(WORKBOOKS):
        raise SourceError(
            "the file is a workbook or a packed file, and no text; say the format that it has in the "
            "mapping, or deliver it unpacked",
            rule="compressed_file",
        )
    if first.startswith(COMPRESSED):
        raise SourceError("the file is compressed; deliver it unpacked", rule="compressed_file")


class _LineCheck:
    """Looks at each line once, as the text grows; a jump per limit, not a step per line."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.start = 0
        self.seen = 0

    def check(self, content: bytearray) -> None:
        nul = content.find(b"\0", self.seen)
        if nul >= 0:
            raise SourceError(
                "the file holds NUL bytes; it is damaged or in UTF-16: declare its encoding, or export again",
                rule="nul_byte",
                place=Place(row=_row(content, nul)),
            )
        self.seen = len(content)
        while len(content) - self.start > self.limit:
            end = self.start + self.limit + 1
            found = max(content.rfind(LF, self.start, end), content.rfind(CR, self.start, end))
            if found < 0:
                raise SourceError(
                    f"a line is longer than {self.limit:,} bytes; expected one record per line: "
                    "check the line ends and quotes of the export",
                    rule="line_too_long",
                    place=Place(row=_row(content, self.start)),
                )
            self.start = found + 1


def _encoding(first: bytes, declared: str | None) -> str:
    marked = next((name for mark, name in BYTE_ORDER_MARKS if first.startswith(mark)), None)
    if declared is None:
        return marked or "utf-8"
    name = codecs.lookup(declared).name
    if marked and marked not in name:
        raise SourceError(
            f"the file says {marked} by its byte order mark, the mapping says {declared}; correct encoding",
            rule="encoding",
            place=Place(row=1),
        )
    return name


def _undecodable(
    error: UnicodeError, content: bytearray, base: int, encoding: str, declared: str | None, first: bytes
) -> SourceError:
    row = 1 + _breaks(content)
    offset = base
    if isinstance(error, UnicodeDecodeError):
        offset += error.start
        before = bytes(error.object[: error.start]).decode(encoding, "ignore")
        row += _breaks(bytearray(before.encode("utf-8", "ignore")))
    if declared is not None:
        message = f"byte {offset:,} is no text in {declared}, the encoding that the mapping declares"
    else:
        message = f"no encoding is declared and byte {offset:,} is no text in {encoding}"
    likely = [name for name in _likely(first) if codecs.lookup(name).name != encoding]
    hint = f"; likely: {', '.join(likely)}" if likely else ""
    return SourceError(
        f"{message}; declare the one that the export was written in{hint}",
        rule="encoding",
        place=Place(row=row),
    )


def _likely(first: bytes) -> list[str]:
    """Return encodings that charset-normalizer holds for likely, for a message, never for reading."""
    try:
        from charset_normalizer import from_bytes
    except ImportError:  # it comes with requests, which others of our dependencies bring
        return []
    return [match.encoding for match in from_bytes(first[:SAMPLE])][:3]


def _line_feeds(content: bytearray) -> bytearray:
    if CR in content:
        content = content.replace(b"\r\n", LF).replace(CR, LF)
    if content and not content.endswith(LF):
        content += LF
    return content


def _row(content: bytearray, position: int) -> int:
    return 1 + _breaks(content[:position])


def _breaks(content: bytearray) -> int:
    return content.count(LF) + content.count(CR) - content.count(b"\r\n")
