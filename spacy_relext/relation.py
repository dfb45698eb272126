"""Relation, and where `doc._.relations` keeps it."""

import math
from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Tuple

from spacy.tokens import Doc, Span

EXTENSION = "relations"
USER_DATA_KEY = "spacy_relext.relations"

# A mention as it is stored: start and end in characters, label, kb_id.
Mention = List[Any]


@dataclass(frozen=True)
class Relation:
    """A labelled, directed relation between two entities of one doc.

    head (Span): The entity that the relation starts from.
    tail (Span): The entity that the relation points to.
    label (str): The relation's label.
    score (float): The model's confidence between 0 and 1; 1 for annotations.
    """

    head: Span
    tail: Span
    label: str
    score: float = 1.0


def get_relations(doc: Doc) -> Tuple[Relation, ...]:
    """The relations of a doc, best score first. Equals `doc._.relations`.

    doc (Doc): The doc.
    RETURNS (Tuple[Relation, ...]): Its relations. `head` and `tail` are the
        doc's own entities where they still exist, so that what a later
        component adds to an entity (a `kb_id`, say) is seen here.
    """
    return tuple(_build_relations(doc, read_records(doc)))


def set_relations(doc: Doc, relations: Iterable[Relation]) -> None:
    """Replace the relations of a doc. Equals assigning `doc._.relations`.

    doc (Doc): The doc.
    relations (Iterable[Relation]): The relations; their spans are spans of this
        doc. Of two that agree in head, tail and label the better one is kept.
    RAISES (ValueError): On anything that is not a Relation of this doc with a
        label and a score between 0 and 1.
    """
    write_records(doc, [_as_record(doc, relation) for relation in relations])


def has_relations(doc: Doc) -> bool:
    """Whether relations were set, also where there are none.

    doc (Doc): The doc.
    RETURNS (bool): False only for a doc that nobody annotated.
    """
    return USER_DATA_KEY in doc.user_data


# What lies in `doc.user_data` is plain lists, strings and numbers, so that it
# survives `to_bytes`, DocBin, `to_json` and other processes. Offsets are in
# characters, so that it survives retokenisation too.


def read_records(doc: Doc) -> List[List[Any]]:
    """The stored relations, not to be changed in place.

    doc (Doc): The doc.
    RETURNS (List[List[Any]]): `[label, score, head, tail]` a relation, a mention
        being `[start_char, end_char, label, kb_id]`.
    """
    return doc.user_data.get(USER_DATA_KEY, [])


def write_records(doc: Doc, records: Iterable[List[Any]]) -> None:
    """Store relations, each head, tail and label once, best score first.

    doc (Doc): The doc.
    records (Iterable[List[Any]]): As `read_records` returns them.
    """
    best: Dict[Tuple, List[Any]] = {}
    for record in sorted(records, key=lambda record: -record[1]):
        label, _, head, tail = record
        best.setdefault((label, *head[:3], *tail[:3]), record)
    doc.user_data[USER_DATA_KEY] = list(best.values())


def as_mention(span: Span) -> Mention:
    """A span as it is stored.

    span (Span): The span.
    RETURNS (List[Any]): `[start_char, end_char, label, kb_id]`.
    """
    return [span.start_char, span.end_char, span.label_, span.kb_id_]


def ensure_extension() -> None:
    """Register `doc._.relations`, once.

    RAISES (ValueError): Where another package registered an attribute of the
        same name.
    """
    if not Doc.has_extension(EXTENSION):
        Doc.set_extension(EXTENSION, getter=get_relations, setter=set_relations)
        return
    default, method, getter, setter = Doc.get_extension(EXTENSION)
    if getter is not get_relations:
        found = getter or method
        owner = f"by {found.__module__}" if found else f"with default {default!r}"
        raise ValueError(
            f"Doc._.{EXTENSION} is registered already, {owner}, and spacy-relext "
            "stores its relations under the same name. Load the other package in "
            f"another process, or call Doc.remove_extension({EXTENSION!r}) before "
            "spacy-relext is used."
        )


def _as_record(doc: Doc, relation: Relation) -> List[Any]:
    if not isinstance(relation, Relation):
        raise ValueError(
            f"doc._.{EXTENSION} takes spacy_relext.Relation objects, found: "
            f"{relation!r}"
        )
    for role, span in (("head", relation.head), ("tail", relation.tail)):
        if not isinstance(span, Span) or span.doc is not doc or not len(span):
            raise ValueError(
                f"The {role} of a {relation.label!r} relation must be a span with "
                f"tokens of the doc that the relation is set on, found: {span!r}"
            )
    if not isinstance(relation.label, str) or not relation.label:
        raise ValueError(
            f"The label of a relation must be a string, found: {relation.label!r}"
        )
    score = float(relation.score)
    if math.isnan(score) or not 0.0 <= score <= 1.0:
        raise ValueError(
            f"The score of a {relation.label!r} relation must lie between 0 and 1, "
            f"found: {relation.score}"
        )
    return [relation.label, score, as_mention(relation.head), as_mention(relation.tail)]


def _build_relations(doc: Doc, records: Iterable[List[Any]]) -> List[Relation]:
    if not records:
        return []
    spans = {
        (span.start_char, span.end_char, span.label_): span
        for group in (*doc.spans.values(), doc.ents)
        for span in group
    }

    def find(mention: Mention) -> Span:
        start, end, label, kb_id = mention
        if (start, end, label) not in spans:
            spans[start, end, label] = doc.char_span(
                start, end, label=label, kb_id=kb_id, alignment_mode="expand"
            )
        return spans[start, end, label]

    return [
        Relation(find(head), find(tail), label, score)
        for label, score, head, tail in records
    ]


# An import must not fail over somebody else's attribute; the component's use of
# it does.
if not Doc.has_extension(EXTENSION):
    ensure_extension()
