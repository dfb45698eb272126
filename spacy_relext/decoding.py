"""From the labels that hold for pairs to the records of relations, see relation.py."""

from typing import Any, List, Optional, Sequence, Tuple

import numpy
from spacy.tokens import Span
from thinc.types import Floats1d, Ints1d

from .pairs import Entity, Pairs
from .relation import as_mention, make_record

# What was decided: for each label that holds for a pair the index of the pair, the
# index of the label, and the score. Ordered by pair.
Decisions = Tuple[Ints1d, Ints1d, Floats1d]


def get_records(
    entities: Sequence[Sequence[Entity]],
    pairs: Pairs,
    decisions: Decisions,
    labels: Sequence[str],
    symmetric: Ints1d,
    evidence: Optional[Sequence[Sequence[Span]]] = None,
) -> List[List[List[Any]]]:
    """The relations of each doc of a batch, as they are stored.

    entities (Sequence[Sequence[Union[Span, Sequence[Span]]]]): For each doc the
        entities that the pairs are of.
    pairs (Pairs): The pairs, in the order of the docs.
    decisions (Tuple[Ints1d, Ints1d, Floats1d]): What holds, in main memory.
    labels (Sequence[str]): The labels.
    symmetric (Ints1d): The indices of those that hold in both directions; the
        first entity is the head of such a relation.
    evidence (Optional[Sequence[Sequence[Span]]]): For each decision the sentences that
        tell of it; None where that is not known.
    RETURNS (List[List[List[Any]]]): For each doc its records, those of a symmetric
        relation once a direction.
    """
    rows, columns, scores = decisions
    held = pairs.select(rows)
    # Of entities with many mentions the two that stand closest are the likeliest to tell.
    ends = [(held.head, held.closest[0]), (held.tail, held.closest[1])]
    swap = numpy.isin(columns, symmetric) & (held.tail < held.head)
    head, tail = (
        (numpy.where(swap, other[0], own[0]), numpy.where(swap, other[1], own[1]))
        for own, other in (ends, ends[::-1])
    )
    bounds = numpy.searchsorted(pairs.doc[head[0]], numpy.arange(len(entities) + 1))
    first_entity = numpy.searchsorted(pairs.doc, numpy.arange(len(entities)))
    first_mention = numpy.append(0, numpy.cumsum(pairs.n_mentions))
    records = []
    for i, of_doc in enumerate(entities):
        here = slice(bounds[i], bounds[i + 1])
        if here.start == here.stop:
            records.append([])
            continue
        groups = [[span] if isinstance(span, Span) else span for span in of_doc]
        mentions = [[as_mention(span) for span in spans] for spans in groups]

        def find(end: Tuple[Ints1d, Ints1d]) -> List[Tuple[List, List[List]]]:
            """Each one's own mention, and all of its entity."""
            entity, mention = end[0][here], end[1][here]
            place = mention - first_mention[entity]
            found = [mentions[j] for j in (entity - first_entity[i]).tolist()]
            return [(all_[j], all_) for j, all_ in zip(place.tolist(), found)]

        told = [()] * len(rows) if evidence is None else evidence
        records.append(
            [
                make_record(
                    labels[column],
                    score,
                    h,
                    t,
                    all_h,
                    all_t,
                    [[sent.start_char, sent.end_char] for sent in sents],
                )
                for column, score, (h, all_h), (t, all_t), sents in zip(
                    columns[here].tolist(),
                    scores[here].tolist(),
                    find(head),
                    find(tail),
                    told[here],
                )
            ]
        )
    return records
