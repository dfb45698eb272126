"""The encoder without what it learnt: the same architecture and tokenizer, with weights
as before any training. What it scores is what labelled data alone is worth."""

from pathlib import Path

import typer
from spacy.util import fix_random_seed
from transformers import AutoConfig, AutoModel, AutoTokenizer
from wasabi import msg


def main(
    encoder: Path = typer.Argument(..., help="Folder of the pretrained encoder"),
    output: Path = typer.Argument(..., help="Folder to write"),
    seed: int = typer.Option(0, help="Of the weights"),
) -> None:
    """Write the encoder with random weights."""
    fix_random_seed(seed)
    AutoModel.from_config(AutoConfig.from_pretrained(encoder)).save_pretrained(output)
    AutoTokenizer.from_pretrained(encoder).save_pretrained(output)
    msg.good(f"Wrote {output}")


if __name__ == "__main__":
    typer.run(main)
