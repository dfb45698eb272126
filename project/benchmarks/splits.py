"""The benchmark corpora as they are published, and the splits that each is cut in.

Nothing is left out: a mention that ends inside a token is given the whole token.
`semeval` comes in its official split, its training set also cut in two for decisions
about the model, which the test set must not take. `rel_component` is split by article as
the tutorial does, and has its two labels.
"""

import random
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Callable, Dict, List

from spacy.language import Language
from spacy.tokens import Doc
from wasabi import msg

from spacy_relext import Relation, get_relations, set_relations
from spacy_relext.convert import FORMATS
from spacy_relext.convert.build import DocBuilder, Options
from spacy_relext.convert.report import Report
from spacy_relext.convert.source import SourceDoc
from spacy_relext.user_data import SOURCE_KEY

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

N_TUNE_DEV = 800
N_ABLATION = 1500
N_SAMPLE = 200
# Entities in a doc from which on its pairs are few with a relation.
N_UNBALANCED = 5

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
N_REDOCRED_TEST = 100
N_REDOCRED_DEV = 50
N_DOCUMENT_SAMPLE = 20

Splits = Dict[str, List[Doc]]


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
    train = load(nlp, "semeval", folder / "train.txt", expanded)
    test = load(nlp, "semeval", folder / "test.txt", expanded)
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


def read_conll04(nlp: Language, data: Path, seed: int, expanded: Counter) -> Splits:
    """CoNLL04: its train, dev and test, and train with dev. It comes as tokens, which
    are kept.

    nlp (Language): Whose vocab to use.
    data (Path): Folder of the corpora.
    seed (int): Not needed.
    expanded (Counter): Takes, by text, how many mentions ended inside a token.
    RETURNS (Dict[str, List[Doc]]): The docs by split. `unbalanced` are those of train
        with so many entities that one pair in 20 has a relation.
    """
    splits = {}
    for name in ("train", "dev", "test"):
        path = data / "conll04" / f"{name}.json"
        splits[name] = load(nlp, "spert", path, expanded)
    splits["train_dev"] = splits["train"] + splits["dev"]
    splits["unbalanced"] = [d for d in splits["train"] if len(d.ents) >= N_UNBALANCED]
    return splits


def read_rel_component(nlp: Language, data: Path, seed: int, expanded: Counter) -> Splits:
    """The tutorial's annotations of gene regulation, in its split: articles whose
    number ends with 4 are dev, with 3 test, all others train. As that makes a small
    test set, also in five folds by the same digit: two digits are test, the next two
    dev. Each split also has train with dev.

    nlp (Language): Whose vocab to use.
    data (Path): Folder of the corpora.
    seed (int): Not needed.
    expanded (Counter): Takes, by text, how many mentions ended inside a token.
    RETURNS (Dict[str, List[Doc]]): The docs by split.
    RAISES (ValueError): Where the source of a doc names no article.
    """
    path = data / "rel-component" / "annotations.jsonl"
    splits: Splits = {"train": [], "dev": [], "test": []}
    # Some relations stand there twice, which is once.
    for doc in load(nlp, "prodigy", path, expanded, relabel, strict=False):
        source, place = doc.user_data[SOURCE_KEY]
        article = ARTICLE.search(source)
        if not article:
            raise ValueError(f"{place}: no article in the source: {source!r}")
        relations = [
            found.reverse()
            if found.label in SYMMETRIC and found.tail.start < found.head.start
            else found
            for found in get_relations(doc)
        ]
        set_relations(doc, relations)
        splits[SPLIT_OF_LAST_DIGIT.get(article[1][-1], "train")].append(doc)
        for fold in range(N_FOLDS):
            part = (int(article[1][-1]) // 2 - fold) % N_FOLDS
            name = {0: "test", 1: "dev"}.get(part, "train")
            splits.setdefault(f"fold-{fold}/{name}", []).append(doc)
    for folder in ("", *(f"fold-{fold}/" for fold in range(N_FOLDS))):
        both = (splits.get(f"{folder}{name}", []) for name in ("train", "dev"))
        splits[f"{folder}train_dev"] = sum(both, [])
    return splits


def read_bc5cdr(nlp: Language, data: Path, seed: int, expanded: Counter) -> Splits:
    """BC5CDR: which chemical induces which disease, by their MeSH ids. Its train, dev and
    test, and train with dev.

    nlp (Language): Whose tokenizer to use.
    data (Path): Folder of the corpora.
    seed (int): Not needed.
    expanded (Counter): Takes, by text, how many mentions ended inside a token.
    RETURNS (Dict[str, List[Doc]]): The docs by split. In `train_dev_mentions` a relation
        holds between any two mentions of its entities, each for itself.
    """
    splits = {}
    for name in ("train", "dev", "test"):
        path = data / "bc5cdr" / f"{name}.PubTator.txt"
        # Mentions that stand there twice, and relations of ids without a mention.
        splits[name] = load(nlp, "pubtator", path, expanded, strict=False, sents=True)
    splits["train_dev"] = splits["train"] + splits["dev"]
    splits["sample"] = random.Random(seed).sample(splits["train"], N_DOCUMENT_SAMPLE)
    splits["train_dev_mentions"] = list(map(spread, splits["train_dev"]))
    return splits


def read_redocred(nlp: Language, data: Path, seed: int, expanded: Counter) -> Splits:
    """The 500 documents of Re-DocRED's dev set, 400 to train and 100 to test.

    nlp (Language): Whose vocab to use.
    data (Path): Folder of the corpora.
    seed (int): Of the split.
    expanded (Counter): Takes, by text, how many mentions ended inside a token.
    RETURNS (Dict[str, List[Doc]]): The docs by split; `tune_train` and `tune_dev` are
        train in two. In `train_mentions` a relation holds between any two mentions.
    """
    path = data / "redocred" / "dev_revised.json"
    docs = load(nlp, "docred", path, expanded, strict=False)
    docs = random.Random(seed).sample(docs, len(docs))
    test, train = docs[:N_REDOCRED_TEST], docs[N_REDOCRED_TEST:]
    return {
        "train": train,
        "test": test,
        "tune_dev": train[:N_REDOCRED_DEV],
        "tune_train": train[N_REDOCRED_DEV:],
        "sample": train[:N_DOCUMENT_SAMPLE],
        "train_mentions": list(map(spread, train)),
    }


def spread(doc: Doc) -> Doc:
    """A copy of a doc in which relations of entities are relations of their mentions.

    doc (Doc): The doc.
    RETURNS (Doc): The copy.
    """
    copy = doc.copy()
    relations = [
        Relation(head, tail, found.label)
        for found in get_relations(copy)
        for head in found.head_mentions
        for tail in found.tail_mentions
        if (head.start, head.end) != (tail.start, tail.end)
    ]
    set_relations(copy, relations)
    return copy


def relabel(source: SourceDoc) -> SourceDoc:
    """An annotated document with the tutorial's labels.

    source (SourceDoc): The document.
    RETURNS (SourceDoc): The same with other labels.
    """
    relations = [
        replace(found, label=TUTORIAL_LABELS[found.label]) for found in source.relations
    ]
    return replace(source, relations=relations)


def load(
    nlp: Language,
    format: str,
    path: Path,
    expanded: Counter,
    change: Callable[[SourceDoc], SourceDoc] = lambda source: source,
    strict: bool = True,
    sents: bool = False,
) -> List[Doc]:
    """The docs of a file, as `spacy relext convert` makes them.

    nlp (Language): Whose tokenizer to use.
    format (str): The format of the file.
    path (Path): The file.
    expanded (Counter): Takes, by text, how many mentions ended inside a token.
    change (Callable[[SourceDoc], SourceDoc]): What to make of each document before.
    strict (bool): Whether all that would be dropped is an error.
    sents (bool): Whether to set sentence boundaries by punctuation.
    RETURNS (List[Doc]): The docs.
    RAISES (ValueError): Where something is not as the format has it.
    """
    docs = []
    report = Report(strict=strict)
    builder = DocBuilder(nlp, report, Options(sents=sents))
    for found in FORMATS[format].read(find(path)):
        if not isinstance(found, SourceDoc):
            report.add(found)
            continue
        before = report.changed["entity", "expanded"]
        made = builder.build(change(found))
        expanded[found.text] += report.changed["entity", "expanded"] - before
        docs.extend(made)
    report.check()
    return docs


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
            "folder they are: semeval2010-task8/, conll04/, rel-component/, bc5cdr/ and "
            "redocred/.",
            exits=1,
        )
    return path


READERS: Dict[str, Callable[[Language, Path, int, Counter], Splits]] = {
    "semeval": read_semeval,
    "conll04": read_conll04,
    "rel_component": read_rel_component,
    "bc5cdr": read_bc5cdr,
    "redocred": read_redocred,
}
