"""Print the relations of a text."""

from pathlib import Path

import spacy
import typer
from wasabi import msg


def main(
    model: Path = typer.Argument(..., help="Trained pipeline", exists=True),
    text: Path = typer.Argument(..., help="Plain text, a paragraph a line", exists=True),
) -> None:
    """Print the text, its entities and its relations, best score first."""
    msg.info(f"Loading {model}")
    nlp = spacy.load(model)
    paragraphs = list(filter(str.strip, text.read_text(encoding="utf8").splitlines()))
    for doc in nlp.pipe(paragraphs):
        msg.text(doc.text, spaced=True)
        msg.table(
            [(ent.text, ent.label_) for ent in doc.ents],
            header=("Entity", "Type"),
            divider=True,
        )
        relations = [
            (rel.head.text, rel.label, rel.tail.text, f"{rel.score:.2f}")
            for rel in doc._.relations
        ]
        if relations:
            header = ("Head", "Label", "Tail", "Score")
            msg.table(relations, header=header, divider=True, aligns=("l", "l", "l", "r"))
        else:
            msg.warn("No relation found")


if __name__ == "__main__":
    typer.run(main)
