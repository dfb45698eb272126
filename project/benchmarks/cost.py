"""What training costs with a frozen encoder and with one that is fine-tuned: seconds an
epoch, and seconds to a given score, in turn in one process.

The time to score the dev set is not counted. That of the frozen encoder has the first
epoch, in which it encodes each doc once, for itself.
"""

from pathlib import Path
from statistics import median
from time import perf_counter
from typing import IO, Any, Callable, Dict, List, Optional, Tuple

import spacy
import srsly
import torch
import typer
from spacy.cli.train import train
from spacy.language import Language
from spacy.util import make_tempdir
from wasabi import msg

from methods import ENCODERS, get_settings
from parts import check_share, write_part
from settings import check_names, make_config
from tasks import TASKS

METHODS = ("frozen", "fine-tuned")
STOPWATCH = "benchmarks.stopwatch.v1"

Row = Dict[str, float]


@spacy.registry.loggers(STOPWATCH)
def create_stopwatch(path: Path) -> Callable:
    """A logger that writes the seconds of training up to each score, and the score.

    path (Path): JSON file to write.
    """

    def start(nlp: Language, stdout: IO, stderr: IO) -> Tuple[Callable, Callable]:
        rows: List[Row] = []
        seconds = 0.0
        n_timed = 0
        last = perf_counter()

        def log(info: Optional[Dict[str, Any]]) -> None:
            nonlocal seconds, n_timed, last
            now = perf_counter()
            if info is None:
                seconds += now - last
                n_timed += 1
            else:
                # A step with a score takes what the others take on average.
                n_steps = info["step"] + 1
                estimate = seconds * n_steps / n_timed if n_timed else 0.0
                rows.append({"seconds": estimate, "score": info["score"]})
                msg.text(f"{estimate:8.1f} s  {100 * info['score']:.1f}")
            last = perf_counter()

        def finish() -> None:
            srsly.write_json(path, rows)

        return log, finish

    return start


def main(
    corpus: Path = typer.Argument(..., help="Folder that corpora.py wrote"),
    output: Path = typer.Argument(..., help="JSON file to write"),
    name: str = typer.Option("semeval", "--benchmark", help="Benchmark"),
    share: float = typer.Option(0.25, help="Share of the training set, 0 to 1"),
    target: float = typer.Option(0.5, help="Micro-F1 on dev data to reach, 0 to 1"),
    seed: int = typer.Option(0, help="Of weights, order and dropout"),
    gpu_id: int = typer.Option(-1, help="GPU, -1 for the CPU"),
) -> None:
    """Write seconds an epoch, and seconds to the target, of both."""
    check_names("benchmark", [name], TASKS)
    check_share(share)
    task = TASKS[name]
    torch.set_float32_matmul_precision("medium")
    results: Dict[str, Any] = {"benchmark": name, "share": share, "target": target}
    with make_tempdir() as folder:
        train_path = corpus / name / f"{task.tune_train}.spacy"
        paths = {
            "paths.train": str(write_part(train_path, folder, share, seed)),
            "paths.dev": str(corpus / name / f"{task.tune_dev}.spacy"),
            "system.seed": seed,
        }
        for method in METHODS:
            msg.divider(ENCODERS[method].label)
            log = folder / "log.json"
            logger = {"@loggers": STOPWATCH, "path": str(log)}
            settings = {**get_settings(ENCODERS[method], task.settings), **paths}
            config = make_config(
                ENCODERS[method].config or task.config,
                {**settings, "training.logger": logger},
                ENCODERS[method].min_steps,
            )
            config.to_disk(folder / "config.cfg")
            train(folder / "config.cfg", use_gpu=gpu_id)
            results[method] = summarise(srsly.read_json(log), target)
    first, second = (results[method] for method in METHODS)
    results["epoch_ratio"] = second["epoch"] / first["epoch"]
    srsly.write_json(output, results)
    rows = [
        (
            ENCODERS[method].label,
            f"{results[method]['first_epoch']:.1f}",
            f"{results[method]['epoch']:.1f}",
            _format(results[method]["to_target"]),
            f"{100 * results[method]['best']:.1f}",
        )
        for method in METHODS
    ]
    header = ("", "first epoch, s", "epoch, s", f"to {100 * target:g}, s", "best F1")
    msg.table(rows, header=header, divider=True)
    msg.text(f"An epoch is {results['epoch_ratio']:.1f} times as fast with it frozen.")


def summarise(rows: List[Row], target: float) -> Dict[str, Optional[float]]:
    """Seconds an epoch and to a score.

    rows (List[Dict[str, float]]): Seconds and score before the first epoch and after
        each.
    target (float): The score.
    RETURNS (Dict[str, Optional[float]]): Seconds of the first epoch and the median of
        the others, seconds to the target (None where it was not reached), best score.
    """
    times = [row["seconds"] for row in rows]
    epochs = [after - before for before, after in zip(times, times[1:])]
    reached = [row["seconds"] for row in rows if row["score"] >= target]
    return {
        "first_epoch": epochs[0],
        "epoch": median(epochs[1:] or epochs),
        "to_target": reached[0] if reached else None,
        "best": max(row["score"] for row in rows),
    }


def _format(seconds: Optional[float]) -> str:
    return "not reached" if seconds is None else f"{seconds:.0f}"


if __name__ == "__main__":
    typer.run(main)
