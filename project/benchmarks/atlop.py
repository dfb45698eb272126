"""The head of ATLOP on the same encoder, in plain PyTorch: what `document` is held against.

Zhou et al. 2021, "Document-Level Relation Extraction with Adaptive Thresholding and
Localized Context Pooling": a marker in the text around each mention, logsumexp over the
markers of an entity, the encoder's own attention for a context of each pair (localized
context pooling), group bilinear classification, adaptive thresholding. Candidate pairs
are those that the extractor gets, and its scorer scores, once, after the last epoch.
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
from torch import Tensor, nn
from tqdm import tqdm
from transformers import AutoModel, AutoTokenizer, get_linear_schedule_with_warmup
from transformers.utils import logging

from spacy_relext import Pairs, score_relations
from spacy_relext.decoding import get_records
from spacy_relext.relation import get_relations, write_records
from spacy_relext.truths import get_truths
from seeds import run_seeds
from settings import check_names, make_config
from tasks import TASKS, get_known_facts

MARKER = "*"
WARMUP = 0.06
# Pieces of a window without the two special ones, and what two windows share.
WINDOW, OVERLAP = 510, 128


def main(
    name: str = typer.Argument(..., help="Benchmark: bc5cdr or redocred"),
    corpus: Path = typer.Argument(..., help="Folder that corpora.py wrote"),
    output: Path = typer.Argument(..., help="JSON file to write; one a seed beside it"),
    encoder: Path = typer.Option("assets/encoder", help="Folder of the encoder"),
    seeds: List[int] = typer.Option([0, 1], "--seed", help="Seed, can be repeated"),
    epochs: int = typer.Option(10, help="Passes over the training set"),
    batch_size: int = typer.Option(4, help="Documents in a batch"),
    encoder_rate: float = typer.Option(2e-4, help="Learning rate of the encoder"),
    head_rate: float = typer.Option(5e-4, help="Learning rate of the rest"),
    width: int = typer.Option(768, help="Width of head and tail vectors"),
    group_width: int = typer.Option(64, help="Features of a group"),
    train: str = typer.Option("", help="Split to train on, by default the benchmark's"),
    test: str = typer.Option("test", help="Split to score on"),
    limit: int = typer.Option(0, help="Documents to train on, 0 for all"),
) -> None:
    """Write the micro-F1 of each seed, their mean and standard deviation."""
    check_names("benchmark", [name], TASKS)
    task = TASKS[name]
    train = train or task.train
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


class Encoded(NamedTuple):
    """A document for the model.

    pieces (List[int]): Its pieces, with a marker before and after each mention.
    entities (List[List[int]]): For each entity the places of its opening markers.
    pairs (Tensor): Indices of head and tail, (pairs, 2).
    """

    pieces: List[int]
    entities: List[List[int]]
    pairs: Tensor


class Atlop(nn.Module):
    """Encoder and head."""

    def __init__(
        self, encoder: nn.Module, n_classes: int, width: int, group_width: int
    ) -> None:
        super().__init__()
        size = encoder.config.hidden_size
        self.encoder = encoder
        self.head = nn.Linear(2 * size, width)
        self.tail = nn.Linear(2 * size, width)
        self.bilinear = nn.Linear(width * group_width, n_classes)
        self.group_width = group_width

    def forward(self, doc: Encoded, special: Tuple[int, int]) -> Tensor:
        """Scores of the classes for each pair.

        doc (Encoded): The document.
        special (Tuple[int, int]): Ids of the pieces that a window begins and ends with.
        RETURNS (Tensor): Logits, (pairs, classes); class 0 is the threshold.
        """
        states, attention = self.encode(doc.pieces, special)
        vectors, weights = [], []
        for places in doc.entities:
            vectors.append(torch.logsumexp(states[places], dim=0))
            weights.append(attention[:, places].mean(dim=1))
        entities, looks = torch.stack(vectors), torch.stack(weights)
        heads, tails = doc.pairs.T
        shared = (looks[heads] * looks[tails]).mean(dim=1)
        context = (shared / (shared.sum(dim=1, keepdim=True) + 1e-5)) @ states
        head = torch.tanh(self.head(torch.cat([entities[heads], context], dim=1)))
        tail = torch.tanh(self.tail(torch.cat([entities[tails], context], dim=1)))
        groups = (x.reshape(len(x), -1, self.group_width) for x in (head, tail))
        products = torch.einsum("pgi,pgj->pgij", *groups)
        return self.bilinear(products.flatten(1))

    def encode(self, pieces: List[int], special: Tuple[int, int]) -> Tuple[Tensor, Tensor]:
        """States and attention of a document of any length, the mean over windows that
        overlap.

        pieces (List[int]): Its pieces.
        special (Tuple[int, int]): As of `forward`.
        RETURNS (Tuple[Tensor, Tensor]): States, (pieces, width); weights of the last
            layer, (heads, pieces, pieces).
        """
        n = len(pieces)
        starts = range(0, max(1, n - OVERLAP), WINDOW - OVERLAP)
        first, last = special
        states = count = attention = 0.0
        for start in starts:
            end = min(start + WINDOW, n)
            ids = torch.tensor([[first, *pieces[start:end], last]])
            found = self.encoder(ids, output_attentions=True)
            around = (start, n - end)
            states = states + nn.functional.pad(
                found.last_hidden_state[0, 1:-1], (0, 0, *around)
            )
            attention = attention + nn.functional.pad(
                found.attentions[-1][0, :, 1:-1, 1:-1], (*around, *around)
            )
            count = count + nn.functional.pad(torch.ones(end - start), around)
        states = states / count[:, None]
        return states, attention / (attention.sum(dim=2, keepdim=True) + 1e-10)


def adaptive_threshold_loss(logits: Tensor, truths: Tensor) -> Tensor:
    """Equations 6 to 8 of the paper, the mean over the pairs.

    logits (Tensor): (pairs, classes), class 0 the threshold.
    truths (Tensor): (pairs, labels).
    RETURNS (Tensor): The loss.
    """
    true = nn.functional.pad(truths, (1, 0))
    threshold = torch.zeros_like(true)
    threshold[:, 0] = 1
    above = logits - (1 - true - threshold) * 1e30
    below = logits - true * 1e30
    loss = -(nn.functional.log_softmax(above, dim=1) * true).sum(dim=1)
    loss = loss - (nn.functional.log_softmax(below, dim=1) * threshold).sum(dim=1)
    return loss.mean()


def encode(tokenizer: Any, doc: Doc, pairs: Pairs) -> Encoded:
    """A document for the model.

    tokenizer (Any): The encoder's tokenizer.
    doc (Doc): The document.
    pairs (Pairs): Its candidate pairs.
    RETURNS (Encoded): The document.
    """
    marker = tokenizer.convert_tokens_to_ids(MARKER)
    mentions = list(zip(pairs.start.tolist(), pairs.end.tolist()))
    opens = {start for start, _ in mentions}
    closes = {end for _, end in mentions}
    pieces: List[int] = []
    place_of: Dict[int, int] = {}
    for token in doc:
        if token.i in closes:
            pieces.append(marker)
        if token.i in opens:
            place_of[token.i] = len(pieces)
            pieces.append(marker)
        pieces.extend(tokenizer(token.text, add_special_tokens=False)["input_ids"])
    if len(doc) in closes:
        pieces.append(marker)
    owner = numpy.repeat(numpy.arange(pairs.n_entities), pairs.n_mentions)
    entities: List[List[int]] = [[] for _ in range(pairs.n_entities)]
    for entity, (start, _) in zip(owner.tolist(), mentions):
        entities[entity].append(place_of[start])
    ends = numpy.stack([pairs.head, pairs.tail], axis=1).astype("int64")
    return Encoded(pieces, entities, torch.from_numpy(ends))


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
    model = Atlop(backbone, len(pipe.labels) + 1, setup["width"], setup["group_width"])
    docs = []
    for eg in data.examples:
        pairs = pipe.candidates([eg.predicted])
        if len(pairs):
            truths = get_truths([eg], pairs, pipe.labels, (), pipe.grouping)
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
    scores = score_relations(
        examples,
        grouping=pipe.grouping,
        candidates=pipe.candidates,
        known_facts=get_known_facts(data.nlp, test_path),
    )
    return {**scores, "train_seconds": round(seconds)}


@torch.inference_mode()
def annotate(
    model: Atlop, tokenizer: Any, special: Tuple[int, int], pipe: Any, doc: Doc
) -> None:
    """Write the relations that the model finds to a doc.

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
        held = (logits[:, 1:] > logits[:, :1]).nonzero().numpy()
        rows, columns = held.T
        scores = numpy.ones(len(rows), dtype="float32")
        none = numpy.zeros(0, dtype="int32")
        decisions = rows, columns, scores
        (records,) = get_records(pairs, 1, decisions, pipe.labels, none)
    write_records(doc, records)


if __name__ == "__main__":
    typer.run(main)
