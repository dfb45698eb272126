"""What each part of the model, or each policy, is worth: train variants of the recipe,
score on dev data.

A variant departs from the recipe of the benchmark in what its name says. What was
trained is not trained again, so an interrupted run goes on where it stopped.
"""

from pathlib import Path
from typing import Any, Dict, List, Optional

import srsly
import typer
from spacy.util import make_tempdir
from wasabi import msg

from methods import Method, get_settings
from parts import check_share, write_part
from settings import (
    Settings,
    as_markdown,
    as_percent,
    check_names,
    get_model_defaults,
    get_model_options,
    read_settings,
    summarise,
)
from studies import STUDIES
from tasks import TASKS
from training import run


def main(
    study: str = typer.Argument(..., help=f"What to vary: {', '.join(STUDIES)}"),
    corpus: Path = typer.Argument(..., help="Folder that corpora.py wrote"),
    output: Path = typer.Argument(..., help="JSON file to write; one a run beside it"),
    names: List[str] = typer.Option(
        ["conll04", "semeval"], "--benchmark", help="Benchmark, can be repeated"
    ),
    variants: Optional[List[str]] = typer.Option(
        None, "--variant", help="Variant, can be repeated; all where there is none"
    ),
    seeds: List[int] = typer.Option([0, 1], "--seed", help="Seed, can be repeated"),
    split: Optional[str] = typer.Option(
        None, "--train", help="Split to train on, by default that of the benchmark"
    ),
    share: float = typer.Option(1.0, help="Share of the split, 0 to 1"),
    options: List[str] = typer.Option(
        [], "--set", help="name=value for all variants, can be repeated"
    ),
    gpu_id: int = typer.Option(-1, help="GPU, -1 for the CPU"),
) -> None:
    """Write the figures of each variant, and print them as a Markdown table."""
    check_names("study", [study], STUDIES)
    methods = STUDIES[study]
    variants = variants or list(methods)
    check_names("benchmark", names, TASKS)
    check_names("variant", variants, methods)
    check_share(share)
    table: Dict[str, Dict[str, Any]] = {variant: {} for variant in variants}
    # Seed by seed, so that a run that is cut short has compared all variants.
    cells = [
        (seed, name, variant) for seed in seeds for name in names for variant in variants
    ]
    for done, (seed, name, variant) in enumerate(cells, 1):
        msg.info(f"Run {done} of {len(cells)}: {name}, {variant}, seed {seed}")
        task = TASKS[name]
        method = methods[variant]
        base = {**task.settings, **read_settings(options)}
        settings = get_settings(method, base)
        # What a variant says may be what the recipe says already.
        departs = differs(settings, base, task.config)
        stem = variant if departs else next(iter(methods))
        with make_tempdir() as folder:
            train_path = corpus / name / f"{split or task.tune_train}.spacy"
            if share < 1:
                train_path = write_part(train_path, folder, share, seed)
            result = run(
                task,
                output.parent / output.stem / name / f"{stem}-seed-{seed}.json",
                train_path=train_path,
                watch_path=corpus / name / f"{task.watch}.spacy",
                test_path=corpus / name / f"{task.tune_dev}.spacy",
                seed=seed,
                settings=settings,
                config_path=method.config,
                min_steps=method.min_steps,
                gpu_id=gpu_id,
            )
        table[variant].setdefault(name, []).append(result["figure"])
        _write(output, table, names)
    print(make_markdown(table, methods, names))


def differs(settings: Settings, base: Settings, config: Path) -> bool:
    """Whether a variant is another than the recipe.

    settings (Dict[str, Any]): The settings of the variant.
    base (Dict[str, Any]): Those of the recipe.
    config (Path): The config of the recipe; what it leaves out is the model's default.
    RETURNS (bool): Whether it is.
    """
    values = {**get_model_defaults(), **get_model_options(config)}
    return {**values, **settings} != {**values, **base}


def make_markdown(
    table: Dict[str, Dict[str, List[float]]], methods: Dict[str, Method], names: List[str]
) -> str:
    """The table of the figures, mean and standard deviation over the seeds.

    table (Dict[str, Dict[str, List[float]]]): By variant and benchmark, one a seed.
    methods (Dict[str, Method]): The variants.
    names (List[str]): The benchmarks, a column each.
    RETURNS (str): The table as Markdown.
    """
    header = ["variant", *(f"{name} {TASKS[name].figure}" for name in names)]
    rows = [
        [methods[variant].label, *(as_percent(summarise(figures[name])) for name in names)]
        for variant, figures in table.items()
    ]
    return as_markdown(header, rows)


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


if __name__ == "__main__":
    typer.run(main)
