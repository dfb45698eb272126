"""Read every corpus by `relext convert`, and count what it reads, writes and drops."""

from pathlib import Path
from typing import Any, Dict, List

import srsly
import typer
from spacy.util import make_tempdir
from wasabi import msg

from spacy_relext.cli.convert import convert
from spacy_relext.convert.build import Options

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
# Of each corpus its language, and the files of its splits.
CORPORA = {
    "semeval": ("en", "semeval2010-task8", ["train.txt", "test.txt"]),
    "conll04": ("en", "conll04", ["train.json", "dev.json", "test.json"]),
    "rel_component": ("en", "rel-component", ["annotations.jsonl"]),
    "knowledgenet": ("en", "knowledgenet", ["passages.jsonl"]),
    "bc5cdr": (
        "en",
        "bc5cdr",
        ["train.PubTator.txt", "dev.PubTator.txt", "test.PubTator.txt"],
    ),
    "redocred": ("en", "redocred", ["dev_revised.json"]),
    "ehealthkd": ("es", "ehealthkd", ["training", "develop", "testing"]),
    "sanwen": ("zh", "sanwen", ["train", "dev", "test"]),
}
COUNTS = ["document", "entity", "relation"]
COLUMNS = ["corpus", "file", "documents", "entities", "relations", "expanded", "dropped"]


def main(
    output: Path = typer.Argument(..., help="JSON file to write"),
    data: Path = typer.Option(DATA, help="Folder of the corpora as published"),
) -> None:
    """Write the counts of each file, and print them as a table. Entities that nest are
    kept. The format of each is guessed."""
    rows = []
    with make_tempdir() as folder:
        for corpus, (lang, name, files) in CORPORA.items():
            for file in files:
                path = data / name / file
                if not path.exists():
                    msg.fail(f"Not found: {path}", "Say with --data where it is", exits=1)
                report = convert(
                    path,
                    folder / f"{corpus}-{len(rows)}.spacy",
                    lang=lang,
                    options=Options(spans_key="entities"),
                )
                row: Dict[str, Any] = {"corpus": corpus, "file": file}
                for kind in COUNTS:
                    row[kind] = {
                        "read": report.read[kind],
                        "written": report.written[kind],
                        "dropped": report.dropped[kind],
                    }
                row["expanded"] = report.changed["entity", "expanded"]
                rows.append(row)
                msg.good(f"{corpus}, {file}")
    output.parent.mkdir(parents=True, exist_ok=True)
    srsly.write_json(output, rows)
    msg.table([as_cells(row) for row in rows], header=COLUMNS, divider=True)


def as_cells(row: Dict[str, Any]) -> List[str]:
    """A row as it stands in the table: what was read, and how much of it was changed or
    dropped, entities and relations together."""
    read = [f"{row[kind]['read']:,}" for kind in COUNTS]
    dropped = row["entity"]["dropped"] + row["relation"]["dropped"]
    return [row["corpus"], row["file"], *read, f"{row['expanded']:,}", f"{dropped:,}"]


if __name__ == "__main__":
    typer.run(main)
