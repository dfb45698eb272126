"""The entity-marker baseline on SemEval-2010 Task 8, in plain PyTorch.

Baldini Soares et al. 2019, "Matching the Blanks", figure 3 (f): tokens of their own
around both mentions in the text, and a linear classifier on the states of the two
opening ones. It reads the text anew for every pair, where the extractor reads it once;
the encoder is the same. Scored once, after the last epoch, on the test set.
"""

from pathlib import Path
from statistics import mean
from time import perf_counter
from typing import Any, Dict, List, Tuple

import numpy
import torch
import typer
from spacy.tokens import Doc, DocBin
from spacy.util import fix_random_seed
from spacy.vocab import Vocab
from torch import Tensor, nn
from tqdm import tqdm
from transformers import AutoModel, AutoTokenizer, get_linear_schedule_with_warmup
from transformers.utils import logging
from wasabi import msg

from semeval_score import Answer, get_answer, macro_f1
from seeds import run_seeds

MARKERS = ["[E1]", "[/E1]", "[E2]", "[/E2]"]
WARMUP = 0.1
MAX_PIECES = 512
# Sentences of like length come together, out of this many batches' worth of them.
POOL = 20


def main(
    corpus: Path = typer.Argument(..., help="Folder of train and test.spacy of SemEval"),
    output: Path = typer.Argument(..., help="JSON file to write; one a seed beside it"),
    encoder: Path = typer.Option("assets/encoder", help="Folder of the encoder"),
    seeds: List[int] = typer.Option([0, 1], "--seed", help="Seed, can be repeated"),
    epochs: int = typer.Option(4, help="Passes over the training set"),
    batch_size: int = typer.Option(32, help="Sentences in a batch"),
    encoder_rate: float = typer.Option(2e-4, help="Learning rate of the encoder"),
    head_rate: float = typer.Option(5e-4, help="Learning rate of the classifier"),
    dropout: float = typer.Option(0.1, help="On what the classifier sees"),
    train: str = typer.Option("train", help="Split to train on"),
    test: str = typer.Option("test", help="Split to score on"),
    limit: int = typer.Option(0, help="Sentences to train on, 0 for all"),
) -> None:
    """Write the official macro-F1 of each seed, their mean and standard deviation."""
    setup = {
        "train": train,
        "test": test,
        "epochs": epochs,
        "batch_size": batch_size,
        "encoder_rate": encoder_rate,
        "head_rate": head_rate,
        "dropout": dropout,
        "limit": limit,
    }
    # As the extractor is trained, see training.py.
    torch.set_float32_matmul_precision("medium")
    # That the pooling layer of the checkpoint is left out is meant.
    logging.set_verbosity_error()
    train_docs = read_docs(corpus / f"{train}.spacy")
    train_docs = train_docs[:limit] if limit else train_docs
    test_docs = read_docs(corpus / f"{test}.spacy")

    def train_with(seed: int) -> Dict[str, Any]:
        return train_and_score(train_docs, test_docs, encoder, seed, setup)

    run_seeds("Entity markers", "macro_f", output, seeds, setup, train_with)


class MarkerModel(nn.Module):
    """An encoder, and a linear classifier on its states of two tokens."""

    def __init__(self, encoder: nn.Module, n_classes: int, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * encoder.config.hidden_size, n_classes)

    def forward(self, batch: Dict[str, Tensor], markers: Tensor) -> Tensor:
        """Scores of the classes.

        batch (Dict[str, Tensor]): What the encoder takes, (sentences, pieces).
        markers (Tensor): Where the two tokens are, (sentences, 2).
        RETURNS (Tensor): Logits, (sentences, classes).
        """
        states = self.encoder(**batch).last_hidden_state
        rows = torch.arange(len(states)).unsqueeze(1)
        return self.head(self.dropout(states[rows, markers].flatten(1)))


def train_and_score(
    train_docs: List[Doc],
    test_docs: List[Doc],
    encoder: Path,
    seed: int,
    setup: Dict[str, Any],
) -> Dict[str, Any]:
    """Train the model and score it.

    train_docs (List[Doc]): Sentences with two mentions, and a relation or none.
    test_docs (List[Doc]): Likewise.
    encoder (Path): Folder of the encoder.
    seed (int): Of weights, order and dropout.
    setup (Dict[str, Any]): The options of the command.
    RETURNS (Dict[str, Any]): The scores, and the seconds that training took.
    """
    fix_random_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    tokenizer.add_special_tokens({"additional_special_tokens": MARKERS})
    backbone = AutoModel.from_pretrained(encoder, add_pooling_layer=False)
    backbone.resize_token_embeddings(len(tokenizer))
    answers = [get_answer(doc) for doc in train_docs]
    classes: List[Answer] = [None, *sorted({answer for answer in answers if answer})]
    model = MarkerModel(backbone, len(classes), setup["dropout"])
    pieces = encode(tokenizer, train_docs)
    targets = [classes.index(answer) for answer in answers]

    batches = [
        batch
        for epoch in range(setup["epochs"])
        for batch in make_batches(pieces, setup["batch_size"], seed + epoch)
    ]
    groups = [
        {"params": model.encoder.parameters(), "lr": setup["encoder_rate"]},
        {"params": model.head.parameters(), "lr": setup["head_rate"]},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    schedule = get_linear_schedule_with_warmup(
        optimizer, int(WARMUP * len(batches)), len(batches)
    )
    model.train()
    losses: List[float] = []
    start = perf_counter()
    with tqdm(batches, unit="batch") as progress:
        for batch in progress:
            logits = model(*collate(tokenizer, [pieces[i] for i in batch]))
            target = torch.tensor([targets[i] for i in batch])
            loss = nn.functional.cross_entropy(logits, target)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
            progress.set_postfix(loss=f"{mean(losses[-100:]):.3f}", refresh=False)
    seconds = perf_counter() - start

    gold = [get_answer(doc) for doc in test_docs]
    predicted = [classes[i] for i in predict(model, tokenizer, test_docs)]
    return {**macro_f1(gold, predicted), "train_seconds": round(seconds)}


def predict(model: MarkerModel, tokenizer: Any, docs: List[Doc]) -> List[int]:
    """The best class of each doc.

    model (MarkerModel): The model.
    tokenizer (Any): The encoder's tokenizer, which knows the markers.
    docs (List[Doc]): Sentences with two mentions.
    RETURNS (List[int]): The index of a class each.
    """
    model.eval()
    pieces = encode(tokenizer, docs)
    best: List[int] = []
    with torch.inference_mode():
        for i in range(0, len(pieces), 64):
            logits = model(*collate(tokenizer, pieces[i : i + 64]))
            best.extend(logits.argmax(dim=1).tolist())
    return best


def encode(tokenizer: Any, docs: List[Doc]) -> List[List[int]]:
    """The pieces of each doc, its mentions marked in the text.

    tokenizer (Any): The encoder's tokenizer, which knows the markers.
    docs (List[Doc]): Sentences with two mentions.
    RETURNS (List[List[int]]): The ids.
    """
    texts = []
    for doc in docs:
        first, second = ((span.start_char, span.end_char) for span in doc.ents)
        cuts = [0, *first, *second, len(doc.text)]
        parts = [doc.text[start:end] for start, end in zip(cuts, cuts[1:])]
        before, e1, between, e2, after = parts
        texts.append(f"{before}[E1] {e1} [/E1]{between}[E2] {e2} [/E2]{after}")
    return tokenizer(texts, truncation=True, max_length=MAX_PIECES)["input_ids"]


def make_batches(pieces: List[List[int]], size: int, seed: int) -> List[List[int]]:
    """Batches of sentences of like length, in random order.

    pieces (List[List[int]]): The pieces of all sentences.
    size (int): Sentences in a batch.
    seed (int): Of the order.
    RETURNS (List[List[int]]): The indices of the sentences of each batch.
    """
    rng = numpy.random.default_rng(seed)
    order = rng.permutation(len(pieces)).tolist()
    batches = []
    for i in range(0, len(order), POOL * size):
        pool = sorted(order[i : i + POOL * size], key=lambda j: len(pieces[j]))
        batches += [pool[j : j + size] for j in range(0, len(pool), size)]
    rng.shuffle(batches)
    return batches


def collate(tokenizer: Any, pieces: List[List[int]]) -> Tuple[Dict[str, Tensor], Tensor]:
    """The input of the model for some sentences.

    tokenizer (Any): The encoder's tokenizer, which knows the markers.
    pieces (List[List[int]]): The pieces of each sentence.
    RETURNS (Tuple[Dict[str, Tensor], Tensor]): See `MarkerModel.forward`.
    """
    batch = tokenizer.pad({"input_ids": pieces}, return_tensors="pt")
    opening = tokenizer.convert_tokens_to_ids([MARKERS[0], MARKERS[2]])
    markers = [[ids.index(marker) for marker in opening] for ids in pieces]
    return dict(batch), torch.tensor(markers)


def read_docs(path: Path) -> List[Doc]:
    """The docs of a corpus.

    path (Path): The .spacy file.
    RETURNS (List[Doc]): Its docs.
    RAISES (SystemExit): Where there is no such file, after a message.
    """
    if not path.is_file():
        msg.fail(f"Not found: {path}", "Write it first: benchmarks/corpora.py", exits=1)
    return list(DocBin().from_disk(path).get_docs(Vocab()))


if __name__ == "__main__":
    typer.run(main)
