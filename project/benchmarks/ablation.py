"""What each part of the model is worth: train variants of it, score on dev data.

A variant departs from the recipe of the benchmark in what its name says. What was
trained is not trained again, so an interrupted run goes on where it stopped.
"""

from pathlib import Path
from typing import Any, Dict, List

import srsly
import typer
from spacy.util import make_tempdir
from wasabi import msg

from tasks import (
    TASKS,
    as_percent,
    full_name,
    get_model_defaults,
    read_settings,
    run,
    summarise,
)

# The first variant is the recipe as it stands; the others say their own settings, so
# that they mean the same whatever the model's defaults are.
VARIANTS: Dict[str, Dict[str, Any]] = {
    "recipe": {},
    "pooling-mean": {"pooling": "mean"},
    "pooling-max": {"pooling": "max"},
    "pooling-first_last": {"pooling": "first_last"},
    "no-entity-types": {"type_width": 0},
    "no-distance": {"distance": False},
    "context-none": {"context": None},
    "context-max": {"context": "max"},
    "context-attention": {"context": "attention"},
    "depth-1": {"depth": 1},
    "depth-2": {"depth": 2},
    "hidden_width-128": {"hidden_width": 128},
    "hidden_width-256": {"hidden_width": 256},
}


def main(
    corpus: Path = typer.Argument(..., help="Folder that corpora.py wrote"),
    output: Path = typer.Argument(..., help="JSON file to write; one a run beside it"),
    names: List[str] = typer.Option(
        ["conll04", "semeval"], "--benchmark", help="Benchmark, can be repeated"
    ),
    variants: List[str] = typer.Option(
        list(VARIANTS), "--variant", help="Variant, can be repeated"
    ),
    seeds: List[int] = typer.Option([0, 1], "--seed", help="Seed, can be repeated"),
    options: List[str] = typer.Option(
        [], "--set", help="name=value for all variants, can be repeated"
    ),
    limit: int = typer.Option(0, help="Docs to train on, 0 for all"),
    gpu_id: int = typer.Option(-1, help="GPU, -1 for the CPU"),
) -> None:
    """Write the figures of each variant, and print them as a Markdown table."""
    _check_names("benchmark", names, list(TASKS))
    _check_names("variant", variants, list(VARIANTS))
    runs = output.parent / output.stem
    table: Dict[str, Dict[str, Any]] = {variant: {} for variant in variants}
    # Seed by seed, so that a run that is cut short has compared all variants.
    n_runs = len(seeds) * len(names) * len(variants)
    done = 0
    for seed in seeds:
        for name in names:
            task = TASKS[name]
            for variant in variants:
                done += 1
                msg.info(f"Run {done} of {n_runs}: {name}, {variant}, seed {seed}")
                base = {**task.settings, **read_settings(options)}
                changes = get_changes(variant, base)
                # What a variant says may be what the recipe says already.
                stem = f"{variant if changes else 'recipe'}-seed-{seed}"
                with make_tempdir() as folder:
                    result = run(
                        task,
                        runs / name / f"{stem}.json",
                        train_path=corpus / name / f"{task.tune_train}.spacy",
                        watch_path=corpus / name / f"{task.watch}.spacy",
                        test_path=corpus / name / f"{task.tune_dev}.spacy",
                        folder=folder,
                        seed=seed,
                        settings={**read_settings(options), **changes},
                        limit=limit,
                        gpu_id=gpu_id,
                    )
                table[variant].setdefault(name, []).append(result["figure"])
                _write(output, table, names)
    print(make_markdown(table, names))


def get_changes(variant: str, base: Dict[str, Any]) -> Dict[str, Any]:
    """What a variant changes.

    variant (str): The variant.
    base (Dict[str, Any]): What the recipe sets; all else are the model's defaults.
    RETURNS (Dict[str, Any]): Settings by their full names, but for those that are the
        recipe's.
    """
    recipe = {**get_model_defaults(), **base}
    changes = {full_name(name): value for name, value in VARIANTS[variant].items()}
    return {name: value for name, value in changes.items() if recipe[name] != value}


def make_markdown(table: Dict[str, Dict[str, List[float]]], names: List[str]) -> str:
    """The table of the figures, mean and standard deviation over the seeds.

    table (Dict[str, Dict[str, List[float]]]): By variant and benchmark, one a seed.
    names (List[str]): The benchmarks, a column each.
    RETURNS (str): The table as Markdown.
    """
    header = ["variant", *(f"{name} {TASKS[name].figure}" for name in names)]
    lines = [header, ["---"] + ["---:"] * len(names)]
    for variant, figures in table.items():
        lines.append([variant, *(as_percent(summarise(figures[name])) for name in names)])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _write(output: Path, table: Dict[str, Any], names: List[str]) -> None:
    rows = {
        variant: {
            name: {**summarise(found[name]), "by_seed": found[name]}
            for name in names
            if name in found
        }
        for variant, found in table.items()
    }
    srsly.write_json(output, rows)


def _check_names(what: str, found: List[str], known: List[str]) -> None:
    for name in found:
        if name not in known:
            msg.fail(f"No such {what}: {name}", f"There are: {', '.join(known)}", exits=1)


if __name__ == "__main__":
    typer.run(main)
