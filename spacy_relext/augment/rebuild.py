"""Copies of docs and examples with other words, and the same entities and relations."""

from copy import deepcopy
from dataclasses import dataclass
from operator import attrgetter
from typing import Collection, Iterator, List, Optional, Set, Tuple

import numpy
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example

from ..corpus import hand_entities_over
from ..entities import list_spans
from ..grouping import read_ids
from ..relation import Relation, get_relations, set_relations
from ..user_data import has_relations, is_of_doc

ATTRIBUTES = ["TAG", "POS", "MORPH", "LEMMA", "DEP", "HEAD", "SENT_START"]


@dataclass(frozen=True)
class Edit:
    """New words for some tokens of a doc.

    start, end (int): The tokens that are replaced, end exclusive.
    words (List[str]): The words, at least one.
    spaces (List[bool]): Whether a space follows each of them.
    kb_id (Optional[str]): The id of what they name, "" where it has none, for what had one
        before; None where it is the same thing as before.
    """

    start: int
    end: int
    words: List[str]
    spaces: List[bool]
    kb_id: Optional[str] = None


def rebuild_example(nlp: Language, example: Example, edits: List[Edit]) -> Example:
    """A copy of an example with other words in the reference. The predicted doc is
    tokenised anew, as by spaCy's own augmenters, and gets the entities of the
    reference where the old one had entities or groups of spans.

    A space is put between an entity and its neighbour where the tokenizer would
    make one token of the two on account of the new words ("Ada[MASK]").

    nlp (Language): The pipeline, for its tokenizer.
    example (Example): The example.
    edits (List[Edit]): As `rebuild` takes them.
    RETURNS (Example): The copy.
    """
    apart: Set[int] = set()
    while True:
        reference, new = rebuild(example.reference, edits, apart)
        rebuilt = Example(_make_predicted(nlp, reference), reference)
        # What is put apart on one side may be joined on the other, as ".Bell" of "Co..Bell".
        joined = _find_joined(rebuilt, new) - apart
        if not joined:
            break
        apart |= joined
    if example.predicted.has_annotation("ENT_IOB"):
        hand_entities_over(rebuilt)
    for spans_key in example.predicted.spans:
        hand_entities_over(rebuilt, spans_key)
    return rebuilt


def rebuild(
    doc: Doc, edits: List[Edit], apart: Collection[int] = ()
) -> Tuple[Doc, Set[int]]:
    """A copy of a doc with other words, and with its entities, span groups and
    relations. Token annotation is kept where one token takes the place of one;
    dependents of a token that is gone have no head then. Categories and user data
    of the doc are kept; custom attributes of tokens and spans are not, nor are attributes
    of entities and sentences of relations that `relext convert` stored. Words that name
    another thing have no lemma, and a span around them names nothing known.

    doc (Doc): The doc.
    edits (List[Edit]): The new words. Edits do not overlap, and no span of the doc
        starts or ends within one. A sentence of evidence may; it then gets all of its
        new words.
    apart (Collection[int]): Tokens of the copy to put a space before.
    RETURNS (Tuple[Doc, Set[int]]): The copy, and which of its tokens are new.
    """
    changed = numpy.zeros(len(doc), dtype=bool)
    for edit in edits:
        changed[edit.start : edit.end] = True
    pieces = edits + [
        Edit(token.i, token.i + 1, [token.text], [bool(token.whitespace_)])
        for token in doc
        if not changed[token.i]
    ]
    pieces.sort(key=attrgetter("start"))
    starts = numpy.asarray([piece.start for piece in pieces], dtype="int64")
    ends = numpy.asarray([piece.end for piece in pieces], dtype="int64")
    n_words = numpy.asarray([len(piece.words) for piece in pieces], dtype="int64")
    # For each new token the first of the old ones whose place it takes, and for each
    # old bound between tokens the new one: of what starts there, and of what ends there.
    # They differ within an edit, where a sentence may start or end.
    origin = numpy.repeat(starts, n_words)
    one_to_one = numpy.repeat((ends - starts == 1) & (n_words == 1), n_words)
    new_starts = numpy.cumsum(n_words) - n_words
    position = numpy.append(numpy.repeat(new_starts, ends - starts), len(origin))
    end_position = numpy.append(0, numpy.repeat(new_starts + n_words, ends - starts))

    spaces = [space for piece in pieces for space in piece.spaces]
    for i in apart:
        spaces[i - 1] = True
    copy = Doc(
        doc.vocab,
        words=[word for piece in pieces for word in piece.words],
        spaces=None if doc.has_unknown_spaces else spaces,
        user_data={k: deepcopy(v) for k, v in doc.user_data.items() if is_of_doc(k)},
    )
    copy.cats = dict(doc.cats)
    renamed = numpy.zeros(len(doc), dtype=bool)
    new_ids = {}
    for edit in edits:
        if edit.kb_id is not None:
            renamed[edit.start : edit.end] = True
            new_ids[edit.start, edit.end] = edit.kb_id
    _copy_attributes(doc, copy, origin, one_to_one, position, renamed[origin])

    def move(span: Span) -> Span:
        kb_id = span.kb_id_
        if renamed[span.start : span.end].any():
            # A mention without an id stays so, also where others of its entity have one.
            is_linked = bool(read_ids(kb_id, None))
            kb_id = new_ids.get((span.start, span.end), "") if is_linked else ""
        return Span(
            copy,
            int(position[span.start]),
            int(end_position[span.end]),
            label=span.label,
            kb_id=kb_id,
            span_id=span.id,
        )

    tokens = [doc[int(i)] for i in origin]
    copy.set_ents(
        [move(span) for span in doc.ents],
        missing=[copy[i : i + 1] for i, t in enumerate(tokens) if not t.ent_iob],
        blocked=[
            copy[i : i + 1]
            for i, t in enumerate(tokens)
            if t.ent_iob == 3 and not t.ent_type
        ],
    )
    for key, group in doc.spans.items():
        spans = [move(span) for span in list_spans(group)]
        copy.spans[key] = SpanGroup(
            copy, name=group.name, attrs=deepcopy(group.attrs), spans=spans
        )
    if has_relations(doc):
        moved = (
            Relation(
                move(relation.head),
                move(relation.tail),
                relation.label,
                relation.score,
                tuple(move(span) for span in relation.head_mentions),
                tuple(move(span) for span in relation.tail_mentions),
                # Two sentences within one edit are the same afterwards.
                tuple(dict.fromkeys(move(span) for span in relation.evidence)),
            )
            for relation in get_relations(doc)
        )
        set_relations(copy, moved)
    return copy, set(numpy.flatnonzero(changed[origin]).tolist())


def iter_spans(doc: Doc) -> Iterator[Span]:
    """Every span whose bounds an edit has to respect.

    doc (Doc): The doc.
    YIELDS (Span): Entities, spans of all groups, mentions of relations.
    """
    yield from doc.ents
    for group in doc.spans.values():
        yield from list_spans(group)
    for relation in get_relations(doc):
        yield from relation.head_mentions
        yield from relation.tail_mentions


def _copy_attributes(
    doc: Doc,
    copy: Doc,
    origin: numpy.ndarray,
    one_to_one: numpy.ndarray,
    position: numpy.ndarray,
    other_thing: numpy.ndarray,
) -> None:
    columns = dict(zip(ATTRIBUTES, doc.to_array(ATTRIBUTES)[origin].T))
    head = position[origin + columns["HEAD"].astype("int32")]
    has_head = one_to_one & one_to_one[head]
    columns["HEAD"] = (head - numpy.arange(len(copy))).astype("uint64")
    # A new token within a mention starts no sentence where that is annotated.
    within = numpy.flatnonzero(origin[1:] == origin[:-1]) + 1
    sent_start = columns["SENT_START"].astype("int32")
    annotated = sent_start != 0
    # spaCy has the first token start a sentence even where nothing is annotated.
    annotated[origin == 0] = all(token.is_sent_start is not None for token in doc[:2])
    sent_start[within] = numpy.where(annotated[within], -1, 0)
    columns["SENT_START"] = sent_start.astype("uint64")
    columns["LEMMA"] = numpy.where(other_thing, 0, columns["LEMMA"])
    for name in ("TAG", "POS", "MORPH", "LEMMA"):
        columns[name] = numpy.where(one_to_one, columns[name], 0)
    for name in ("DEP", "HEAD"):
        columns[name] = numpy.where(has_head, columns[name], 0)
    rows = numpy.stack([columns[name] for name in ATTRIBUTES], axis=1)
    copy.from_array(ATTRIBUTES, rows.astype("uint64"))
    # With heads spaCy derives sentences from them, and some are gone.
    copy.from_array(["SENT_START"], columns["SENT_START"])


def _make_predicted(nlp: Language, reference: Doc) -> Doc:
    # As `spacy.training.Corpus` does.
    if reference.has_unknown_spaces:
        return Doc(
            nlp.vocab,
            words=[token.text for token in reference],
            spaces=[bool(token.whitespace_) for token in reference],
        )
    return nlp.make_doc(reference.text)


def _find_joined(example: Example, new: Set[int]) -> Set[int]:
    """The tokens of the reference before which a span starts or ends, where a
    predicted token with a new word in it goes across."""
    reference = example.reference
    spans = list(iter_spans(reference))
    bounds = {bound for span in spans for bound in (span.start, span.end)}
    # The text of a span with no new word is not to be changed.
    for span in spans:
        if new.isdisjoint(range(span.start, span.end)):
            bounds.difference_update(range(span.start + 1, span.end))
    joined: Set[int] = set()
    x2y = example.alignment.x2y
    for i in numpy.flatnonzero(x2y.lengths > 1).tolist():
        tokens = x2y[i].ravel().tolist()
        if not new.isdisjoint(tokens):
            joined.update(bounds.intersection(tokens[1:]))
    return joined
