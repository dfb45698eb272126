"""The head of ATLOP on the same encoder, in plain PyTorch: what `document` is held against.

Candidate pairs are those that the extractor gets, and its scorer scores, once, after the
last epoch.
"""

from pathlib import Path
from statistics import mean
from time import perf_counter
from typing import Any, Dict, List, NamedTuple, Tuple

import numpy
import torch
import typer
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed, load_model_from_config, registry
from torch import nn
from tqdm import tqdm
from transformers import AutoModel, AutoTokenizer, get_linear_schedule_with_warmup
from transformers.utils import logging

from atlop_model import Atlop, adaptive_threshold_loss, encode
from seeds import run_seeds
from settings import check_names, make_config
from spacy_relext import score_relations
from spacy_relext.decoding import get_records
from spacy_relext.relation import get_relations
from spacy_relext.user_data import write_records
from tasks import TASKS, get_known_facts
from thresholds import LOWEST, keep_above, score_thresholds

WARMUP = 0.06


def main(
    name: str = typer.Argument(..., help="Benchmark: bc5cdr or redocred"),
    corpus: Path = typer.Argument(..., help="Folder that corpora.py wrote"),
    output: Path = typer.Argument(..., help="JSON file to write; one a seed beside it"),
    encoder: Path = typer.Option("assets/encoder", help="Folder of the encoder"),
    seeds: List[int] = typer.Option([0, 1], "--seed", help="Seed, can be repeated"),
    epochs: int = typer.Option(0, help="Passes over the training set, 0 for the benchmark's"),
    batch_size: int = typer.Option(4, help="Documents in a batch"),
    encoder_rate: float = typer.Option(1e-4, help="Learning rate of the encoder"),
    head_rate: float = typer.Option(1e-3, help="Learning rate of the rest"),
    width: int = typer.Option(768, help="Width of head and tail vectors"),
    group_width: int = typer.Option(64, help="Features of a group"),
    train: str = typer.Option("", help="Split to train on, by default the benchmark's"),
    test: str = typer.Option("test", help="Split to score on"),
    limit: int = typer.Option(0, help="Documents to train on, 0 for all"),
    learnt_attention: bool = typer.Option(
        False, help="Learn what an entity looks at, in place of the encoder's attention"
    ),
) -> None:
    """Write the micro-F1 of each seed, their mean and standard deviation."""
    check_names("benchmark", [name], TASKS)
    task = TASKS[name]
    train = train or task.train
    epochs = epochs or task.settings["training.max_epochs"]
    setup = {
        "train": train,
        "test": test,
        "epochs": epochs,
        "batch_size": batch_size,
        "encoder_rate": encoder_rate,
        "head_rate": head_rate,
        "width": width,
        "group_width": group_width,
        "limit": limit,
        "learnt_attention": learnt_attention,
    }
    torch.set_float32_matmul_precision("medium")
    logging.set_verbosity_error()
    data = Data.load(name, corpus / name / f"{train}.spacy", limit)
    test_path = corpus / name / f"{test}.spacy"

    def train_with(seed: int) -> Dict[str, Any]:
        return train_and_score(data, test_path, encoder, seed, setup)

    run_seeds(f"ATLOP on {name}", "rels_f", output, seeds, setup, train_with)


class Data(NamedTuple):
    """The benchmark as the extractor sees it.

    nlp (Language): A pipeline whose extractor knows labels and candidate pairs.
    examples (List[Example]): What to train on.
    """

    nlp: Language
    examples: List[Example]

    @classmethod
    def load(cls, name: str, path: Path, limit: int) -> "Data":
        """Read a corpus, and let an extractor learn from it what it learns before it is
        trained.

        name (str): The benchmark.
        path (Path): The corpus.
        limit (int): Documents to read, 0 for all.
        """
        task = TASKS[name]
        paths = {"paths.train": str(path), "paths.dev": str(path)}
        config = make_config(task.config, {**task.settings, **paths})
        nlp = load_model_from_config(config, auto_fill=True)
        pipe = nlp.get_pipe("relation_extractor")
        examples = read(nlp, path, limit)
        relations = [rel for eg in examples for rel in get_relations(eg.reference)]
        for label in sorted({relation.label for relation in relations}):
            pipe.add_label(label)
        if hasattr(pipe.pairs, "initialize"):
            pipe.pairs.initialize(relations)
        return cls(nlp, examples)


def read(nlp: Language, path: Path, limit: int = 0) -> List[Example]:
    """The examples of a corpus, with the entities of the annotation.

    nlp (Language): The pipeline, whose config says by `corpora.train` how they are read.
    path (Path): The corpus.
    limit (int): Number of examples, 0 for all.
    RETURNS (List[Example]): The examples.
    """
    reader = dict(nlp.config.interpolate()["corpora"]["train"])
    reader.update(path=str(path), limit=limit)
    return list(registry.resolve({"reader": reader})["reader"](nlp))


def train_and_score(
    data: Data, test_path: Path, encoder: Path, seed: int, setup: Dict[str, Any]
) -> Dict[str, Any]:
    """Train the model and score it.

    data (Data): What to train on.
    test_path (Path): Corpus to score on.
    encoder (Path): Folder of the encoder.
    seed (int): Of weights, order and dropout.
    setup (Dict[str, Any]): The options of the command.
    RETURNS (Dict[str, Any]): The scores, and the seconds that training took.
    """
    fix_random_seed(seed)
    pipe = data.nlp.get_pipe("relation_extractor")
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    special = (tokenizer.cls_token_id, tokenizer.sep_token_id)
    backbone = AutoModel.from_pretrained(
        encoder, add_pooling_layer=False, attn_implementation="eager"
    )
    model = Atlop(
        backbone,
        len(pipe.labels) + 1,
        setup["width"],
        setup["group_width"],
        setup["learnt_attention"],
    )
    docs = []
    for eg in data.examples:
        pairs = pipe.candidates([eg.predicted])
        if len(pairs):
            truths = pipe.get_truths([eg], pairs)
            docs.append(
                (encode(tokenizer, eg.predicted, pairs), torch.from_numpy(truths))
            )
    rng = numpy.random.default_rng(seed)
    batches = [
        order[i : i + setup["batch_size"]]
        for order in (rng.permutation(len(docs)) for _ in range(setup["epochs"]))
        for i in range(0, len(docs), setup["batch_size"])
    ]
    own = [p for n, p in model.named_parameters() if not n.startswith("encoder.")]
    optimizer = torch.optim.AdamW(
        [
            {"params": model.encoder.parameters(), "lr": setup["encoder_rate"]},
            {"params": own, "lr": setup["head_rate"]},
        ],
        weight_decay=0.01,
    )
    schedule = get_linear_schedule_with_warmup(
        optimizer, int(WARMUP * len(batches)), len(batches)
    )
    model.train()
    losses: List[float] = []
    start = perf_counter()
    with tqdm(batches, unit="batch") as progress:
        for batch in progress:
            optimizer.zero_grad()
            for i in batch:
                doc, truths = docs[i]
                loss = adaptive_threshold_loss(model(doc, special), truths) / len(batch)
                loss.backward()
                losses.append(loss.item() * len(batch))
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            progress.set_postfix(loss=f"{mean(losses[-200:]):.3f}", refresh=False)
    seconds = perf_counter() - start
    examples = read(data.nlp, test_path)
    model.eval()
    for eg in tqdm(examples, unit="doc"):
        annotate(model, tokenizer, special, pipe, eg.predicted)
    curve = score_thresholds(examples, pipe.grouping)
    # Where the threshold class is.
    keep_above(0.5, examples)
    scores = score_relations(
        examples,
        grouping=pipe.grouping,
        candidates=pipe.candidates,
        known_facts=get_known_facts(data.nlp, test_path),
    )
    return {**scores, "thresholds": curve, "train_seconds": round(seconds)}


@torch.inference_mode()
def annotate(
    model: Atlop, tokenizer: Any, special: Tuple[int, int], pipe: Any, doc: Doc
) -> None:
    """Write the relations that the model finds to a doc, those below its own threshold
    too.

    model (Atlop): The model.
    tokenizer (Any): Its tokenizer.
    special (Tuple[int, int]): As of `Atlop.forward`.
    pipe (RelationExtractor): Knows candidates and labels.
    doc (Doc): The doc, with its entities.
    """
    pairs = pipe.candidates([doc])
    records: List[Any] = []
    if len(pairs):
        logits = model(encode(tokenizer, doc, pairs), special)
        probabilities = torch.sigmoid(logits[:, 1:] - logits[:, :1]).numpy()
        rows, columns = numpy.nonzero(probabilities > LOWEST)
        none = numpy.zeros(0, dtype="int32")
        decisions = rows, columns, probabilities[rows, columns]
        (records,) = get_records(pairs, 1, decisions, pipe.labels, none)
    write_records(doc, records)


if __name__ == "__main__":
    typer.run(main)
