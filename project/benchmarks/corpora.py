"""Read the benchmark corpora and write their splits as .spacy files.

Nothing is left out: a mention that ends inside a token is given the whole token, and
the table says how often. `semeval` comes in its official split, its training set also
cut in two for decisions about the model, which the test set must not take.
`rel_component` is split by article as the tutorial does, and has its two labels.
"""

import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Tuple

import spacy
import srsly
import typer
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from wasabi import msg

from spacy_relext import Relation, get_relations, set_relations

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

N_TUNE_DEV = 800
N_ABLATION = 1500
N_SAMPLE = 200
# Entities in a doc from which on its pairs are few with a relation.
N_UNBALANCED = 5

NOMINAL = "NOMINAL"
SENTENCE = re.compile(r'(\d+)\t"(.*)"')
MENTIONS = re.compile(r"(.*)<e1>(.*)</e1>(.*)<e2>(.*)</e2>(.*)")
DIRECTED_LABEL = re.compile(r"([\w-]+)\((e1,e2|e2,e1)\)")

# The tutorial tells apart that two genes bind, which has no direction, and that
# something is said on how one regulates the other.
TUTORIAL_LABELS = {
    "Pos-Reg": "Regulates",
    "Neg-Reg": "Regulates",
    "Reg": "Regulates",
    "No-rel": "Regulates",
    "Binds": "Binds",
}
SYMMETRIC = ["Binds"]
ARTICLE = re.compile(r"(?:PMC|PMID)-(\d+)")
SPLIT_OF_LAST_DIGIT = {"4": "dev", "3": "test"}
N_FOLDS = 5

Splits = Dict[str, List[Doc]]
COLUMNS = [
    "corpus",
    "split",
    "docs",
    "entities",
    "relations",
    "expanded",
    "also_in_train",
]


def main(
    output: Path = typer.Argument(..., help="Folder to write to"),
    data: Path = typer.Option(DATA, help="Folder of the corpora as published"),
    seed: int = typer.Option(0, help="Of the cuts within a training set"),
) -> None:
    """Write every corpus, and the counts of each as a table and as counts.json."""
    nlp = spacy.blank("en")
    rows = []
    for name, read in READERS.items():
        expanded: Counter = Counter()
        splits = read(nlp, data, seed, expanded)
        train = {id(doc): doc.text for doc in splits["train"]}
        texts = set(train.values())
        for split, docs in splits.items():
            path = output / name / f"{split}.spacy"
            path.parent.mkdir(parents=True, exist_ok=True)
            DocBin(docs=docs, store_user_data=True).to_disk(path)
            rows.append(
                {
                    "corpus": name,
                    "split": split,
                    "docs": len(docs),
                    "entities": sum(len(doc.ents) for doc in docs),
                    "relations": sum(len(get_relations(doc)) for doc in docs),
                    "expanded": sum(expanded[doc.text] for doc in docs),
                    "also_in_train": sum(
                        id(doc) not in train and doc.text in texts for doc in docs
                    ),
                }
            )
    srsly.write_json(output / "counts.json", rows)
    msg.table([list(row.values()) for row in rows], header=COLUMNS, divider=True)


def read_semeval(nlp: Language, data: Path, seed: int, expanded: Counter) -> Splits:
    """SemEval-2010 Task 8: its train and test, and parts of train.

    nlp (Language): Whose tokenizer to use.
    data (Path): Folder of the corpora.
    seed (int): Of the parts.
    expanded (Counter): Takes, by text, how many mentions ended inside a token.
    RETURNS (Dict[str, List[Doc]]): The docs by split: `tune_train` and `tune_dev` are
        train in two, `ablation` some of `tune_train`, `sample` some of train to look
        at while training.
    """
    folder = data / "semeval2010-task8"
    train = list(iter_semeval(nlp, find(folder / "train.txt"), expanded))
    test = list(iter_semeval(nlp, find(folder / "test.txt"), expanded))
    shuffled = random.Random(seed).sample(train, len(train))
    tune_dev, tune_train = shuffled[:N_TUNE_DEV], shuffled[N_TUNE_DEV:]
    return {
        "train": train,
        "test": test,
        "tune_train": tune_train,
        "tune_dev": tune_dev,
        "ablation": tune_train[:N_ABLATION],
        "sample": shuffled[:N_SAMPLE],
    }


def iter_semeval(nlp: Language, path: Path, expanded: Counter) -> Iterator[Doc]:
    """The docs of a file in SemEval's own format: a numbered sentence in quotes with
    two mentions marked, its label, and comments.

    nlp (Language): Whose tokenizer to use.
    path (Path): The file.
    expanded (Counter): Takes, by text, how many mentions ended inside a token.
    YIELDS (Doc): The sentences. A relation starts at the mention that its label names
        first; `Other` is no relation.
    RAISES (ValueError): On a sentence without two mentions, or a label without
        direction.
    """
    lines = path.read_text(encoding="utf8").splitlines()
    for number, line in enumerate(lines, 1):
        sentence = SENTENCE.fullmatch(line.strip())
        if not sentence:
            continue
        parts = MENTIONS.fullmatch(sentence[2])
        label = lines[number].strip() if number < len(lines) else ""
        direction = DIRECTED_LABEL.fullmatch(label)
        if not parts or not (direction or label == "Other"):
            raise ValueError(
                f"{path}:{number}: expected a sentence with <e1> and <e2> marked and its "
                f"label in the line below, found: {line!r} and {label!r}"
            )
        doc, mentions = _join(nlp, parts.groups(), expanded)
        relations = []
        if direction:
            head, tail = mentions if direction[2] == "e1,e2" else reversed(mentions)
            relations.append(Relation(head, tail, direction[1]))
        set_relations(doc, relations)
        yield doc


def read_conll04(nlp: Language, data: Path, seed: int, expanded: Counter) -> Splits:
    """CoNLL04: its train, dev and test, and train with dev. It comes as tokens, which
    are kept.

    nlp (Language): Whose vocab to use.
    data (Path): Folder of the corpora.
    seed (int): Not needed.
    expanded (Counter): Not needed.
    RETURNS (Dict[str, List[Doc]]): The docs by split. `unbalanced` are those of train
        with so many entities that one pair in 20 has a relation.
    """
    splits = {}
    for name in ("train", "dev", "test"):
        path = find(data / "conll04" / f"{name}.json")
        splits[name] = list(iter_spert(nlp, json.loads(path.read_text("utf8"))))
    splits["train_dev"] = splits["train"] + splits["dev"]
    splits["unbalanced"] = [d for d in splits["train"] if len(d.ents) >= N_UNBALANCED]
    return splits


def iter_spert(nlp: Language, records: Iterable[Dict[str, Any]]) -> Iterator[Doc]:
    """The docs of records as SpERT has them: tokens, entities by the offsets of tokens
    with the end exclusive, relations by the index of their entities.

    nlp (Language): Whose vocab to use.
    records (Iterable[Dict[str, Any]]): The records.
    YIELDS (Doc): The docs. How their tokens were spaced is unknown, and marked so:
        spaCy's reader then keeps the tokens.
    """
    for record in records:
        doc = Doc(nlp.vocab, words=record["tokens"])
        entities = [
            Span(doc, entity["start"], entity["end"], label=entity["type"])
            for entity in record["entities"]
        ]
        doc.ents = entities
        relations = [
            Relation(entities[found["head"]], entities[found["tail"]], found["type"])
            for found in record["relations"]
        ]
        set_relations(doc, relations)
        yield doc


def read_rel_component(nlp: Language, data: Path, seed: int, expanded: Counter) -> Splits:
    """The tutorial's annotations of gene regulation, in its split: articles whose
    number ends with 4 are dev, with 3 test, all others train. As that makes a small
    test set, also in five folds by the same digit: two digits are test, the next two
    dev. Each split also has train with dev.

    nlp (Language): Whose vocab to use.
    data (Path): Folder of the corpora.
    seed (int): Not needed.
    expanded (Counter): Not needed.
    RETURNS (Dict[str, List[Doc]]): The docs by split.
    RAISES (ValueError): Where the source of a doc names no article.
    """
    path = find(data / "rel-component" / "annotations.jsonl")
    splits: Splits = {"train": [], "dev": [], "test": []}
    for number, line in enumerate(path.read_text("utf8").splitlines(), 1):
        record = json.loads(line)
        if record["answer"] != "accept":
            continue
        source = record["meta"]["source"]
        article = ARTICLE.search(source)
        if not article:
            raise ValueError(f"{path}:{number}: no article in the source: {source!r}")
        doc = from_prodigy(nlp, record)
        splits[SPLIT_OF_LAST_DIGIT.get(article[1][-1], "train")].append(doc)
        for fold in range(N_FOLDS):
            part = (int(article[1][-1]) // 2 - fold) % N_FOLDS
            name = {0: "test", 1: "dev"}.get(part, "train")
            splits.setdefault(f"fold-{fold}/{name}", []).append(doc)
    for folder in ("", *(f"fold-{fold}/" for fold in range(N_FOLDS))):
        splits[f"{folder}train_dev"] = splits[f"{folder}train"] + splits[f"{folder}dev"]
    return splits


def from_prodigy(nlp: Language, record: Dict[str, Any]) -> Doc:
    """A doc from a record of Prodigy's `rel.manual`, where a relation names the last
    token of each of its spans.

    nlp (Language): Whose vocab to use.
    record (Dict[str, Any]): The record.
    RETURNS (Doc): The doc. A symmetric relation starts at the first mention.
    """
    tokens = record["tokens"]
    doc = Doc(
        nlp.vocab,
        words=[token["text"] for token in tokens],
        spaces=[token["ws"] for token in tokens],
    )
    by_last_token = {
        span["token_end"]: Span(
            doc, span["token_start"], span["token_end"] + 1, label=span["label"]
        )
        for span in record["spans"]
    }
    doc.ents = list(by_last_token.values())
    relations = []
    for found in record["relations"]:
        head, tail = by_last_token[found["head"]], by_last_token[found["child"]]
        label = TUTORIAL_LABELS[found["label"]]
        if label in SYMMETRIC and tail.start < head.start:
            head, tail = tail, head
        relations.append(Relation(head, tail, label))
    set_relations(doc, relations)
    return doc


def find(path: Path) -> Path:
    """The path of a file that is there.

    path (Path): The path.
    RETURNS (Path): The same.
    RAISES (SystemExit): Where there is no such file, after a message.
    """
    if not path.is_file():
        msg.fail(
            f"Not found: {path}",
            "The benchmarks need the corpora as published. Say with --data in which "
            "folder they are: semeval2010-task8/, conll04/ and rel-component/.",
            exits=1,
        )
    return path


def _join(
    nlp: Language, parts: Tuple[str, ...], expanded: Counter
) -> Tuple[Doc, List[Span]]:
    """A doc of a text cut at its mentions, and these, each as whole tokens."""
    doc = nlp.make_doc("".join(parts))
    mentions = []
    for i in (1, 3):
        start = len("".join(parts[:i]))
        end = start + len(parts[i])
        span = doc.char_span(start, end, label=NOMINAL, alignment_mode="expand")
        if (span.start_char, span.end_char) != (start, end):
            expanded[doc.text] += 1
        mentions.append(span)
    doc.ents = mentions
    return doc, mentions


READERS: Dict[str, Callable[[Language, Path, int, Counter], Splits]] = {
    "semeval": read_semeval,
    "conll04": read_conll04,
    "rel_component": read_rel_component,
}


if __name__ == "__main__":
    typer.run(main)
