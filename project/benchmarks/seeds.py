"""A baseline in plain PyTorch, trained and scored once a seed."""

from pathlib import Path
from typing import Any, Callable, Dict, List

import srsly
from wasabi import msg

from settings import as_percent, read_result, summarise


def run_seeds(
    title: str,
    figure: str,
    output: Path,
    seeds: List[int],
    setup: Dict[str, Any],
    train_and_score: Callable[[int], Dict[str, Any]],
) -> None:
    """Write the figure of each seed, their mean and standard deviation, and print them.
    What was trained is not trained again.

    title (str): What messages call the baseline.
    figure (str): Name of the score that counts.
    output (Path): JSON file to write; one a seed beside it.
    seeds (List[int]): The seeds.
    setup (Dict[str, Any]): What decides on the result beside the seed.
    train_and_score (Callable[[int], Dict[str, Any]]): Trains with a seed; the scores, and
        `train_seconds`.
    """
    results = []
    for seed in seeds:
        done = output.parent / output.stem / f"seed-{seed}.json"
        if read_result(done, setup) is not None:
            msg.info(f"Trained before: {done}")
        else:
            msg.divider(f"{title}, seed {seed}")
            scores = train_and_score(seed)
            done.parent.mkdir(parents=True, exist_ok=True)
            srsly.write_json(done, {"seed": seed, "setup": setup, **scores})
        results.append(dict(srsly.read_json(done)))
    figures = {str(result["seed"]): result[figure] for result in results}
    summary = summarise(list(figures.values()))
    srsly.write_json(
        output,
        {
            **summary,
            "by_seed": figures,
            "train_seconds": [result["train_seconds"] for result in results],
            "setup": setup,
        },
    )
    rows = [(seed, f"{100 * value:.2f}") for seed, value in figures.items()]
    rows.append(("mean", as_percent(summary)))
    msg.table(rows, header=("seed", f"{title}, {figure}"), divider=True)
