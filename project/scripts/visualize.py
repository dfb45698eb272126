"""Write an HTML page that shows the relations of a text."""

from pathlib import Path

import spacy
import typer
from tqdm import tqdm
from wasabi import msg

from spacy_relext.visual import render


def main(
    model: Path = typer.Argument(..., help="Trained pipeline", exists=True),
    text: Path = typer.Argument(..., help="Plain text, a paragraph a line", exists=True),
    output: Path = typer.Argument(..., help="HTML file to write"),
) -> None:
    """Write the page. It opens in any browser and loads nothing from elsewhere."""
    nlp = spacy.load(model)
    paragraphs = list(filter(str.strip, text.read_text(encoding="utf8").splitlines()))
    docs = list(tqdm(nlp.pipe(paragraphs), total=len(paragraphs), desc=text.name))
    symmetric_labels = nlp.get_pipe("relation_extractor").cfg["symmetric_labels"]
    html = render(
        docs, title=f"Relations in {text.name}", symmetric_labels=symmetric_labels
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(html, encoding="utf8")
    msg.good(f"Page written: {output}")


if __name__ == "__main__":
    typer.run(main)
