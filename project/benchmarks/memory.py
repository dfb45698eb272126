"""Weigh the component on one doc of 1,000 entities, each with each: 999,000 pairs.

The encoder runs on the doc first. What the peak of resident memory rises above the
encoder's own is the component's; beside it stands the rise above what was resident
when the component began, which is more where the encoder gave memory back.
"""

import resource
import sys
from pathlib import Path
from time import perf_counter
from typing import Dict

import srsly
import typer
from wasabi import msg

from spacy_relext import get_relations
from synthetic import (
    annotate,
    make_docs,
    make_pipeline,
    make_relation_extractor,
    set_positives,
)


def main(
    output: Path = typer.Argument(..., help="JSON file to write"),
    encoder: Path = typer.Option("assets/encoder", help="Folder of the encoder"),
    n_entities: int = typer.Option(1000, help="Entities in the doc"),
    n_tokens: int = typer.Option(4000, help="Tokens in the doc"),
    reach: float = typer.Option(500, help="Megabytes to stay below"),
) -> None:
    """Write peak memory above the encoder's own, and the time taken."""
    nlp = make_pipeline(encoder, {"relation_extractor": make_relation_extractor()})
    transformer, component = (nlp.get_pipe(name) for name in nlp.pipe_names)
    doc = make_docs(nlp.vocab, 1, n_entities, n_tokens)[0]
    annotate(transformer, [doc])
    # A tenth of the entities tell what share of scores passes, and weigh little.
    entities = doc.ents
    doc.ents = entities[::10]
    set_positives(component, [doc], 0.01)
    doc.ents = entities
    before = weigh()
    start = perf_counter()
    annotate(component, [doc])
    seconds = perf_counter() - start
    after = weigh()
    figures = {
        "entities": n_entities,
        "tokens": n_tokens,
        "pairs": n_entities * (n_entities - 1),
        "relations": len(get_relations(doc)),
        "seconds": seconds,
        "peak_mb_above_encoder_peak": after["peak"] - before["peak"],
        "peak_mb_above_resident": after["peak"] - before["resident"],
        "encoder_peak_mb": before["peak"],
        "reach_mb": reach,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    srsly.write_json(output, figures)
    rows = [(name.replace("_", " "), f"{value:,.0f}") for name, value in figures.items()]
    msg.table(rows, aligns=("l", "r"))


def weigh() -> Dict[str, float]:
    """The memory of this process.

    RETURNS (Dict[str, float]): Megabytes resident now and at most so far.
    """
    per_megabyte = 2**20 if sys.platform == "darwin" else 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per_megabyte
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return {"peak": peak, "resident": peak}
    pages = int(statm.read_text().split()[1])
    return {"peak": peak, "resident": pages * resource.getpagesize() / 2**20}


if __name__ == "__main__":
    typer.run(main)
