"""Which mentions are of one entity to an augmenter, and new texts for them."""

import random
from collections import defaultdict
from typing import Callable, Dict, Hashable, List, Optional, Sequence, Set, Tuple

from spacy.language import Language
from spacy.tokens import Doc, Span

from ..entities import as_key, as_linked_key, get_entities
from ..grouping import normal_text, read_ids
from .names import Name
from .rebuild import Edit, iter_spans

# Keys of a mention: those that have one of them in common are of one entity.
Tell = Callable[[Span], Tuple[Hashable, ...]]


def rename(
    nlp: Language,
    doc: Doc,
    spans_key: Optional[str],
    tell: Tell,
    share: float,
    draw: Callable[[List[Span]], Sequence[Name]],
) -> List[Edit]:
    """New texts for all mentions of an entity, or for none. None is put within a mention of
    an entity that has others and would be another one than they are then: where it is
    linked and would lose its id, and where it would lose the text that they share.

    nlp (Language): The pipeline, whose tokenizer makes words of the texts.
    doc (Doc): The doc.
    spans_key (Optional[str]): Where its entities are: None for `doc.ents`, else the group
        of `doc.spans`.
    tell (Callable[[Span], Tuple[Hashable, ...]]): The keys of a mention, see
        `find_keys`.
    share (float): The probability of each entity to get new ones, 0 to 1.
    draw (Callable[[List[Span]], Sequence[Name]]): Makes the texts of the mentions of an
        entity, none to leave it as it is.
    RETURNS (List[Edit]): The new words.
    """
    free = {as_key(span) for span in _replaceable(doc, spans_key)}
    entities = _find_entities(doc, spans_key, tell)
    linked = [x for spans in entities if len(spans) > 1 for x in spans if x.kb_id]
    alike = [
        mentions
        for spans in entities
        for mentions in _split_by_text(spans)
        # What lies within no other changes the text of no other.
        if len(mentions) > 1 and not free.issuperset(map(as_key, mentions))
    ]
    edits = {}
    for spans in entities:
        if not free.issuperset(map(as_key, spans)) or random.random() >= share:
            continue
        drawn = list(zip(spans, draw(spans)))
        if any(new.kb_id is not None and _is_within(span, linked) for span, new in drawn):
            continue
        if any(_tells_apart(spans, mentions) for mentions in alike):
            continue
        for span, new in drawn:
            if new.text != span.text:
                tokens = nlp.make_doc(new.text)
                words = [token.text for token in tokens]
                spaces = [bool(token.whitespace_) for token in tokens]
                spaces[-1] = bool(span[-1].whitespace_)
                edit = Edit(span.start, span.end, words, spaces, new.kb_id)
                # A mention may be there once for each of its ids.
                edits[span.start, span.end] = edit
    return list(edits.values())


def _find_entities(doc: Doc, spans_key: Optional[str], tell: Tell) -> List[List[Span]]:
    """The mentions of each entity, of those that share a mention together."""
    parents: Dict[Hashable, Hashable] = {}

    def find_root(key: Hashable) -> Hashable:
        while parents.setdefault(key, key) != key:
            key = parents[key]
        return key

    mentions = get_entities(doc, spans_key, as_linked_key)
    for span in mentions:
        for key in tell(span):
            parents[find_root(key)] = find_root((span.start, span.end))
    entities: Dict[Hashable, List[Span]] = defaultdict(list)
    for span in mentions:
        entities[find_root((span.start, span.end))].append(span)
    return list(entities.values())


def find_keys(
    span: Span, *, separator: Optional[str], ignore_case: bool
) -> Tuple[Hashable, ...]:
    """The keys of a mention: its ids, and its text. By whichever of these a grouping goes,
    mentions that are of one entity have one in common.

    span (Span): The mention.
    separator (Optional[str]): What stands between the ids of a mention of several
        entities, None where that does not occur.
    ignore_case (bool): Whether texts that differ in case alone are one.
    RETURNS (Tuple[Hashable, ...]): The keys.
    """
    text = "text", normal_text(span.text, ignore_case), span.label
    return *find_ids(span, separator), text


def find_ids(span: Span, separator: Optional[str]) -> List[Hashable]:
    """The ids of a mention: those of a knowledge base or, where it has none, its
    `ent_id_`.

    span (Span): The mention.
    separator (Optional[str]): As of `find_keys`.
    RETURNS (List[Hashable]): The ids.
    """
    ids = set(read_ids(span.kb_id_, separator))
    if ids:
        return [("kb_id", id_) for id_ in sorted(ids)]
    return [("ent_id", span.id)] if span.id else []


def _split_by_text(mentions: List[Span]) -> List[List[Span]]:
    """The mentions of an entity by their texts."""
    by_text: Dict[str, List[Span]] = defaultdict(list)
    for span in mentions:
        by_text[normal_text(span.text, ignore_case=True)].append(span)
    return list(by_text.values())


def _tells_apart(spans: List[Span], alike: List[Span]) -> bool:
    """Whether mentions of one text would have several if the spans had other ones."""
    places = {
        tuple(
            (span.start - mention.start, span.end - mention.start)
            for span in spans
            if _is_within(span, [mention])
        )
        for mention in alike
    }
    return len(places) > 1


def _is_within(span: Span, others: List[Span]) -> bool:
    """Whether one of them has its tokens, and more."""
    size = len(span)
    return any(
        other.start <= span.start and span.end <= other.end and len(other) > size
        for other in others
    )


def _replaceable(doc: Doc, spans_key: Optional[str]) -> List[Span]:
    """The entities with one label, within which no other span starts or ends."""
    bounds = {bound for span in iter_spans(doc) for bound in (span.start, span.end)}
    entities = get_entities(doc, spans_key)
    labels: Dict[Tuple[int, int], Set[int]] = {}
    for span in entities:
        labels.setdefault((span.start, span.end), set()).add(span.label)
    return [
        span
        for span in entities
        if len(labels[span.start, span.end]) == 1
        and bounds.isdisjoint(range(span.start + 1, span.end))
    ]
