"""Draw the learning curves as SVG."""

from pathlib import Path
from typing import Any, Dict

import srsly
import typer
from wasabi import msg

from methods import ENCODERS
from tasks import TASKS

try:
    import matplotlib
    from matplotlib.figure import Figure
except ImportError:
    msg.fail(
        "The figures need matplotlib.",
        'python -m pip install --constraint constraints.txt --editable ".[plot]"',
        exits=1,
    )

# Okabe & Ito's colours, which people with any colour vision can tell apart.
COLOURS = ["#999999", "#E69F00", "#009E73", "#56B4E9", "#0072B2", "#D55E00"]
TITLES = {"semeval": "SemEval-2010 Task 8, macro-F1", "conll04": "CoNLL04, micro-F1"}


def main(
    curves: Path = typer.Argument(..., help="JSON file that learning_curve.py wrote"),
    output: Path = typer.Argument(..., help="SVG file to write"),
) -> None:
    """Draw one panel a benchmark."""
    results = srsly.read_json(curves)
    figure = Figure(figsize=(5 * len(results), 4), layout="constrained")
    panels = figure.subplots(1, len(results), squeeze=False)[0]
    for panel, (name, methods) in zip(panels, results.items()):
        draw(panel, methods)
        panel.set_title(TITLES.get(name, f"{name}, {TASKS[name].figure}"))
        panel.set_xlabel("training sentences, % of all")
    panels[0].set_ylabel("F1 on test, %")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    output.parent.mkdir(parents=True, exist_ok=True)
    # Without date and random ids, so that the same figures make the same file.
    with matplotlib.rc_context({"svg.hashsalt": "relext"}):
        figure.savefig(output, metadata={"Date": None})
    msg.good(f"Drew {output}")


def draw(panel: Any, methods: Dict[str, Dict[str, Dict[str, Any]]]) -> None:
    """Draw a line a method, with the standard deviation over the seeds where there are
    several.

    panel (matplotlib.axes.Axes): Where to draw.
    methods (Dict[str, Dict[str, Dict[str, Any]]]): Summaries by method and share.
    """
    for (key, encoder), colour in zip(ENCODERS.items(), COLOURS):
        by_share = methods.get(key, {})
        shares = sorted(by_share, key=float)
        means = [100 * by_share[share]["mean"] for share in shares]
        spread = [100 * (by_share[share]["stdev"] or 0) for share in shares]
        panel.errorbar(
            [100 * float(share) for share in shares],
            means,
            yerr=spread,
            label=encoder.label,
            color=colour,
            marker="o",
            markersize=4,
            capsize=2,
        )
    panel.set_xscale("log")
    panel.set_xticks([1, 2, 5, 10, 25, 50, 100], labels=[1, 2, 5, 10, 25, 50, 100])
    panel.set_ylim(0, 100)
    panel.grid(alpha=0.3)


if __name__ == "__main__":
    typer.run(main)
