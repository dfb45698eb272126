"""Score a pipeline on SemEval-2010 Task 8 by the task's official measure.

The answer of the pipeline to a sentence is its best relation, label and direction, or
`Other` where it found none.
"""

from collections import Counter
from pathlib import Path
from statistics import mean
from typing import Any, Dict, Iterable, Optional, Tuple

import spacy
import srsly
import typer
from spacy.language import Language
from spacy.tokens import Doc
from wasabi import msg

from spacy_relext import get_relations
from spacy_relext.corpus import create_entity_corpus

# A label and whether its head comes first in the text; None is `Other`.
Answer = Optional[Tuple[str, bool]]


def main(
    model: str = typer.Argument(..., help="Trained pipeline"),
    corpus: Path = typer.Argument(..., help="The .spacy file to score on"),
    output: Optional[Path] = typer.Option(None, help="JSON file to write"),
) -> None:
    """Print the official macro-F1, and the scores of each label."""
    scores = score_pipeline(spacy.load(model), corpus)
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        srsly.write_json(output, scores)
    rows = [("(macro)", scores["macro_p"], scores["macro_r"], scores["macro_f"], "")]
    rows += [(label, *found.values()) for label, found in scores["per_type"].items()]
    rows = [(label, *(_percent(x) for x in found), n) for label, *found, n in rows]
    msg.table(rows, header=("label", "P", "R", "F", "support"), divider=True)


def score_pipeline(nlp: Language, path: Path) -> Dict[str, Any]:
    """Have a pipeline answer a corpus, its mentions given, and score the answers.

    nlp (Language): The pipeline.
    path (Path): The corpus.
    RETURNS (Dict[str, Any]): As `macro_f1` returns them.
    """
    examples = list(create_entity_corpus(path)(nlp))
    docs = nlp.pipe([example.predicted for example in examples])
    gold = [get_answer(example.reference) for example in examples]
    return macro_f1(gold, [get_answer(doc) for doc in docs])


def get_answer(doc: Doc) -> Answer:
    """The best relation of a doc.

    doc (Doc): The doc, with exactly two mentions.
    RETURNS (Optional[Tuple[str, bool]]): Its label and whether its head comes first;
        None where the doc has no relation.
    RAISES (ValueError): Where the doc has not two mentions.
    """
    if len(doc.ents) != 2:
        raise ValueError(
            f"SemEval-2010 Task 8 asks for one pair, found {len(doc.ents)} mentions in: "
            f"{doc.text!r}"
        )
    relations = get_relations(doc)
    if not relations:
        return None
    best = relations[0]
    return best.label, best.head.start < best.tail.start


def macro_f1(gold: Iterable[Answer], predicted: Iterable[Answer]) -> Dict[str, Any]:
    """The official measure: the mean over the labels of their F1, where an answer of
    the right label in the wrong direction is wrong, and answers on `Other` count
    against the labels but `Other` has no part in the mean.

    Hendrickx et al. 2010, "SemEval-2010 Task 8: Multi-Way Classification of Semantic
    Relations between Pairs of Nominals", section 4.

    gold (Iterable[Answer]): The right answers.
    predicted (Iterable[Answer]): The pipeline's, in the same order.
    RETURNS (Dict[str, Any]): `macro_p`, `macro_r` and `macro_f` between 0 and 1, the
        last of them official, and `per_type`, by label in `gold` p, r, f and support.
    RAISES (ValueError): Where the two differ in number, or no gold answer has a label.
    """
    gold, predicted = list(gold), list(predicted)
    n_gold = Counter(answer[0] for answer in gold if answer)
    n_predicted = Counter(answer[0] for answer in predicted if answer)
    if len(gold) != len(predicted) or not n_gold:
        raise ValueError(
            "Expected as many answers as there are gold answers, and a label among "
            f"these; found {len(predicted)} answers for {len(gold)} sentences with "
            f"{len(n_gold)} labels."
        )
    n_right = Counter(
        right[0] for right, answer in zip(gold, predicted) if right and right == answer
    )
    per_type = {}
    for label in sorted(n_gold):
        total = n_gold[label] + n_predicted[label]
        per_type[label] = {
            "p": n_right[label] / n_predicted[label] if n_predicted[label] else 0.0,
            "r": n_right[label] / n_gold[label],
            "f": 2 * n_right[label] / total,
            "support": n_gold[label],
        }
    macro = {
        f"macro_{name}": mean(found[name] for found in per_type.values())
        for name in ("p", "r", "f")
    }
    return {**macro, "per_type": per_type}


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


if __name__ == "__main__":
    typer.run(main)
