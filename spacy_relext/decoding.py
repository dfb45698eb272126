"""From the labels that hold for pairs to the records of relations, see relation.py."""

from typing import Any, List, Sequence, Tuple

import numpy
from spacy.tokens import Span
from thinc.types import Floats1d, Ints1d

from .pairs import Pairs
from .relation import as_mention

# What was decided: for each label that holds for a pair the index of the pair, the
# index of the label, and the score. Ordered by pair.
Decisions = Tuple[Ints1d, Ints1d, Floats1d]


def get_records(
    entities: Sequence[Sequence[Span]],
    pairs: Pairs,
    decisions: Decisions,
    labels: Sequence[str],
    symmetric: Ints1d,
) -> List[List[List[Any]]]:
    """The relations of each doc of a batch, as they are stored.

    entities (Sequence[Sequence[Span]]): For each doc the entities that the pairs
        are of.
    pairs (Pairs): The pairs, in the order of the docs.
    decisions (Tuple[Ints1d, Ints1d, Floats1d]): What holds, in main memory.
    labels (Sequence[str]): The labels.
    symmetric (Ints1d): The indices of those that hold in both directions; the
        first mention is the head of such a relation.
    RETURNS (List[List[List[Any]]]): For each doc its records, those of a symmetric
        relation once a direction.
    """
    rows, columns, scores = decisions
    head, tail = pairs.head[rows], pairs.tail[rows]
    swap = numpy.isin(columns, symmetric) & (tail < head)
    head, tail = numpy.where(swap, tail, head), numpy.where(swap, head, tail)
    first_entity = numpy.searchsorted(pairs.doc, numpy.arange(len(entities)))
    bounds = numpy.searchsorted(pairs.doc[head], numpy.arange(len(entities) + 1))
    records = []
    for i, spans in enumerate(entities):
        here = slice(bounds[i], bounds[i + 1])
        if here.start == here.stop:
            records.append([])
            continue
        mentions = [as_mention(span) for span in spans]
        of_doc = zip(
            columns[here],
            scores[here].tolist(),
            head[here] - first_entity[i],
            tail[here] - first_entity[i],
        )
        records.append(
            [
                [labels[column], score, mentions[h], mentions[t]]
                for column, score, h, t in of_doc
            ]
        )
    return records
