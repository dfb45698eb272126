"""The IRIs of a graph: of entities, relations, types and documents."""

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
# What may stand in a part of an IRI's path beside letters and digits, and what in an IRI.
SAFE = "-._~!$&'()*+,;=:@"
RESERVED = SAFE + "/?#[]%"


def complete_prefixes(prefixes: Optional[Mapping[str, str]] = None) -> Dict[str, str]:
    """`PREFIXES`, and in addition to or in place of them those that are given.

    prefixes (Optional[Mapping[str, str]]): What IRIs begin with, by name.
    RETURNS (Dict[str, str]): The prefixes.
    RAISES (ValueError): Where one is no IRI.
    """
    for name, iri in (prefixes or {}).items():
        if not iri.startswith(SCHEMES) or _escape(iri, RESERVED) != iri:
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
    if name.startswith(SCHEMES) and name not in SCHEMES:
        return _escape(name, RESERVED)
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


def _normalize(name: str) -> str:
    words = unicodedata.normalize("NFKC", name).casefold().split()
    return _escape("_".join(words), SAFE)


def _escape(text: str, safe: str) -> str:
    # Not only ASCII, as `quote` alone would have it: IRIs stay legible in every script.
    return "".join(
        char if char.isalnum() or char in safe else quote(char, safe="", errors="replace")
        for char in text
    )
