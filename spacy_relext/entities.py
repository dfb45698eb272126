"""Between which entities relations are sought, and what tells two of them apart."""

from typing import Callable, List, Optional, Sequence, Tuple, Union

from spacy.tokens import Doc, Span

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
    spans = doc.spans[spans_key] if spans_key in doc.spans else []
    unique = {key(span): span for span in spans if len(span)}
    return [unique[found] for found in sorted(unique)]
