"""python -m spacy relext debug-data"""

from pathlib import Path
from typing import Any, Dict, List, Optional

import spacy
import typer
from spacy.cli._util import import_code
from spacy.language import Language
from spacy.training import Example
from wasabi import msg

from ..candidates import keep_all
from ..corpus import create_entity_corpus, find_clusters_prefix
from ..inspection import Setup, find_shared_texts, inspect_corpus
from ..training_data import read_examples
from ..truths import in_both_directions
from . import relext
from .files import load_examples
from .problems import find_problems
from .training_config import TrainingConfig, read_training_config

FACTORY = "relation_extractor"
# Types of entities that are shown of a label.
N_TYPES = 4


@relext.command("debug-data")
def debug_data_cli(
    # fmt: off
    train_path: Path = typer.Argument(
        ...,
        metavar="TRAIN",
        help="Training data, a .spacy file or a directory",
        exists=True,
    ),
    dev_path: Path = typer.Argument(
        ..., metavar="DEV", help="Data to evaluate on", exists=True
    ),
    config_path: Optional[Path] = typer.Option(
        None,
        "--config",
        "-c",
        help="Config to be trained: its tokenizer, its pairs, its window. Without one all pairs are candidates, and words are English",
        exists=True,
    ),
    component: str = typer.Option(
        "relation_extractor",
        "--component",
        "-n",
        help="Name of the component in the config",
    ),
    code_path: Optional[Path] = typer.Option(
        None, "--code", help="Path to Python file with additional code to be imported"
    ),
    # fmt: on
) -> None:
    """Tell what will go wrong, before hours are spent on a training.

    Relations out of reach of the pairs, labels that are rare or unknown, entities that do
    not fit the tokens, labels that look symmetric, texts in both sets, long documents; a
    reader that hands no entities over, a grouping that groups nothing.
    """
    try:
        found = debug_data(
            train_path,
            dev_path,
            config_path=config_path,
            component=component,
            code_path=code_path,
        )
    except (ValueError, OSError) as error:
        msg.fail("Can't inspect the data", str(error), exits=1)
    _print_counts(found)
    _print_labels(found)
    if found["stand_ins"]:
        names = ", ".join(found["stand_ins"])
        msg.info(f"Sentences: those of a sentencizer, {names} is not loaded")
    problems = list(find_problems(found))
    for title, advice in problems:
        msg.warn(title, advice)
    if not problems:
        msg.good("No problem found")


def debug_data(
    train_path: Path,
    dev_path: Path,
    *,
    config_path: Optional[Path] = None,
    component: str = "relation_extractor",
    code_path: Optional[Path] = None,
) -> Dict[str, Any]:
    """Inspect the data of a training.

    train_path (Path): A .spacy file, or a directory of such.
    dev_path (Path): Another.
    config_path (Optional[Path]): Config to be trained.
    component (str): Name of the component in it.
    code_path (Optional[Path]): Python file to import first.
    RETURNS (Dict[str, Any]): What `inspect_corpus` finds as `train` and `dev`;
        `unseen_labels`, those of dev alone; `absent_labels`, those that the config gives
        and neither has; `other_labels`, those that it does not give; `lacked_labels`, those
        that a sourced component does not have; `unknown_symmetric`, those of
        `symmetric_labels` that are none of the component's; `shared_texts`; the `window`;
        and of the config `missing`, `stand_ins`, `unread_labels` and `flattered`, see
        `TrainingConfig`.
    RAISES (ValueError): Where there is no such component in the config, or a corpus can't
        be read or has no docs.
    """
    import_code(code_path)
    if config_path is None:
        config = TrainingConfig(spacy.blank("en"), Setup(keep_all), [], {})
    else:
        config = read_training_config(config_path, component)
    nlp, setup = config.nlp, config.setup
    examples = {
        name: _read_corpus(path, nlp, setup)
        for name, path in (("train", train_path), ("dev", dev_path))
    }
    if hasattr(setup.pairs, "initialize"):
        relations, _ = read_examples(examples["train"], setup.grouping, setup.spans_key)
        if config.labels is not None:
            relations = [rel for rel in relations if rel.label in config.labels]
        setup.pairs.initialize(in_both_directions(relations, setup.symmetric_labels))
    found: Dict[str, Any] = {
        name: inspect_corpus(egs, setup) for name, egs in examples.items()
    }
    train, dev = ([eg.reference for eg in egs] for egs in examples.values())
    found["shared_texts"] = find_shared_texts(train, dev)
    labels = set(found["train"]["labels"]), set(found["dev"]["labels"])
    found["unseen_labels"] = sorted(labels[1] - labels[0])
    given = set.union(*labels) if config.labels is None else set(config.labels)
    found["absent_labels"] = sorted(given.difference(*labels))
    found["other_labels"] = sorted(set.union(*labels) - given)
    learnt = labels[0] if config.labels is None else given
    unknown = set(setup.symmetric_labels).difference(learnt)
    # Where the labels are not there yet, any may be one.
    found["unknown_symmetric"] = [] if config.unread_labels else sorted(unknown)
    found["unread_labels"] = config.unread_labels
    found["lacked_labels"] = (
        []
        if config.source_labels is None
        else sorted(set.union(*labels).difference(config.source_labels))
    )
    found["window"] = setup.window
    found["missing"] = config.missing
    found["stand_ins"] = config.stand_ins
    found["flattered"] = list(config.flattered)
    return found


def _read_corpus(path: Path, nlp: Language, setup: Setup) -> List[Example]:
    reader = create_entity_corpus(
        path,
        spans_key=setup.spans_key,
        clusters_prefix=find_clusters_prefix(setup.grouping),
    )
    examples = load_examples(path, reader, nlp)
    for eg in examples:
        eg.predicted = nlp(eg.predicted)
    return examples


def _print_counts(found: Dict[str, Any]) -> None:
    train, dev = found["train"], found["dev"]
    names = ["docs", "entities", "relations", "pairs"]
    rows = [(name, f"{train[name]:,}", f"{dev[name]:,}") for name in names]
    shares = [
        f"{part['pairs_without_relation'] / part['pairs']:.1%}" if part["pairs"] else "-"
        for part in (train, dev)
    ]
    rows.append(("pairs without relation", *shares))
    msg.table(rows, header=("", "train", "dev"), aligns=("l", "r", "r"), divider=True)


def _print_labels(found: Dict[str, Any]) -> None:
    train, dev = found["train"]["labels"], found["dev"]["labels"]
    rows = []
    for label in [*train, *found["unseen_labels"]]:
        part = found["train"] if label in train else found["dev"]
        types = part["types_of_labels"][label]
        shown = [f"{pair} ({n:,})" for pair, n in list(types.items())[:N_TYPES]]
        if len(types) > N_TYPES:
            shown.append(f"{len(types) - N_TYPES} more")
        counts = (f"{train.get(label, 0):,}", f"{dev.get(label, 0):,}")
        rows.append((label, *counts, ", ".join(shown)))
    header = ("label", "train", "dev", "entity types")
    msg.table(rows, header=header, aligns=("l", "r", "r", "l"), divider=True)
