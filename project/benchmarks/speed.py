"""Time the component against its encoder, and against the tutorial's component.

All run in turn in one process on the same docs, several times; a ratio is the
median of the ratios within each turn. The weights are random, with the bias of the
output set so that one score in a hundred passes the threshold. The extractor scores
every pair of a doc, the tutorial's component those within its 100 tokens.
"""

import gc
import os
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Dict, List

import srsly
import torch
import typer
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc
from wasabi import msg

import tutorial  # noqa: F401  (registers the factory)
from spacy_relext import get_relations, set_relations
from synthetic import (
    annotate,
    get_scores,
    make_docs,
    make_pipeline,
    make_relation_extractor,
    print_rows,
    set_positives,
)

# Entities and tokens of a doc, and the ratio to reach.
SHAPES = [(4, 30, 0.05), (10, 30, 0.05), (40, 400, 0.05), (100, 400, 0.15)]
ENCODER, OURS, TUTORIAL = NAMES = [
    "transformer",
    "relation_extractor",
    "tutorial_relation_extractor",
]
COLUMNS = [
    "entities",
    "tokens",
    "reach",
    "ratio",
    "tutorial_ratio",
    "pairs_per_s",
    "tutorial_pairs_per_s",
    "times_faster",
    "relations_per_doc",
]


def main(
    output: Path = typer.Argument(..., help="JSON file to write"),
    encoder: Path = typer.Option("assets/encoder", help="Folder of the encoder"),
    n_docs: int = typer.Option(16, help="Docs in a batch"),
    repeats: int = typer.Option(25, help="Turns at each shape"),
) -> None:
    """Write times, ratios to the encoder and pairs a second, one row a shape."""
    load = os.getloadavg()[0]
    if load > 0.5:
        msg.warn(f"The machine is busy (load {load:.1f}): ratios will be off")
    nlp = make_pipeline(encoder, {OURS: make_relation_extractor(), TUTORIAL: {}})
    rows = []
    for n_entities, n_tokens, reach in SHAPES:
        msg.info(f"{n_docs} docs, {n_entities} entities in {n_tokens} tokens each")
        docs = make_docs(nlp.vocab, n_docs, n_entities, n_tokens)
        row = measure(nlp, docs, repeats)
        rows.append({"entities": n_entities, "tokens": n_tokens, "reach": reach, **row})
    output.parent.mkdir(parents=True, exist_ok=True)
    figures = {
        "docs": n_docs,
        "repeats": repeats,
        "threads": torch.get_num_threads(),
        "load_before": load,
        "shapes": rows,
    }
    srsly.write_json(output, figures)
    print_rows(rows, COLUMNS)


def measure(nlp: Language, docs: List[Doc], repeats: int) -> Dict[str, Any]:
    """Time encoder, extractor and the tutorial's component on a batch of docs.

    nlp (Language): The pipeline.
    docs (List[Doc]): The docs.
    repeats (int): How often each has its turn.
    RETURNS (Dict[str, Any]): Median seconds, ratios, pairs a second.
    """
    encoder, ours, baseline = (nlp.get_pipe(name) for name in NAMES)
    # This warms up, too.
    annotate(encoder, docs)
    set_positives(ours, docs, 0.01)
    set_positives(baseline, docs, 0.01)
    turns = []
    for _ in range(repeats):
        for doc in docs:
            set_relations(doc, [])
            doc._.rel = {}
        # What one turn leaves behind is not to be cleaned up in the time of the next.
        gc.collect()
        turns.append([time(component, docs) for component in (encoder, ours, baseline)])
    n_ours, n_baseline = (len(get_scores(x, docs)) for x in (ours, baseline))
    seconds = [median(column) for column in zip(*turns)]
    return {
        "ratio": median(turn[1] / turn[0] for turn in turns),
        "tutorial_ratio": median(turn[2] / turn[0] for turn in turns),
        "pairs_per_s": n_ours / seconds[1],
        "tutorial_pairs_per_s": n_baseline / seconds[2],
        "times_faster": median(
            (n_ours / turn[1]) / (n_baseline / turn[2]) for turn in turns
        ),
        "pairs_per_doc": n_ours / len(docs),
        "tutorial_pairs_per_doc": n_baseline / len(docs),
        "relations_per_doc": sum(len(get_relations(doc)) for doc in docs) / len(docs),
        "seconds": dict(zip(NAMES, seconds)),
    }


def time(component: TrainablePipe, docs: List[Doc]) -> float:
    """Seconds that a component takes to predict and annotate.

    component (TrainablePipe): The component.
    docs (List[Doc]): The docs.
    RETURNS (float): The seconds.
    """
    start = perf_counter()
    annotate(component, docs)
    return perf_counter() - start


if __name__ == "__main__":
    typer.run(main)
