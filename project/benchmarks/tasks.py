"""The benchmark tasks: how each is trained through `spacy train`, and scored."""

from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from random import Random
from statistics import mean, stdev
from time import perf_counter
from typing import Any, Callable, Dict, Iterable, List, Optional

import spacy
import srsly
import torch
from spacy.cli.train import train
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training.batchers import minibatch_by_padded_size
from spacy.util import load_config
from spacy.vocab import Vocab
from wasabi import msg

from semeval_score import score_pipeline
from spacy_relext.architectures import build_relation_model
from spacy_relext.corpus import create_entity_corpus

CONFIG = Path(__file__).resolve().parents[1] / "configs" / "benchmark.cfg"
COMPONENT = "components.relation_extractor"
WARMUP = 0.1

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
    """

    figure: str
    score: Callable[[Language, Path], Dict[str, Any]]
    train: str
    watch: str
    tune_train: str
    tune_dev: str
    settings: Settings = field(default_factory=dict)


def score_relations_of(nlp: Language, path: Path) -> Dict[str, Any]:
    """Score a pipeline on the gold entities of a corpus by the component's scorer.

    nlp (Language): The pipeline.
    path (Path): The corpus.
    RETURNS (Dict[str, Any]): Its scores.
    """
    scores = nlp.evaluate(list(create_entity_corpus(path)(nlp)))
    return {name: value for name, value in scores.items() if name.startswith("rels_")}


TASKS = {
    "semeval": Task(
        figure="macro_f",
        score=score_pipeline,
        train="train",
        watch="sample",
        tune_train="ablation",
        tune_dev="tune_dev",
        settings={"vars.max_epochs": 5},
    ),
    "conll04": Task(
        figure="rels_f",
        score=score_relations_of,
        train="train_dev",
        watch="dev",
        tune_train="train",
        tune_dev="dev",
        settings={
            "vars.max_epochs": 8,
            f"{COMPONENT}.pairs.@misc": "spacy-relext.entity_types.v1",
        },
    ),
    "rel_component": Task(
        figure="rels_f",
        score=score_relations_of,
        train="train",
        watch="dev",
        tune_train="train",
        tune_dev="dev",
        settings={
            "vars.max_epochs": 20,
            "vars.learn_rate": 1e-4,
            f"{COMPONENT}.objective.@misc": "spacy-relext.multi_label.v1",
            f"{COMPONENT}.symmetric_labels": ["Binds"],
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
    folder: Path,
    seed: int,
    settings: Settings,
    limit: int = 0,
    gpu_id: int = -1,
) -> Dict[str, Any]:
    """Train a task's pipeline and score it, or read the scores of before.

    task (Task): The task.
    output (Path): JSON file of the scores. Where it is there already, from the same
        settings, nothing is trained.
    train_path (Path): Corpus to train on.
    watch_path (Path): Corpus to look at while training.
    test_path (Path): Corpus to score the last model on.
    folder (Path): Where the trained pipeline goes.
    seed (int): Of weights, order and dropout.
    settings (Dict[str, Any]): Values of benchmark.cfg to overwrite, after the task's.
    limit (int): Number of docs to train on, 0 for all.
    gpu_id (int): The GPU, -1 for the CPU.
    RETURNS (Dict[str, Any]): What stands in `output`.
    """
    for path in (train_path, watch_path, test_path):
        _check_corpus(path)
    settings = {**task.settings, **settings, "system.seed": seed}
    if limit:
        settings["corpora.train.limit"] = limit
    setup = {
        "train": train_path.stem,
        "test": test_path.stem,
        # With the model's defaults, which may be others another day.
        "settings": {**get_model_defaults(), **settings},
    }
    if output.exists():
        result = dict(srsly.read_json(output))
        if result["setup"] == setup:
            msg.info(f"Trained before: {output}")
            return result
    msg.divider(f"{train_path.parent.name}, {output.stem}")
    paths = {"paths.train": str(train_path), "paths.dev": str(watch_path)}
    lengths = count_steps(train_path, limit, {**paths, **settings})
    # Matrix products in bfloat16 where the CPU has them save much of the time.
    torch.set_float32_matmul_precision("medium")
    start = perf_counter()
    train(CONFIG, folder, use_gpu=gpu_id, overrides={**paths, **settings, **lengths})
    seconds = perf_counter() - start
    scores = task.score(spacy.load(folder / "model-last"), test_path)
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


def count_steps(path: Path, limit: int, settings: Settings) -> Settings:
    """The settings of the schedule, which needs to know how many steps there will be.

    path (Path): Corpus to train on.
    limit (int): Number of docs to train on, 0 for all.
    settings (Dict[str, Any]): Values of benchmark.cfg to overwrite.
    RETURNS (Dict[str, Any]): Length of training, of the warm-up and of an epoch, in
        steps. How many batches a shuffled epoch makes is known to about one in 100.
    """
    config = load_config(CONFIG, overrides=settings, interpolate=True)
    batcher = config["training"]["batcher"]
    docs = list(DocBin().from_disk(path).get_docs(Vocab()))
    docs = docs[:limit] if limit else docs
    Random(0).shuffle(docs)
    batches = minibatch_by_padded_size(docs, batcher["size"], batcher["buffer"])
    n_batches = sum(1 for _ in batches)
    n_steps = n_batches * config["training"]["max_epochs"]
    return {
        "vars.total_steps": n_steps,
        "vars.warmup_steps": int(WARMUP * n_steps),
        "vars.eval_frequency": n_batches,
    }


def read_settings(options: Iterable[str]) -> Settings:
    """Settings given as text.

    options (Iterable[str]): Each as in `vars.learn_rate=1e-4`; a name without a dot is
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


def full_name(name: str) -> str:
    """The full name of a setting.

    name (str): Its name; without a dot it is an option of the model.
    RETURNS (str): Where it stands in benchmark.cfg.
    """
    return name if "." in name else f"{COMPONENT}.model.{name}"


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


def _check_corpus(path: Path) -> None:
    if not path.is_file():
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
