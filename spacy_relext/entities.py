"""Between which entities relations are sought, and what tells two of them apart."""

from typing import Callable, List, Optional, Sequence, Tuple, Union

from spacy.tokens import Doc, Span, SpanGroup

# A mention, or all mentions of one entity.
Entity = Union[Span, Sequence[Span]]


def as_key(span: Span) -> Tuple[int, int, int]:
    """What makes two spans of a doc the same mention; sorted, they are in text order."""
    return span.start, span.end, span.label


def as_stored_key(span: Span) -> Tuple[int, int, int, int]:
    """The same where two ids of a knowledge base make it two, as in stored relations."""
    return *as_key(span), span.kb_id


def as_linked_key(span: Span) -> Tuple[int, int, int, int, int]:
    """The same where a mention of two entities is there once for each of them."""
    return *as_key(span), span.kb_id, span.id


def get_entities(
    doc: Doc, spans_key: Optional[str] = None, key: Callable[[Span], Tuple] = as_key
) -> List[Span]:
    """The entities between which relations are sought.

    doc (Doc): The doc.
    spans_key (Optional[str]): None for `doc.ents`, else the group of `doc.spans`;
        a missing group is an empty one.
    key (Callable[[Span], Tuple]): What makes two spans one.
    RETURNS (List[Span]): The entities in text order, without empty ones and
        duplicates (by default those of the same bounds and label).
    """
    if spans_key is None:
        return list(doc.ents)
    spans = list_spans(doc.spans[spans_key]) if spans_key in doc.spans else []
    unique = {key(span): span for span in spans}
    return [unique[found] for found in sorted(unique)]


def list_spans(group: SpanGroup) -> List[Span]:
    """The spans of a group, where they are by now: when tokens before them are merged or
    split spaCy leaves them with other tokens, or beyond the end of the doc.

    group (SpanGroup): The group.
    RETURNS (List[Span]): Its spans without empty ones. Those that were left behind are made
        anew, of the tokens that have their text.
    """
    doc = group.doc
    try:
        spans = list(group)
    except IndexError:
        # In a doc without end, as no token is shorter than a character.
        endless = Doc(doc.vocab, words=["-"] * len(doc.text))
        spans = list(SpanGroup(endless).from_bytes(group.to_bytes()))
    current = (x if _is_current(doc, x) else _find_again(doc, x) for x in spans if len(x))
    return list(filter(None, current))


def _is_current(doc: Doc, span: Span) -> bool:
    if span.doc is not doc:
        return False
    last = doc[span.end - 1]
    bounds = doc[span.start].idx, last.idx + len(last)
    return bounds == (span.start_char, span.end_char)


def _find_again(doc: Doc, span: Span) -> Optional[Span]:
    return doc.char_span(
        span.start_char,
        span.end_char,
        label=span.label,
        kb_id=span.kb_id,
        span_id=span.id,
        alignment_mode="expand",
    )
