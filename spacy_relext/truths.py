"""What the candidate pairs of a training batch should come out as."""

from typing import Collection, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

import numpy
from spacy.training import Example
from thinc.types import Array1d, Floats2d

from .alignment import Aligner
from .entities import as_key
from .grouping import Grouping, get_entity_relations
from .pairs import Evidence, Pairs
from .reference import Match, Reference, match_pairs
from .relation import Relation


def match_relations(
    examples: Sequence[Example],
    pairs: Pairs,
    labels: Sequence[str],
    symmetric_labels: Collection[str] = (),
    grouping: Optional[Grouping] = None,
    spans_key: Optional[str] = None,
) -> List[Match]:
    """Which pairs the relations of the references are of. Gold relations whose mentions,
    pair or label are unknown here have no place in it.

    With a grouping, a relation is of all pairs that it would score as right for: where an
    entity was found in parts, each of them is it. Without one it is of the very mentions
    that it is told by, as between two that do not tell of it, it can't be learnt.

    examples (Sequence[Example]): The batch.
    pairs (Pairs): Pairs of its predicted entities.
    labels (Sequence[str]): The labels.
    symmetric_labels (Collection[str]): Those that hold in both directions.
    grouping (Optional[Callable]): Which mentions of a reference are of one entity,
        where its relations do not say; None where each is one.
    spans_key (Optional[str]): Where mentions are: None for `doc.ents`, else the group
        of `doc.spans`.
    RETURNS (List[Tuple[int, Relation, Aligner]]): The index of a pair, its relation, and
        what aligns the spans of that; once for each pair that a relation is of.
    """
    known = set(labels)
    if grouping is None:
        found = _match_mentions(examples, pairs, symmetric_labels, spans_key)
    else:
        references = [
            Reference(eg, None, symmetric_labels, grouping, spans_key) for eg in examples
        ]
        found = match_pairs(references, pairs).relations
    return [match for match in found if match[1].label in known]


def _match_mentions(
    examples: Sequence[Example],
    pairs: Pairs,
    symmetric_labels: Collection[str],
    spans_key: Optional[str],
) -> List[Match]:
    mention_of: Dict[Tuple, int] = {}
    for i, (doc, span) in enumerate(zip(pairs.doc.tolist(), pairs.mentions)):
        # Of several on the same tokens the label tells which is meant, or it is the first.
        mention_of.setdefault((doc, *as_key(span)), i)
        mention_of.setdefault((doc, span.start, span.end), i)
    held: List[Tuple[int, int, Relation, Aligner]] = []
    for i, eg in enumerate(examples):
        aligner = Aligner(eg)
        gold = get_entity_relations(eg.reference, None, spans_key)
        for relation in in_both_directions(gold, symmetric_labels):
            keys = ((i, *(aligner.align(x) or ())) for x in (relation.head, relation.tail))
            ends = [
                mention_of.get((*key, span.label), mention_of.get(key, -1))
                for key, span in zip(keys, (relation.head, relation.tail))
            ]
            if min(ends) >= 0:
                held.append((*ends, relation, aligner))
    if not held:
        return []
    head, tail, relations, aligners = zip(*held)
    rows = pairs.find(numpy.asarray(head), numpy.asarray(tail)).tolist()
    return [match for match in zip(rows, relations, aligners) if match[0] >= 0]


def get_truths(matches: Iterable[Match], pairs: Pairs, labels: Sequence[str]) -> Floats2d:
    """Which labels hold for each pair.

    matches (Iterable[Tuple[int, Relation, Aligner]]): See `match_relations`.
    pairs (Pairs): The pairs that were matched.
    labels (Sequence[str]): The labels, of others nothing is told.
    RETURNS (Floats2d): 1 or 0, (pairs, labels), in main memory.
    """
    truths = numpy.zeros((len(pairs), len(labels)), dtype="float32")
    column = {label: i for i, label in enumerate(labels)}
    for row, relation, _ in matches:
        if relation.label in column:
            truths[row, column[relation.label]] = 1
    return truths


def get_evidence(matches: Iterable[Match], weight: float) -> Evidence:
    """What the attention of pairs is to learn, by the evidence of the references.

    matches (Iterable[Tuple[int, Relation, Aligner]]): See `match_relations`.
    weight (float): Factor on the loss.
    RETURNS (Evidence): The sentences of each pair.
    """
    found = {
        (row, *bounds)
        for row, relation, aligner in matches
        for bounds in map(aligner.align, relation.evidence)
        if bounds is not None
    }
    pair, start, end = numpy.asarray(sorted(found), dtype="int64").reshape(-1, 3).T
    return Evidence(pair, start, end, weight)


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
            yield relation.reverse()
