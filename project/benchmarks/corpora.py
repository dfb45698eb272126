"""Write the splits of the benchmark corpora as .spacy files, with a table of what is in
them: also how many mentions ended inside a token and were given the whole token.
"""

from collections import Counter
from pathlib import Path

import spacy
import srsly
import typer
from spacy.tokens import DocBin
from wasabi import msg

from spacy_relext import get_relations
from splits import DATA, READERS

COLUMNS = [
    "corpus",
    "split",
    "docs",
    "entities",
    "relations",
    "expanded",
    "also_in_train",
]


def main(
    output: Path = typer.Argument(..., help="Folder to write to"),
    data: Path = typer.Option(DATA, help="Folder of the corpora as published"),
    seed: int = typer.Option(0, help="Of the cuts within a training set"),
) -> None:
    """Write every corpus, and the counts of each as a table and as counts.json."""
    nlp = spacy.blank("en")
    rows = []
    for name, read in READERS.items():
        expanded: Counter = Counter()
        splits = read(nlp, data, seed, expanded)
        train = {id(doc): doc.text for doc in splits["train"]}
        texts = set(train.values())
        for split, docs in splits.items():
            path = output / name / f"{split}.spacy"
            path.parent.mkdir(parents=True, exist_ok=True)
            DocBin(docs=docs, store_user_data=True).to_disk(path)
            rows.append(
                {
                    "corpus": name,
                    "split": split,
                    "docs": len(docs),
                    "entities": sum(len(doc.ents) for doc in docs),
                    "relations": sum(len(get_relations(doc)) for doc in docs),
                    "expanded": sum(expanded[doc.text] for doc in docs),
                    "also_in_train": sum(
                        id(doc) not in train and doc.text in texts for doc in docs
                    ),
                }
            )
    srsly.write_json(output / "counts.json", rows)
    msg.table([list(row.values()) for row in rows], header=COLUMNS, divider=True)


if __name__ == "__main__":
    typer.run(main)
