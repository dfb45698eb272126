"""Relation, and how `doc._.relations` reads and writes it."""

import math
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from spacy.tokens import Doc, Span

from .entities import list_spans
from .user_data import (
    EVIDENCE,
    HEAD_MENTIONS,
    TAIL_MENTIONS,
    Mention,
    as_mention,
    make_record,
    read_records,
    write_records,
)

EXTENSION = "relations"


@dataclass(frozen=True)
class Relation:
    """A labelled, directed relation between two entities of one doc.

    head (Span): The entity that the relation starts from; of an entity with many
        mentions the one that tells most of the relation.
    tail (Span): The entity that the relation points to, likewise.
    label (str): The relation's label.
    score (float): The model's confidence between 0 and 1; 1 for annotations.
    head_mentions (Tuple[Span, ...]): All mentions of the head's entity, `head` among
        them, and alone where nothing else is given.
    tail_mentions (Tuple[Span, ...]): All mentions of the tail's entity, likewise.
    evidence (Tuple[Span, ...]): The sentences that tell of the relation, where they
        are known.
    """

    head: Span
    tail: Span
    label: str
    score: float = 1.0
    head_mentions: Tuple[Span, ...] = field(default=(), repr=False)
    tail_mentions: Tuple[Span, ...] = field(default=(), repr=False)
    evidence: Tuple[Span, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        # The dataclass is frozen, and this is still its construction.
        fill = object.__setattr__
        fill(self, "head_mentions", tuple(self.head_mentions) or (self.head,))
        fill(self, "tail_mentions", tuple(self.tail_mentions) or (self.tail,))
        fill(self, "evidence", tuple(self.evidence))

    def reverse(self) -> "Relation":
        """RETURNS (Relation): The same with head and tail exchanged."""
        return Relation(
            self.tail,
            self.head,
            self.label,
            self.score,
            self.tail_mentions,
            self.head_mentions,
            self.evidence,
        )


def get_relations(doc: Doc) -> Tuple[Relation, ...]:
    """The relations of a doc, best score first. Equals `doc._.relations`.

    doc (Doc): The doc.
    RETURNS (Tuple[Relation, ...]): Its relations. `head` and `tail` are the
        doc's own entities where they still exist, so that what a later
        component adds to an entity (a `kb_id`, say) is seen here. A mention that was
        given without a label is the entity of `doc.ents` on the same tokens; where
        there is none, that of `doc.spans`, unless these have several labels. Relations
        of a longer doc, whose user data were copied, are left out where they lie beyond
        the text.
    """
    return tuple(_build_relations(doc, read_records(doc)))


def set_relations(doc: Doc, relations: Iterable[Relation]) -> None:
    """Replace the relations of a doc. Equals assigning `doc._.relations`.

    doc (Doc): The doc.
    relations (Iterable[Relation]): The relations; their spans are spans of this
        doc, and stand for its entities as `get_relations` says. Of two that agree in
        head, tail, their mentions and label the better one is kept.
    RAISES (ValueError): On anything that is not a Relation of this doc with a
        label and a score between 0 and 1.
    """
    if not isinstance(relations, Iterable):
        raise ValueError(
            f"doc._.{EXTENSION} takes a list of spacy_relext.Relation objects, found: "
            f"{relations!r}"
        )
    given = [_as_record(doc, relation) for relation in relations]
    # Two that are given differently may be of the same entities.
    own = _build_relations(doc, given)
    write_records(doc, [_as_record(doc, relation) for relation in own])


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
    for role, spans in (
        ("head", [relation.head, *relation.head_mentions]),
        ("tail", [relation.tail, *relation.tail_mentions]),
        ("evidence", relation.evidence),
    ):
        for span in spans:
            if not isinstance(span, Span) or span.doc is not doc or not len(span):
                raise ValueError(
                    f"The {role} of a {relation.label!r} relation must be a span with "
                    f"tokens of the doc that the relation is set on, found: {span!r}"
                )
    if not isinstance(relation.label, str) or not relation.label:
        raise ValueError(
            f"The label of a relation must be a string, found: {relation.label!r}"
        )
    score = math.nan if relation.score is None else float(relation.score)
    if math.isnan(score) or not 0.0 <= score <= 1.0:
        raise ValueError(
            f"The score of a {relation.label!r} relation must lie between 0 and 1, "
            f"found: {relation.score}"
        )
    heads, tails = (
        [as_mention(span) for span in mentions]
        for mentions in (relation.head_mentions, relation.tail_mentions)
    )
    return make_record(
        relation.label,
        score,
        _find_own(as_mention(relation.head), heads),
        _find_own(as_mention(relation.tail), tails),
        heads,
        tails,
        [[span.start_char, span.end_char] for span in relation.evidence],
    )


def _find_own(mention: Mention, mentions: Sequence[Mention]) -> Mention:
    """Which of the mentions it is: it may be given as an entity, and they as slices, which
    have no label, or the reverse."""
    if mention in mentions:
        return mention
    *bounds, label, _ = mention
    alike = (own for own in mentions if own[:2] == bounds and not (label and own[2]))
    return next(alike, mention)


def _build_relations(doc: Doc, records: Iterable[List[Any]]) -> List[Relation]:
    if not records:
        return []
    spans: Dict[Tuple[int, int], Dict[str, Dict[str, Span]]] = {}
    for span in chain(doc.ents, *map(list_spans, doc.spans.values())):
        start, end, label, kb_id = as_mention(span)
        by_label = spans.setdefault((start, end), {})
        by_label.setdefault(label, {}).setdefault(kb_id, span)

    def find(mention: Mention) -> Optional[Span]:
        start, end, label, kb_id = mention
        by_label = spans.get((start, end), {})
        if not label:
            labels = [found for found in by_label if found]
            # Where it is an entity of the doc, that comes first.
            if len(labels) == 1 or (labels and _is_entity(doc, start, end)):
                label = labels[0]
        by_kb_id = by_label.get(label, {})
        if kb_id in by_kb_id:
            return by_kb_id[kb_id]
        # One that was linked since, or else what is stored.
        linked = [span for found, span in by_kb_id.items() if found]
        if linked:
            return linked[0]
        return _find_text(doc, start, end, label=label, kb_id=kb_id)

    def find_all(mentions: Iterable[Mention]) -> Tuple[Span, ...]:
        # Of two that differ in what is stored one may be left.
        return tuple(filter(None, dict.fromkeys(map(find, mentions))))

    def build(
        label: str, score: float, head: Mention, tail: Mention, *more
    ) -> Optional[Relation]:
        details = more[0] if more else {}
        main_head, main_tail = find(head), find(tail)
        # Beyond the text or between tokens, where the user data of a longer doc were copied.
        if main_head is None or main_tail is None:
            return None
        evidence = (_find_text(doc, *bounds) for bounds in details.get(EVIDENCE, ()))
        return Relation(
            main_head,
            main_tail,
            label,
            score,
            find_all(details.get(HEAD_MENTIONS, ())),
            find_all(details.get(TAIL_MENTIONS, ())),
            tuple(filter(None, evidence)),
        )

    return list(filter(None, (build(*record) for record in records)))


def _find_text(doc: Doc, start: int, end: int, **kwargs: str) -> Optional[Span]:
    """The tokens with these characters, None where there are none."""
    return doc.char_span(start, end, alignment_mode="expand", **kwargs) or None


def _is_entity(doc: Doc, start: int, end: int) -> bool:
    return any((ent.start_char, ent.end_char) == (start, end) for ent in doc.ents)


# An import must not fail over somebody else's attribute; the component's use of
# it does.
if not Doc.has_extension(EXTENSION):
    ensure_extension()
