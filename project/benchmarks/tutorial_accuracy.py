"""Train the tutorial's component on its own data and score it with our measure.

For each seed the learning rate is chosen by the score on dev, and so is the
threshold; the score at a threshold of 0.5 stands beside it. What was trained is
not trained again, so an interrupted run goes on where it stopped.
"""

import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Dict, List

import spacy
import srsly
import typer
from spacy.training import Example
from spacy.util import run_command
from wasabi import msg

import tutorial  # noqa: F401  (registers the factory)
from spacy_relext.corpus import create_entity_corpus

HERE = Path(__file__).parent


def main(
    corpus: Path = typer.Argument(..., help="Folder of train, dev and test.spacy"),
    output: Path = typer.Argument(..., help="JSON file to write"),
    encoder: Path = typer.Option("assets/encoder", help="Folder of the encoder"),
    training: Path = typer.Option("training/tutorial", help="Where models go"),
    seeds: List[int] = typer.Option([0, 1], "--seed", help="Seed, can be repeated"),
    folds: List[str] = typer.Option(
        ["."], "--fold", help="Folder of a fold within the corpus, can be repeated"
    ),
    rates: List[float] = typer.Option(
        [5e-5, 2e-4], "--learn-rate", help="Learning rate to try, can be repeated"
    ),
    max_steps: int = typer.Option(1000, help="Training steps"),
    gpu_id: int = typer.Option(-1, help="GPU, -1 for the CPU"),
) -> None:
    """Write the test scores of the tutorial's component, one entry a seed."""
    runs = []
    for fold, seed in ((fold, seed) for fold in folds for seed in seeds):
        candidates = []
        for rate in rates:
            folder = training / fold / f"seed-{seed}-rate-{rate:g}-steps-{max_steps}"
            settings = {
                "paths.train": corpus / fold / "train.spacy",
                "paths.dev": corpus / fold / "dev.spacy",
                "paths.encoder": encoder,
                "system.seed": seed,
                "training.max_steps": max_steps,
                "training.optimizer.learn_rate.initial_rate": rate,
            }
            scores = train_and_score(folder, settings, corpus / fold, gpu_id)
            candidates.append({"fold": fold, "seed": seed, "learn_rate": rate, **scores})
        runs.append(max(candidates, key=lambda run: run["dev_best_f"]))
    figures = {
        name: {
            "mean": mean(run[name]["rels_f"] for run in runs),
            "stdev": stdev(run[name]["rels_f"] for run in runs) if runs[1:] else None,
        }
        for name in ("test", "test_at_half")
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    srsly.write_json(output, {"f": figures, "max_steps": max_steps, "runs": runs})
    rows = []
    for run in runs:
        for name, threshold in (("test", run["threshold"]), ("test_at_half", 0.5)):
            scores = [f"{100 * run[name][f'rels_{x}']:.1f}" for x in "prf"]
            settings = [f"{x:g}" for x in (run["seed"], run["learn_rate"], threshold)]
            rows.append((run["fold"], *settings, *scores))
    header = ("fold", "seed", "rate", "threshold", "P", "R", "F")
    msg.table(rows, header=header, divider=True)


def train_and_score(
    folder: Path, settings: Dict[str, Any], corpus: Path, gpu_id: int
) -> Dict[str, Any]:
    """Train with the given settings and score, or read the scores of before.

    folder (Path): Where the model and its scores are kept.
    settings (Dict[str, Any]): Values of the config to overwrite.
    corpus (Path): The folder of dev and test data.
    gpu_id (int): The GPU, -1 for the CPU.
    RETURNS (Dict[str, Any]): The threshold that is best on dev, the F there, and
        the scores on test with that threshold and with 0.5.
    """
    done = folder / "scores.json"
    if done.exists():
        msg.info(f"Trained before: {folder}")
        return dict(srsly.read_json(done))
    command = [sys.executable, "-m", "spacy", "train", HERE / "tutorial.cfg"]
    command += ["--output", folder, "--code", HERE / "tutorial.py", "--gpu-id", gpu_id]
    for key, value in settings.items():
        command += [f"--{key}", value]
    run_command([str(part) for part in command])
    nlp = spacy.load(folder / "model-best")
    component = nlp.get_pipe("tutorial_relation_extractor")
    dev = annotate(nlp, corpus / "dev.spacy")
    test = annotate(nlp, corpus / "test.spacy")
    best = component.score(dev)
    threshold = best["rels_best_threshold"]
    scores = {
        "threshold": threshold,
        "dev_best_f": best["rels_best_f"],
        "test": component.score_at(test, threshold),
        "test_at_half": component.score_at(test, 0.5),
    }
    srsly.write_json(done, scores)
    return scores


def annotate(nlp: spacy.language.Language, path: Path) -> List[Example]:
    """Run a pipeline on the gold entities of a corpus.

    nlp (Language): The pipeline.
    path (Path): The corpus.
    RETURNS (List[Example]): The examples, predicted.
    """
    examples = list(create_entity_corpus(path)(nlp))
    for _ in nlp.pipe([example.predicted for example in examples]):
        pass
    return examples


if __name__ == "__main__":
    typer.run(main)
