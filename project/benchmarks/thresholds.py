"""What a pipeline for whole documents scores at each threshold.

The best of them is chosen on the data that it is scored on, so it is no result, but what
no choice of a threshold could better: for a baseline whose threshold was not chosen.
"""

from pathlib import Path
from typing import Any, Dict, List

import spacy
import srsly
import typer
from spacy.training import Example
from wasabi import msg

from settings import check_names
from spacy_relext import get_relations, score_relations, set_relations
from spacy_relext.grouping import Grouping
from tasks import GROUPINGS, annotate_documents
from training import THRESHOLDS

LOWEST = THRESHOLDS[0]


def main(
    name: str = typer.Argument(..., help="Benchmark: bc5cdr or redocred"),
    model: Path = typer.Argument(..., help="Folder of the pipeline"),
    corpus: Path = typer.Argument(..., help="Documents to score it on, a .spacy file"),
    output: Path = typer.Argument(..., help="JSON file to write"),
) -> None:
    """Write the F1 at each threshold, and the best of them."""
    check_names("benchmark of documents", [name], GROUPINGS)
    nlp = spacy.load(model)
    objective = nlp.get_pipe("relation_extractor").objective
    own, objective.threshold = objective.threshold, LOWEST
    examples = annotate_documents(GROUPINGS[name], nlp, corpus)
    results = score_thresholds(examples, GROUPINGS[name])
    output.parent.mkdir(parents=True, exist_ok=True)
    srsly.write_json(output, {"own_threshold": own, **results})
    rows = [(name, f"{100 * f:.1f}") for name, f in results["f"].items()]
    msg.table(rows, header=("threshold", "F1"), divider=True)


def score_thresholds(examples: List[Example], grouping: Grouping) -> Dict[str, Any]:
    """Score what is found at each threshold. In the end the docs have the relations of
    before.

    examples (List[Example]): With all relations that pass the lowest.
    grouping (Callable): Which mentions are of one entity.
    RETURNS (Dict[str, Any]): `best_threshold`, `best_f`, and `f` by threshold.
    """
    found = [get_relations(eg.predicted) for eg in examples]
    f_at: Dict[str, float] = {}
    for threshold in THRESHOLDS:
        keep_above(threshold, examples)
        f_at[str(threshold)] = score_relations(examples, grouping=grouping)["rels_f"]
        for eg, relations in zip(examples, found):
            set_relations(eg.predicted, relations)
    best = max(f_at, key=lambda threshold: f_at[threshold])
    return {"best_threshold": float(best), "best_f": f_at[best], "f": f_at}


def keep_above(threshold: float, examples: List[Example]) -> None:
    """Drop what was found with a lower score.

    threshold (float): The score to pass.
    examples (List[Example]): The examples.
    """
    for eg in examples:
        found = get_relations(eg.predicted)
        set_relations(eg.predicted, [rel for rel in found if rel.score > threshold])


if __name__ == "__main__":
    typer.run(main)
