"""python -m spacy relext render"""

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Set, Tuple

import spacy
import typer
from spacy.tokens import Doc
from wasabi import msg

from ..corpus import read_doc_bin
from ..records import OVERLAPPING, as_doc, load_records
from ..relation import get_relations
from ..user_data import SYMMETRIC_KEY, get_name
from ..visual import render
from . import relext
from .files import check_apart, replace_whole, warn_of_failed


@relext.command("render")
def render_cli(
    # fmt: off
    inputs: List[Path] = typer.Argument(..., help="Output of `spacy relext extract`, or .spacy files", exists=True, dir_okay=False),
    output: Optional[Path] = typer.Option(None, "--output", "-o", help="Output file; by default the first input's name with .html as its end", dir_okay=False),
    title: str = typer.Option("Relations", "--title", "-t", help="Title of the page"),
    limit: int = typer.Option(500, "--limit", "-n", help="Most documents to show, 0 for all", min=0),
    min_score: float = typer.Option(0.0, "--min-score", "-s", help="Leave relations with a lower score out", min=0.0, max=1.0),
    only_related: bool = typer.Option(False, "--only-related", "-r", help="Leave documents without a relation out"),
    spans_key: Optional[str] = typer.Option(None, "--spans-key", "-k", help="Group of doc.spans to show in place of doc.ents, for .spacy files"),
    symmetric: List[str] = typer.Option([], "--symmetric", help="Label without direction, drawn without an arrowhead, once or more"),
    width: int = typer.Option(960, "--width", "-w", help="Width of the text in px", min=200),
    # fmt: on
) -> None:
    """Show relations as one HTML page, to be filtered by label and score."""
    output = output or inputs[0].with_suffix(".html")
    try:
        n_docs, n_left = render_files(
            inputs,
            output,
            title=title,
            limit=limit,
            min_score=min_score,
            only_related=only_related,
            spans_key=spans_key,
            symmetric_labels=symmetric,
            width=width,
        )
    except (ValueError, OSError) as error:
        msg.fail("No page written", str(error), exits=1)
    if n_left:
        msg.warn(f"{n_left:,} more documents are left out; --limit 0 shows all")
    msg.good(f"Page in {output}: {n_docs:,} documents")


def render_files(
    inputs: Sequence[Path],
    output: Path,
    *,
    title: str = "Relations",
    limit: int = 500,
    min_score: float = 0.0,
    only_related: bool = False,
    spans_key: Optional[str] = None,
    symmetric_labels: Sequence[str] = (),
    width: int = 960,
) -> Tuple[int, int]:
    """Show relations as one HTML page.

    inputs (Sequence[Path]): What `spacy relext extract` wrote, or .spacy files.
    output (Path): The page to write.
    title (str): Its title.
    limit (int): Most documents to show, 0 for all.
    min_score (float): Least score of relations that are shown, 0 to 1.
    only_related (bool): Whether to leave documents without a relation out.
    spans_key (Optional[str]): Of .spacy files, the group of spans to show; None for
        `doc.ents`.
    symmetric_labels (Sequence[str]): Labels that are drawn without an arrowhead, beside
        those that the records, or the docs that `relext convert` wrote, call so.
    width (int): Width of the text in px.
    RETURNS (Tuple[int, int]): Number of documents shown, and of those left out by `limit`.
    RAISES (ValueError): On what is neither, where no doc has that group of spans, or the
        output is an input.
    """
    check_apart(inputs, output)
    symmetric = set(symmetric_labels)
    failed: Counter = Counter()
    docs = _read(inputs, symmetric, spans_key, failed)
    kept = (doc for doc in docs if _keep(doc, min_score) or not only_related)
    shown = list(islice(kept, limit or None))
    n_left = sum(1 for _ in kept)
    page = render(
        shown,
        title=title,
        width=width,
        spans_key=OVERLAPPING,
        symmetric_labels=symmetric,
        filters=True,
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    with replace_whole(output) as part:
        part.write_text(page, encoding="utf8")
    warn_of_failed(failed)
    return len(shown), n_left


def _keep(doc: Doc, min_score: float) -> bool:
    """Leave weaker relations out. Whether there is one left."""
    doc._.relations = [rel for rel in get_relations(doc) if rel.score >= min_score]
    return bool(doc._.relations)


def _read(
    inputs: Sequence[Path], symmetric: Set[str], spans_key: Optional[str], failed: Counter
) -> Iterator[Doc]:
    """The docs of files, each with the entities to show in one group of spans. Where they
    were to be those of a group that no doc has, an error in the end."""
    vocab = spacy.blank("xx").vocab
    groups: Set[str] = set()
    lacking = False
    for path in inputs:
        if path.suffix != ".spacy":
            for record in load_records(path, failed):
                doc = as_doc(record, vocab)
                symmetric.update(x["label"] for x in record["relations"] if x["symmetric"])
                doc.user_data["title"] = record["id"]
                yield doc
            continue
        try:
            docs = read_doc_bin(path)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        for doc in docs.get_docs(vocab):
            group = doc.ents if spans_key is None else doc.spans.get(spans_key, ())
            lacking |= spans_key is not None and spans_key not in doc.spans
            groups.update(doc.spans)
            doc.spans[OVERLAPPING] = list(group)
            symmetric.update(doc.user_data.get(SYMMETRIC_KEY, ()))
            doc.user_data.setdefault("title", get_name(doc))
            yield doc
    if lacking and spans_key not in groups:
        names = ", ".join(map(repr, sorted(groups))) or "none"
        raise ValueError(
            f"No document has the group {spans_key!r} in doc.spans, but: {names}; without "
            "--spans-key doc.ents are shown"
        )
