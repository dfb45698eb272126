"""A training through `spacy train`, and its scores."""

import math
from pathlib import Path
from time import perf_counter
from typing import Any, Dict, Optional

import spacy
import srsly
import torch
from spacy.cli.train import train
from spacy.language import Language
from spacy.util import make_tempdir
from wasabi import msg

from settings import (
    Settings,
    get_model_defaults,
    get_model_options,
    make_config,
    read_result,
)
from tasks import Task

# What `spacy train` calls the pipeline as it is in the end.
LAST = "model-last"
# How often, at the most, a training is looked at.
LOOKS = 8
# From which one is chosen.
THRESHOLDS = [i / 20 for i in range(1, 20)]


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
        settings, nothing is trained, unless `folder` lacks the pipeline.
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
    before = read_result(output, setup)
    if before is not None and (folder is None or (folder / LAST).exists()):
        msg.info(f"Trained before: {output}")
        return before
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
        nlp = spacy.load(trained / LAST)
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


def _check_corpus(path: Path) -> None:
    if not path.exists():
        msg.fail(
            f"Not found: {path}",
            f"Write the corpora first: python benchmarks/corpora.py {path.parents[1]}",
            exits=1,
        )
