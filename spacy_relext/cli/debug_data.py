"""python -m spacy relext debug-data"""

from pathlib import Path
from typing import Any, Collection, Dict, List, Optional

import spacy
import typer
from spacy.cli._util import import_code, parse_config_overrides
from spacy.language import Language
from spacy.training import Example
from spacy.util import ENV_VARS
from wasabi import msg

from ..candidates import keep_all
from ..corpus import create_entity_corpus, find_clusters_prefix, find_reader
from ..inspection import Setup, find_shared_texts, inspect_corpus
from ..training_data import read_examples
from ..truths import in_both_directions
from . import relext
from .config_problems import find_config_problems, read_scorer
from .files import load_examples
from .problems import find_problems
from .training_config import TrainingConfig, read_training_config

# Types of entities that are shown of a label.
N_TYPES = 4


@relext.command(
    "debug-data",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def debug_data_cli(
    # fmt: off
    ctx: typer.Context,
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
    reader that hands no entities over, a grouping that groups nothing, a scorer whose
    scores count for nothing. Values of the config are overridden as with `spacy train`,
    such as --paths.model PATH.
    """
    # The variable of the environment is for those who give a config.
    env_var = None if config_path is None else ENV_VARS.CONFIG_OVERRIDES
    overrides = parse_config_overrides(ctx.args, env_var)
    try:
        found = debug_data(
            train_path,
            dev_path,
            config_path=config_path,
            overrides=overrides,
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
    overrides: Optional[Dict[str, Any]] = None,
    component: str = "relation_extractor",
    code_path: Optional[Path] = None,
) -> Dict[str, Any]:
    """Inspect the data of a training.

    train_path (Path): A .spacy file, or a directory of such.
    dev_path (Path): Another.
    config_path (Optional[Path]): Config to be trained.
    overrides (Optional[Dict[str, Any]]): Values that take the place of those in it, by
        their names with dots.
    component (str): Name of the component in it.
    code_path (Optional[Path]): Python file to import first.
    RETURNS (Dict[str, Any]): What `inspect_corpus` finds as `train` and `dev`; the
        `learnt_labels`; `late_labels`, those of train that are not learnt because what is
        read before the training has none; `unseen_labels`, those of dev alone, where the
        component was not trained before; `absent_labels`, those that the config gives and
        neither has; `other_labels`, those that it does not give; `lacked_labels`, those
        that a sourced component does not have; of these three none that the scorer leaves
        out; `unscored_labels`, those of the scorer that neither has; `unread_labels`, why
        it is not known what labels the config gives; `shared_texts`; the `window`;
        `stand_ins`, see `TrainingConfig`; and `config_problems`, see
        `find_config_problems`.
    RAISES (ValueError): Where there is no such component in the config, values are to be
        overridden without a config, or one of these can't be read or has no docs.
    """
    import_code(code_path)
    if config_path is None:
        if overrides:
            raise ValueError(f"--config is needed to override {', '.join(overrides)}")
        config = None
        nlp, setup = spacy.blank("en"), Setup(keep_all)
    else:
        config = read_training_config(config_path, component, overrides)
        nlp, setup = config.nlp, config.setup
    examples = {
        name: _read_corpus(path, nlp, setup, _find_limit(config, name))
        for name, path in (("train", train_path), ("dev", dev_path))
    }
    initial = examples["train"][: None if config is None else config.n_initial]
    relations, _ = read_examples(initial, setup.grouping, setup.spans_key)
    if setup.labels is None and len(initial) < len(examples["train"]):
        setup = setup._replace(labels=sorted({relation.label for relation in relations}))
    if setup.learns_pairs and hasattr(setup.pairs, "initialize"):
        relations = in_both_directions(setup.select(relations), setup.symmetric_labels)
        setup.pairs.initialize(relations)
    found: Dict[str, Any] = {
        name: inspect_corpus(egs, setup) for name, egs in examples.items()
    }
    docs = {name: [eg.reference for eg in egs] for name, egs in examples.items()}
    found.update(
        _compare_labels(config, setup, found["train"]["labels"], found["dev"]["labels"])
    )
    found["shared_texts"] = find_shared_texts(docs["train"], docs["dev"])
    found["window"] = setup.window
    found["stand_ins"] = [] if config is None else config.stand_ins
    found["config_problems"] = (
        [] if config is None else list(find_config_problems(config, docs))
    )
    return found


def _compare_labels(
    config: Optional[TrainingConfig],
    setup: Setup,
    train: Collection[str],
    dev: Collection[str],
) -> Dict[str, Any]:
    """What labels the data, the component and its scorer do not share."""
    own = set(train if setup.labels is None else setup.labels)
    in_data = {*train, *dev}
    given, source, unread, scored = None, None, "", None
    if config is not None:
        given, source = config.given_labels, config.source_labels
        unread = config.unread_labels
        _, scored = read_scorer(config)
    missed = in_data if scored is None else in_data.intersection(scored)
    is_collected = given is None and source is None
    learns = config is None or not config.is_frozen
    unlike: Dict[str, Collection[str]] = {
        "learnt_labels": own if learns else (),
        "late_labels": missed.intersection(train) - own if is_collected else (),
        # One that was trained before has learnt its labels already.
        "unseen_labels": missed.difference(train) if source is None else (),
        "absent_labels": set(given or ()) - in_data,
        "other_labels": set() if given is None else missed.difference(given),
        "lacked_labels": set() if source is None else missed.difference(source),
        "unscored_labels": set(scored or ()) - in_data,
    }
    return {
        "unread_labels": unread,
        **{name: sorted(labels) for name, labels in unlike.items()},
    }


def _find_limit(config: Optional[TrainingConfig], data: str) -> int:
    """How many docs of a corpus the reader of the config reads, 0 for all."""
    if config is None:
        return 0
    _, reader = find_reader(config.nlp.config, data)
    limit = reader.get("limit", 0)
    return limit if isinstance(limit, int) else 0


def _read_corpus(path: Path, nlp: Language, setup: Setup, limit: int) -> List[Example]:
    reader = create_entity_corpus(
        path,
        limit=limit,
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
    for label in {**train, **dev}:
        part = found["train"] if label in train else found["dev"]
        types = part["types_of_labels"][label]
        shown = [f"{pair} ({n:,})" for pair, n in list(types.items())[:N_TYPES]]
        if len(types) > N_TYPES:
            shown.append(f"{len(types) - N_TYPES} more")
        counts = (f"{train.get(label, 0):,}", f"{dev.get(label, 0):,}")
        rows.append((label, *counts, ", ".join(shown)))
    header = ("label", "train", "dev", "entity types")
    msg.table(rows, header=header, aligns=("l", "r", "r", "l"), divider=True)
