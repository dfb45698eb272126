"""What the candidate pairs of a training batch should come out as."""

from collections import Counter, defaultdict
from functools import partial
from itertools import product
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

from .alignment import Aligner
from .entities import as_key
from .grouping import Grouping, get_entity_relations
from .pairs import Evidence, Pairs
from .relation import Relation

# The index of a pair, a gold relation of it, and what aligns the spans of that.
Match = Tuple[int, Relation, Aligner]


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

    The entity of a gold one is that which has its very mentions, or else most of them;
    where it was found in parts, those parts as well that have no more of another.

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
    held: List[Tuple[int, int, Relation, Aligner]] = []
    bounds = numpy.searchsorted(pairs.doc, numpy.arange(len(examples) + 1))
    for i, eg in enumerate(examples):
        aligner = Aligner(eg)
        find_at = _mention_finder(aligner, pairs, range(bounds[i], bounds[i + 1]))
        find = partial(_find_entities, pairs, find_at)
        gold = get_entity_relations(eg.reference, grouping, spans_key)
        for relation in in_both_directions(gold, symmetric_labels):
            if relation.label not in known:
                continue
            if grouping is None:
                # Between two mentions that do not tell of it, it can't be learnt; and of
                # several on the same tokens the first is meant.
                heads, tails = find_at(relation.head)[:1], find_at(relation.tail)[:1]
            else:
                heads = find(relation.head, relation.head_mentions)
                tails = find(relation.tail, relation.tail_mentions)
            held.extend((*pair, relation, aligner) for pair in product(heads, tails))
    if not held:
        return []
    head, tail, relations, aligners = zip(*held)
    rows = pairs.find(numpy.asarray(head), numpy.asarray(tail)).tolist()
    return [match for match in zip(rows, relations, aligners) if match[0] >= 0]


def get_truths(matches: Iterable[Match], pairs: Pairs, labels: Sequence[str]) -> Floats2d:
    """Which labels hold for each pair.

    matches (Iterable[Tuple[int, Relation, Aligner]]): See `match_relations`.
    pairs (Pairs): The pairs that were matched.
    labels (Sequence[str]): The labels that were.
    RETURNS (Floats2d): 1 or 0, (pairs, labels), in main memory.
    """
    truths = numpy.zeros((len(pairs), len(labels)), dtype="float32")
    column = {label: i for i, label in enumerate(labels)}
    for row, relation, _ in matches:
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


def _mention_finder(
    aligner: Aligner, pairs: Pairs, of_doc: range
) -> Callable[[Span], List[int]]:
    """A function from a gold mention to the indices, among those of its doc, of the
    predicted entities that it is a mention of."""
    entities: Dict[Tuple, List[int]] = defaultdict(list)
    first = numpy.append(0, numpy.cumsum(pairs.n_mentions))
    for entity in of_doc:
        for span in pairs.mentions[first[entity] : first[entity + 1]]:
            entities[span.start, span.end].append(entity)
            entities[as_key(span)].append(entity)

    def find_at(span: Span) -> List[int]:
        bounds = aligner.align(span)
        if bounds is None:
            return []
        return entities.get((*bounds, span.label)) or entities.get(bounds, [])

    return find_at


def _find_entities(
    pairs: Pairs,
    find_at: Callable[[Span], List[int]],
    main: Span,
    mentions: Sequence[Span],
) -> List[int]:
    """The predicted entities that a gold one is, by its mention that tells most and all
    of them."""
    found = [find_at(span) for span in mentions]
    votes = Counter(entity for entities in found for entity in entities)
    if not votes:
        return []
    most = max(votes.values())
    best = [entity for entity, n in votes.items() if n == most]
    if most == len(mentions):
        same = [entity for entity in best if most == pairs.n_mentions[entity]]
        if same:
            return same
    whole, *_ = [entity for entity in find_at(main) if entity in best] or best
    # A part has a mention that the whole lacks.
    others = {entity for entities in found if whole not in entities for entity in entities}
    parts = {entity for entity in others if 2 * votes[entity] > pairs.n_mentions[entity]}
    return sorted({whole, *parts})
