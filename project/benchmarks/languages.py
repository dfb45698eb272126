"""Relations in Spanish and Chinese: train in the language, and score beside two baselines
that do not read the text.

"One label" gives every pair of entities the label that is most frequent. "Entity types"
gives it the label that is most frequent for the two types, where its share is large enough;
how large, is what gives the best score on the training set. What was trained is not trained
again, so an interrupted study goes on where it stopped.
"""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Set, Tuple

import srsly
import typer
from spacy.tokens import Doc, DocBin
from spacy.training.corpus import FILE_TYPE, walk_corpus
from spacy.util import make_tempdir
from spacy.vocab import Vocab
from wasabi import msg

from methods import BATCHER, CONFIGS, ENCODER, MIN_STEPS, Method
from parts import write_part
from spacy_relext import get_relations
from settings import as_percent, check_names, summarise
from tasks import TASKS
from training import run

SPANS_KEY = "entities"
SHARES = [i / 50 for i in range(1, 51)]
RATE = "training.optimizer.learn_rate.initial_rate"
CHARACTERS = {"@tokenizers": "spacy.zh.ChineseTokenizer", "segmenter": "char"}
TOK2VEC = {"training.batcher": BATCHER}


class Study(NamedTuple):
    """How a language is studied.

    lang (str): Its code.
    share (float): Share of the training set, for the time that it takes.
    methods (Dict[str, Method]): What is trained.
    """

    lang: str
    share: float
    methods: Dict[str, Method]


STUDIES = {
    "ehealthkd": Study(
        "es",
        1.0,
        {
            "tok2vec": Method(
                "tok2vec, random weights",
                {**TOK2VEC, "nlp.lang": "es"},
                config=CONFIGS / "tok2vec_cpu.cfg",
                epochs=3.0,
                min_steps=MIN_STEPS,
            ),
            "encoder": Method(
                "MiniLM (English), fine-tuned",
                {**ENCODER, RATE: 2e-4},
                config=CONFIGS / "es.cfg",
                min_steps=MIN_STEPS,
            ),
        },
    ),
    "sanwen": Study(
        "zh",
        0.2,
        {
            "tok2vec": Method(
                "tok2vec, random weights",
                {**TOK2VEC, "nlp.lang": "zh", "nlp.tokenizer": CHARACTERS},
                config=CONFIGS / "tok2vec_cpu.cfg",
                epochs=3.0,
                min_steps=MIN_STEPS,
            ),
            "encoder": Method(
                "MiniLM (English), fine-tuned",
                {**ENCODER, RATE: 2e-4},
                config=CONFIGS / "zh.cfg",
                min_steps=MIN_STEPS,
            ),
        },
    ),
}

# A pair of entities: their types, and the labels of its relations.
Pair = Tuple[Tuple[str, str], Set[str]]
Decide = Callable[[Tuple[str, str]], str]


def main(
    corpus: Path = typer.Argument(..., help="Folder that corpora.py wrote"),
    output: Path = typer.Argument(..., help="JSON file to write; one a run beside it"),
    names: List[str] = typer.Option(
        list(STUDIES), "--benchmark", help="Benchmark, can be repeated"
    ),
    seeds: List[int] = typer.Option([0, 1], "--seed", help="Seed, can be repeated"),
    gpu_id: int = typer.Option(-1, help="GPU, -1 for the CPU"),
) -> None:
    """Write the figures of baselines and methods, and print them as a table."""
    check_names("benchmark", names, list(STUDIES))
    results: Dict[str, Any] = dict(srsly.read_json(output)) if output.exists() else {}
    for name in names:
        study, task = STUDIES[name], TASKS[name]
        folder = corpus / name
        symmetric = task.settings.get("components.relation_extractor.symmetric_labels", ())
        train = list(iter_pairs(folder / "train.spacy", symmetric))
        test = list(iter_pairs(folder / "test.spacy", symmetric))
        rows = results[name] = {
            "one label": {"figures": [score(choose_one_label(train), test)]},
            "entity types": {"figures": [score(choose_by_types(train), test)]},
        }
        for seed in seeds:
            for method, recipe in study.methods.items():
                settings = {**task.settings, **recipe.settings}
                settings["training.max_epochs"] *= recipe.epochs
                settings["training.max_epochs"] = int(settings["training.max_epochs"])
                with make_tempdir() as temporary:
                    train_path = folder / "train.spacy"
                    if study.share < 1:
                        train_path = write_part(train_path, temporary, study.share, seed)
                    result = run(
                        task,
                        output.parent / output.stem / name / f"{method}-seed-{seed}.json",
                        train_path=train_path,
                        watch_path=folder / "dev.spacy",
                        test_path=folder / "test.spacy",
                        seed=seed,
                        settings=settings,
                        config_path=recipe.config,
                        min_steps=recipe.min_steps,
                        gpu_id=gpu_id,
                    )
                row = rows.setdefault(recipe.label, {"figures": []})
                row["figures"].append(result["figure"])
                srsly.write_json(output, results)
        for row in rows.values():
            row.update(summarise(row["figures"]))
        srsly.write_json(output, results)
        msg.divider(f"{name} ({study.lang}), {study.share:.0%} of the training set")
        table = [(label, as_percent(row)) for label, row in rows.items()]
        msg.table(table, header=("", "micro-F1"), aligns=("l", "r"), divider=True)


def iter_pairs(path: Path, symmetric_labels: Iterable[str] = ()) -> Iterator[Pair]:
    """The ordered pairs of entities of a corpus. A relation without direction is one of
    the pair in text order.

    path (Path): The corpus, a .spacy file or a folder of such.
    symmetric_labels (Iterable[str]): Labels of relations without direction.
    YIELDS (Tuple[Tuple[str, str], Set[str]]): The types of a pair, and its labels.
    """
    vocab = Vocab()
    for file in walk_corpus(path, FILE_TYPE):
        for doc in DocBin().from_disk(file).get_docs(vocab):
            yield from _pairs_of(doc, set(symmetric_labels))


def _pairs_of(doc: Doc, symmetric_labels: Set[str]) -> Iterator[Pair]:
    labels: Dict[Tuple, Set[str]] = defaultdict(set)
    for relation in get_relations(doc):
        ends = [(x.start, x.end, x.label_) for x in (relation.head, relation.tail)]
        if relation.label in symmetric_labels:
            ends.sort()
        labels[tuple(ends)].add(relation.label)
    entities = sorted((x.start, x.end, x.label_) for x in doc.spans[SPANS_KEY])
    for head in entities:
        for tail in entities:
            if head != tail:
                yield (head[2], tail[2]), labels.get((head, tail), set())


def choose_one_label(pairs: List[Pair]) -> Decide:
    """Decide on the label that is the most frequent of all.

    pairs (List[Pair]): Pairs to learn from.
    RETURNS (Callable[[Tuple[str, str]], str]): The label for two types.
    """
    ((label, _),) = Counter(x for _, labels in pairs for x in labels).most_common(1)

    def decide(types: Tuple[str, str]) -> str:
        return label

    return decide


def choose_by_types(pairs: List[Pair]) -> Decide:
    """Decide on the label that is the most frequent for two types, or on none.

    pairs (List[Pair]): Pairs to learn from.
    RETURNS (Callable[[Tuple[str, str]], str]): The label for two types, "" for none.
    """
    n_pairs = Counter(types for types, _ in pairs)
    n_labels: Dict[Tuple[str, str], Counter] = defaultdict(Counter)
    for types, labels in pairs:
        n_labels[types].update(labels)
    best = {types: counts.most_common(1)[0] for types, counts in n_labels.items() if counts}

    def at(share: float) -> Decide:
        chosen = {
            types: label
            for types, (label, n) in best.items()
            if n / n_pairs[types] >= share
        }

        def decide(types: Tuple[str, str]) -> str:
            return chosen.get(types, "")

        return decide

    return max((at(share) for share in SHARES), key=lambda decide: score(decide, pairs))


def score(decide: Decide, pairs: List[Pair]) -> float:
    """Micro-F1 of decisions.

    decide (Callable[[Tuple[str, str]], str]): The label for two types, "" for none.
    pairs (List[Pair]): The pairs.
    RETURNS (float): The F1, 0 to 1.
    """
    found = [(decide(types), labels) for types, labels in pairs]
    n_right = sum(label in labels for label, labels in found)
    n_decided = sum(bool(label) for label, _ in found)
    n_gold = sum(len(labels) for _, labels in found)
    return 2 * n_right / max(1, n_decided + n_gold)


if __name__ == "__main__":
    typer.run(main)
