"""What relations of whole documents cost: time of the extractor over that of its encoder on
the documents of Re-DocRED, and memory of a training step.

The pipeline is that of document.cfg with random weights, its bias set so that as many
labels hold as in the annotation. Both run in turn in one process on the same docs; the
ratio is the median of the turns.
"""

import gc
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Dict, List

import numpy
import srsly
import torch
import typer
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import registry
from wasabi import msg

from memory import weigh
from settings import make_config
from spacy_relext import get_relations, set_relations
from synthetic import annotate, get_scores
from tasks import TASKS

N_DOCS = 16
# What a training step is weighed with.
N_TRAINED, N_ENTITIES = 4, 25


def main(
    corpus: Path = typer.Argument(..., help="Folder of the splits of Re-DocRED"),
    output: Path = typer.Argument(..., help="JSON file to write"),
    repeats: int = typer.Option(9, help="Turns"),
) -> None:
    """Write the ratio to the encoder, and the peak memory of two training steps."""
    task = TASKS["redocred"]
    path = str(corpus / "train.spacy")
    config = make_config(
        task.config, {**task.settings, "paths.train": path, "paths.dev": path}
    )
    nlp = init_nlp(config)
    settings = config.interpolate()
    reader = registry.resolve({"reader": settings["corpora"]["train"]})["reader"]
    examples = list(reader(nlp))
    figures = time_docs(nlp, examples[:N_DOCS], repeats)
    pipe = nlp.get_pipe("relation_extractor")
    large = [eg for eg in examples if len(pipe.entities(eg.reference)) >= N_ENTITIES]
    optimizer = registry.resolve({"optimizer": settings["training"]["optimizer"]})
    for _ in range(2):
        nlp.update(large[:N_TRAINED], sgd=optimizer["optimizer"], drop=0.1)
    figures.update(
        threads=torch.get_num_threads(),
        trained_docs=N_TRAINED,
        trained_entities=[len(pipe.entities(eg.reference)) for eg in large[:N_TRAINED]],
        labels=len(pipe.labels),
        training_peak_mb=weigh()["peak"],
        reach_ratio=0.3,
        reach_training_mb=4096,
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    srsly.write_json(output, figures)
    rows = [(name.replace("_", " "), str(value)) for name, value in figures.items()]
    msg.table(rows, aligns=("l", "r"))


def time_docs(nlp: Language, examples: List[Example], repeats: int) -> Dict[str, float]:
    """Time encoder and extractor on a batch of docs.

    nlp (Language): The pipeline.
    examples (List[Example]): The docs, with their entities and relations.
    repeats (int): How often each has its turn.
    RETURNS (Dict[str, float]): The ratio, the seconds, and what the docs are like.
    """
    docs: List[Doc] = [eg.predicted for eg in examples]
    encoder, extractor = (nlp.get_pipe(name) for name in nlp.pipe_names)
    annotate(encoder, docs)
    n_gold = sum(len(get_relations(eg.reference)) for eg in examples)
    scores = numpy.asarray(get_scores(extractor, docs), dtype="float64")
    share = n_gold / scores.size
    # A label holds where it beats output 0, by what the threshold asks for.
    logits = numpy.log(scores / (1 - scores))
    threshold = extractor.objective.threshold
    least = numpy.log(threshold / (1 - threshold))
    layer = extractor.model.get_ref("output")
    bias = layer.get_param("b").copy()
    bias[0] += numpy.float32(numpy.quantile(logits, 1 - share) - least)
    layer.set_param("b", bias)
    turns = []
    for _ in range(repeats):
        for doc in docs:
            set_relations(doc, [])
        gc.collect()
        seconds = []
        for component in (encoder, extractor):
            start = perf_counter()
            annotate(component, docs)
            seconds.append(perf_counter() - start)
        turns.append(seconds)
    return {
        "ratio": median(ours / theirs for theirs, ours in turns),
        "encoder_seconds": median(theirs for theirs, _ in turns),
        "extractor_seconds": median(ours for _, ours in turns),
        "docs": len(docs),
        "tokens": sum(map(len, docs)),
        "pairs": len(scores),
        "relations": sum(len(get_relations(doc)) for doc in docs),
    }


if __name__ == "__main__":
    typer.run(main)
