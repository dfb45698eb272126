"""Precision, recall and F1 of relations."""

from collections import defaultdict
from functools import partial
from itertools import product
from typing import Any, Callable, Dict, Iterable, List, Optional, Set, Tuple

import numpy
from spacy.scorer import PRFScore
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import registry

from .alignment import align_span
from .pairs import Pairs
from .relation import get_relations, has_relations

# Head and tail in predicted tokens, end exclusive, and label.
Triple = Tuple[Tuple[int, int], Tuple[int, int], str]


@registry.scorers("spacy-relext.relation_scorer.v1")
def make_relation_scorer(key: str = "rels", labels: Optional[List[str]] = None) -> Callable:
    """Configure `score_relations` as the scorer of a component.

    key (str): Prefix of the scores; two extractors in a pipeline need two.
    labels (Optional[List[str]]): The labels to score; None for all, also those
        that the component does not know.
    """
    return partial(_relation_scorer, key, labels)


def _relation_scorer(
    key: str, labels: Optional[List[str]], examples: Iterable[Example], /, **kwargs: Any
) -> Dict[str, Any]:
    kwargs.update(key=key, labels=labels)
    return score_relations(examples, **kwargs)


def score_relations(
    examples: Iterable[Example],
    *,
    key: str = "rels",
    labels: Optional[Iterable[str]] = None,
    symmetric_labels: Iterable[str] = (),
    candidates: Optional[Callable[[List[Doc]], Pairs]] = None,
    **kwargs: Any,
) -> Dict[str, Any]:
    """Score predicted relations against those of the references.

    A relation is right where the tokens of its head, those of its tail and its
    label are; gold mentions are aligned to the predicted tokens first. Gold
    relations that were no candidates count as missed.

    examples (Iterable[Example]): The examples; those whose reference has no
        relations annotated (not even an empty list) are left out.
    key (str): Prefix of the scores.
    labels (Optional[Iterable[str]]): The labels to score; None for all.
    symmetric_labels (Iterable[str]): Labels that are scored without order.
    candidates (Optional[Callable[[List[Doc]], Pairs]]): Returns the candidate
        pairs of docs, for the candidate recall.
    RETURNS (Dict[str, Any]): `{key}_p`, `_r`, `_f` over all relations; `_macro_p`,
        `_macro_r`, `_macro_f` averaged over the labels; `_per_type` for each label
        p, r, f and support, the number of gold relations; `_candidate_recall`, the
        share of gold relations whose pair was a candidate. All None where no
        reference is annotated.
    """
    wanted = None if labels is None else set(labels)
    symmetric = set(symmetric_labels)
    per_type: Dict[str, PRFScore] = defaultdict(PRFScore)
    micro = PRFScore()
    n_candidates = n_annotated = 0
    for example in examples:
        if not has_relations(example.reference):
            continue
        n_annotated += 1
        gold = _gold_triples(example, wanted, symmetric)
        predicted = _predicted_triples(example.predicted, wanted, symmetric)
        micro.score_set(predicted, gold)
        for label in {label for _, _, label in gold | predicted}:
            per_type[label].score_set(
                {triple for triple in predicted if triple[2] == label},
                {triple for triple in gold if triple[2] == label},
            )
        if candidates is not None and gold:
            n_candidates += _count_candidates(candidates([example.predicted]), gold, symmetric)
    names = [f"{key}{suffix}" for suffix in _SUFFIXES]
    if not n_annotated:
        return dict.fromkeys(names)
    n_gold = micro.tp + micro.fn
    table = {label: _as_row(per_type[label]) for label in sorted(per_type)}
    values: List[Any] = [micro.precision, micro.recall, micro.fscore]
    values.extend(
        sum(row[name] for row in table.values()) / len(table) if table else 0.0
        for name in "prf"
    )
    recall = None if candidates is None or not n_gold else n_candidates / n_gold
    return dict(zip(names, [*values, table, recall]))


_SUFFIXES = (
    "_p", "_r", "_f", "_macro_p", "_macro_r", "_macro_f", "_per_type", "_candidate_recall",
)  # fmt: skip


def _gold_triples(
    example: Example, wanted: Optional[Set[str]], symmetric: Set[str]
) -> Set[Triple]:
    triples = set()
    for relation in get_relations(example.reference):
        if wanted is None or relation.label in wanted:
            # A mention without a predicted token is right for nobody, but missed.
            head = align_span(example, relation.head) or (-1, relation.head.start)
            tail = align_span(example, relation.tail) or (-1, relation.tail.start)
            triples.add(_as_triple(head, tail, relation.label, symmetric))
    return triples


def _predicted_triples(
    doc: Doc, wanted: Optional[Set[str]], symmetric: Set[str]
) -> Set[Triple]:
    return {
        _as_triple(
            (relation.head.start, relation.head.end),
            (relation.tail.start, relation.tail.end),
            relation.label,
            symmetric,
        )
        for relation in get_relations(doc)
        if wanted is None or relation.label in wanted
    }


def _as_triple(head, tail, label: str, symmetric: Set[str]) -> Triple:
    if label in symmetric and tail < head:
        head, tail = tail, head
    return head, tail, label


def _count_candidates(pairs: Pairs, gold: Set[Triple], symmetric: Set[str]) -> int:
    """How many gold relations of one doc are among its candidate pairs."""
    entities: Dict[Tuple[int, int], List[int]] = defaultdict(list)
    for row, bounds in enumerate(zip(pairs.start.tolist(), pairs.end.tolist())):
        entities[bounds].append(row)
    sought = [
        (i, *pair)
        for i, (head, tail, label) in enumerate(gold)
        for ends in ([(head, tail), (tail, head)] if label in symmetric else [(head, tail)])
        for pair in product(entities.get(ends[0], ()), entities.get(ends[1], ()))
    ]
    relation, heads, tails = numpy.asarray(sought, dtype="int64").reshape(-1, 3).T
    return len(set(relation[pairs.find(heads, tails) >= 0].tolist()))


def _as_row(score: PRFScore) -> Dict[str, float]:
    return {**score.to_dict(), "support": score.tp + score.fn}
