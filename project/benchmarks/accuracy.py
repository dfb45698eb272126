"""Train on a benchmark and score on its test set, for several seeds.

What was trained is not trained again, so an interrupted run goes on where it stopped.
The test set decides nothing: it is scored once, with the last model.
"""

from pathlib import Path
from typing import List

import srsly
import typer
from wasabi import msg

from document_methods import DOCUMENTS, FROZEN_DOCUMENTS
from settings import as_percent, check_names, read_settings, summarise
from tasks import TASKS
from training import run


def main(
    name: str = typer.Argument(..., help=f"Benchmark: {', '.join(TASKS)}"),
    corpus: Path = typer.Argument(..., help="Folder that corpora.py wrote"),
    output: Path = typer.Argument(..., help="JSON file to write; one a seed beside it"),
    training: Path = typer.Option("training/benchmarks", help="Where models go"),
    seeds: List[int] = typer.Option([0, 1], "--seed", help="Seed, can be repeated"),
    folds: List[str] = typer.Option(
        ["."], "--fold", help="Folder of a fold within the corpus, can be repeated"
    ),
    split: str = typer.Option(
        "", "--train", help="Split to train on, by default that of the benchmark"
    ),
    variant: str = typer.Option(
        "",
        help="Variant of document.cfg, by default what is best for the benchmark: "
        f"{', '.join(DOCUMENTS)}",
    ),
    frozen: bool = typer.Option(False, help="Train the variant on a frozen encoder"),
    options: List[str] = typer.Option(
        [], "--set", help="name=value of benchmark.cfg or of the model, can be repeated"
    ),
    limit: int = typer.Option(0, help="Docs to train on, 0 for all"),
    gpu_id: int = typer.Option(-1, help="GPU, -1 for the CPU"),
) -> None:
    """Write the figure of each seed, their mean and standard deviation."""
    if name not in TASKS:
        msg.fail(f"No such benchmark: {name}", f"There are: {', '.join(TASKS)}", exits=1)
    variants = FROZEN_DOCUMENTS if frozen else DOCUMENTS
    if variant or frozen:
        check_names("variant", [variant], variants)
    task = TASKS[name]
    departs = variants[variant].settings if variant else task.best
    results = {}
    for fold in folds:
        folder = corpus / name / fold
        for seed in seeds:
            part = Path(fold) / f"seed-{seed}"
            results[str(part)] = run(
                task,
                output.parent / output.stem / f"{part}.json",
                train_path=folder / f"{split or task.train}.spacy",
                watch_path=folder / f"{task.watch}.spacy",
                test_path=folder / "test.spacy",
                folder=training / output.stem / part,
                seed=seed,
                settings={**departs, **read_settings(options)},
                limit=limit,
                gpu_id=gpu_id,
            )
    figures = {part: result["figure"] for part, result in results.items()}
    summary = summarise(list(figures.values()))
    first, *_ = results.values()
    srsly.write_json(
        output,
        {
            "benchmark": name,
            "measure": task.figure,
            **summary,
            "by_run": figures,
            "train_seconds": [result["train_seconds"] for result in results.values()],
            "setup": first["setup"],
        },
    )
    rows = [(part, f"{100 * figure:.2f}") for part, figure in figures.items()]
    rows.append(("mean", as_percent(summary)))
    msg.table(rows, header=("run", f"{name} {task.figure}"), divider=True)


if __name__ == "__main__":
    typer.run(main)
