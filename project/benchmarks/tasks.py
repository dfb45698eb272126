"""The benchmark tasks: how each is trained through `spacy train`, and scored."""

import math
from copy import deepcopy
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from random import shuffle
from statistics import mean, stdev
from time import perf_counter
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

import spacy
import srsly
import torch
from spacy.cli.train import train
from spacy.language import Language
from spacy.util import (
    fix_random_seed,
    get_lang_class,
    load_config,
    make_tempdir,
    registry,
)
from thinc.api import Config
from wasabi import msg

from semeval_score import score_pipeline
from spacy_relext import get_relations
from spacy_relext.architectures import build_relation_model
from spacy_relext.corpus import create_entity_corpus
from spacy_relext.scorer import get_facts

CONFIG = Path(__file__).resolve().parents[1] / "configs" / "benchmark.cfg"
DOCUMENT_CONFIG = Path(__file__).resolve().parents[2] / "configs" / "document.cfg"
COMPONENT = "components.relation_extractor"
# What goes by the length of a training, as shares of its steps. Each is set where the
# config has it.
LENGTHS = {
    "training.optimizer.learn_rate.total_steps": 1.0,
    "training.optimizer.learn_rate.num_steps": 1.0,
    "training.optimizer.learn_rate.warmup_steps": 0.1,
    "training.before_update.every": 0.05,
}

# How often, at the most, a training is looked at.
LOOKS = 8
# From which one is chosen.
THRESHOLDS = [i / 20 for i in range(1, 20)]

Settings = Dict[str, Any]


@dataclass(frozen=True)
class Task:
    """A corpus, what its recipe changes in benchmark.cfg, and its measure.

    figure (str): The score that counts.
    score (Callable[[Language, Path], Dict[str, Any]]): Scores a pipeline on a corpus.
    train (str): Split to train on where the test set is the judge.
    watch (str): Split to look at while training.
    tune_train (str): Split to train on where the judge is `tune_dev`.
    tune_dev (str): Split that decides on the model.
    settings (Dict[str, Any]): Values of benchmark.cfg to overwrite.
    choose_threshold (bool): Whether the threshold is that which is best on `watch`, which
        must not be trained on, in place of the objective's own.
    best (Dict[str, Any]): Values that won on dev data, for the figure to report; the
        studies do without them.
    config (Path): The config that `settings` change.
    """

    figure: str
    score: Callable[[Language, Path], Dict[str, Any]]
    train: str
    watch: str
    tune_train: str
    tune_dev: str
    settings: Settings = field(default_factory=dict)
    choose_threshold: bool = False
    best: Settings = field(default_factory=dict)
    config: Path = CONFIG


def score_relations_of(nlp: Language, path: Path) -> Dict[str, Any]:
    """Score a pipeline on the gold entities of a corpus by the component's scorer.

    nlp (Language): The pipeline.
    path (Path): The corpus.
    RETURNS (Dict[str, Any]): Its scores.
    """
    spans_key = nlp.get_pipe("relation_extractor").cfg["spans_key"]
    scores = nlp.evaluate(list(create_entity_corpus(path, spans_key=spans_key)(nlp)))
    return {name: value for name, value in scores.items() if name.startswith("rels_")}


def score_documents(nlp: Language, path: Path) -> Dict[str, Any]:
    """Score a pipeline on the gold entities of a corpus of documents, the Ign-F1 with
    what is known from the training set that stands beside it.

    nlp (Language): The pipeline.
    path (Path): The corpus.
    RETURNS (Dict[str, Any]): Its scores.
    """
    train = create_entity_corpus(path.parent / "train.spacy")
    facts = get_facts(rel for eg in train(nlp) for rel in get_relations(eg.reference))
    examples = list(create_entity_corpus(path)(nlp))
    scores = nlp.evaluate(examples, scorer_cfg={"known_facts": facts})
    return {name: value for name, value in scores.items() if name.startswith("rels_")}


def warmup_linear(initial_rate: float) -> Settings:
    """A schedule as a section, its length to be filled in.

    initial_rate (float): The highest learning rate.
    RETURNS (Dict[str, Any]): The section.
    """
    return {
        "@schedules": "warmup_linear.v1",
        "warmup_steps": 0,
        "total_steps": 0,
        "initial_rate": initial_rate,
    }


def layerwise_adam(layer_decay: float, head_factor: float, rate: Settings) -> Settings:
    """An optimizer as a section.

    layer_decay (float): As of spacy-relext.layerwise_adam.v1, and so is the next.
    head_factor (float): What the rate of the head is multiplied by.
    rate (Dict[str, Any]): The schedule, a section.
    RETURNS (Dict[str, Any]): The section.
    """
    return {
        "@optimizers": "spacy-relext.layerwise_adam.v1",
        "layer_decay": layer_decay,
        "head_factor": head_factor,
        "L2_is_weight_decay": True,
        "L2": 0.01,
        "grad_clip": 1.0,
        "use_averages": False,
        "learn_rate": rate,
    }


# Entities that nest.
SPANS = {
    f"{COMPONENT}.spans_key": "entities",
    "corpora.train.spans_key": "entities",
    "corpora.dev.spans_key": "entities",
}

LOCAL_ENCODER = {"paths.encoder": "assets/encoder"}

TASKS = {
    "semeval": Task(
        figure="macro_f",
        score=score_pipeline,
        train="train",
        watch="sample",
        tune_train="tune_train",
        tune_dev="tune_dev",
        settings={"training.max_epochs": 5},
        best={
            f"{COMPONENT}.model.hidden_width": 256,
            "training.optimizer": layerwise_adam(0.8, 1.0, warmup_linear(4e-4)),
        },
    ),
    "conll04": Task(
        figure="rels_f",
        score=score_relations_of,
        train="train_dev",
        watch="dev",
        tune_train="train",
        tune_dev="dev",
        settings={
            "training.max_epochs": 8,
            f"{COMPONENT}.pairs.@misc": "spacy-relext.entity_types.v1",
        },
    ),
    "rel_component": Task(
        figure="rels_f",
        score=score_relations_of,
        train="train",
        watch="dev",
        # As the tutorial's component does.
        choose_threshold=True,
        tune_train="train",
        tune_dev="dev",
        settings={
            "training.max_epochs": 20,
            "training.optimizer.learn_rate.initial_rate": 1e-4,
            f"{COMPONENT}.objective.@misc": "spacy-relext.multi_label.v1",
            f"{COMPONENT}.symmetric_labels": ["Binds"],
        },
        best={
            f"{COMPONENT}.model.context": None,
            "training.batcher.size": 160,
            # Each sentence as it is, and with its genes masked.
            "training.max_epochs": 10,
            "corpora.train.augmenter": {
                "@augmenters": "spacy-relext.mask_entities.v1",
                "level": 1.0,
                "keep_original": True,
            },
        },
    ),
    "bc5cdr": Task(
        figure="rels_f",
        score=score_documents,
        config=DOCUMENT_CONFIG,
        train="train_dev",
        watch="sample",
        tune_train="train",
        tune_dev="dev",
        settings={"training.max_epochs": 10, **LOCAL_ENCODER},
    ),
    "redocred": Task(
        figure="rels_f",
        score=score_documents,
        config=DOCUMENT_CONFIG,
        train="train",
        watch="sample",
        tune_train="tune_train",
        tune_dev="tune_dev",
        settings={
            "training.max_epochs": 20,
            f"{COMPONENT}.grouping": {"@misc": "spacy-relext.group_by_ent_id.v1"},
            f"{COMPONENT}.pairs.@misc": "spacy-relext.all_pairs.v1",
            **LOCAL_ENCODER,
        },
    ),
    "ehealthkd": Task(
        figure="rels_f",
        score=score_relations_of,
        train="train",
        watch="dev",
        tune_train="train",
        tune_dev="dev",
        settings={"training.max_epochs": 8, **SPANS},
    ),
    "sanwen": Task(
        figure="rels_f",
        score=score_relations_of,
        train="train",
        watch="dev",
        tune_train="train",
        tune_dev="dev",
        settings={
            "training.max_epochs": 4,
            f"{COMPONENT}.symmetric_labels": ["Coreference"],
            **SPANS,
        },
    ),
}


def run(
    task: Task,
    output: Path,
    *,
    train_path: Path,
    watch_path: Path,
    test_path: Path,
    seed: int,
    settings: Settings,
    config_path: Optional[Path] = None,
    min_steps: int = 0,
    limit: int = 0,
    folder: Optional[Path] = None,
    gpu_id: int = -1,
) -> Dict[str, Any]:
    """Train a pipeline for a task and score it, or read the scores of before.

    task (Task): The task.
    output (Path): JSON file of the scores. Where it is there already, from the same
        settings, nothing is trained.
    train_path (Path): Corpus to train on.
    watch_path (Path): Corpus to look at while training.
    test_path (Path): Corpus to score the model on.
    seed (int): Of weights, order and dropout.
    settings (Dict[str, Any]): Values of the config to overwrite, after the task's.
    config_path (Optional[Path]): The config, None for the task's.
    min_steps (int): More epochs are made where they have fewer steps than that.
    limit (int): Number of docs to train on, 0 for all.
    folder (Optional[Path]): Where the trained pipeline goes, None to drop it.
    gpu_id (int): The GPU, -1 for the CPU.
    RETURNS (Dict[str, Any]): What stands in `output`.
    """
    for path in (train_path, watch_path, test_path):
        _check_corpus(path)
    config_path = config_path or task.config
    settings = {**task.settings, **settings, "system.seed": seed}
    if limit:
        settings["corpora.train.limit"] = limit
    setup = {
        "config": config_path.name,
        "train": train_path.stem,
        "test": test_path.stem,
        # With the model's defaults, which may be others another day.
        "settings": {**get_model_defaults(), **get_model_options(config_path), **settings},
    }
    if min_steps:
        setup["min_steps"] = min_steps
    if task.choose_threshold:
        setup["threshold_on"] = watch_path.stem
    if output.exists():
        result = dict(srsly.read_json(output))
        if result["setup"] == setup:
            msg.info(f"Trained before: {output}")
            return result
    msg.divider(f"{train_path.parent.name}, {output.stem}")
    paths = {"paths.train": str(train_path), "paths.dev": str(watch_path)}
    config = make_config(config_path, {**settings, **paths}, min_steps)
    training = config["training"]
    # A small corpus has many epochs. What is looked at decides nothing, so a few looks do.
    n_epochs = math.ceil(training["max_epochs"] / LOOKS)
    training["eval_frequency"] *= n_epochs
    with make_tempdir() as temporary:
        config.to_disk(temporary / "config.cfg")
        trained = folder or temporary / "trained"
        # Matrix products in bfloat16 where the CPU has them save much of the time.
        torch.set_float32_matmul_precision("medium")
        start = perf_counter()
        train(temporary / "config.cfg", trained, use_gpu=gpu_id)
        seconds = perf_counter() - start
        # Not the best by `watch`: that would be a choice by few docs.
        nlp = spacy.load(trained / "model-last")
        if task.choose_threshold:
            choose_threshold(nlp, task, watch_path)
        scores = task.score(nlp, test_path)
    result = {
        "figure": scores[task.figure],
        "seed": seed,
        "train_seconds": round(seconds),
        "setup": setup,
        "scores": scores,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    srsly.write_json(output, result)
    msg.good(f"{output.stem}: {100 * result['figure']:.2f}")
    return result


def choose_threshold(nlp: Language, task: Task, path: Path) -> None:
    """Give the relation extractor the threshold that is best on a corpus.

    nlp (Language): The pipeline.
    task (Task): The measure.
    path (Path): The corpus.
    """
    objective = nlp.get_pipe("relation_extractor").objective

    def score_at(threshold: float) -> float:
        objective.threshold = threshold
        return task.score(nlp, path)[task.figure]

    objective.threshold = max(THRESHOLDS, key=score_at)


def make_config(path: Path, settings: Settings, min_steps: int = 0) -> Config:
    """A config with other values, for a training of some epochs, one score an epoch.

    path (Path): The config.
    settings (Dict[str, Any]): Values to overwrite by their full names; a value that is
        a dict takes the place of a section. `training.max_epochs` says how long.
    min_steps (int): More epochs are made where they have fewer steps than that.
    RETURNS (Config): The config, not interpolated.
    """
    config = load_config(path, interpolate=False)
    for name, value in settings.items():
        section, key = _find(config, name)
        if section is None:
            msg.fail(f"Not in {path}, so it can't be set: {name}", exits=1)
        section[key] = deepcopy(value)
    training = config.interpolate()["training"]
    n_batches = count_batches(config.interpolate())
    max_epochs = max(training["max_epochs"], math.ceil(min_steps / n_batches))
    config["training"].update(
        max_epochs=max_epochs, max_steps=0, patience=0, eval_frequency=n_batches
    )
    for name, share in LENGTHS.items():
        section, key = _find(config, name)
        if section is not None and key in section:
            section[key] = max(1, int(share * max_epochs * n_batches))
    return config


def count_batches(config: Config) -> int:
    """Batches of an epoch. How many a shuffled epoch makes is known to about one in 100.

    config (Config): The config, interpolated.
    RETURNS (int): Their number.
    """
    nlp = get_lang_class(config["nlp"]["lang"])()
    corpus = registry.resolve({"train": config["corpora"]["train"]})["train"]
    batcher = registry.resolve({"batcher": config["training"]["batcher"]})["batcher"]
    fix_random_seed(0)
    examples = list(corpus(nlp))
    shuffle(examples)
    return sum(1 for _ in batcher(examples))


def read_settings(options: Iterable[str]) -> Settings:
    """Settings given as text.

    options (Iterable[str]): Each as in `training.max_epochs=5`; a name without a dot is
        an option of the model, as in `pooling=max`.
    RETURNS (Dict[str, Any]): The values by their full names.
    RAISES (SystemExit): Where one is not of that form, after a message.
    """
    settings = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            msg.fail(f"Expected name=value, found: {option}", exits=1)
        settings[full_name(name)] = _parse(value)
    return settings


def get_model_defaults() -> Settings:
    """The options of the model that have a default.

    RETURNS (Dict[str, Any]): The defaults by their full names.
    """
    parameters = signature(build_relation_model).parameters.values()
    return {
        full_name(option.name): option.default
        for option in parameters
        if option.default is not option.empty and option.name != "nO"
    }


def get_model_options(path: Path) -> Settings:
    """The options of the model that a config sets, of those that have a default.

    path (Path): The config.
    RETURNS (Dict[str, Any]): The options by their full names.
    """
    model = load_config(path, interpolate=False)["components"]["relation_extractor"]["model"]
    options = {full_name(name): value for name, value in model.items()}
    return {name: options[name] for name in get_model_defaults() if name in options}


def full_name(name: str) -> str:
    """The full name of a setting.

    name (str): Its name; without a dot it is an option of the model.
    RETURNS (str): Where it stands in benchmark.cfg.
    """
    return name if "." in name else f"{COMPONENT}.model.{name}"


def check_names(what: str, found: Iterable[str], known: Iterable[str]) -> None:
    """End the program with a message where a name is not known.

    what (str): What the names are of, for the message.
    found (Iterable[str]): The names.
    known (Iterable[str]): Those that there are.
    """
    for name in found:
        if name not in known:
            msg.fail(f"No such {what}: {name}", f"There are: {', '.join(known)}", exits=1)


def summarise(figures: List[float]) -> Dict[str, Optional[float]]:
    """Mean and sample standard deviation over the seeds.

    figures (List[float]): One a seed.
    RETURNS (Dict[str, Optional[float]]): `mean` and `stdev`, the latter None where
        there is one figure alone.
    """
    spread = stdev(figures) if len(figures) > 1 else None
    return {"mean": mean(figures), "stdev": spread}


def as_percent(summary: Dict[str, Optional[float]]) -> str:
    """A summary as it stands in a table, in percent."""
    text = f"{100 * summary['mean']:.1f}"
    return text if summary["stdev"] is None else f"{text} ± {100 * summary['stdev']:.1f}"


def _find(config: Config, name: str) -> Tuple[Optional[Dict[str, Any]], str]:
    """The section that a setting stands in, None where there is none, and its key."""
    *sections, key = name.split(".")
    section: Any = config
    for part in sections:
        section = section.get(part) if isinstance(section, dict) else None
    return section if isinstance(section, dict) else None, key


def _check_corpus(path: Path) -> None:
    if not path.exists():
        msg.fail(
            f"Not found: {path}",
            f"Write the corpora first: python benchmarks/corpora.py {path.parents[1]}",
            exits=1,
        )


def _parse(value: str) -> Any:
    try:
        return srsly.json_loads(value)
    except ValueError:
        return value
