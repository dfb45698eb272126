"""A document in pieces."""

from bisect import bisect_left
from dataclasses import replace
from itertools import chain
from typing import Any, Collection, Dict, List, Sequence, Tuple

from spacy.tokens import Doc, Span, SpanGroup

from ..user_data import is_custom, is_of_doc
from .source import (
    Bounds,
    Problem,
    SourceDoc,
    SourceEntity,
    SourceRelation,
    join_words,
)


def cut_at(source: SourceDoc, starts: Sequence[int]) -> List[SourceDoc]:
    """Cut a document in pieces. A mention is never cut, and what lies between the pieces
    that it touches isn't either. A relation from piece to piece is dropped, and so are
    mentions and evidence of one that stand in another piece. A cluster has one key in all
    of them. Categories of a doc, which are of the whole, are dropped.

    source (SourceDoc): The document.
    starts (Sequence[int]): Characters that pieces begin at.
    RETURNS (List[SourceDoc]): The pieces that are more than whitespace. Its problems go
        with the first.
    """
    mentions = chain(source.entities, *source.clusters.values())
    inside = {i for mention in mentions for i in range(mention.start + 1, mention.end)}
    bounds = sorted({0, len(source.text), *starts} - inside)
    pieces = []
    problems = list(source.problems)
    for start, end in zip(bounds, bounds[1:]):
        text = source.text[start:end]
        if not text.strip():
            continue
        start += len(text) - len(text.lstrip())
        text = text.strip()
        pieces.append((start, start + len(text)))
    if len(pieces) < 2:
        return [source]
    if source.doc is not None and source.doc.cats:
        reason = "categories of a doc, which is cut in pieces"
        problems.append(Problem(source.place, "note", "dropped", reason))
    piece_of = {}
    entities: List[List[SourceEntity]] = [[] for _ in pieces]
    index = 0
    for entity in sorted(source.entities, key=lambda entity: entity.start):
        while index + 1 < len(pieces) and pieces[index + 1][0] <= entity.start:
            index += 1
        piece_of[entity.id] = index
        entities[index].append(_move(entity, *pieces[index]))

    def cut_relation(relation: SourceRelation, index: int) -> SourceRelation:
        start, end = pieces[index]
        every = relation.head_mentions, relation.tail_mentions
        heads, tails = (tuple(id for id in ids if piece_of[id] == index) for ids in every)
        outside = "".join(
            source.text[first:start] + source.text[end:last]
            for first, last in relation.evidence
        )
        if (heads, tails) != every or outside.strip():
            reason = "mentions or evidence of a relation, in another piece of the document"
            problems.append(Problem(relation.place, "note", "dropped", reason))
        evidence = tuple(
            _shift(first, last, start, end)
            for first, last in relation.evidence
            if first < end and start < last
        )
        sentence = relation.sentence and _shift(*relation.sentence, start, end)
        return replace(
            relation,
            head_mentions=heads,
            tail_mentions=tails,
            evidence=evidence,
            sentence=sentence,
        )

    relations: List[List[SourceRelation]] = [[] for _ in pieces]
    for relation in source.relations:
        head, tail = (piece_of.get(end, 0) for end in (relation.head, relation.tail))
        if head == tail:
            relations[head].append(cut_relation(relation, head))
        else:
            reason = "between two pieces that the document is cut in"
            problems.append(Problem(relation.place, "relation", "dropped", reason))
    words = [first for first, _ in join_words(source.words or (), source.spaces)[1]]
    return [
        replace(
            source,
            id=f"{source.id}#{i}",
            text=source.text[start:end],
            entities=entities[i],
            relations=relations[i],
            problems=[] if i else problems,
            sent_starts=_cut_sent_starts(source, start, end),
            clusters=_cut_clusters(source, start, end),
            **_cut_words(source, bisect_left(words, start), bisect_left(words, end)),
        )
        for i, (start, end) in enumerate(pieces)
    ]


def _shift(first: int, last: int, start: int, end: int) -> Bounds:
    """Bounds as they are in a piece from `start` to `end`, cut off at both."""
    return max(first, start) - start, min(last, end) - start


def _move(mention: SourceEntity, start: int, end: int) -> SourceEntity:
    first, last = _shift(mention.start, mention.end, start, end)
    return replace(mention, start=first, end=last)


def _cut_sent_starts(source: SourceDoc, start: int, end: int) -> Tuple[int, ...]:
    if not source.sent_starts:
        return ()
    # A piece may begin within a sentence, and what is left of it is one.
    return (0, *(char - start for char in source.sent_starts if start < char < end))


def _cut_clusters(
    source: SourceDoc, start: int, end: int
) -> Dict[str, List[SourceEntity]]:
    found = {
        key: [_move(x, start, end) for x in cluster if x.start < end and start < x.end]
        for key, cluster in source.clusters.items()
    }
    return {key: cluster for key, cluster in found.items() if cluster}


def _cut_words(source: SourceDoc, first: int, end: int) -> Dict[str, Any]:
    if source.words is None:
        return {}
    spaces, doc = source.spaces, source.doc
    return {
        "doc": doc and _cut_doc(doc[first:end], source.clusters),
        "words": source.words[first:end],
        # The piece ends with its last word.
        "spaces": spaces and [*spaces[first : end - 1], False],
    }


def _cut_doc(piece: Span, clusters: Collection[str]) -> Doc:
    """A piece of a doc, with what is in each group of spans. A cluster that has nothing
    there is left out, where an empty group of entities says that there are none."""
    doc = piece.as_doc()
    shift, length = piece.start_char, len(doc.text)
    for key, value in piece.doc.user_data.items():
        if is_of_doc(key):
            doc.user_data[key] = value
        elif is_custom(key):
            start, end = key[2] - shift, None if key[3] is None else key[3] - shift
            if 0 <= start < length and (end is None or end <= length):
                doc.user_data[(*key[:2], start, end)] = value
    for key, group in piece.doc.spans.items():
        spans = [
            Span(
                doc,
                span.start - piece.start,
                span.end - piece.start,
                label=span.label,
                kb_id=span.kb_id,
                span_id=span.id,
            )
            for span in group
            if piece.start <= span.start and span.end <= piece.end
        ]
        if spans or key not in clusters:
            doc.spans[key] = SpanGroup(doc, name=group.name, attrs=group.attrs, spans=spans)
    return doc
