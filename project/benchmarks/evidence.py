"""How well the attention of the model of whole documents names the sentences that tell of
a relation, on the documents of Re-DocRED.

Of the relations that the pipeline finds, those count that are right and whose evidence is
annotated. The baseline names the sentences of the two mentions that stand closest.
"""

from collections import Counter
from pathlib import Path
from typing import Dict, FrozenSet, Iterable, List, Tuple

import spacy
import srsly
import typer
from spacy.tokens import Span
from wasabi import msg

from spacy_relext import Relation, get_relations
from spacy_relext.corpus import create_entity_corpus

Bounds = FrozenSet[Tuple[int, int]]
CLOSEST = "closest mentions"


def main(
    model: Path = typer.Argument(..., help="Folder of a pipeline, trained on Re-DocRED"),
    corpus: Path = typer.Argument(..., help="Documents with evidence, a .spacy file"),
    output: Path = typer.Argument(..., help="JSON file to write"),
    shares: List[float] = typer.Option(
        [0.05, 0.1, 0.2, 0.3], "--share", help="evidence_share, can be repeated"
    ),
) -> None:
    """Write precision, recall and F1 of the sentences, for each share of attention."""
    nlp = spacy.load(model)
    pipe = nlp.get_pipe("relation_extractor")
    references = [eg.reference for eg in create_entity_corpus(corpus)(nlp)]
    gold = [
        {key(rel): rel.evidence for rel in get_relations(doc) if rel.evidence}
        for doc in references
    ]
    # With the sentences of the annotation, and its entities.
    docs = list(nlp.pipe([doc.copy() for doc in references]))
    counts = {CLOSEST: Counter()}
    for share in shares:
        pipe.evidence_share = share
        closest, named = Counter(), Counter()
        for doc, evidence in zip(docs, gold):
            for relation in get_relations(pipe(doc)):
                true = evidence.get(key(relation))
                if true is not None:
                    closest.update(count((relation.head.sent, relation.tail.sent), true))
                    named.update(count(relation.evidence, true))
        # The same each time.
        counts[CLOSEST] = closest
        counts[str(share)] = named
    if not counts[CLOSEST]:
        msg.fail(f"No relation that is found has evidence in {corpus}", exits=1)
    results = {name: as_scores(found) for name, found in counts.items()}
    srsly.write_json(output, {"relations": counts[CLOSEST]["relations"], **results})
    rows = [
        (name, *(f"{100 * scores[measure]:.1f}" for measure in "prf"))
        for name, scores in results.items()
    ]
    msg.table(rows, header=("share of attention", "P", "R", "F1"), divider=True)


def key(relation: Relation) -> Tuple[str, Bounds, Bounds]:
    """What tells a relation of two entities from the others of its doc.

    relation (Relation): The relation.
    RETURNS (Tuple[str, FrozenSet, FrozenSet]): Its label, and where the mentions are.
    """
    ends = (relation.head_mentions, relation.tail_mentions)
    head, tail = (frozenset((span.start, span.end) for span in end) for end in ends)
    return relation.label, head, tail


def count(found: Iterable[Span], true: Iterable[Span]) -> Counter:
    """Sentences of one relation.

    found (Iterable[Span]): Those that are named.
    true (Iterable[Span]): Those of the annotation.
    RETURNS (Counter): How many are `found`, `true` and `both`, of one of the `relations`.
    """
    starts = [{sent.start for sent in sents} for sents in (found, true)]
    both = starts[0] & starts[1]
    return Counter(
        relations=1, found=len(starts[0]), true=len(starts[1]), both=len(both)
    )


def as_scores(counts: Counter) -> Dict[str, float]:
    """Precision, recall and F1 of what was counted, 0 to 1.

    counts (Counter): As `count` gives them, summed up.
    RETURNS (Dict[str, float]): `p`, `r` and `f`.
    """
    p = counts["both"] / counts["found"] if counts["found"] else 0.0
    r = counts["both"] / counts["true"] if counts["true"] else 0.0
    return {"p": p, "r": r, "f": 2 * p * r / (p + r) if p + r else 0.0}


if __name__ == "__main__":
    typer.run(main)
