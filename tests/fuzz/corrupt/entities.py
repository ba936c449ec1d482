"""Declarations of XML entities that grow, or that reach out of the file."""

from __future__ import annotations

from random import Random


def declared(random: Random, root: str) -> bytes:
    """Return a document type in which `l9` is an entity of some evil kind."""
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return random.choice(
        (
            f'<!DOCTYPE {root} [<!ENTITY l0 "lol">{levels}]>',
            f'<!DOCTYPE {root} [<!ENTITY l9 SYSTEM "file:///etc/hostname">]>',
            f'<!DOCTYPE {root} [<!ENTITY % p SYSTEM "http://localhost:9/x.dtd"> %p; <!ENTITY l9 "x">]>',
            f'<!DOCTYPE {root} [<!ENTITY l9 "{"A" * 50_000}">]>',
            f'<!DOCTYPE {root} SYSTEM "http://localhost:9/x.dtd" [<!ENTITY l9 "x">]>',
        )
    ).encode()
