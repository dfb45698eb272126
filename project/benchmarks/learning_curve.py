"""How much labelled data each way of transfer needs: train on parts of a benchmark's
training set, score on its test set.

Parts are drawn at random for each seed, the smaller within the larger. What was trained
is not trained again, so an interrupted study goes on where it stopped. No score takes
part in any choice.
"""

from pathlib import Path
from typing import Any, Dict, List

import srsly
import typer
from spacy.util import make_tempdir
from wasabi import msg

from methods import CONTINUED, ENCODERS, get_settings
from parts import check_share, write_part
from settings import as_markdown, as_percent, check_names, read_settings, summarise
from tasks import TASKS
from training import run

SHARES = [0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0]
# The curves are those of the encoders.
METHODS = {**ENCODERS, **CONTINUED}
# Small parts differ by chance, and cost little.
SMALL_SHARE = 0.1


def main(
    corpus: Path = typer.Argument(..., help="Folder that corpora.py wrote"),
    output: Path = typer.Argument(..., help="JSON file to write; one a run beside it"),
    names: List[str] = typer.Option(
        ["conll04", "semeval"], "--benchmark", help="Benchmark, can be repeated"
    ),
    methods: List[str] = typer.Option(
        list(ENCODERS), "--method", help=f"Method, can be repeated: {', '.join(METHODS)}"
    ),
    shares: List[float] = typer.Option(
        SHARES, "--share", help="Share of the training set, 0 to 1, can be repeated"
    ),
    seeds: List[int] = typer.Option(
        [0, 1, 2], "--seed", help="Seed, can be repeated; the first for large shares"
    ),
    options: List[str] = typer.Option(
        [], "--set", help="name=value where a method says nothing, can be repeated"
    ),
    gpu_id: int = typer.Option(-1, help="GPU, -1 for the CPU"),
) -> None:
    """Write the figures of each method and share, and print them as a table."""
    check_names("benchmark", names, list(TASKS))
    check_names("method", methods, METHODS)
    for share in shares:
        check_share(share)
    runs = output.parent / output.stem
    cells = [
        (share, seed, name, method)
        for share in sorted(shares)
        for seed in (seeds if share <= SMALL_SHARE else seeds[:1])
        for name in names
        for method in methods
    ]
    figures: Dict[str, Dict[str, Dict[str, List[float]]]] = {}
    for done, (share, seed, name, method) in enumerate(cells, 1):
        msg.info(f"Run {done} of {len(cells)}: {name}, {method}, {share:.0%}, seed {seed}")
        task = TASKS[name]
        recipe = METHODS[method]
        with make_tempdir() as folder:
            train_path = corpus / name / f"{task.train}.spacy"
            result = run(
                task,
                runs / name / method / f"{share:g}-seed-{seed}.json",
                train_path=write_part(train_path, folder, share, seed),
                watch_path=corpus / name / f"{task.watch}.spacy",
                test_path=corpus / name / "test.spacy",
                seed=seed,
                settings=get_settings(recipe, {**task.settings, **read_settings(options)}),
                config_path=recipe.config,
                min_steps=recipe.min_steps,
                gpu_id=gpu_id,
            )
        by_share = figures.setdefault(name, {}).setdefault(method, {})
        by_share.setdefault(f"{share:g}", []).append(result["figure"])
        srsly.write_json(output, summarise_all(figures))
    for name in names:
        print(make_markdown(name, figures[name]))


def make_markdown(name: str, methods: Dict[str, Dict[str, List[float]]]) -> str:
    """The figures of a benchmark as a table, mean and standard deviation over the seeds.

    name (str): The benchmark.
    methods (Dict[str, Dict[str, List[float]]]): By method and share, one a seed.
    RETURNS (str): The table as Markdown, a column a share.
    """
    shares = list(dict.fromkeys(share for by_share in methods.values() for share in by_share))
    header = [
        f"{name} {TASKS[name].figure}",
        *(f"{float(share):.0%}" for share in shares),
    ]
    rows = [
        [METHODS[method].label, *(as_percent(summarise(by_share[x])) for x in shares)]
        for method, by_share in methods.items()
    ]
    return as_markdown(header, rows)


def summarise_all(figures: Dict[str, Any]) -> Dict[str, Any]:
    """Mean, standard deviation and the single figures, by benchmark, method and share.

    figures (Dict[str, Dict[str, Dict[str, List[float]]]]): The figures.
    RETURNS (Dict[str, Any]): What goes into the file.
    """
    return {
        name: {
            method: {
                share: {**summarise(found), "by_seed": found}
                for share, found in by_share.items()
            }
            for method, by_share in by_method.items()
        }
        for name, by_method in figures.items()
    }


if __name__ == "__main__":
    typer.run(main)
