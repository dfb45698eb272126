"""How well a model of whole documents names the sentences that tell of a relation, by its
attention or by the scores of mentions, on the documents of Re-DocRED.

Of the relations that the pipeline finds, those count that are right and whose evidence is
annotated. The baseline names the sentences of the two mentions that stand closest.
"""

from pathlib import Path
from typing import Dict, FrozenSet, Iterable, Iterator, List, Tuple

import spacy
import srsly
import typer
from spacy.scorer import PRFScore
from spacy.tokens import Doc, Span
from wasabi import msg

from spacy_relext import Relation, get_relations, set_relations
from spacy_relext.corpus import create_entity_corpus

Bounds = FrozenSet[Tuple[int, int]]
# What tells a relation of two entities from the others of its doc.
Key = Tuple[str, Bounds, Bounds]
Sentences = Tuple[Span, ...]


def main(
    model: Path = typer.Argument(..., help="Folder of a pipeline, trained on Re-DocRED"),
    corpus: Path = typer.Argument(..., help="Documents with evidence, a .spacy file"),
    output: Path = typer.Argument(..., help="JSON file to write"),
    shares: List[float] = typer.Option(
        [0.05, 0.1, 0.2, 0.3, 0.5], "--share", help="evidence_share, can be repeated"
    ),
) -> None:
    """Write precision, recall and F1 of the sentences, for each share."""
    nlp = spacy.load(model)
    pipe = nlp.get_pipe("relation_extractor")
    references = [eg.reference for eg in create_entity_corpus(corpus)(nlp)]
    gold = [
        {key(rel): rel.evidence for rel in get_relations(doc) if rel.evidence}
        for doc in references
    ]
    # With the sentences of the annotation, and its entities, but not its relations.
    docs = [doc.copy() for doc in references]
    for doc in docs:
        set_relations(doc, [])
    docs = list(nlp.pipe(docs))
    right = list(iter_right(docs, gold))
    if not right:
        msg.fail(f"No relation that is found has evidence in {corpus}", exits=1)
    closest = (((rel.head.sent, rel.tail.sent), true) for rel, true in right)
    results = {"closest mentions": score_sentences(closest)}
    for share in shares:
        pipe.evidence_share = share
        named = ((rel.evidence, true) for rel, true in iter_right(map(pipe, docs), gold))
        results[str(share)] = score_sentences(named)
    srsly.write_json(output, {"relations": len(right), **results})
    rows = [
        (name, *(f"{100 * scores[measure]:.1f}" for measure in "prf"))
        for name, scores in results.items()
    ]
    msg.table(rows, header=("evidence_share", "P", "R", "F1"), divider=True)


def key(relation: Relation) -> Key:
    """The label of a relation, and where the mentions of its entities are."""
    ends = (relation.head_mentions, relation.tail_mentions)
    head, tail = (frozenset((span.start, span.end) for span in end) for end in ends)
    return relation.label, head, tail


def iter_right(
    docs: Iterable[Doc], gold: Iterable[Dict[Key, Sentences]]
) -> Iterator[Tuple[Relation, Sentences]]:
    """The relations that are right, of those whose evidence is annotated.

    docs (Iterable[Doc]): The docs, with the relations that were found.
    gold (Iterable[Dict]): For each doc the evidence of its relations, by their keys.
    YIELDS (Tuple[Relation, Tuple[Span, ...]]): The relation, and that evidence.
    """
    for doc, evidence in zip(docs, gold):
        for relation in get_relations(doc):
            if key(relation) in evidence:
                yield relation, evidence[key(relation)]


def score_sentences(pairs: Iterable[Tuple[Sentences, Sentences]]) -> Dict[str, float]:
    """Precision, recall and F1 of sentences, over all relations.

    pairs (Iterable[Tuple[Tuple[Span, ...], Tuple[Span, ...]]]): For each relation the
        sentences that are named, and those of the annotation.
    RETURNS (Dict[str, float]): `p`, `r` and `f`, 0 to 1.
    """
    score = PRFScore()
    for found, true in pairs:
        score.score_set({sent.start for sent in found}, {sent.start for sent in true})
    return score.to_dict()


if __name__ == "__main__":
    typer.run(main)
