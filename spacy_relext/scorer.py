"""Precision, recall and F1 of relations."""

import warnings
from collections import defaultdict
from functools import lru_cache, partial
from itertools import product
from typing import (
    Any,
    Callable,
    Collection,
    Dict,
    Iterable,
    List,
    Optional,
    Set,
    Tuple,
)

import numpy
from spacy.scorer import PRFScore
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import registry

from .entities import get_entities
from .grouping import Grouping, normal_text
from .pairs import Pairs
from .reference import Place, Reference, Triple, match_pairs
from .relation import Relation, get_relations
from .truths import in_both_directions
from .user_data import has_relations

# Names of head and tail, and a label.
Fact = Tuple[str, str, str]


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
    grouping: Optional[Grouping] = None,
    spans_key: Optional[str] = None,
    known_facts: Optional[Collection[Fact]] = None,
    **kwargs: Any,
) -> Dict[str, Any]:
    """Score predicted relations against those of the references.

    A relation is right where its head, its tail and its label are; gold mentions are
    aligned to the predicted tokens first. An entity that has one mention is right
    where its tokens are. One that has many is the gold entity with which it shares the
    most mentions, so that what is found of two parts of an entity counts once. Gold
    relations that were no candidates count as missed, and so do all but one of those
    that fall on the same predicted tokens.

    examples (Iterable[Example]): The examples; those whose reference has no
        relations annotated (not even an empty list) are left out.
    key (str): Prefix of the scores.
    labels (Optional[Iterable[str]]): The labels to score; None for all.
    symmetric_labels (Iterable[str]): Labels that are scored without order.
    candidates (Optional[Callable[[List[Doc]], Pairs]]): Returns the candidate
        pairs of docs, for the candidate recall.
    grouping (Optional[Callable]): Which mentions of a reference are of one entity,
        where its relations do not say; None where each is one.
    spans_key (Optional[str]): Where mentions are: None for `doc.ents`, else the group
        of `doc.spans`.
    known_facts (Optional[Collection[Tuple[str, str, str]]]): What `get_facts` found in
        the training data, for the Ign-F1.
    RETURNS (Dict[str, Any]): `{key}_p`, `_r`, `_f` over all relations; `_macro_p`,
        `_macro_r`, `_macro_f` averaged over the labels; `_per_type` for each label
        p, r, f and support, the number of gold relations; `_candidate_recall`, the
        share of gold relations whose pair was a candidate, by the entities that the
        predicted ones are; `_intra_f` and `_inter_f`,
        over relations of entities that some sentence mentions both of and over the
        others, None where there are none to find and none found, or references have no
        sentences; `_ign_f`, with those found that `known_facts` has left out of the
        precision (Yao et al. 2019, "DocRED: A Large-Scale Document-Level Relation
        Extraction Dataset", section 5), None without those. All None, with a warning,
        where no reference is annotated.
    """
    wanted = None if labels is None else set(labels)
    symmetric = set(symmetric_labels)
    per_type: Dict[str, PRFScore] = defaultdict(PRFScore)
    micro, intra, inter = PRFScore(), PRFScore(), PRFScore()
    n_candidates = n_annotated = n_known = 0
    examples = list(examples)
    for example in examples:
        if not has_relations(example.reference):
            continue
        n_annotated += 1
        reference = Reference(example, wanted, symmetric, grouping, spans_key)
        gold = reference.relations
        predicted = {
            reference.as_triple(relation)
            for relation in get_relations(example.predicted)
            if wanted is None or relation.label in wanted
        }
        micro.score_set(predicted, set(gold))
        predicted_of, gold_of = _split_by_label(predicted), _split_by_label(gold)
        for label in predicted_of.keys() | gold_of.keys():
            per_type[label].score_set(predicted_of[label], gold_of[label])
        if candidates is not None and gold:
            matches = match_pairs([reference], candidates([example.predicted]))
            # One is of several pairs where an entity was found in parts.
            n_candidates += len({id(relation) for _, relation, _ in matches.relations})
        if example.reference.has_annotation("SENT_START"):
            is_intra = _sentence_sharer(example)
            for score, here in ((intra, True), (inter, False)):
                score.score_set(
                    {triple for triple in predicted if is_intra(triple) == here},
                    {triple for triple in gold if is_intra(triple) == here},
                )
        if known_facts is not None:
            for triple in predicted.intersection(gold):
                turned = in_both_directions([gold[triple]], symmetric)
                n_known += not get_facts(turned, spans_key).isdisjoint(known_facts)
    names = [f"{key}{suffix}" for suffix in SUFFIXES]
    if not n_annotated:
        if examples:
            warnings.warn(
                f"{key}: no example has relations annotated in doc._.relations, not even "
                "none, so there is nothing to score by. If they were written as .spacy "
                "files, was it with DocBin(store_user_data=True)?"
            )
        return dict.fromkeys(names)
    n_gold = micro.tp + micro.fn
    table = {label: _as_row(per_type[label]) for label in sorted(per_type)}
    values: List[Any] = [micro.precision, micro.recall, micro.fscore]
    values.extend(
        sum(row[name] for row in table.values()) / len(table) if table else 0.0
        for name in "prf"
    )
    recall = None if candidates is None or not n_gold else n_candidates / n_gold
    values.extend([table, recall])
    values.extend(score.fscore if len(score) else None for score in (intra, inter))
    values.append(None if known_facts is None else _ign_f(micro, n_known))
    return dict(zip(names, values))


# What the scores are called, behind the key.
SUFFIXES = (
    "_p", "_r", "_f", "_macro_p", "_macro_r", "_macro_f", "_per_type", "_candidate_recall",
    "_intra_f", "_inter_f", "_ign_f",
)  # fmt: skip


def get_facts(relations: Iterable[Relation], spans_key: Optional[str] = None) -> Set[Fact]:
    """What relations say, by the names of their entities, wherever their lines break.

    relations (Iterable[Relation]): The relations.
    spans_key (Optional[str]): Where mentions are: None for `doc.ents`, else the group of
        `doc.spans`. What an entity has besides, as the pronouns of a coreference cluster,
        names nothing where it has one of these.
    RETURNS (Set[Tuple[str, str, str]]): For each mention of a head and each of the
        tail their texts, and the label.
    """
    of_doc: Dict[Doc, Set[Tuple[int, int]]] = {}
    facts = set()
    for relation in relations:
        doc = relation.head.doc
        if doc not in of_doc:
            of_doc[doc] = {(x.start, x.end) for x in get_entities(doc, spans_key)}
        heads, tails = (
            {normal_text(x.text) for x in mentions if (x.start, x.end) in of_doc[doc]}
            or {normal_text(x.text) for x in mentions}
            for mentions in (relation.head_mentions, relation.tail_mentions)
        )
        facts.update((head, tail, relation.label) for head, tail in product(heads, tails))
    return facts


def _ign_f(micro: PRFScore, n_known: int) -> float:
    found_new, n_new = micro.tp - n_known, micro.tp + micro.fp - n_known
    precision = found_new / n_new if n_new else 0.0
    total = precision + micro.recall
    return 2 * precision * micro.recall / total if total else 0.0


def _split_by_label(triples: Iterable[Triple]) -> Dict[str, Set[Triple]]:
    of_label: Dict[str, Set[Triple]] = defaultdict(set)
    for triple in triples:
        of_label[triple[2]].add(triple)
    return of_label


def _sentence_sharer(example: Example) -> Callable[[Triple], bool]:
    """A function that tells whether any sentence mentions both entities."""
    starts = example.reference.to_array("SENT_START") == 1
    sentence = numpy.cumsum(starts)
    x2y = example.alignment.x2y
    first = numpy.cumsum(x2y.lengths) - x2y.lengths

    def sentence_of(start: int) -> int:
        if start < 0:
            # Of a mention that is nowhere in the predicted tokens.
            return int(sentence[-1 - start])
        if not x2y.lengths[start]:
            return -1
        return int(sentence[x2y.data[first[start]]])

    @lru_cache(maxsize=None)
    def find_sentences(place: Place) -> Set[int]:
        return {sentence_of(start) for start, _ in place} - {-1}

    def shares(triple: Triple) -> bool:
        return not find_sentences(triple[0]).isdisjoint(find_sentences(triple[1]))

    return shares


def _as_row(score: PRFScore) -> Dict[str, float]:
    return {**score.to_dict(), "support": score.tp + score.fn}
