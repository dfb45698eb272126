"""From the logits of pairs to the records of relations, see user_data.py."""

from dataclasses import replace
from typing import Any, List, Optional, Sequence, Tuple

import numpy
from spacy.tokens import Span
from thinc.api import Ops, get_array_module, to_numpy
from thinc.types import Floats1d, Floats2d, Ints1d

from .objectives import Objective
from .pairs import Pairs
from .user_data import as_mention, make_record

# What was decided: for each label that holds for a pair the index of the pair, the
# index of the label, and the score. Ordered by pair.
Decisions = Tuple[Ints1d, Ints1d, Floats1d]


def average_directions(
    ops: Ops, logits: Floats2d, pairs: Pairs, symmetric: Ints1d, n_own: int
) -> None:
    """Give both directions of a pair the same logits of symmetric labels, in place: their
    mean. Where the objective has a class of its own, a logit counts by how far it is above
    that class: the mean of probabilities would be held against the no-relation of one
    direction alone.

    ops (Ops): Those of the model.
    logits (Floats2d): The logits, (pairs, outputs).
    pairs (Pairs): The pairs.
    symmetric (Ints1d): The indices of the symmetric labels.
    n_own (int): The number of outputs before those of the labels, 0 or 1.
    """
    if not len(symmetric):
        return
    columns, reverse = ops.asarray1i(symmetric + n_own), ops.asarray1i(pairs.reverse)
    own = logits[:, :1] if n_own else 0
    above = logits[:, columns] - own
    logits[:, columns] = own + (above + above[reverse]) / 2


def decide(
    objective: Objective, scores: Floats2d, pairs: Pairs, symmetric: Ints1d
) -> Decisions:
    """What holds. A symmetric label does where it holds in both directions, and the lower
    score is that of both: they differ where labels compete, and one with a direction may
    beat it there.

    objective (Objective): The objective.
    scores (Floats2d): The scores, (pairs, labels).
    pairs (Pairs): The pairs.
    symmetric (Ints1d): The indices of the symmetric labels.
    RETURNS (Tuple[Ints1d, Ints1d, Floats1d]): The decisions.
    """
    holds = objective.decide(scores)
    rows, columns = holds.nonzero()
    held = scores[rows, columns]
    if len(symmetric):
        xp = get_array_module(scores)
        is_symmetric = xp.isin(columns, xp.asarray(symmetric))
        turned = xp.where(is_symmetric, xp.asarray(pairs.reverse)[rows], rows)
        both = holds[turned, columns] > 0
        rows, columns, turned = rows[both], columns[both], turned[both]
        held = xp.minimum(held[both], scores[turned, columns])
    return to_numpy(rows), to_numpy(columns), to_numpy(held)


def get_records(
    pairs: Pairs,
    n_docs: int,
    decisions: Decisions,
    labels: Sequence[str],
    symmetric: Ints1d,
    evidence: Optional[Sequence[Sequence[Span]]] = None,
) -> List[List[List[Any]]]:
    """The relations of each doc of a batch, as they are stored.

    pairs (Pairs): The pairs, in the order of the docs.
    n_docs (int): Number of docs.
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
    if swap.any():
        # Before the closest mentions are taken, so that both directions have the same.
        head, tail = numpy.where(swap, [held.tail, held.head], [held.head, held.tail])
        held = replace(held, head=head, tail=tail)
    # Of many mentions the two that stand closest are the likeliest to tell of it.
    main_head, main_tail = held.closest
    mention = [as_mention(span) for span in pairs.mentions]
    records = [
        [labels[column], score, mention[h], mention[t]]
        for column, score, h, t in zip(
            columns.tolist(), scores.tolist(), main_head.tolist(), main_tail.tolist()
        )
    ]
    # Only where there is more to tell: it doubles the time of docs with many relations.
    if pairs.entity is not None or evidence is not None:
        bounds = numpy.append(0, numpy.cumsum(pairs.n_mentions)).tolist()
        mentions = [mention[start:end] for start, end in zip(bounds, bounds[1:])]
        told = [()] * len(records) if evidence is None else evidence
        records = [
            make_record(
                *record,
                mentions[h],
                mentions[t],
                [[sent.start_char, sent.end_char] for sent in sents],
            )
            for record, h, t, sents in zip(
                records, held.head.tolist(), held.tail.tolist(), told
            )
        ]
    bounds = numpy.searchsorted(pairs.doc[held.head], numpy.arange(n_docs + 1)).tolist()
    return [records[start:end] for start, end in zip(bounds, bounds[1:])]
