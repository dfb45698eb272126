"""What the candidate pairs of a training batch should come out as."""

from dataclasses import replace
from typing import (
    Callable,
    Collection,
    Dict,
    Iterable,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
)

import numpy
from spacy.tokens import Span
from spacy.training import Example
from thinc.types import Array1d, Floats2d

from .alignment import align_span
from .pairs import Pairs
from .relation import Relation, get_relations


def get_truths(
    examples: Sequence[Example],
    pairs: Pairs,
    labels: Sequence[str],
    symmetric_labels: Collection[str] = (),
) -> Floats2d:
    """Which labels hold for each pair, by the references. Gold relations whose
    mentions, pair or label are unknown here have no place in it.

    examples (Sequence[Example]): The batch.
    pairs (Pairs): Pairs of its predicted entities.
    labels (Sequence[str]): The labels.
    symmetric_labels (Collection[str]): Those that hold in both directions.
    RETURNS (Floats2d): 1 or 0, (pairs, labels), in main memory.
    """
    truths = numpy.zeros((len(pairs), len(labels)), dtype="float32")
    column = {label: i for i, label in enumerate(labels)}
    bounds = numpy.searchsorted(pairs.doc, numpy.arange(len(examples) + 1))
    held: List[Tuple[int, int, int]] = []
    for i, eg in enumerate(examples):
        find_entity = _entity_finder(eg, pairs, slice(bounds[i], bounds[i + 1]))
        for relation in in_both_directions(get_relations(eg.reference), symmetric_labels):
            head, tail = find_entity(relation.head), find_entity(relation.tail)
            if None not in (head, tail) and relation.label in column:
                held.append((head, tail, column[relation.label]))
    if held:
        head, tail, columns = numpy.asarray(held).T
        rows = pairs.find(head, tail)
        truths[rows[rows >= 0], columns[rows >= 0]] = 1
    return truths


def sample_pairs(pairs: Pairs, positive: Array1d, max_pairs_per_doc: int) -> Array1d:
    """All pairs with a relation, and a random choice of the others.

    pairs (Pairs): The pairs, in the order of the docs.
    positive (Array1d): Which of them have a relation.
    max_pairs_per_doc (int): Number of pairs of a doc, unless more than that have a
        relation.
    RETURNS (Array1d): Which pairs are chosen, as booleans.
    """
    doc_of_pair = pairs.doc[pairs.head]
    chance = numpy.where(positive, -1, numpy.random.random(len(pairs)))
    order = numpy.lexsort((chance, doc_of_pair))
    # Pairs stand by doc, so those of a doc keep their place in the order.
    rank = numpy.arange(len(pairs)) - numpy.searchsorted(doc_of_pair, doc_of_pair)
    keep = positive.copy()
    keep[order[rank < max_pairs_per_doc]] = True
    return keep


def in_both_directions(
    relations: Iterable[Relation], symmetric_labels: Collection[str]
) -> Iterator[Relation]:
    """The relations, and those with a symmetric label a second time with head and
    tail exchanged.

    relations (Iterable[Relation]): The relations.
    symmetric_labels (Collection[str]): The symmetric labels.
    YIELDS (Relation): The relations.
    """
    for relation in relations:
        yield relation
        if relation.label in symmetric_labels:
            yield replace(relation, head=relation.tail, tail=relation.head)


def _entity_finder(
    eg: Example, pairs: Pairs, rows: slice
) -> Callable[[Span], Optional[int]]:
    """A function from a span of the reference to the index of the entity that
    covers the same tokens of the predicted doc, if there is one."""
    entities: Dict[Tuple, int] = {}
    for row in range(rows.start, rows.stop):
        bounds = int(pairs.start[row]), int(pairs.end[row])
        entities.setdefault(bounds, row)
        entities[(*bounds, int(pairs.label[row]))] = row

    def find_entity(span: Span) -> Optional[int]:
        bounds = align_span(eg, span)
        if bounds is None:
            return None
        return entities.get((*bounds, span.label), entities.get(bounds))

    return find_entity
