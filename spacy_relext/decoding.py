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
    swap = numpy.isin(columns, symmetric) & (held.tail < held.head)
    head, tail = _swap(held.head, held.tail, swap)
    bounds = numpy.searchsorted(pairs.doc[head], numpy.arange(len(entities) + 1))
    first_entity = numpy.searchsorted(pairs.doc, numpy.arange(len(entities)))
    if pairs.entity is not None or evidence is not None:
        # Of many mentions the two that stand closest are the likeliest to tell of it.
        first_mention = numpy.append(0, numpy.cumsum(pairs.n_mentions))
        main_head, main_tail = _swap(*held.closest, swap)
        place_of_head = (main_head - first_mention[head]).tolist()
        place_of_tail = (main_tail - first_mention[tail]).tolist()
    records = []
    for i, of_doc in enumerate(entities):
        here = slice(bounds[i], bounds[i + 1])
        if here.start == here.stop:
            records.append([])
            continue
        ends = zip(
            columns[here].tolist(),
            scores[here].tolist(),
            (head[here] - first_entity[i]).tolist(),
            (tail[here] - first_entity[i]).tolist(),
        )
        if pairs.entity is None and evidence is None:
            # Anything more would double the time that docs with many relations take.
            mention = [as_mention(*_as_mentions(entity)) for entity in of_doc]
            records.append(
                [
                    [labels[column], score, mention[h], mention[t]]
                    for column, score, h, t in ends
                ]
            )
            continue
        mentions = [[as_mention(span) for span in _as_mentions(e)] for e in of_doc]
        told = [()] * len(rows) if evidence is None else evidence
        records.append(
            [
                make_record(
                    labels[column],
                    score,
                    mentions[h][place_h],
                    mentions[t][place_t],
                    mentions[h],
                    mentions[t],
                    [[sent.start_char, sent.end_char] for sent in sents],
                )
                for (column, score, h, t), place_h, place_t, sents in zip(
                    ends, place_of_head[here], place_of_tail[here], told[here]
                )
            ]
        )
    return records


def _swap(head: Ints1d, tail: Ints1d, swap: Ints1d) -> Tuple[Ints1d, Ints1d]:
    return numpy.where(swap, tail, head), numpy.where(swap, head, tail)


def _as_mentions(entity: Entity) -> Sequence[Span]:
    return [entity] if isinstance(entity, Span) else entity
