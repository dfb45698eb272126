"""Time the component against its encoder on a GPU, in full and in mixed precision, and
count what it copies between the GPU and main memory.

Encoder and extractor run in turn in one process on the same docs. The weights of the
extractor are random, with its bias set as in speed.py.
"""

import gc
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Callable, Dict, List

import spacy
import srsly
import torch
import typer
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import set_gpu_allocator
from torch.profiler import ProfilerActivity, profile
from wasabi import msg

from spacy_relext import Relation, set_relations
from speed import SHAPES
from synthetic import (
    RELATION_LABELS,
    annotate,
    make_docs,
    make_pipeline,
    make_relation_extractor,
    print_rows,
    set_positives,
)

EXTRACTOR = "relation_extractor"
# How the profiler names copies from the GPU, and to it.
COPIES = {"copies_to_host": "Memcpy DtoH", "copies_to_gpu": "Memcpy HtoD"}
COLUMNS = [
    "mixed_precision",
    "entities",
    "tokens",
    "encoder_ms",
    "extractor_ms",
    "ratio",
    "pairs_per_s",
    "training_step_ms",
    *COPIES,
]


def main(
    output: Path = typer.Argument(..., help="JSON file to write"),
    encoder: Path = typer.Option("assets/encoder", help="Folder of the encoder"),
    gpu_id: int = typer.Option(0, help="The GPU"),
    n_docs: int = typer.Option(16, help="Docs in a batch"),
    repeats: int = typer.Option(15, help="Turns at each shape"),
) -> None:
    """Write milliseconds a batch, pairs a second and copies a batch, one row a shape."""
    spacy.require_gpu(gpu_id)
    set_gpu_allocator("pytorch")
    rows = []
    for mixed_precision in (False, True):
        components = {EXTRACTOR: make_relation_extractor()}
        nlp = make_pipeline(encoder, components, mixed_precision=mixed_precision)
        for n_entities, n_tokens, _ in SHAPES:
            docs = make_docs(nlp.vocab, n_docs, n_entities, n_tokens)
            shape = {"entities": n_entities, "tokens": n_tokens}
            measured = measure(nlp, docs, repeats)
            rows.append({"mixed_precision": mixed_precision, **shape, **measured})
    device = torch.cuda.get_device_name(gpu_id)
    output.parent.mkdir(parents=True, exist_ok=True)
    figures = {"device": device, "docs": n_docs, "repeats": repeats, "shapes": rows}
    srsly.write_json(output, figures)
    msg.divider(device)
    print_rows(rows, COLUMNS)


def measure(nlp: Language, docs: List[Doc], repeats: int) -> Dict[str, Any]:
    """Time encoder and extractor on a batch of docs, and count copies of the latter.

    nlp (Language): The pipeline, on a GPU.
    docs (List[Doc]): The docs.
    repeats (int): How often each has its turn.
    RETURNS (Dict[str, Any]): Median milliseconds, their ratio, pairs a second, and the
        numbers of copies of one batch.
    """
    encoder, extractor = (nlp.get_pipe(name) for name in nlp.pipe_names)
    annotate(encoder, docs)
    set_positives(extractor, docs, 0.01)
    examples = [_as_example(doc, label) for doc, label in zip(docs, 2 * RELATION_LABELS)]
    optimizer = nlp.resume_training()

    def encode() -> None:
        annotate(encoder, docs)

    def extract() -> None:
        annotate(extractor, docs)

    def train() -> None:
        nlp.update(examples, sgd=optimizer, drop=0.1)

    n_pairs = len(extractor.candidates(docs))
    found = count_copies(extract)
    # What is learnt would change how many relations are found.
    turns = [[time(encode), time(extract)] for _ in range(repeats + 2)][2:]
    steps = [time(train) for _ in range(repeats + 2)][2:]
    encoder_seconds, extractor_seconds = map(median, zip(*turns))
    return {
        "encoder_ms": 1000 * encoder_seconds,
        "extractor_ms": 1000 * extractor_seconds,
        "ratio": median(ours / theirs for theirs, ours in turns),
        "pairs_per_s": n_pairs / extractor_seconds,
        "training_step_ms": 1000 * median(steps),
        **found,
    }


def time(task: Callable[[], None]) -> float:
    """Seconds that something takes, what it asked the GPU for included.

    task (Callable[[], None]): What to do.
    RETURNS (float): The seconds.
    """
    gc.collect()
    torch.cuda.synchronize()
    start = perf_counter()
    task()
    torch.cuda.synchronize()
    return perf_counter() - start


def count_copies(task: Callable[[], None]) -> Dict[str, int]:
    """Count the copies between the GPU and main memory, whichever library makes them.

    task (Callable[[], None]): What to do.
    RETURNS (Dict[str, int]): The number of copies to either side.
    """
    task()
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        task()
        torch.cuda.synchronize()
    names = [event.name() for event in profiler.profiler.kineto_results.events()]
    return {
        column: sum(name.startswith(kind) for name in names)
        for column, kind in COPIES.items()
    }


def _as_example(doc: Doc, label: str) -> Example:
    reference = doc.copy()
    set_relations(reference, [Relation(*reference.ents[:2], label)])
    return Example(doc.copy(), reference)


if __name__ == "__main__":
    typer.run(main)
