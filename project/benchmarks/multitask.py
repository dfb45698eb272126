"""One transformer for `ner` and relations, or one for each: train the demo's joint
pipeline and two separate ones for as many steps at the same rates, and score both on raw
text.

What was trained is not trained again, so an interrupted run goes on where it stopped.
"""

from pathlib import Path
from typing import Any, Dict, List

import spacy
import srsly
import typer
from spacy.cli.train import train
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Corpus, Example
from spacy.util import load_config, make_tempdir
from wasabi import msg

from methods import CONFIGS
from settings import as_percent, summarise

# What each component is scored by.
FIGURES = {"ner": "ents_f", "relation_extractor": "rels_f"}


def main(
    corpus: Path = typer.Argument("corpus", help="Folder of train, dev and test.spacy"),
    output: Path = typer.Argument("metrics/multitask.json", help="JSON file to write"),
    encoder: Path = typer.Option("assets/encoder", help="Folder of the encoder"),
    training: Path = typer.Option("training/multitask", help="Where models go"),
    max_steps: int = typer.Option(900, help="Training steps of each"),
    seeds: List[int] = typer.Option([0], "--seed", help="Seed, can be repeated"),
    gpu_id: int = typer.Option(-1, help="GPU, -1 for the CPU"),
) -> None:
    """Write the scores of entities and relations of both ways, on the test set."""
    figures: Dict[str, Dict[str, List[float]]] = {}
    for seed in seeds:
        settings = {
            "paths.train": str(corpus / "train.spacy"),
            "paths.dev": str(corpus / "dev.spacy"),
            "paths.encoder": str(encoder),
            "system.seed": seed,
            "components.relation_extractor.symmetric_labels": ["MARRIED_TO"],
            "training.max_steps": max_steps,
            "training.patience": 0,
            "training.eval_frequency": 50,
        }
        paths = [
            train_once(training / f"{'-'.join(names)}-{seed}", settings, names, gpu_id)
            for names in (list(FIGURES), *([name] for name in FIGURES))
        ]
        together, entities, others = (spacy.load(path) for path in paths)
        gold = [eg.reference for eg in Corpus(corpus / "test.spacy")(together)]
        for way, pipelines in (("joint", [together]), ("separate", [entities, others])):
            scores = score_in_turn(pipelines, gold)
            for name in FIGURES.values():
                figures.setdefault(way, {}).setdefault(name, []).append(scores[name])
    results = {
        way: {name: {**summarise(found), "by_seed": found} for name, found in of.items()}
        for way, of in figures.items()
    }
    srsly.write_json(output, {"max_steps": max_steps, **results})
    rows = [
        (way, *(as_percent(of[name]) for name in FIGURES.values()))
        for way, of in results.items()
    ]
    msg.table(rows, header=("transformer", *FIGURES.values()), divider=True)


def train_once(
    output: Path, settings: Dict[str, Any], names: List[str], gpu_id: int
) -> Path:
    """Train a pipeline, unless it is there.

    output (Path): The folder of the pipeline.
    settings (Dict[str, Any]): Values of joint_ner.cfg to overwrite.
    names (List[str]): The components behind the transformer, of those of joint_ner.cfg.
        Relations alone are trained on the entities of the annotation.
    gpu_id (int): The GPU, -1 for the CPU.
    RETURNS (Path): The folder of the best model.
    """
    best = output / "model-best"
    if output.exists():
        msg.info(f"Trained before: {best}")
        return best
    msg.divider(output.name)
    # It has its name when it is complete: spaCy saves a model at each score.
    unfinished = output.with_name(f"{output.name}.unfinished")
    config = load_config(CONFIGS / "joint_ner.cfg", overrides=settings, interpolate=False)
    for name in set(FIGURES) - set(names):
        del config["components"][name]
    config["nlp"]["pipeline"] = ["transformer", *names]
    training = config["training"]
    if names != list(FIGURES):
        training["annotating_components"] = []
        training["score_weights"] = {FIGURES[name]: 1.0 for name in names}
    if "ner" not in names:
        for corpus in config["corpora"].values():
            path = corpus["path"]
            corpus.clear()
            corpus.update({"@readers": "spacy-relext.EntityCorpus.v1", "path": path})
    with make_tempdir() as folder:
        config.to_disk(folder / "config.cfg")
        train(folder / "config.cfg", unfinished, use_gpu=gpu_id)
    unfinished.rename(output)
    return best


def score_in_turn(pipelines: List[Language], gold: List[Doc]) -> Dict[str, Any]:
    """Score what several pipelines in turn make of raw text.

    pipelines (List[Language]): The first gets the text, each further one the entities
        of the one before it.
    gold (List[Doc]): The references.
    RETURNS (Dict[str, Any]): The scores of `ents` and `rels`.
    """
    examples = []
    for reference in gold:
        doc = pipelines[0](reference.text)
        for nlp in pipelines[1:]:
            copy = nlp.make_doc(reference.text)
            copy.ents = [
                Span(copy, ent.start, ent.end, label=ent.label_) for ent in doc.ents
            ]
            doc = nlp(copy)
        examples.append(Example(doc, reference))
    scores: Dict[str, Any] = {}
    for nlp in pipelines:
        for name in nlp.pipe_names:
            if name in FIGURES:
                scores.update(nlp.get_pipe(name).score(examples))
    return scores


if __name__ == "__main__":
    typer.run(main)
