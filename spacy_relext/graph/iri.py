"""The IRIs of a graph: of entities, relations, types and documents."""

import re
import unicodedata
from typing import Dict, Mapping, Optional
from urllib.parse import quote

# What IRIs begin with: of entities that are linked and of those that are not, of relation
# labels, entity types and documents, of statements, and of the property of their score.
PREFIXES = {
    "kb": "http://www.wikidata.org/entity/",
    "entity": "https://example.org/entity/",
    "relation": "https://example.org/relation/",
    "type": "https://example.org/type/",
    "document": "https://example.org/document/",
    "statement": "https://example.org/statement/",
    "relext": "https://example.org/relext/",
}
# What an id begins with that is an IRI already.
SCHEMES = ("http://", "https://", "urn:")
# And how it goes on: with what names a host, or else strict readers refuse all of a file.
ADDRESS = re.compile(
    r"urn:[^/]|https?://(\[[0-9A-Fa-f:.]+\]|([^/?#@\[\]]*@)?[^/?#@:\[\]]+)(:[0-9]*)?([/?#]|$)",
    re.DOTALL,
)
# What a prefix may be called in Turtle, and in all that reads it.
PREFIX = re.compile(r"[A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?")
# What may stand in a part of an IRI's path beside letters and digits.
SAFE = "-._~!$&'()*+,;=:@"
# What may in one place alone: an address of IPv6, and what is escaped already.
PLACED = re.compile(
    r"((?:(?<=^http://)|(?<=^https://))\[[0-9A-Fa-f:.]+\]|%[0-9A-Fa-f]{2})"
)


def complete_prefixes(prefixes: Optional[Mapping[str, str]] = None) -> Dict[str, str]:
    """`PREFIXES`, and in addition to or in place of them those that are given.

    prefixes (Optional[Mapping[str, str]]): What IRIs begin with, by name.
    RETURNS (Dict[str, str]): The prefixes.
    RAISES (ValueError): Where one is no IRI, or its name can't be one.
    """
    for name, iri in (prefixes or {}).items():
        if not PREFIX.fullmatch(name):
            raise ValueError(
                "The name of a prefix must begin with a letter, and have letters of ASCII, "
                f"digits, '-', '_' and '.' alone, none of these last, found: {name!r}"
            )
        if not iri.startswith(SCHEMES) or _escape_iri(iri) != iri:
            raise ValueError(
                f"The prefix {name!r} must be an IRI that begins with one of "
                f"{', '.join(SCHEMES)}, found: {iri!r}"
            )
    return {**PREFIXES, **(prefixes or {})}


def make_iri(name: str, kind: str, prefixes: Mapping[str, str]) -> str:
    """The IRI of what has an id or a label.

    name (str): The id or the label. It may be an IRI, or begin with the name of a prefix
        and a colon.
    kind (str): The name of the prefix of all others.
    prefixes (Mapping[str, str]): What IRIs begin with, by name.
    RETURNS (str): The IRI.
    """
    if ADDRESS.match(name):
        return _escape_iri(name)
    prefix, colon, rest = name.partition(":")
    if colon and prefix in prefixes:
        return prefixes[prefix] + _escape(rest, SAFE + "/")
    return prefixes[kind] + _escape(name, SAFE + "/")


def make_name_iri(type_: str, name: str, prefixes: Mapping[str, str]) -> str:
    """The IRI of an entity without an id: the same for names that differ in case, width
    and spaces alone.

    type_ (str): Its type, can be empty.
    name (str): Its name.
    prefixes (Mapping[str, str]): What IRIs begin with, by name.
    RETURNS (str): The IRI.
    """
    parts = (_normalize(part) for part in (type_, name) if part)
    return prefixes["entity"] + "/".join(parts)


def make_place_iri(document: str, start: int, end: int) -> str:
    """The IRI of a piece of a document, as RFC 5147 names it. Where that of the document
    has a fragment, which there can be only one of, the place is a further part of it.

    document (str): The IRI of the document.
    start, end (int): Where the piece is, in characters.
    RETURNS (str): The IRI.
    """
    return f"{document}{'&' if '#' in document else '#'}char={start},{end}"


def _normalize(name: str) -> str:
    words = unicodedata.normalize("NFKC", name).casefold().split()
    return _escape("_".join(words), SAFE)


def _escape_iri(iri: str) -> str:
    main, mark, fragment = iri.partition("#")
    return _escape_part(main) + mark + _escape_part(fragment)


def _escape_part(text: str) -> str:
    pieces = PLACED.split(text)
    for i, piece in enumerate(pieces):
        # Every second one is what is in its place.
        if i % 2 == 0:
            pieces[i] = _escape(piece, SAFE + "/?")
    return "".join(pieces)


def _escape(text: str, safe: str) -> str:
    # Not only ASCII, as `quote` alone would have it: IRIs stay legible in every script.
    return "".join(
        char if char.isalnum() or char in safe else quote(char, safe="", errors="replace")
        for char in text
    )
