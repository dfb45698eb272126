"""What a pipeline found, held against the reference."""

from collections import Counter, defaultdict
from typing import (
    Collection,
    Dict,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

import numpy
from spacy.tokens import Span
from spacy.training import Example
from thinc.types import Ints1d

from .alignment import Aligner
from .grouping import Grouping, get_entity_relations, group_entities
from .pairs import Pairs
from .relation import Relation

# A mention in predicted tokens, end exclusive.
Bounds = Tuple[int, int]
# An entity: its mentions in order.
Place = Tuple[Bounds, ...]
# Head, tail and label.
Triple = Tuple[Place, Place, str]
# The index of a pair, a gold relation of it, and what aligns the spans of that.
Match = Tuple[int, Relation, Aligner]


class Reference:
    """The relations of a reference in predicted tokens, and which of its entities a
    predicted one is.

    relations (Dict[Triple, Relation]): The gold relations by head, tail and label.
    aligner (Aligner): Aligns the spans of these.
    """

    def __init__(
        self,
        example: Example,
        labels: Optional[Collection[str]] = None,
        symmetric_labels: Collection[str] = (),
        grouping: Optional[Grouping] = None,
        spans_key: Optional[str] = None,
    ) -> None:
        """
        example (Example): The example.
        labels (Optional[Collection[str]]): The labels to consider; None for all.
        symmetric_labels (Collection[str]): Those that hold in both directions.
        grouping (Optional[Callable]): Which mentions of the reference are of one entity,
            where its relations do not say; None where each is one.
        spans_key (Optional[str]): Where mentions are: None for `doc.ents`, else the group
            of `doc.spans`.
        """
        self._symmetric = symmetric_labels
        self.aligner = aligner = Aligner(example)
        gold = get_entity_relations(example.reference, grouping, spans_key)
        self.relations: Dict[Triple, Relation] = {}
        taken: Dict[Triple, Triple] = {}
        for relation in gold:
            if labels is None or relation.label in labels:
                ends = relation.head_mentions, relation.tail_mentions
                triple = self.order(*(_align(aligner, x) for x in ends), relation.label)
                hidden = self.order(*(_hide(x) for x in ends), relation.label)
                # Of several between the same predicted tokens all but one are missed.
                if taken.setdefault(triple, hidden) != hidden:
                    triple = hidden
                self.relations[triple] = relation
        self._ends = {end for triple in self.relations for end in triple[:2]}
        # Where each mention is an entity, one without a relation is itself.
        others = set()
        if grouping is not None:
            entities = group_entities(example.reference, grouping, spans_key)
            others.update(_align(aligner, entity) for entity in entities)
        of_others = _index(others)
        for end in self._ends - others:
            votes = _vote(end, of_others)
            most = max(votes.values(), default=0)
            # Grouped otherwise than here, it is what has most of it, and what is part of it.
            others -= {place for place, n in votes.items() if n in (most, len(place))}
        self._of_bounds = _index(self._ends | others)
        self._found: Dict[Tuple[Bounds, Place], Place] = {}

    def as_triple(self, relation: Relation) -> Triple:
        """A predicted relation between gold entities.

        relation (Relation): The relation.
        RETURNS (Tuple[Place, Place, str]): Head, tail and label.
        """
        ends = (
            (relation.head, relation.head_mentions),
            (relation.tail, relation.tail_mentions),
        )
        head, tail = (
            self.find(_get_bounds(main), [_get_bounds(span) for span in mentions])
            for main, mentions in ends
        )
        return self.order(head, tail, relation.label)

    def find(self, main: Bounds, mentions: Iterable[Bounds]) -> Place:
        """The gold entity that a predicted one is: of a relation or, of what no relation
        is about, another; or itself.

        main (Tuple[int, int]): Its mention that tells most.
        mentions (Iterable[Tuple[int, int]]): All of them.
        RETURNS (Tuple[Tuple[int, int], ...]): The mentions of that.
        """
        place = tuple(sorted(set(mentions)))
        # An entity has many relations.
        key = main, place
        if key not in self._found:
            self._found[key] = self._find(main, place)
        return self._found[key]

    def _find(self, main: Bounds, place: Place) -> Place:
        votes = _vote(place, self._of_bounds)
        if not votes:
            return place
        of_main = self._of_bounds.get(main, ())

        def rank(other: Place) -> Tuple:
            # Of several with as many, that which has no other mentions, that of which
            # most was found, unless that is a single mention and tells nothing, that of
            # the mention that tells most, or one that has a relation; then what is first,
            # so that the result does not depend on the order of a set.
            likeness = -votes[other], other != place, len(place) > 1 and len(other)
            return *likeness, other not in of_main, other not in self._ends, other

        return min(votes, key=rank)

    def order(self, head: Place, tail: Place, label: str) -> Triple:
        """A triple, without direction where the label is symmetric.

        head (Tuple[Tuple[int, int], ...]): The head.
        tail (Tuple[Tuple[int, int], ...]): The tail.
        label (str): The label.
        RETURNS (Tuple[Place, Place, str]): Head, tail and label.
        """
        if label in self._symmetric and tail < head:
            head, tail = tail, head
        return head, tail, label

    def get_directions(self, triple: Triple) -> List[Tuple[Place, Place]]:
        """From where to where it holds.

        triple (Tuple[Place, Place, str]): Head, tail and label.
        RETURNS (List[Tuple[Place, Place]]): Head and tail, and tail and head where the
            label is symmetric.
        """
        head, tail, label = triple
        forth, back = (head, tail), (tail, head)
        return [forth, back] if label in self._symmetric and head != tail else [forth]


class Matches(NamedTuple):
    """Pairs of predicted entities held against references.

    head, tail (Ints1d): For each pair a number of the gold entity that its head is, and of
        the one that its tail is.
    relations (List[Tuple[int, Relation, Aligner]]): The index of a pair, a gold relation of
        it, and what aligns the spans of that; once for each pair that a relation is of.
    """

    head: Ints1d
    tail: Ints1d
    relations: List[Match]


def match_pairs(references: Sequence[Reference], pairs: Pairs) -> Matches:
    """Which gold entities and relations pairs are of: a relation between the closest
    mentions of one would score as right.

    references (Sequence[Reference]): Those of the docs of the pairs.
    pairs (Pairs): The pairs.
    RETURNS (Matches): What they are of.
    """
    numbers: Dict[Tuple[int, Place], int] = {}
    bounds = list(zip(pairs.start.tolist(), pairs.end.tolist()))
    first, count = pairs.first_mention.tolist(), pairs.n_mentions.tolist()
    doc = pairs.doc.tolist()
    head, tail = pairs.closest
    number = numpy.zeros(len(bounds), dtype="int64")
    # Which gold entity one is may depend on the mention that tells most of a relation.
    mains, rows = numpy.unique(numpy.append(head, tail), return_index=True)
    entities = numpy.append(pairs.head, pairs.tail)[rows]
    for main, entity in zip(mains.tolist(), entities.tolist()):
        mentions = bounds[first[entity] : first[entity] + count[entity]]
        place = references[doc[entity]].find(bounds[main], mentions)
        number[main] = numbers.setdefault((doc[entity], place), len(numbers))
    # Two numbers as one.
    keys = number[head] * len(numbers) + number[tail]
    order = numpy.argsort(keys, kind="stable")
    relations = []
    for i, reference in enumerate(references):
        for triple, relation in reference.relations.items():
            for ends in reference.get_directions(triple):
                key = [numbers.get((i, place), -1) for place in ends]
                if min(key) >= 0:
                    wanted = key[0] * len(numbers) + key[1]
                    span = numpy.searchsorted(keys, [wanted, wanted + 1], sorter=order)
                    found = order[slice(*span)].tolist()
                    relations += [(row, relation, reference.aligner) for row in found]
    return Matches(number[head], number[tail], relations)


def _get_bounds(span: Span) -> Bounds:
    return span.start, span.end


def _align(aligner: Aligner, mentions: Iterable[Span]) -> Place:
    return tuple(sorted({aligner.align(m) or _get_hidden(m) for m in mentions}))


def _hide(mentions: Iterable[Span]) -> Place:
    return tuple(sorted({_get_hidden(m) for m in mentions}))


def _get_hidden(span: Span) -> Bounds:
    """Where a mention of the reference is that is right for nobody, but missed."""
    return -1 - span.start, span.end


def _index(places: Iterable[Place]) -> Dict[Bounds, Set[Place]]:
    """Which of them have a mention."""
    of_bounds: Dict[Bounds, Set[Place]] = defaultdict(set)
    for place in places:
        for bounds in place:
            of_bounds[bounds].add(place)
    return of_bounds


def _vote(place: Sequence[Bounds], of_bounds: Dict[Bounds, Set[Place]]) -> Counter:
    """How many of its mentions others have."""
    return Counter(other for bounds in place for other in of_bounds.get(bounds, ()))
